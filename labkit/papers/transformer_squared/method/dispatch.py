"""Two passes: find out what a question is, then answer it with the weights that fit (Sun et al. 2025, section 3.3).

A  prompt       the base model is asked for the kind of question, and the label picks the expert
B  classifier   the same question to the model with z_c, an expert trained to give labels
C  few-shot     a mixture of all experts, searched once per task on a handful of its questions

A label that names no expert, such as "other" or no label at all, means the base weights.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import anatomy_of, module_of
from labkit.base.errors import BadInput
from labkit.interventions import edit

from ..task import LABELS, Questions, asking, language
from .bank import Expert, mix
from .learning import answers, is_right, would_answer
from .search import Found, cross_entropy
from .spectrum import rescaled, spectrum

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Adaptation", "Dispatched", "adapt_by_few_shots", "classify", "few_shot_objective", "two_pass"]

NO_LABEL = "no label"


def classify(model: ModelLike, prompts_BP: Tensor) -> tuple[str, ...]:
    """Return the label a model gives to each prompt, `NO_LABEL` for any other word."""
    said_B1 = answers(module_of(model), Questions("label", asking(prompts_BP), prompts_BP[:, :1]))
    words = language().pieces(said_B1[:, 0])
    return tuple(word if word in LABELS else NO_LABEL for word in words)


@dataclass(frozen=True)
class Dispatched:
    """What two passes made of some questions: the label of each, whether the answer was right, seconds per pass."""

    task: str
    labels: tuple[str, ...]
    right: tuple[bool, ...]
    seconds: tuple[float, float]

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return sum(self.right) / len(self.right)

    def share(self, label: str) -> float:
        """Return the share of questions that got a label."""
        return self.labels.count(label) / len(self.labels)


def two_pass(
    model: ModelLike, bank: Mapping[str, Expert], asked: Questions, classifier: Expert | None = None
) -> Dispatched:
    """Return what strategy A makes of questions, or strategy B with a `classifier`; `bank` is by label.

    Between questions the model is what it was: every expert is an edit that is taken back.
    """
    started = time.perf_counter()
    with edit(model, *classifier.edits()) if classifier else nullcontext():
        labels = classify(model, asked.prompts_BP)
    middle = time.perf_counter()
    right_B = torch.zeros(len(asked), dtype=torch.bool)
    for label in dict.fromkeys(labels):
        rows = torch.tensor([one == label for one in labels])
        some = Questions(asked.task, asked.prompts_BP[rows], asked.answers_BA[rows])
        with edit(model, *bank[label].edits()) if label in bank else nullcontext():
            right_B[rows] = is_right(answers(module_of(model), some), some)
    return Dispatched(asked.task, labels, tuple(right_B.tolist()), (middle - started, time.perf_counter() - middle))


@dataclass(frozen=True)
class Adaptation:
    """Strategy C's result: the shares found (one row after another if every matrix has its own), mixture, search."""

    names: tuple[str, ...]
    shares: tuple[float, ...]
    expert: Expert
    search: Found


def few_shot_objective(twin: torch.nn.Module, experts: Sequence[Expert], shots: Questions):
    """Return the score of a point of shares: accuracy on the shots, ties told by the log-probability of right answers.

    A point is α [K], or one such row for each matrix [M K]. twin: a copy of the model whose matrices may be
    overwritten. Raises `BadInput` without shots.
    """
    if len(shots) == 0:
        raise BadInput(
            "Few-shot adaptation was given no shots.", expected="some questions of the task with their answers"
        )
    views = {address: anatomy_of(twin).view(address) for address in experts[0].z}
    # W'(Σ α z) = Σ α W'(z): the adapted matrices are made once, and mixed.
    adapted = {a: torch.stack([rescaled(spectrum(v.read()), one.z[a]) for one in experts]) for a, v in views.items()}

    @torch.no_grad()
    def objective(alpha: Tensor) -> tuple[float, float]:
        rows_MK = alpha.reshape(-1, len(experts)).expand(len(views), -1)
        for (address, view), alpha_K in zip(views.items(), rows_MK):
            view.parameter.copy_(torch.tensordot(alpha_K, adapted[address], 1))
        right_B, told_BA = would_answer(twin, shots)
        return float(right_B.float().mean()), float(told_BA[right_B].mean()) if bool(right_B.any()) else 0.0

    return objective


def adapt_by_few_shots(
    model: ModelLike,
    experts: Sequence[Expert],
    shots: Questions,
    *,
    per_matrix: bool = False,
    normalised: bool = False,
    rounds: int = 20,
    population: int = 32,
    seed: int = 0,
) -> Adaptation:
    """Return the mixture of experts that the cross-entropy method finds on a few questions of a task.

    per_matrix: a share of every expert for each matrix, as in the released script, not one for all. normalised: what
    the search draws is divided by its sum, so that the shares add up to 1; the released script leaves them as drawn.
    """

    def shares_at(point: Tensor) -> Tensor:
        rows_MK = point.reshape(-1, len(experts))
        return rows_MK / rows_MK.sum(1, keepdim=True).clamp(min=1e-9) if normalised else rows_MK

    objective = few_shot_objective(copy.deepcopy(module_of(model)), experts, shots)
    many, places = len(experts), list(experts[0].z)
    dimensions = many * len(places) if per_matrix else many
    found = cross_entropy(
        lambda point: objective(shares_at(point)), dimensions, rounds=rounds, population=population, seed=seed,
        start=1 / many,
    )  # fmt: skip
    rows = shares_at(torch.tensor(found.best)).tolist()
    mixture = mix(experts, dict(zip(places, rows)) if per_matrix else rows[0])
    return Adaptation(tuple(one.name for one in experts), tuple(share for row in rows for share in row), mixture, found)
