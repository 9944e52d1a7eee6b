"""Large activations, and attention scores in few bits (table 5 and figure 8 of the paper). Lesson: 04."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import module_of
from labkit.base.errors import BadInput
from labkit.interventions.changes import Forward
from labkit.interventions.edits import Edit, whole_number
from labkit.models.parts import Attention, readable
from labkit.models.state import State

from ..method.attention import DiffAttention, NormedAttention
from ..method.edits import mixer_of
from ..task import Batch

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["LargeActivations", "QuantiseScores", "absmax", "large_activations"]

RANKS = (1, 2, 3, 10, 100)


@dataclass(frozen=True)
class LargeActivations:
    """The largest attention scores and stream values by rank (`RANKS`), and their medians, in size."""

    scores: tuple[float, ...]
    stream: tuple[float, ...]
    median_score: float
    median_stream: float

    def table(self) -> str:
        """Return both as text."""
        head = f"{'':18}" + "".join(f"{f'top-{rank}':>9}" for rank in RANKS) + f"{'median':>9}"
        rows = (("attention scores", self.scores, self.median_score), ("stream", self.stream, self.median_stream))
        return "\n".join([head, *(f"{name:18}" + "".join(f"{v:9.2f}" for v in (*top, mid)) for name, top, mid in rows)])


@torch.no_grad()
def large_activations(model: ModelLike, batch: Batch) -> LargeActivations:
    """Return the largest scores |q k / √d| (of both maps together) and stream values after the last block."""
    whole = module_of(model)
    state = whole.trunk.enter(whole.begin(batch.ids))
    for block in whole.trunk.blocks[:-1]:
        state = block(state)
    branch = whole.trunk.blocks[-1].attention
    q_BHLK, k_BHLK = branch.mixer.queries_keys(branch.norm(state.stream), state)
    seen = readable(state, batch.ids.shape[1])
    scores = (q_BHLK @ k_BHLK.mT / branch.mixer.head_size**0.5).abs()
    scores = scores[seen.expand_as(scores)]
    stream = whole.trunk.blocks[-1](state).stream.abs().flatten()
    top, wide = scores.topk(RANKS[-1]).values, stream.topk(RANKS[-1]).values
    return LargeActivations(
        tuple(float(top[rank - 1]) for rank in RANKS),
        tuple(float(wide[rank - 1]) for rank in RANKS),
        float(scores.median()),
        float(stream.median()),
    )


def absmax(scores: Tensor, bits: int, seen: Tensor | None = None) -> Tensor:
    """Return `scores` rounded to 2^(bits−1) − 1 steps up to the largest size among those `seen`, for the whole tensor.

    What is not seen takes no part: a mask of −∞ inside would make the step infinite.
    """
    sizes = scores.abs() if seen is None else scores.abs().masked_fill(~seen, 0.0)
    step = sizes.max().clamp_min(1e-12) / (2 ** (bits - 1) - 1)
    return (scores / step).round() * step


@dataclass(frozen=True)
class QuantiseScores(Edit):
    """Round the attention scores of one layer to `bits` by their largest value, before mask and softmax."""

    bits: int
    layer: int = 0
    kind = "quantise_scores"

    def __post_init__(self) -> None:
        whole_number("layer", self.layer)
        if not isinstance(self.bits, int) or isinstance(self.bits, bool) or not 2 <= self.bits <= 16:
            raise BadInput(f"bits = {self.bits!r}.", expected="a whole number from 2 to 16")

    def prepare(self, model: ModelLike) -> list[Forward]:
        """Return one change of a forward; raise `BadInput` for an attention whose weights are made in another way."""
        mixer = mixer_of(model, self.layer)
        if type(mixer).attend not in _KNOWN:
            raise BadInput(
                f"{type(mixer).__name__} does something else with its scores.", expected="softmax or its difference"
            )
        return [_Attend(mixer, self.bits, f"scores of layer {self.layer}")]

    def __str__(self) -> str:
        return f"round the scores of layer {self.layer} to {self.bits} bits"


_KNOWN = (Attention.attend, NormedAttention.attend, DiffAttention.attend)


class _Attend:
    """Put an `attend` with rounded scores on one mixer, and take it off."""

    def __init__(self, mixer: Attention, bits: int, where: str):
        self.mixer, self.bits, self.where = mixer, bits, where

    def install(self) -> None:
        vars(self.mixer)["attend"] = self._attend

    def undo(self) -> None:
        vars(self.mixer).pop("attend", None)

    def _attend(self, q_BHLK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, state: State) -> Tensor:
        mixer = self.mixer
        seen = readable(state, q_BHLK.shape[2])
        group = q_BHLK.shape[1] // k_BHTK.shape[1]
        if isinstance(mixer, DiffAttention):
            pairs = k_BHTK.unflatten(1, (-1, 2)).repeat_interleave(group, dim=1).flatten(1, 2)
        else:
            pairs = k_BHTK.repeat_interleave(group, dim=1)
        scores = absmax(q_BHLK @ pairs.mT / q_BHLK.shape[-1] ** 0.5, self.bits, seen)
        maps = scores.masked_fill(~seen, -torch.inf).softmax(-1)
        values = v_BHTK.repeat_interleave(group, dim=1)
        if isinstance(mixer, DiffAttention):
            return mixer.norm((maps[:, 0::2] - mixer.lam() * maps[:, 1::2]) @ values)
        read = maps @ values
        return mixer.norm(read) if hasattr(mixer, "norm") else read
