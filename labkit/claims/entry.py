"""One claim of a paper, and what was promised before it was measured here.

A file `data/claims/NN.toml` holds the claims of lesson NN: a `[papers.KEY]` table for each paper quoted, and a
`[[claim]]` for each sentence. Everything that decides a verdict is hashed into `registered`; change it and the entry
has to be registered again, with seeds nobody has looked at.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.base import toml
from labkit.base.errors import BadInput, unknown
from labkit.base.numbers import finite

from .rule import DIRECTIONS, MINIMUM_N

__all__ = ["KINDS", "OVER", "Claim", "Paper", "read_claims", "registration"]

KINDS = ("model", "method", "identity", "accounting", "hub")
OVER = ("seeds", "documents", "questions", "sentences", "cases")
ESTIMATORS = ("mean", "ratio", "share")
STANDINGS = ("paper", "constructed", "observation")
EXACT_KINDS = ("identity", "accounting")


@dataclass(frozen=True, kw_only=True)
class Paper:
    """Where a sentence was printed."""

    authors: str
    title: str
    arxiv: str
    year: int

    def __str__(self) -> str:
        return f"{self.authors}, “{self.title}”, arXiv {self.arxiv} ({self.year})"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence, the paper's number for it, and the test it was promised here.

    `null`, `delta` and `number_on_scale` are in the unit named by `scale`. For an identity or an accounting claim
    `null` is the exact value and `delta` the tolerance. `estimator` says what a unit's record is: "mean" one number,
    "share" a 0 or a 1, "ratio" a pair, the claim's value being the sum of the first over the sum of the second.
    `standing`: "paper" for what a paper says; "constructed" when our model was made to show it, which reproduces
    nothing; "observation" for what no paper says, which counts neither for nor against one.
    """

    id: str
    lesson: str
    kind: str
    sentence: str
    scale: str
    over: str
    n: int
    null: float
    delta: float
    settles: str
    direction: str | None = None
    seeds: tuple[int, ...] = ()
    estimator: str = "mean"
    measure: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    paper: Paper | None = None
    number: str | None = None
    number_on_scale: float | None = None
    setting: str | None = None
    place: str | None = None
    note: str | None = None
    registered: str | None = None
    standing: str = "paper"

    def __post_init__(self) -> None:
        for name, known in (("kind", KINDS), ("over", OVER), ("estimator", ESTIMATORS), ("standing", STANDINGS)):
            if getattr(self, name) not in known:
                raise unknown(f"{name} of a claim", getattr(self, name), known)
        if not isinstance(self.id, str) or not re.fullmatch(rf"{re.escape(self.lesson)}[.-][\w-]{{1,60}}", self.id):
            raise BadInput(f"A claim of lesson {self.lesson} is called {str(self.id)[:40]!r}.", expected="NN.a_name")
        self._check_numbers()
        if self.exact:
            return
        if self.direction not in DIRECTIONS:
            raise unknown(f"direction in claim {self.id}", self.direction, DIRECTIONS)
        self._require(self.n >= MINIMUM_N, f"n is {self.n}", f"at least {MINIMUM_N} units")
        self._require(
            self.paper and self.number and self.setting and self.place,
            "it does not say where the paper states it",
            "paper, number, setting and place",
        )
        if self.kind == "method":
            self._require(
                self.over == "seeds",
                f"its interval is over {self.over}",
                'over = "seeds": a training method is judged by separately trained models',
            )
        if self.number_on_scale is not None:
            effect = (self.number_on_scale - self.null) * (1 if self.direction == "above" else -1)
            self._require(
                effect > 2 * self.delta,
                f"the paper's effect on its scale is {effect:g}, delta {self.delta:g}",
                "an effect in the claim's direction, more than twice the margin",
            )

    def _check_numbers(self) -> None:
        for name in ("null", "delta", "number_on_scale"):
            number = getattr(self, name)
            self._require(number is None or finite(number), f"{name} is {number}", "a finite number")
        self._require(self.delta >= 0, f"delta is {self.delta}", "a margin of at least 0")
        self._require(self.n >= 1, f"n is {self.n}", "at least one unit")
        self._require(
            self.kind == "hub" or (self.measure and self.seeds),
            "it names no measuring function or no seeds",
            "measure (a dotted path) and seeds; only a hub claim may be left to others",
        )
        if self.over == "seeds":
            self._require(len(self.seeds) in (0, self.n), f"it has {len(self.seeds)} seeds and n = {self.n}", "n seeds")

    def _require(self, condition: object, what: str, expected: str) -> None:
        if not condition:
            raise BadInput(f"Claim {self.id}: {what}.", expected=expected, do=f"edit data/claims/{self.lesson}.toml")

    @property
    def exact(self) -> bool:
        """Whether the claim holds exactly or not at all (identities, accounting), without an interval."""
        return self.kind in EXACT_KINDS


