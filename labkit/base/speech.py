"""Words for a reader: HTML that wraps where a notebook listens, plain text elsewhere."""

from __future__ import annotations

import sys
from html import escape

__all__ = ["in_notebook", "say", "tell"]

LONG = 240  # letters, from which a picture's words are folded


def in_notebook() -> bool:
    """Return whether a Jupyter kernel is listening."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and getattr(shell, "kernel", None) is not None


def tell(text: str) -> None:
    """Print a text; a mark that the output cannot write becomes a question mark."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))


def say(text: str, fold: str = "") -> None:
    """Show sentences as a paragraph that wraps between words; `fold` is the title under which a long one is folded."""
    if not in_notebook():
        tell(text)
        return
    from IPython.display import display

    body = escape(text, quote=False).replace("\n", "<br>")
    html = f"<p>{body}</p>"
    if fold and len(text) > LONG:
        html = f"<details><summary>{escape(fold)}</summary>{html}</details>"
    display({"text/html": html, "text/plain": text}, raw=True)
