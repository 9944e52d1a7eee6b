"""`labkit build`: sources to executed notebooks, README stamped; and the check that all of them agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit.base.data import lessons_dir
from labkit.base.errors import NotAvailable
from labkit.base.files import write_atomically

from .executing import execute, slim
from .sources import Page, convert, pages
from .stamps import readme_badges, repository, stamp_regions

__all__ = ["build", "differences", "stamped_readme"]


def build(lesson: str | None = None, root: Path | None = None, say: Callable[[str], None] = print) -> list[Path]:
    """Convert, execute and slim the notebooks of a lesson (or all), stamp README; return what was written.

    Raises `BrokenFile` naming the cell that failed; that notebook is then left as it was.
    """
    import nbformat

    written = []
    for page in pages(lesson, root):
        notebook = convert(page)
        execute(notebook, page.notebook.parent)
        for line in slim(notebook):
            say(f"{page.notebook.name}, on stderr and left out, {line}")
        text = nbformat.writes(notebook) + "\n"
        write_atomically(page.notebook, text)
        say(f"{page.address}: {len(notebook.cells)} cells, {len(text.encode()) / 1024:.0f} KB")
        written.append(page.notebook)
    readme, text = stamped_readme(root)
    if readme is not None and readme.read_text(encoding="utf-8") != text:
        write_atomically(readme, text)
        say("README.md: stamped")
        written.append(readme)
    return written


def differences(lesson: str | None = None, root: Path | None = None) -> list[str]:
    """Return, one line each, where committed notebooks or README are not what their sources give; runs nothing."""
    found = [line for page in pages(lesson, root) for line in _page_differences(page)]
    readme, text = stamped_readme(root)
    if readme is not None and readme.read_text(encoding="utf-8") != text:
        found.append("README.md: its badges, address or claims are not the current ones")
    return found


def stamped_readme(root: Path | None = None) -> tuple[Path | None, str]:
    """Return README's path and the text it should have; (None, "") where there is no README, as in a wheel."""
    lessons = Path(root) if root is not None else lessons_dir()
    readme = lessons.parent / "README.md"
    if not readme.is_file():
        return None, ""
    address = repository()
    first = next((page.address for page in pages(root=lessons)), None)
    regions = {"badges": readme_badges(address, first), "claims": _claims_table()}
    text = readme.read_text(encoding="utf-8")
    return readme, stamp_regions(text, address, {name: regions[name] for name in regions if f"<!-- {name} -->" in text})


def _page_differences(page: Page) -> list[str]:
    import nbformat

    if not page.notebook.is_file():
        return [f"{page.address}: not built yet"]
    try:
        committed = nbformat.read(page.notebook, as_version=4)
    except (ValueError, nbformat.ValidationError) as error:
        return [f"{page.address}: not a notebook ({str(error).splitlines()[0]})"]
    expected = convert(page)
    found = []
    if len(committed.cells) != len(expected.cells):
        found.append(f"{page.address}: {len(committed.cells)} cells, the source has {len(expected.cells)}")
    for number, (have, want) in enumerate(zip(committed.cells, expected.cells), start=1):
        for part in ("cell_type", "source", "id"):
            if have.get(part) != want.get(part):
                found.append(f"{page.address}: cell {number}: {_how(part, have, want)}")
                break
        else:
            if have.metadata != want.metadata:
                tags = want.metadata.get("tags", [])
                found.append(f"{page.address}: cell {number}: its metadata is not the tags {tags} of the source")
    if committed.metadata != expected.metadata:
        found.append(f"{page.address}: its metadata is not kernelspec and language alone")
    return found


def _how(part: str, have: Any, want: Any) -> str:
    if part != "source":
        return f"{part} is {have.get(part)!r}, the source gives {want.get(part)!r}"
    lines = zip([*have.source.splitlines(), "(end)"], [*want.source.splitlines(), "(end)"])
    for number, (mine, theirs) in enumerate(lines, start=1):
        if mine != theirs:
            return f"line {number} is {mine[:60]!r}, the source has {theirs[:60]!r}"
    return "differs from the source in line ends"


def _claims_table() -> str:
    """Return the ledger as README quotes it."""
    try:
        from labkit.claims import render_markdown
    except ImportError as error:
        raise NotAvailable("The ledger of claims cannot be rendered.", do="look at labkit/claims") from error
    return render_markdown()
