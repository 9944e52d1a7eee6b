"""What nbval cannot see in a notebook: the holes a green run leaves open, each told in one line.

nbval compares nothing where a cell was never executed, skips pictures, and knows nothing of minutes, alt text or paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from labkit.zoo.manifest import entries

from .build import differences
from .catalogue import definitions
from .lesson_definition import LessonDefinition
from .sources import Page

__all__ = ["CELL_LINES", "HOUR", "NOTEBOOK_KB", "lesson_problems", "page_problems", "stated_minutes"]

HOUR = 60  # minutes
CELL_LINES = 25
NOTEBOOK_KB = 400
_HEADING = re.compile(r"^(#{1,6}) +(.+?)\s*$")
_MINUTES = re.compile(r"[·(]\s*(\d+)\s*min")
_HOME = r"home|Users|tmp|root|var|opt|usr|private|mnt|media|work|content|workspace|github"
_PATH = re.compile(rf"(?<![\w.:/~}}])/(?:{_HOME})/[\w.-]+|\b[A-Z]:\\+(?:Users|Windows|Program|[Tt]emp)")
_NETWORK = re.compile(
    r"https?://|\bpip install|\b(?:wget|curl)\b|\b(?:requests|urllib|httpx)\b|snapshot_download|hf_hub_download"
    r"|load\(\s*[\"'](?P<model>[\w.-]+/[\w.-]+)[\"']|from_pretrained\(\s*[\"'][\w-]+/"
)
_TIMING = re.compile(r"\d ?(?:ms|µs|it/s|tokens/s)\b|\b[Ww]all time|\b\d+(?:\.\d+)? ?s(?:econds)? elapsed")
_IMAGE_TAG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_EXERCISE = re.compile(r"\.exercise\(\s*[\"'](\d\d\.\w+)[\"']")
_WIDGET = "application/vnd.jupyter.widget-view+json"


def page_problems(page: Page) -> list[str]:
    """Return what is wrong with one committed notebook, one line each; an empty list is a pass."""
    import nbformat

    if not page.notebook.is_file():
        return [f"{page.address}: not built yet"]
    notebook = nbformat.read(page.notebook, as_version=4)
    found = list(_file(page, notebook))
    for number, cell in enumerate(notebook.cells, start=1):
        look = _code_cell if cell.cell_type == "code" else _text_cell
        found += [f"cell {number}: {problem}" for problem in look(cell)]
    found += _headings(notebook)
    found += _minutes(page, notebook)
    return [f"{page.notebook.name}: {problem}" for problem in found]


def lesson_problems(lesson_pages: list[Page], facts: LessonDefinition | None = None) -> list[str]:
    """Return where a lesson's notebooks, its solutions and its definition do not fit together."""
    name = lesson_pages[0].lesson
    facts = facts or definitions().get(name[:2]) or definitions().get(name)
    if facts is None:
        return [f"{name}: no paper's exercises hold its LESSON"]
    found = [] if facts.name == name else [f"{name}: its definition is named {facts.name}"]
    by_kind = {page.kind: page for page in lesson_pages}
    minutes = sum(stated_minutes(by_kind["hour"])) if "hour" in by_kind else None
    if minutes is None:
        found.append(f"{name}: it has no notebook {name}.ipynb")
    elif minutes != facts.minutes:
        found.append(f"{name}: its headings add up to {minutes} minutes, its definition says {facts.minutes}")
    for kind, wanted in (
        ("hour", {one.id for one in facts.exercises if not one.deeper}),
        ("deeper", {one.id for one in facts.exercises if one.deeper}),
        ("solutions", {one.id for one in facts.exercises}),
    ):
        asked = set(_EXERCISE.findall(_sources(by_kind[kind]))) if kind in by_kind else set()
        found += [f"{name}: exercise {one} is missing from its {kind} notebook" for one in sorted(wanted - asked)]
        found += [f"{name}: its {kind} notebook has {one}, which is not one of its exercises" for one in asked - wanted]
    if "solutions" in by_kind and by_kind["solutions"].notebook.is_file():
        said = _all_output(by_kind["solutions"])
        unproven = [one.id for one in facts.exercises if f"✓ {one.id} right" not in said]
        found += [f"{name}: the solution of {one} is not judged right" for one in unproven]
    return found


def stated_minutes(page: Page) -> list[int]:
    """Return the minutes stated in a source's second-level headings, in order."""
    import nbformat

    notebook = nbformat.read(page.notebook, as_version=4) if page.notebook.is_file() else None
    headings = _all_headings(notebook) if notebook is not None else []
    return [int(match[1]) for level, text in headings if level == 2 and (match := _MINUTES.search(text))]


