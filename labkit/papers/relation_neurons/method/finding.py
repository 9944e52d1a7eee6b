"""Find the neurons of every relation: rank all of them on prompts of the relation against prompts of the others.

For relation r, section 3.2: E+ are its prompts that the model answers correctly, E- four times as many prompts drawn
from the other relations; every neuron is ranked by the average precision of its pooled output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from labkit.base.errors import BadInput, unknown

from ..task import Question
from .asking import answers
from .neurons import FFN, Layout, layout_of
from .ranking import average_precision, rank, standardised_difference
from .recording import record_pooled

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["LEAST", "NEGATIVES", "Found", "Search", "find_neurons", "known", "neurons_at"]

NEGATIVES = 4  # for each positive
LEAST = 10  # known facts below which a relation is not searched


@dataclass(frozen=True)
class Found:
    """How well each neuron tells one class of prompts: average precision and standardised difference [M]."""

    name: str
    layout: Layout
    ap: Tensor
    difference: Tensor
    positives: int
    negatives: int

    def order(self, ties: str = "difference") -> np.ndarray:
        """Return the neurons from best to worst; see `rank`."""
        return rank(self.ap, self.difference, ties)

    def top(self, k: int, ties: str = "difference") -> np.ndarray:
        """Return the k best neurons; those of a smaller k come first."""
        return self.order(ties)[: self._checked(k)]

    def bottom(self, k: int) -> np.ndarray:
        """Return the k worst: reliably low for this class."""
        return self.order()[::-1][: self._checked(k)]

    def slice(self, first: int, last: int) -> np.ndarray:
        """Return the neurons of ranks first + 1 … last."""
        return self.order()[first : self._checked(last)]

    def at_one(self) -> int:
        """Return how many neurons tell the class without error: a tie that AP alone cannot break."""
        return int((self.ap > 1 - 1e-12).sum())

    def only(self, modules: Sequence[str], k: int) -> np.ndarray:
        """Return the k best neurons among some kinds of modules."""
        allowed = set(self.layout.only(modules).tolist())
        if k > len(allowed):
            raise BadInput(f"{k} neurons were asked of {len(allowed)}.", expected=f"at most {len(allowed)}")
        return np.array([n for n in self.order() if n in allowed][:k], dtype=int)

    def _checked(self, k: int) -> int:
        if isinstance(k, bool) or not 0 <= k <= len(self.layout):
            raise BadInput(f"{k} neurons were asked of {len(self.layout)}.", expected=f"0 to {len(self.layout)}")
        return int(k)


@dataclass(frozen=True)
class Search:
    """What `find_neurons` found, for each class of prompts; `outputs` [N, M] are what the neurons said.

    searched_on: for each class the rows of `outputs` it was searched on, and which of them count as positive.
    """

    layout: Layout
    found: dict[str, Found]
    outputs: Tensor
    classes: tuple[str, ...]
    searched_on: dict[str, tuple[Tensor, Tensor]]

    def examples(self, name: str) -> tuple[Tensor, Tensor]:
        """Return what AP was computed from: outputs [n, M] of one class's positives and negatives, and labels [n]."""
        self.of(name)
        rows, positive_n = self.searched_on[name]
        return self.outputs[rows], positive_n

    def of(self, name: str) -> Found:
        """Return what was found for one relation."""
        if name not in self.found:
            raise unknown("relation in this search", name, list(self.found))
        return self.found[name]

    def table(self) -> str:
        """Return, for each class, its best AP and how many neurons are tied at 1."""
        lines = [f"{'':14} prompts  best AP  tied at 1"]
        lines += [f"{n:14} {f.positives:7}  {float(f.ap.max()):7.3f}  {f.at_one():9}" for n, f in self.found.items()]
        return "\n".join(lines)


def known(model: ModelLike, questions: Sequence[Question]) -> list[Question]:
    """Return the questions that the model answers correctly."""
    return [question for question, right in zip(questions, answers(model, questions).right) if right]


def find_neurons(
    model: ModelLike,
    questions: Sequence[Question],
    *,
    pool: str = "mean",
    modules: Sequence[str] = FFN,
    seed: int = 0,
    permuted: bool = False,
) -> Search:
    """Rank every neuron of `model` (a handle) for every relation in `questions`, of which only known ones are used.

    seed: draws the negatives. permuted: shuffles the labels, which is what the search finds where there is nothing.
    Raises `BadInput` for a relation with fewer than `LEAST` known facts.
    """
    facts = known(model, questions)
    for relation in dict.fromkeys(question.relation for question in questions):
        if (count := sum(fact.relation == relation for fact in facts)) < LEAST:
            raise BadInput(f"The model knows {count} facts of {relation}.", expected=f"at least {LEAST} to search by",
                           do="ask about a relation it knows, or train it for longer")  # fmt: skip
    prompts = [model.encode(fact.prompt) for fact in facts]
    return neurons_at(model, prompts, [f.relation for f in facts], pool=pool, modules=modules, seed=seed,
                      permuted=permuted)  # fmt: skip


def neurons_at(
    model: ModelLike,
    prompts: Sequence[Tensor],
    classes: Sequence[str],
    *,
    pool: str = "mean",
    modules: Sequence[str] = FFN,
    seed: int = 0,
    permuted: bool = False,
) -> Search:
    """Rank every neuron for every class of prompts (token ids [L]): relations, or concepts."""
    layout = layout_of(model, modules)
    outputs_NM = record_pooled(model, prompts, layout, pool)
    labels, found, searched_on = np.array(classes), {}, {}
    for number, name in enumerate(dict.fromkeys(classes)):
        generator = np.random.default_rng([seed, number])
        mine, others = np.flatnonzero(labels == name), np.flatnonzero(labels != name)
        n = min(NEGATIVES * len(mine), len(others))
        rows = np.concatenate((mine, generator.choice(others, size=n, replace=False)))
        positive = np.arange(len(rows)) < len(mine)
        if permuted:
            generator.shuffle(positive)
        searched_on[name] = torch.from_numpy(rows), torch.from_numpy(positive)
        o_NM, positive_N = outputs_NM[searched_on[name][0]], searched_on[name][1]
        ap_M, difference_M = average_precision(o_NM, positive_N), standardised_difference(o_NM, positive_N)
        found[name] = Found(name, layout, ap_M, difference_M, len(mine), n)
    return Search(layout, found, outputs_NM, tuple(classes), searched_on)
