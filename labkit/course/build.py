"""`labkit build`: sources to executed notebooks, README and the ledger's page stamped; and the check that all agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit.base.data import lessons_dir
from labkit.base.files import write_atomically
from labkit.claims import render_counts, render_page

from .executing import execute, slim
from .sources import Page, convert, pages
from .stamps import readme_badges, repository, stamp_regions

__all__ = ["build", "differences", "stamped"]


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
    for path, text in stamped(root).items():
        if _read(path) != text:
            say(f"{write_atomically(path, text).name}: stamped")
            written.append(path)
    return written


def differences(lesson: str | None = None, root: Path | None = None) -> list[str]:
    """Return, one line each, where committed notebooks or README are not what their sources give; runs nothing."""
    found = [line for page in pages(lesson, root) for line in _page_differences(page)]
    for path, text in stamped(root).items():
        if _read(path) != text:
            found.append(f"{path.name}: its badges, address or claims are not the current ones")
    return found


def stamped(root: Path | None = None) -> dict[Path, str]:
    """Return the text that README and the ledger's page should have; nothing where no README is, as in a wheel."""
    lessons = Path(root) if root is not None else lessons_dir()
    readme = lessons.parent / "README.md"
    if not readme.is_file():
        return {}
    address = repository()
    first = next((page.address for page in pages(root=lessons)), None)
    regions = {"badges": readme_badges(address, first), "claims": render_counts()}
    text = readme.read_text(encoding="utf-8")
    wanted = {name: regions[name] for name in regions if f"<!-- {name} -->" in text}
    return {readme: stamp_regions(text, address, wanted), lessons.parent / "data" / "LEDGER.md": render_page()}


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


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
