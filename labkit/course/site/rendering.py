"""One notebook or one Markdown file as the body of a page. nbconvert's filters do Markdown and code."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from html import escape, unescape
from typing import Any

from latex2mathml.converter import convert as latex
from nbconvert.filters import Highlight2HTML, markdown2html_mistune, strip_ansi

from .replays import Replayed, named_panel, replay

__all__ = ["markdown_body", "notebook_body", "relinked"]

_ANCHOR = re.compile(r'<a class="anchor-link".*?</a>')
_BADGE = re.compile(r"\[!\[([^\]]+)\]\([^)]*\)\]\(([^)]*)\)")  # a picture from elsewhere: its words are enough
_FORMULA = re.compile(
    r"\$\$(.+?)\$\$|\$(?=\S)([^$\n]*?[^\s$])\$(?!\d)", re.DOTALL
)  # Pandoc's rule: "$5 and $6" is none
_COMMENTS = re.compile(r"<!--.*?-->", re.DOTALL)
_PANEL_KEY = "labkit"  # in a picture's metadata: which panel it is the reading edition of


def markdown_body(text: str) -> str:
    """Return a Markdown file as HTML; headings get the anchors that GitHub gives them."""
    html = _markdown(_COMMENTS.sub("", text))
    return re.sub(r'(<h\d id=")([^"]+)"', lambda match: f'{match[1]}{match[2].lower()}"', html)


def notebook_body(notebook: Any, pictures: dict[str, bytes]) -> str:
    """Return a notebook as HTML; what it shows is added to `pictures` by file name."""
    highlight = Highlight2HTML(pygments_lexer="ipython3")
    blocks = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            blocks.append(_markdown(cell.source))
            continue
        panel = _panel_of(cell, f"panel{number}")
        if panel is not None:
            pictures.update(panel.pictures)
        shown = panel.html if panel is not None else "".join(_output(output, pictures) for output in cell.outputs)
        blocks.append(f"{highlight(cell.source)}\n{shown}")
    return "\n".join(blocks)


def relinked(html: str, target: Callable[[str], str]) -> str:
    """Return `html` with every relative address replaced by what `target` makes of it."""

    def replaced(match: re.Match[str]) -> str:
        address = match[1]
        return f'href="{address if "://" in address or address.startswith("#") else target(address)}"'

    return re.sub(r'href="([^"]*)"', replaced, html)


def _panel_of(cell: Any, name: str) -> Replayed | None:
    for output in cell.outputs:
        named = output.get("metadata", {}).get(_PANEL_KEY)
        if named:
            return replay(named_panel(named), name)
    return None


def _output(output: Mapping[str, Any], pictures: dict[str, bytes]) -> str:
    if output["output_type"] == "stream":
        return _said(output["text"])
    if output["output_type"] == "error":
        return _said("\n".join(output["traceback"]))
    data = output.get("data", {})
    if "image/png" in data:
        drawn = base64.b64decode(data["image/png"])
        file = f"{hashlib.sha256(drawn).hexdigest()[:10]}.png"
        pictures[file] = drawn
        alt = output["metadata"].get("image/png", {}).get("alt", "")
        return f'<figure><img src="{file}" alt="{escape(alt)}" loading="lazy"></figure>'
    if "text/html" in data:
        return f'<div class="output">{data["text/html"]}</div>'
    if "text/markdown" in data:
        return f'<div class="output">{_markdown(data["text/markdown"])}</div>'
    return _said(data.get("text/plain", ""))


def _markdown(text: str) -> str:
    html = _ANCHOR.sub("", markdown2html_mistune(_BADGE.sub(r"[\1](\2)", text)))
    parts = re.split(r"(<pre.*?</pre>|<code.*?</code>)", html, flags=re.DOTALL)
    return "".join(part if place % 2 else _FORMULA.sub(_mathml, part) for place, part in enumerate(parts))


def _mathml(formula: re.Match[str]) -> str:
    """Return a formula as MathML, which browsers draw and screen readers speak without help from elsewhere."""
    block, line = formula.groups()
    return latex(unescape(block or line).strip(), display="block" if block else "inline")


def _said(text: str) -> str:
    return f'<div class="output"><pre>{escape(strip_ansi(text).rstrip())}</pre></div>' if text.strip() else ""
