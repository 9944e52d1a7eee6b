"""Consecutive blocks: how much the stream turns over n of them in a row, wherever the window starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import anatomy_of
from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.runs import checked_documents, text_hash
from labkit.measurements.tables import text_table

from .metrics import turn
from .stream import boundaries

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["WindowScores", "window_scores"]


@dataclass(frozen=True, kw_only=True)
class WindowScores(Result):
    """`starts[l]` is the score of blocks l … l + size - 1 taken together."""

    metric: str
    size: int
    text: str
    starts: tuple[Estimate, ...]

    @property
    def best(self) -> int:
        """The start of the window that turns the stream least."""
        return min(range(len(self.starts)), key=lambda start: self.starts[start].value)

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers of that window."""
        return tuple(range(self.best, self.best + self.size))

    def table(self) -> str:
        """Return one line per window."""
        rows = [[f"{i} to {i + self.size - 1}", f"{one.value:.4g}"] for i, one in enumerate(self.starts)]
        return text_table(["blocks", self.metric], rows, title=f"{self.size} consecutive blocks")


def window_scores(
    model: ModelLike, documents: Sequence, size: int, *, angular: bool = False, skip: int = 0, seed: int = 0
) -> WindowScores:
    """Return the score of every window of `size` consecutive blocks, from h_l to h_{l + size}.

    1 - cosine, averaged over tokens; `angular` takes arccos(cosine) / π instead (Gromov et al. 2024). A window of 1 is
    a block's own score. Raises `BadInput` for a size that does not fit the model.
    """
    depth = anatomy_of(model).depth
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= depth:
        raise BadInput(f"A window of {size!r} blocks does not fit.", expected=f"1 to {depth} blocks")
    checked = checked_documents(model, documents, shortest=skip + 1)
    found = [[0.0] * len(checked) for _ in range(depth - size + 1)]
    for streams, index in boundaries(model, checked):
        for start, row in enumerate(found):
            values_BL = turn(streams[start], streams[start + size])[:, skip:]
            if angular:
                values_BL = angle(values_BL)
            for place, values_L in zip(index, values_BL):
                row[place] = float(values_L.mean())
    name = "angle / π" if angular else "1 - cosine"
    weights = [len(ids) - skip for ids in checked]
    starts = tuple(
        mean_over(row, weights=weights, seed=seed, name=f"{name} over blocks {i} to {i + size - 1}")
        for i, row in enumerate(found)
    )
    return WindowScores(metric=name, size=size, text=text_hash(checked), starts=starts)


def angle(turned: Tensor) -> Tensor:
    """Return arccos(1 - s) / π = 2 arcsin(sqrt(s / 2)) / π, which keeps its digits at small angles."""
    return 2 * torch.asin((turned / 2).sqrt()) / torch.pi
