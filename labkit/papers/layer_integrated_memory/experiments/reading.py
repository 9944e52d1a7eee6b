"""How a model works an expression out: its loss row by row, and its own working, greedily written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import module_of
from labkit.base.errors import BadInput
from labkit.measurements.estimate import Estimate, mean_over, proportion
from labkit.models import generate

from .. import training
from ..task import Expressions, expressions, reduce_text, tokenizer

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Solved", "losses", "read_working", "solve", "unseen"]

TEST_SEED = 1_000_003  # rows of the lesson; those of the training table have another seed


def unseen(count: int = 500, operands: int = 4, seed: int = TEST_SEED) -> Expressions:
    """Return expressions that no model was trained on."""
    return expressions(operands, count, seed, held_out=True)


def losses(model: ModelLike, rows: Expressions) -> tuple[Tensor, Tensor]:
    """Return for each row the mean loss over its working (nats a token) and whether it is right throughout, both [N].

    `model` is a handle or a module. Raises `BadInput` for rows longer than its context.
    """
    module, length = module_of(model), rows.ids.shape[1]
    context = getattr(getattr(module, "config", None), "context", length)
    if length > context:
        raise BadInput(f"These rows are {length} tokens long.", expected=f"at most {context} for this model")
    return training.losses(module, rows)


def read_working(model: ModelLike, rows: Expressions) -> tuple[Estimate, Estimate]:
    """Return the loss over the working (nats a token) and the share worked out without a slip, over expressions."""
    loss_N, right_N = losses(model, rows)
    loss = mean_over(loss_N.tolist(), "expressions", name="loss over the working", unit="nats/token")
    return loss, proportion(right_N.double().tolist(), "expressions", name="solved")


@dataclass(frozen=True)
class Solved:
    """A question, the working a model wrote, and the right one; `right` when both agree to the last symbol."""

    question: str
    working: str
    correct: str

    @property
    def right(self) -> bool:
        """Whether the whole working is right."""
        return self.working == self.correct

    @property
    def answer(self) -> str:
        """The last number the model wrote."""
        return self.working.rpartition("=")[2]

    @property
    def first_slip(self) -> int | None:
        """The place of the first symbol that differs from the right working, None where there is none."""
        if self.right:
            return None
        pairs = zip(self.working, self.correct)
        return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(self.working), len(self.correct)))

    def __str__(self) -> str:
        if self.right:
            return f"{self.working}   right"
        return f"{self.working}   wrong: {self.correct}"


def solve(model: ModelLike, question: str) -> Solved:
    """Return what a model writes after a question such as "(3+4)*(2-9)"; raise `BadInput` for one that is none."""
    correct, symbols = reduce_text(question), tokenizer()
    module = module_of(model)
    ids = torch.tensor([[symbols.bos, *symbols.encode(question + "=")]])
    said = generate(module, ids, len(correct), stop=symbols.eos)[0].tolist()
    end = said.index(symbols.eos) if symbols.eos in said else len(said)
    return Solved(question, symbols.decode(said[1:end]), correct)
