"""Finding needles: right answers by how many needles, how long a text, how deep the answer. Lesson: 04."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.anatomy import module_of
from labkit.measurements.estimate import Estimate, mean_over

from ..method import answer_logits
from ..task import Batch, Needles

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["DepthGrid", "Found", "depth_grid", "embedding_noise", "find_needles"]


@dataclass(frozen=True)
class Found:
    """One model on some texts: the share of right answers and the mean nats an answer, by text."""

    right: tuple[float, ...]
    nats: tuple[float, ...]

    @property
    def accuracy(self) -> Estimate:
        """The share of right answers, with its interval over texts."""
        return mean_over(self.right, over="texts", name="right answers", unit="share", null=1 / 64)

    @property
    def loss(self) -> Estimate:
        """Nats an answer, with its interval over texts."""
        return mean_over(self.nats, over="texts", name="loss", unit="nats an answer")

    def table(self) -> str:
        """Return both as text."""
        return f"{self.accuracy}\n{self.loss}"


def embedding_noise(model: ModelLike, batch: Batch, size: float, seed: int) -> Tensor | None:
    """Return noise for every embedding of `batch` [B, L, D], of standard deviation `size`; None for size 0."""
    if not size:
        return None
    shape = (*batch.ids.shape, module_of(model).embed.weight.shape[1])
    return size * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def find_needles(model: ModelLike, batch: Batch, *, noise: float = 0.0, seed: int = 0) -> Found:
    """Return how `model` answers the questions of `batch`, a choice among the 64 numbers.

    noise: size of what is added to the embeddings (an untrained embedding has size 1), drawn from `seed`. Raises
    `BadInput` for texts longer than the model's context.
    """
    logits_BRN = answer_logits(module_of(model), batch, embedding_noise(model, batch, noise, seed))
    nats = F.cross_entropy(logits_BRN.flatten(0, 1), batch.targets.flatten(), reduction="none")
    right = (logits_BRN.argmax(-1) == batch.targets).float().mean(1)
    return Found(tuple(right.tolist()), tuple(nats.view_as(batch.targets).mean(1).tolist()))


@dataclass(frozen=True)
class DepthGrid:
    """Right answers by depth of the needle (rows of `found`) and length of the text (columns), one model."""

    depths: tuple[float, ...]
    lengths: tuple[int, ...]
    found: tuple[tuple[Found, ...], ...]

    def accuracies(self) -> list[list[float]]:
        """Return the share of right answers [depths][lengths]."""
        return [[one.accuracy.value for one in row] for row in self.found]

    def table(self) -> str:
        """Return the grid as text."""
        head = f"{'depth':>6} " + " ".join(f"{length:>7}" for length in self.lengths)
        rows = [f"{depth:6.0%} " + " ".join(f"{share:7.2f}" for share in row)
                for depth, row in zip(self.depths, self.accuracies())]  # fmt: skip
        return "\n".join([head, *rows])


def depth_grid(
    model: ModelLike,
    *,
    depths: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
    lengths: Sequence[int] = (64, 128),
    needles: int = 6,
    texts: int = 32,
    seed: int = 404,
    task: Needles | None = None,
) -> DepthGrid:
    """Return how often the asked needle is found, one question a text, at each depth and length."""
    base = replace(task or Needles(), needles=needles, questions=1)
    found = tuple(
        tuple(find_needles(model, replace(base, length=length, depth=depth).draw(texts, seed)) for length in lengths)
        for depth in depths
    )
    return DepthGrid(tuple(depths), tuple(lengths), found)
