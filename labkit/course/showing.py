"""How lessons speak: Markdown and widgets where a notebook listens, plain text elsewhere."""

from __future__ import annotations

from typing import Any

from labkit.base.speech import in_notebook, say, tell
from labkit.panels.static import is_static

__all__ = ["is_static", "keep_words_whole", "say", "show_markdown", "show_widget"]

_WHOLE_WORDS = "<style>.jp-OutputArea-output pre { word-break: normal !important; overflow-wrap: anywhere; }</style>"


def keep_words_whole() -> None:
    """Have JupyterLab break printed lines between words, for this page; by itself it breaks them anywhere."""
    if in_notebook() and not is_static():
        from IPython.display import display

        display({"text/html": _WHOLE_WORDS, "text/plain": ""}, raw=True)


def show_markdown(text: str) -> None:
    """Display Markdown in a notebook; print it elsewhere."""
    if in_notebook():
        from IPython.display import Markdown, display

        display(Markdown(text))
    else:
        tell(text)


def show_widget(widget: Any, text: str) -> None:
    """Display a widget in a notebook; print its `text` elsewhere."""
    if in_notebook():
        from IPython.display import display

        display(widget)
    else:
        tell(text)