def _file(page: Page, notebook: Any) -> Iterator[str]:
    size = page.notebook.stat().st_size / 1024
    if size > NOTEBOOK_KB:
        yield f"{size:.0f} KB, at most {NOTEBOOK_KB}"
    if "widgets" in notebook.metadata:
        yield "widget state is stored; build it STATIC"
    for line in differences(page.lesson, page.root):
        if line.startswith(f"{page.address}:"):
            yield "not what its source gives:" + line.removeprefix(f"{page.address}:")


def _network(source: str) -> str | None:
    """Return what in a cell needs the network; a model that comes with the course does not."""
    found = (use for use in _NETWORK.finditer(source) if use["model"] not in entries())
    return next((use[0] for use in found), None)


def _code_cell(cell: Any) -> Iterator[str]:
    tags = cell.metadata.get("tags", [])
    lines = cell.source.count("\n") + 1
    if lines > CELL_LINES and "collapsed" not in tags:
        yield f"{lines} lines, at most {CELL_LINES}"
    if cell.execution_count is None:
        compared = "tagged nbval-check-output but " if "nbval-check-output" in tags else ""
        yield f"{compared}never executed, so nothing is compared"
    elif "nbval-check-output" in tags and not cell.outputs:
        yield "tagged nbval-check-output but printed nothing, so nothing is compared"
    if "network" not in tags and (found := _network(cell.source)):
        yield f"uses the network ({found}) without the tag `network`"
    if _PATH.search(cell.source):
        yield f"names an absolute path ({_PATH.search(cell.source)[0]})"
    for output in cell.outputs:
        yield from _output(output, tags)


def _output(output: Any, tags: list[str]) -> Iterator[str]:
    if output.output_type == "error" and "raises-exception" not in tags:
        yield f"ends in {output.ename}"
    data = output.get("data", {})
    if _WIDGET in data:
        yield "shows a widget view, which nobody without a kernel can see"
    for kind in data:
        if kind.startswith("image/") and not output.metadata.get(kind, {}).get("alt", "").strip():
            yield f"a picture ({kind}) has no alt text"
    if any("alt=" not in tag or 'alt=""' in tag for tag in _IMAGE_TAG.findall(_joined(data.get("text/html", "")))):
        yield "an <img> has no alt text"
    text = _output_text(output)
    if _PATH.search(text):
        yield f"prints an absolute path ({_PATH.search(text)[0]})"
    if _TIMING.search(text):
        yield f"prints a timing ({_TIMING.search(text)[0]!r}), which no two machines share"


def _text_cell(cell: Any) -> Iterator[str]:
    if re.search(r"!\[\s*\]\(", cell.source):
        yield "a picture has no alt text"
    if any("alt=" not in tag for tag in _IMAGE_TAG.findall(cell.source)):
        yield "an <img> has no alt text"
    if _PATH.search(cell.source):
        yield f"names an absolute path ({_PATH.search(cell.source)[0]})"
    if "{{" in cell.source:
        yield "a placeholder was not filled"


def _headings(notebook: Any) -> list[str]:
    headings = _all_headings(notebook)
    if not notebook.cells or not notebook.cells[0].source.startswith("# "):
        return ["it does not begin with a title (`# ...`)"]
    found = [f"a second title: {text!r}" for level, text in headings[1:] if level == 1]
    for (above, _), (level, text) in pairwise(headings):
        if level > above + 1:
            found.append(f"heading {text!r} jumps from level {above} to {level}")
    return found


def _minutes(page: Page, notebook: Any) -> list[str]:
    sections = [text for level, text in _all_headings(notebook) if level == 2]
    if page.kind == "solutions":
        return []
    silent = [text for text in sections if not _MINUTES.search(text)]
    found = [f"section {text!r} does not say how many minutes it takes (`· 12 min`)" for text in silent]
    total = sum(int(match[1]) for text in sections if (match := _MINUTES.search(text)))
    if not sections:
        found.append("it has no sections (`## ... · 12 min`)")
    if page.kind == "hour" and total > HOUR:
        found.append(f"its sections take {total} minutes, at most {HOUR}")
    return found


def _all_headings(notebook: Any) -> list[tuple[int, str]]:
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        fenced = False
        for line in cell.source.splitlines():
            fenced ^= line.lstrip().startswith(("```", "~~~"))
            if not fenced and (match := _HEADING.match(line)):
                found.append((len(match[1]), match[2]))
    return found


def _sources(page: Page) -> str:
    return page.source.read_text(encoding="utf-8")


def _all_output(page: Page) -> str:
    import nbformat

    notebook = nbformat.read(Path(page.notebook), as_version=4)
    return "\n".join(_output_text(output) for cell in notebook.cells for output in cell.get("outputs", []))


def _output_text(output: Any) -> str:
    data = output.get("data", {})
    texts = [data[kind] for kind in data if kind.startswith("text/")]
    return "\n".join(_joined(text) for text in [output.get("text", ""), *texts])


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
