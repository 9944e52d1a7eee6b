"""What each paper brings to the spine: found by scanning `labkit.papers`, without torch and without a list to edit.

A paper's `__init__` says `PAPER = Paper(...)`: who wrote it, and in which of its modules the spine finds its kinds of
edits and models, its drawings, panels, sweeps and tokenizers. The modules themselves are imported when first needed.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from .errors import BadInput, unknown
from .lazy import lazy_names

__all__ = ["Paper", "bring", "brought", "cite", "paper", "papers"]

_PACKAGE = "labkit.papers"


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper and what it brings: public names by the module inside the paper's folder that holds them.

    Each mapping may be written name -> module or, shorter, module -> names; it is kept as name -> module.

    number: the lesson's ("08"). slug: the folder under `labkit/papers`. lesson: the folder under `lessons`.
    code: where the authors' own code is. edits: kinds of edits and sources in plan files. configs: kinds of models in
    config.json. drawings: names of result types whose module holds `DRAWINGS`. panels: classes of panels.
    experiments: public results and functions. sweeps, tokenizers: names to "module.function". measures: dotted modules
    under which measuring functions were first registered to the module where they are now.
    loaders: kinds of shipped models that are no decoders, to the "module.function" that reads one from its folder.
    budgets: what is timed, to the "module.function" that yields it.
    cards: keys of a constructed model's card to the "module.function" that measures its numbers.
    """

    number: str
    slug: str
    title: str
    lesson: str = ""
    authors: str = ""
    year: int = 0
    arxiv: str = ""
    code: str = ""
    edits: Mapping[str, Any] = field(default_factory=dict)
    configs: Mapping[str, Any] = field(default_factory=dict)
    drawings: Mapping[str, Any] = field(default_factory=dict)
    panels: Mapping[str, Any] = field(default_factory=dict)
    experiments: Mapping[str, Any] = field(default_factory=dict)
    sweeps: Mapping[str, str] = field(default_factory=dict)
    tokenizers: Mapping[str, str] = field(default_factory=dict)
    measures: Mapping[str, str] = field(default_factory=dict)
    cards: Mapping[str, str] = field(default_factory=dict)
    budgets: Mapping[str, str] = field(default_factory=dict)
    loaders: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for sort in ("edits", "configs", "drawings", "panels", "experiments"):
            object.__setattr__(self, sort, _by_name(getattr(self, sort)))

    def lazily(self) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
        """Return `__all__`, `__getattr__` and `__dir__` of the paper's package: its experiments and panels."""
        modules: dict[str, list[str]] = {}
        for name, module in {**self.experiments, **self.panels}.items():
            modules.setdefault(module, []).append(name)
        return lazy_names(self.package, modules)

    @property
    def package(self) -> str:
        """The dotted name of the paper's folder."""
        return f"{_PACKAGE}.{self.slug}"

    @property
    def folder(self) -> Path:
        """The paper's folder."""
        return Path(import_module(_PACKAGE).__path__[0]) / self.slug

    def module(self, name: str) -> Any:
        """Return one of the paper's modules, imported."""
        return import_module(f"{self.package}.{name}")

    def cite(self) -> str:
        """Return the paper as BibTeX."""
        first = self.authors.split(",")[0].split()[-1].lower() if self.authors else self.slug
        lines = [f"  title = {{{self.title}}}", f"  author = {{{self.authors.replace(', ', ' and ')}}}"]
        lines += [f"  year = {{{self.year}}}"]
        lines += [f"  eprint = {{{self.arxiv}}}", "  archivePrefix = {arXiv}"] if self.arxiv else []
        return f"@misc{{{first}{self.year},\n" + ",\n".join(lines) + "\n}"


def _by_name(places: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> module, from that or from module -> names."""
    found: dict[str, str] = {}
    for key, value in places.items():
        found.update({key: value} if isinstance(value, str) else dict.fromkeys(value, key))
    return found


@cache
def papers() -> dict[str, Paper]:
    """Return every paper by its slug, in the order of their numbers."""
    found = []
    for module in pkgutil.iter_modules(import_module(_PACKAGE).__path__):
        one = getattr(import_module(f"{_PACKAGE}.{module.name}"), "PAPER", None)
        if not isinstance(one, Paper) or one.slug != module.name:
            raise BadInput(
                f"{_PACKAGE}.{module.name} holds no paper of that name.",
                expected=f'PAPER = Paper(number=…, slug="{module.name}", …) in its __init__.py',
            )
        found.append(one)
    return {one.slug: one for one in sorted(found, key=lambda one: (one.number, one.slug))}


def paper(name: str) -> Paper:
    """Return a paper by its number or its slug, which is its folder's name; raise `UnknownName` for others."""
    for one in papers().values():
        if name in (one.number, one.slug):
            return one
    raise unknown("paper", name, [*papers(), *(one.number for one in papers().values())])


def cite(name: str) -> str:
    """Return a paper as BibTeX, by number or slug.

    >>> print(labkit.cite("08").splitlines()[0])
    @misc{sun2025,
    """
    return paper(name).cite()


def brought(what: str) -> dict[str, tuple[Paper, str]]:
    """Return all that papers bring of one sort ("edits", "configs", "panels", …): name -> (paper, place in it)."""
    return {name: (one, place) for one in papers().values() for name, place in getattr(one, what).items()}


def bring(what: str, name: str) -> Any:
    """Return what is registered under `name`, its module imported; None where no paper brings it.

    For "edits", "configs" and "measures" that is the module; for "sweeps", "tokenizers", "cards", "budgets" and
    "loaders" the function at "module.function"; else the object called `name` in the module.
    """
    known = brought(what)
    if name not in known:
        return None
    one, place = known[name]
    if what in ("edits", "configs", "measures"):
        return one.module(place)
    if what in ("sweeps", "tokenizers", "cards", "budgets", "loaders"):
        module, _, function = place.rpartition(".")
        return getattr(one.module(module), function)
    module = one.module(place)
    return module.DRAWINGS[name] if what == "drawings" else getattr(module, name)
