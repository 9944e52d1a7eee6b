"""From a source (`src/NN_name.py`, py:percent) to its notebook, in this direction only.

The cells' ids come from their text, so that two people who build get the same file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.base.data import lessons_dir
from labkit.base.errors import BrokenFile, NotAvailable, unknown

from .stamps import fill, repository

__all__ = ["Page", "convert", "pages"]

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
COLLAPSED = "collapsed"  # the tag of a cell whose input is folded: there to run, not to be read
_KINDS = ("hour", "deeper", "solutions")


@dataclass(frozen=True)
class Page:
    """One notebook of the course and its source."""

    source: Path
    root: Path  # the folder `lessons`

    @property
    def lesson(self) -> str:
        """The lesson's name, which is its folder's: "00_cut_compare_restore"."""
        return self.source.parent.parent.name

    @property
    def notebook(self) -> Path:
        return self.source.parent.parent / f"{self.source.stem}.ipynb"

    @property
    def kind(self) -> str:
        """Return "hour", "deeper" or "solutions"."""
        rest = self.source.stem.removeprefix(self.lesson).removeprefix("_")
        return rest or "hour"

    @property
    def address(self) -> str:
        """The notebook's path in the repository."""
        return f"lessons/{self.notebook.relative_to(self.root).as_posix()}"


def pages(lesson: str | None = None, root: Path | None = None) -> list[Page]:
    """Return the pages of a lesson ("00" or its name), or of all, in the order of reading."""
    root = Path(root) if root is not None else lessons_dir()
    found = [Page(source, root) for source in sorted(root.glob("*/src/*.py"))]
    for page in found:
        if page.kind not in _KINDS:
            raise BrokenFile(
                f"{page.source.name} belongs to no notebook of {page.lesson}.",
                expected=f"{page.lesson}.py, {page.lesson}_deeper.py or {page.lesson}_solutions.py",
                do="rename the file",
            )
    if lesson is not None:
        known = {name for page in found for name in (page.lesson, page.lesson[:2])}
        if lesson not in known:
            raise unknown("lesson with sources", lesson, known)
        found = [page for page in found if lesson in (page.lesson, page.lesson[:2])]
    return sorted(found, key=lambda page: (page.lesson, _KINDS.index(page.kind)))


def convert(page: Page, address: str | None = None) -> Any:
    """Return the notebook that a source gives: sources, tags, ids and stamps, nothing executed."""
    try:
        import jupytext
    except ImportError as error:
        raise NotAvailable(
            "Building notebooks needs jupytext, which is not installed.", do='pip install "transformer-surgery[lab]"'
        ) from error
    address = address or repository()
    read = jupytext.reads(page.source.read_text(encoding="utf-8"), fmt="py:percent")
    seen: Counter[str] = Counter()
    for cell in read.cells:
        cell.source = fill(cell.source, address, page.address)
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": list(tags)} if tags else {}
        if tags and COLLAPSED in tags:
            cell.metadata["jupyter"] = {"source_hidden": True}
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    read.metadata = {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}}
    read.nbformat, read.nbformat_minor = 4, 5
    return read
