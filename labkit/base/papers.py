"""What each paper brings to the spine: found by scanning `labkit.papers`, without torch and without a list to edit.

A paper's `__init__` says `PAPER = Paper(...)`: who wrote it, and in which of its modules the spine finds its kinds of
edits and models, its drawings, panels, sweeps and tokenizers. The modules themselves are imported when first needed.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from .errors import BadInput, unknown

__all__ = ["Paper", "bring", "brought", "paper", "papers"]

_PACKAGE = "labkit.papers"


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper and what it brings; every mapping is from a public name to a module inside the paper's folder.

    number: the lesson's ("08"). slug: the folder under `labkit/papers`. lesson: the folder under `lessons`.
    code: where the authors' own code is. edits: kinds of edits and sources in plan files. configs: kinds of models in
    config.json. drawings: names of result types whose module holds `DRAWINGS`. panels: classes of panels.
    experiments: public results and functions. sweeps, tokenizers: names to "module.function". measures: earlier
    dotted paths of measuring functions to "module.function", so that what was registered under them can be run again.
    """

    number: str
    slug: str
    title: str
    lesson: str = ""
    authors: str = ""
    year: int = 0
    arxiv: str = ""
    code: str = ""
    edits: Mapping[str, str] = field(default_factory=dict)
    configs: Mapping[str, str] = field(default_factory=dict)
    drawings: Mapping[str, str] = field(default_factory=dict)
    panels: Mapping[str, str] = field(default_factory=dict)
    experiments: Mapping[str, str] = field(default_factory=dict)
    sweeps: Mapping[str, str] = field(default_factory=dict)
    tokenizers: Mapping[str, str] = field(default_factory=dict)
    measures: Mapping[str, str] = field(default_factory=dict)

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
    """Return a paper by its number or slug ("08", "curse_of_depth"); raise `UnknownName` for others."""
    for one in papers().values():
        if name in (one.number, one.slug):
            return one
    raise unknown("paper", name, [*papers(), *(one.number for one in papers().values())])


def brought(what: str) -> dict[str, tuple[Paper, str]]:
    """Return all that papers bring of one sort ("edits", "configs", "panels", …): name -> (paper, place in it)."""
    return {name: (one, place) for one in papers().values() for name, place in getattr(one, what).items()}


def bring(what: str, name: str) -> Any:
    """Return what is registered under `name`, its module imported; None where no paper brings it.

    For "edits" and "configs" that is the module, which has registered itself; for "sweeps", "tokenizers" and
    "measures" the function at "module.function"; else the object called `name` in the module.
    """
    known = brought(what)
    if name not in known:
        return None
    one, place = known[name]
    if what in ("edits", "configs"):
        return one.module(place)
    if what in ("sweeps", "tokenizers", "measures"):
        module, _, function = place.rpartition(".")
        return getattr(one.module(module), function)
    return getattr(one.module(place), name)
