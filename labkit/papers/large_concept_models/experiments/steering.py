"""Steer the next sentence: draw it with guidance, in some number of steps, or mix two draws of different futures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from labkit.base.errors import BadInput
from labkit.panels.tables import Table

from .. import task
from ..method.generation import next_concepts
from ..method.sampling import PLAIN, Knobs
from ..method.space import ConceptSpace
from .quality import judge_pieces

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Steered", "steer"]


@dataclass(frozen=True)
class Steered:
    """What M next sentences after an event say, counted against what is likely.

    futures: the sentences that can follow, with their probabilities; shares: how many of the draws say each. size: mean
    norm of the vectors that were decoded, over that of the true futures. texts: what the draws say.
    """

    event: str
    futures: tuple[str, ...]
    probabilities: tuple[float, ...]
    shares: tuple[float, ...]
    size: float
    texts: tuple[str, ...]

    @property
    def impossible(self) -> float:
        """Share of the draws that say no possible next sentence."""
        return max(0.0, 1 - sum(self.shares))

    @property
    def total_variation(self) -> float:
        """How far the shares are from the true probabilities; what is impossible counts in full."""
        return 0.5 * (sum(abs(a - b) for a, b in zip(self.shares, self.probabilities)) + self.impossible)

    def table(self) -> Table:
        """Return one row a possible sentence, and one for the rest."""
        rows = [*zip(self.futures, self.probabilities, self.shares), ("anything else", 0.0, self.impossible)]
        return Table(f"After “{self.event}”: {len(self.texts)} draws", ["next sentence", "likely", "said"], rows)


def steer(
    model: ModelLike,
    space: ConceptSpace,
    text: str,
    *,
    knobs: Knobs = PLAIN,
    mix: float = 0.0,
    draws: int = 64,
    seed: int = 0,
) -> Steered:
    """Return what is said after an event when each draw z becomes (1 − mix) z + mix z′, z′ the draw farthest from it.

    Where several futures are drawn, z′ is another future. Raises `BadInput` for a text that is no event, or a mix that
    is no share.
    """
    space.must_hold(model)
    (event, _), context_1C = task.parse([text]), space.encode_texts([text])
    if int(event.kind_N) >= len(task.EVENTS):
        raise BadInput(f"After “{text}” the text ends.", expected="somebody sold, found, lent or lost something")
    if not 0 <= mix <= 1:
        raise BadInput(f"mix = {mix}.", expected="a number from 0 (one draw) to 1 (the other)")
    context_M1C = context_1C[:, None].expand(draws, -1, -1)
    z_MC = next_concepts(model, context_M1C, torch.Generator().manual_seed(seed), knobs)
    z_MC = (1 - mix) * z_MC + mix * z_MC[torch.cdist(z_MC, z_MC).argmax(1)]
    branch = task.BRANCHES[int(event.kind_N)]
    after = task.join(task.futures(event)[: len(branch)])
    size = float(space.encode(after).norm(dim=1) @ torch.tensor(branch))
    pieces_ML = space.pieces(z_MC)
    return Steered(
        event=text,
        futures=tuple(task.write(after)),
        probabilities=branch,
        shares=judge_pieces(event, pieces_ML[None]).shares[0][: len(branch)],
        size=float(z_MC.norm(dim=1).mean()) / size,
        texts=tuple(space.decode(z_MC)),
    )