# What decides a verdict. The sentence and the notes may be reworded; these may not, once measured.
_REGISTERED = (
    "id",
    "kind",
    "measure",
    "arguments",
    "estimator",
    "over",
    "scale",
    "null",
    "direction",
    "delta",
    "n",
    "seeds",
    "number_on_scale",
)


def registration(claim: Claim) -> str:
    """Return the hash of everything that decides the claim's verdict (16 hexadecimal digits)."""
    promised = {name: getattr(claim, name) for name in _REGISTERED}
    text = json.dumps(promised, sort_keys=True, ensure_ascii=True, allow_nan=False, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_CLAIM_KEYS = set(Claim.__dataclass_fields__) - {"lesson"}
_NEEDED = ("id", "kind", "sentence", "scale", "over", "n", "null", "delta", "settles")
_NUMBERS = ("null", "delta", "number_on_scale")
_TYPES: dict[str, tuple[Any, str]] = {
    **dict.fromkeys(_NUMBERS, ((int, float), "a number")),
    "n": (int, "a whole number"),
    "seeds": (list, "a list of whole numbers"),
    "arguments": (dict, "a table"),
}
_PAPER_KEYS = tuple(Paper.__dataclass_fields__)


def read_claims(path: Path) -> tuple[Claim, ...]:
    """Return the claims in a file; a misspelt, missing or mistyped key is named with its place."""
    table = toml.read(path)
    toml.check_keys(table, ("lesson", "papers", "claim"), path.name)
    lesson = table.get("lesson")
    if lesson != path.stem:
        raise BadInput(
            f"{path.name} says it holds lesson {lesson!r}.", expected=f'lesson = "{path.stem}"', do="correct either"
        )
    papers = {key: _paper(value, f"[papers.{key}] of {path.name}") for key, value in table.get("papers", {}).items()}
    return tuple(_claim(entry, lesson, papers, path.name) for entry in table.get("claim", []))


def _paper(entry: Mapping[str, Any], where: str) -> Paper:
    toml.check_keys(entry, _PAPER_KEYS, where)
    _need(entry, _PAPER_KEYS, where)
    return Paper(**entry)


def _claim(entry: Mapping[str, Any], lesson: str, papers: Mapping[str, Paper], file: str) -> Claim:
    where = f"claim {entry.get('id', '(without id)')} of {file}"
    toml.check_keys(entry, _CLAIM_KEYS, where)
    _need(entry, _NEEDED, where)
    fields = dict(entry)
    for name, value in entry.items():
        legal, meaning = _TYPES.get(name, (str, "text"))
        if not isinstance(value, legal) or isinstance(value, bool):
            raise BadInput(f"{name} in {where} is {value!r}.", expected=meaning)
        if name in _NUMBERS:
            fields[name] = float(value)
    if "paper" in fields:
        if fields["paper"] not in papers:
            raise unknown(f"paper in {file}", fields["paper"], papers)
        fields["paper"] = papers[fields["paper"]]
    seeds = fields.get("seeds", [])
    if not all(isinstance(seed, int) and not isinstance(seed, bool) for seed in seeds) or len(set(seeds)) != len(seeds):
        raise BadInput(f"The seeds of {where} are {seeds}.", expected="different whole numbers")
    return Claim(lesson=lesson, **{**fields, "seeds": tuple(seeds)})


def _need(entry: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    missing = [name for name in names if name not in entry]
    if missing:
        raise BadInput(f"{where} lacks {', '.join(missing)}.", expected=f"the keys {', '.join(names)}", do="add them")
