"""How lessons speak: Markdown and widgets where a notebook listens, plain text elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from labkit.panels.static import is_static

__all__ = ["is_static", "show_markdown", "show_widget"]


def show_markdown(text: str) -> None:
    """Display Markdown in a notebook; print it elsewhere."""
    if _in_notebook():
        from IPython.display import Markdown, display

        display(Markdown(text))
    else:
        print(text)


def show_widget(widget: Any, text: str) -> None:
    """Display a widget in a notebook; print its `text` elsewhere."""
    if _in_notebook():
        from IPython.display import display

        display(widget)
    else:
        print(text)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and getattr(shell, "kernel", None) is not None
