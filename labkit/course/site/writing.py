"""Where each page of the site lies, what stands around it, and where its links lead."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

from labkit.base.data import lessons_dir
from labkit.base.errors import NotAvailable
from labkit.base.files import write_atomically

from ..catalogue import definition
from ..sources import Page, pages
from ..stamps import repository

__all__ = ["write_site"]

# Beside the notebooks: what of the repository is a page, and under which name.
_TEXTS = {"README.md": "index.html", "data/LEDGER.md": "ledger.html", "data/world/samples.md": "world.html"}
_KINDS = {"hour": "", "deeper": "deeper", "solutions": "solutions"}


@dataclass
class _Sheet:
    """One page to write: its source in the repository, its place on the site, its title and its neighbours."""

    source: Path
    place: str
    title: str
    around: list[tuple[str, str]] = field(default_factory=list)  # (words, place), the same lesson's other pages
    before: tuple[str, str] | None = None
    after: tuple[str, str] | None = None


def write_site(folder: str | os.PathLike, root: Path | None = None, say: Callable[[str], None] = print) -> list[Path]:
    """Write every page into `folder` and return their paths; `root` is the repository (default: this one).

    Raises `NotAvailable` without nbconvert, or where there is no repository around the lessons.
    """
    try:
        import jinja2
        import nbformat
        from pygments.formatters import HtmlFormatter

        from .rendering import markdown_body, notebook_body, relinked
    except ImportError as error:
        raise NotAvailable(
            f"Writing the site needs {error.name}.", do='pip install "transformer-surgery[lab]"'
        ) from error
    root, folder = Path(root) if root is not None else lessons_dir().parent, Path(folder)
    if not (root / "README.md").is_file():
        raise NotAvailable("There is no repository here to make a site of.", do="run it in a clone")
    sheets = _sheets(root)
    places = {sheet.source.resolve(): sheet.place for sheet in sheets}
    template = jinja2.Environment(autoescape=False).from_string(_asset("templates/course/page.html.j2"))
    written = []
    for sheet in sheets:
        pictures: dict[str, bytes] = {}
        if sheet.source.suffix == ".ipynb":
            body = notebook_body(nbformat.read(sheet.source, as_version=4), pictures, sheet.source.stem)
        else:
            body = markdown_body(sheet.source.read_text(encoding="utf-8"))
        body = relinked(body, lambda address, sheet=sheet: _target(address, sheet, places, root))
        page = template.render(
            title=sheet.title,
            body=body,
            up="../" * sheet.place.count("/"),
            around=[(words, _relative(place, sheet.place)) for words, place in sheet.around],
            before=sheet.before and (sheet.before[0], _relative(sheet.before[1], sheet.place)),
            after=sheet.after and (sheet.after[0], _relative(sheet.after[1], sheet.place)),
        )
        written.append(write_atomically(folder / sheet.place, page))
        for name, drawn in pictures.items():
            write_atomically((folder / sheet.place).parent / name, drawn)
        say(f"{sheet.place}: {len(page.encode()) / 1024:.0f} KB and {len(pictures)} pictures")
    for picture in sorted((root / "data" / "pictures").glob("*.png")):  # those that texts show
        write_atomically(folder / "data" / "pictures" / picture.name, picture.read_bytes())
    for name in ("site.css", "site.js"):
        write_atomically(folder / name, _asset(name))
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark"))
    write_atomically(folder / "code.css", f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n")
    return written


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _sheets(root: Path) -> list[_Sheet]:
    texts = [_Sheet(root / name, place, _title(root / name)) for name, place in _TEXTS.items()]
    found = [sheet for sheet in texts if sheet.source.is_file()]
    hours: list[_Sheet] = []
    for page in pages(root=root / "lessons"):
        if not page.notebook.is_file():
            continue
        sheet = _Sheet(page.notebook, _place(page.notebook, root), _lesson_title(page))
        if page.kind == "hour":
            hours.append(sheet)
        found.append(sheet)
    for guide in sorted((root / "lessons").glob("*/teach.md")):
        found.append(_Sheet(guide, _place(guide, root), _title(guide)))
    for sheet in found:
        if sheet.source.parent.parent.name == "lessons":
            mates = [mate for mate in found if mate.source.parent == sheet.source.parent and mate is not sheet]
            sheet.around = [(_short(mate), mate.place) for mate in mates]
    numbered = [sheet for sheet in hours if sheet.source.stem[0].isdigit()]
    for first, second in pairwise(numbered):
        first.after, second.before = (second.title, second.place), (first.title, first.place)
    return found


def _place(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix(".html").as_posix()


def _lesson_title(page: Page) -> str:
    lesson = definition(page.lesson)
    number = f"{lesson.id} · " if lesson.id[0].isdigit() else ""
    rest = f", {_KINDS[page.kind]}" if _KINDS[page.kind] else ""
    return f"{number}{lesson.title}{rest}"


def _title(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line.lstrip("# ").strip() for line in lines if line.startswith("# ")), path.stem)


def _short(sheet: _Sheet) -> str:
    if sheet.source.suffix == ".md":
        return "for teachers"
    return sheet.title.rpartition(", ")[2] if ", " in sheet.title else "the hour"


def _target(address: str, sheet: _Sheet, places: dict[Path, str], root: Path) -> str:
    """Return where a relative address of a source leads on the site: to a page, or to the file in the repository."""
    name, mark, anchor = address.partition("#")
    path = (sheet.source.parent / name).resolve()
    if path in places:
        return _relative(places[path], sheet.place) + mark + anchor
    kind = "tree" if path.is_dir() else "blob"
    inside = path.relative_to(root.resolve()).as_posix()
    return f"{repository()}/{kind}/main/{inside}{mark}{anchor}"


def _relative(place: str, start: str) -> str:
    return os.path.relpath(place, os.path.dirname(start) or ".").replace(os.sep, "/")
