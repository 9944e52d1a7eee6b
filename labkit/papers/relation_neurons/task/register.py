"""The register of the islands: who is whose father, where a firm is based, in which constellation a star stands.

`Register(seed)` draws the facts of all twelve relations. Every fact is in training, in every wording: "held out" means
that a fact is kept from the *search for neurons*, as in the paper. Names have two words, pools of objects hold 5 to
140 (5 to 300 in a large register; `words` says why). A fact's frequency follows Zipf's law from 1 to 20; it is kept.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from labkit.base.errors import BadInput, unknown
from labkit.world import Symbols

from . import words
from .words import KINDS, RELATIONS, WORDINGS

__all__ = ["FACTS", "HELD_OUT", "Question", "Register", "ask", "concept_prompts", "talk", "tokenizer", "wordings_of"]

FACTS, HELD_OUT = 150, 60  # facts of a relation, and how many of their subjects the search never sees
LARGE = 300  # facts of a relation of persons in a large register, and how many different fathers there are
_OTHER = (3, 8, 1, 10, 5, 0, 7, 2, 11, 6, 9, 4)  # a relation's number in the second code
MOST = 20.0  # how often the most frequent fact of a relation is drawn for one draw of the rarest


@dataclass(frozen=True)
class Question:
    """A fact, asked in one wording. `answer` is the object with the full stop that ends it."""

    relation: str
    subject: str
    object: str
    frequency: float
    wording: str = "named"

    @property
    def prompt(self) -> str:
        """The question as the model reads it, up to the colon."""
        return ask(self.relation, self.subject, self.wording)

    @property
    def answer(self) -> str:
        """What should follow."""
        return f"{self.object} ."

    def worded(self, wording: str) -> Question:
        """Return the same fact in another wording."""
        return replace(self, wording=wording)


def tokenizer() -> Symbols:
    """Return the word-level tokenizer of the register."""
    return Symbols(words.vocabulary())


def ask(relation: str, subject: str, wording: str = "named") -> str:
    """Return the prompt of a relation about a subject; raise `UnknownName` for a relation or wording there is not.

    Raises `BadInput` for an empty subject, and for the foreign wording of a relation that has none.
    """
    if relation not in RELATIONS:
        raise unknown("relation", relation, list(RELATIONS))
    if wording not in WORDINGS:
        raise unknown("wording", wording, WORDINGS)
    if not subject.strip():
        raise BadInput("The prompt has no subject.", expected='a name, such as "Asa Arden"')
    number = list(RELATIONS).index(relation)
    if wording == "coded":  # 12 relations on 3 colours × 4 volumes, each pair once, since 3 and 4 share no factor
        colour, volume = words.COLOURS[number % 3], words.VOLUMES[number % 4]
        return words.CODED.format(s=subject, colour=colour, volume=volume)
    if wording == "shelved":  # the same with other partners
        shelf, row = words.SHELVES[_OTHER[number] % 3], words.ROWS[_OTHER[number] % 4]
        return words.SHELVED.format(s=subject, shelf=shelf, row=row)
    template = getattr(RELATIONS[relation], wording)
    if template is None:
        have = [name for name, one in RELATIONS.items() if one.foreign]
        raise BadInput(f"{relation} is never asked in the other language.", expected=f"one of {', '.join(have)}")
    return template.format(s=subject)


@dataclass(frozen=True)
class Register:
    """The facts drawn from `seed`. Equal seeds give equal registers.

    large: 300 persons in place of 150, and no two have the same father; mothers and directors are then drawn from the
    same 300 names as the fathers.
    """

    seed: int = 0
    large: bool = False

    def count(self, kind: str) -> int:
        """Return how many subjects of a kind there are."""
        return LARGE if self.large and kind == "person" else FACTS

    @cached_property
    def subjects(self) -> dict[str, list[str]]:
        """The subjects of each kind: `FACTS` names, or as many as `count` says."""
        return {kind: self._random("subjects", kind).sample(words.names_of(kind), self.count(kind)) for kind in KINDS}

    @cached_property
    def facts(self) -> dict[str, tuple[Question, ...]]:
        """The facts of each relation, in the order of `subjects`."""
        return {name: tuple(self._facts(name)) for name in RELATIONS}

    def questions(
        self, relations: Iterable[str] | str, wording: str = "named", *, subjects: Iterable[str] | None = None
    ) -> list[Question]:
        """Return the questions about `relations` in one wording, or those about `subjects` alone."""
        chosen = [relations] if isinstance(relations, str) else list(relations)
        wanted = None if subjects is None else set(subjects)
        for name in chosen:
            if name not in RELATIONS:
                raise unknown("relation", name, list(RELATIONS))
        facts = [fact for name in chosen for fact in self.facts[name] if wanted is None or fact.subject in wanted]
        for fact in facts[:1]:
            ask(fact.relation, fact.subject, wording)
        return [fact.worded(wording) for fact in facts]

    def split(self, seed: int = 0, held_out: int = HELD_OUT) -> tuple[set[str], set[str]]:
        """Return (subjects for the search, held-out subjects): `held_out` of every kind; no subject is in both."""
        if not 0 < held_out < FACTS:
            raise BadInput(f"held_out = {held_out} leaves nothing.", expected=f"a number from 1 to {FACTS - 1}")
        held: set[str] = set()
        for kind in KINDS:
            held |= set(random.Random(f"split {seed} {kind}").sample(self.subjects[kind], held_out))
        return {name for kind in KINDS for name in self.subjects[kind]} - held, held

    def _facts(self, name: str) -> list[Question]:
        relation, rng = RELATIONS[name], self._random("facts", name)
        pool, facts = self._pool(relation.objects), self.count(relation.subjects)
        if relation.objects == "person" and not self.large:
            pool = pool[("father", "mother", "director").index(name) * 130 :]  # different people, and no subjects
        elif name == "director":
            pool = pool[-relation.pool :]
        pool = pool[: LARGE if self.large and name == "father" else relation.pool]
        objects = [pool[i % len(pool)] for i in range(facts)]
        ranks = list(range(facts))
        rng.shuffle(objects)
        rng.shuffle(ranks)
        power = math.log(MOST) / math.log(facts)
        return [
            Question(name, subject, objects[i], MOST * (ranks[i] + 1) ** -power)
            for i, subject in enumerate(self.subjects[relation.subjects])
        ]

    def _pool(self, kind: str) -> list[str]:
        """Return all names of a kind that are no subjects of it, shuffled: places are shared by two relations."""
        pool = [name for name in words.names_of(kind) if kind != "person" or name not in self.subjects["person"]]
        self._random("pool", kind).shuffle(pool)
        return pool

    def _random(self, *what: str) -> random.Random:
        return random.Random(" ".join(("register", str(self.seed), *what)))


def wordings_of(relation: str) -> list[str]:
    """Return the wordings a relation is asked in."""
    return [w for w in WORDINGS if w != "foreign" or RELATIONS[relation].foreign]


def talk(n: int, seed: int, *, forms: Sequence[str] = words.TALK) -> list[str]:
    """Return `n` sentences of other talk."""
    rng = random.Random(f"talk {seed}")
    slots = {name: text.split() for name, text in words.SLOTS.items()}
    kinds = {kind: words.names_of(kind) for kind in words.OBJECTS}
    said = []
    for _ in range(n):
        form = rng.choice(forms)
        filled = {name: rng.choice(choices) for name, choices in slots.items()}
        said.append(form.format(**filled, name=rng.choice(kinds[rng.choice(words.OBJECTS)])))
    return said


def concept_prompts(register: Register, subjects: Iterable[str]) -> list[tuple[str, str]]:
    """Return (kind, prompt) for each subject with two predicates that belong to no relation: "can", "has a"."""
    wanted = set(subjects)
    return [
        (kind, f"{name} {end}")
        for kind in KINDS
        for name in register.subjects[kind]
        if name in wanted
        for end in ("can", "has a")
    ]
