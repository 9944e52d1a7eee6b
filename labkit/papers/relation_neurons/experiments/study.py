"""RelationStudy: a model, the register it knows, which subjects the search may see, and what the search found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..method import FFN, Answers, Layout, Quiz, Search, find_neurons
from ..task import RELATIONS, Register

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["RelationStudy"]


@dataclass(frozen=True, eq=False)
class RelationStudy:
    """One model under study. The search sees `searched` prompts about one part of the subjects; questions are about
    the others.

    split: seed of the division of subjects. pool: how a neuron's outputs over a prompt become one number.
    most: ask at most so many held-out questions of each relation (None: all).
    """

    model: ModelLike
    register: Register
    split: int = 0
    searched: str = "named"
    pool: str = "mean"
    relations: tuple[str, ...] = tuple(RELATIONS)
    most: int | None = None
    _quizzes: dict[Any, Quiz] = field(default_factory=dict, repr=False)
    _before: dict[Any, Answers] = field(default_factory=dict, repr=False)
    _searches: dict[Any, Search] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, model: ModelLike, **options: Any) -> RelationStudy:
        """Return the study of a shipped model, whose card says which register it knows."""
        return cls(model, Register(model.card["seed"]), **options)

    @property
    def layout(self) -> Layout:
        """The gate, up and down neurons of the model."""
        return self.search.layout

    @cached_property
    def search(self) -> Search:
        """What the search found with the paper's own settings (or those of this study)."""
        return self.searching()

    def searching(
        self, *, pool: str | None = None, searched: str | None = None, modules: Sequence[str] = FFN,
        permuted: bool = False, seed: int = 0,
    ) -> Search:  # fmt: skip
        """Return a search with other settings; each is made once."""
        key = (pool or self.pool, searched or self.searched, tuple(modules), permuted, seed)
        if key not in self._searches:
            subjects, _ = self.register.split(self.split)
            questions = self.register.questions(self.relations, key[1], subjects=subjects)
            self._searches[key] = find_neurons(
                self.model, questions, pool=key[0], modules=modules, permuted=permuted, seed=seed
            )
        return self._searches[key]

    def quiz(self, wording: str = "named", relations: Sequence[str] | None = None, seen: bool = False) -> Quiz:
        """Return the held-out questions in one wording (or, with `seen`, those that the search used)."""
        asked = tuple(self.relations if relations is None else relations)
        key = (wording, asked, seen)
        if key not in self._quizzes:
            subjects = self.register.split(self.split)[0 if seen else 1]
            questions = [
                question
                for name in asked
                for question in self.register.questions(name, wording, subjects=subjects)[: self.most]
            ]
            self._quizzes[key] = Quiz(self.model, questions)
        return self._quizzes[key]

    def before(self, wording: str = "named", relations: Sequence[str] | None = None, seen: bool = False) -> Answers:
        """Return what the intact model answers, asked once."""
        key = (wording, tuple(self.relations if relations is None else relations), seen)
        if key not in self._before:
            self._before[key] = self.quiz(wording, relations, seen).answers()
        return self._before[key]
