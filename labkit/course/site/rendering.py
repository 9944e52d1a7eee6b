"""One notebook or one Markdown file as the body of a page: nbconvert with the template of this folder.

Ours are the filter that writes Markdown (formulas as MathML, GitHub's pictures of badges as words) and the preprocessor
that puts a panel's stored answers in the place of its picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert as latex
from nbconvert.exporters import TemplateExporter
from nbconvert.filters import Highlight2HTML, markdown2html_mistune
from nbconvert.preprocessors import ExtractOutputPreprocessor, Preprocessor
from nbformat.v4 import new_output
from traitlets.config import Config

from .replays import named_panel, replay

__all__ = ["TEMPLATES", "markdown_body", "notebook_body", "relinked"]

TEMPLATES = Path(__file__).parent / "templates"
_ANCHOR = re.compile(r'<a class="anchor-link".*?</a>')
_BADGE = re.compile(r"\[!\[([^\]]+)\]\([^)]*\)\]\(([^)]*)\)")  # a picture from elsewhere: its words are enough
_FORMULA = re.compile(
    r"\$\$(.+?)\$\$|\$(?=\S)([^$\n]*?[^\s$])\$(?!\d)", re.DOTALL
)  # Pandoc's rule: "$5 and $6" is none
_COMMENTS = re.compile(r"<!--.*?-->", re.DOTALL)
_PANEL_KEY = "labkit"  # in a picture's metadata: which panel it is the reading edition of
_SHOWN = ["image/png", "text/html", "text/markdown", "text/plain"]  # of an output's forms, the first that is there


def markdown_body(text: str) -> str:
    """Return a Markdown file as HTML; headings get the anchors that GitHub gives them."""
    html = _markdown(_COMMENTS.sub("", text))
    return re.sub(r'(<h\d id=")([^"]+)"', lambda match: f'{match[1]}{match[2].lower()}"', html)


def notebook_body(notebook: Any, pictures: dict[str, bytes], name: str = "page") -> str:
    """Return a notebook as HTML; what it shows is added to `pictures` by file name, which begins with `name`."""
    exporter = TemplateExporter(
        template_name="course",
        extra_template_basedirs=[str(TEMPLATES)],
        file_extension=".html",
        filters={"markdown": _markdown, "highlight_code": Highlight2HTML(pygments_lexer="ipython3")},
        default_preprocessors=[],
        preprocessors=[_Replays, ExtractOutputPreprocessor],
        config=Config(
            NbConvertBase={"display_data_priority": _SHOWN},
            ExtractOutputPreprocessor={"enabled": True, "extract_output_types": {"image/png"}},
        ),
    )
    body, resources = exporter.from_notebook_node(notebook, {"unique_key": name, "outputs": {}})
    pictures.update(resources["outputs"])
    return body


def relinked(html: str, target: Callable[[str], str]) -> str:
    """Return `html` with every relative address replaced by what `target` makes of it."""

    def replaced(match: re.Match[str]) -> str:
        address = match[1]
        return f'href="{address if "://" in address or address.startswith("#") else target(address)}"'

    return re.sub(r'href="([^"]*)"', replaced, html)


class _Replays(Preprocessor):
    """Shows a panel that has stored answers with its controls, instead of its picture and sentence."""

    enabled = True

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> tuple[Any, Any]:
        named = [output.get("metadata", {}).get(_PANEL_KEY) for output in cell.get("outputs", ())]
        panel = next((replay(named_panel(one), f"panel{index}") for one in named if one), None)
        if panel is not None:
            cell.outputs = [new_output("display_data", {"text/html": panel.html}, metadata={"replay": True})]
            resources["outputs"].update(panel.pictures)
        return cell, resources


def _markdown(text: str) -> str:
    html = _ANCHOR.sub("", markdown2html_mistune(_BADGE.sub(r"[\1](\2)", text)))
    parts = re.split(r"(<pre.*?</pre>|<code.*?</code>)", html, flags=re.DOTALL)
    return "".join(part if place % 2 else _FORMULA.sub(_mathml, part) for place, part in enumerate(parts))


def _mathml(formula: re.Match[str]) -> str:
    """Return a formula as MathML, which browsers draw and screen readers speak without help from elsewhere."""
    block, line = formula.groups()
    return latex(unescape(block or line).strip(), display="block" if block else "inline")
