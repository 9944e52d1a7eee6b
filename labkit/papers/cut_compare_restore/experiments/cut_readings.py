"""What a model makes of a text, intact and cut. Shapes: L tokens, V vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from labkit import interventions, world
from labkit.anatomy import in_eval_mode
from labkit.measurements.readings import MOST_PROBABLE, Reading, first_pieces, read, readable

from .cut import EDITS, CutData, CutState

__all__ = ["read_both", "read_cut"]


def read_both(
    handle: Any, state: CutState, words: Sequence[str], right: str | None, intact: Reading | None = None
) -> CutData:
    """Return the intact and the cut reading of `state.story`; without `words`, of the intact model's likeliest ones.

    intact: the intact reading of the same words, where it is known already.
    """
    ids_L = readable(handle, state.story)
    first = first_pieces(handle, state.story, words) if words else _likeliest(handle, ids_L)
    words = tuple(words) or tuple(handle.pieces(first))
    intact = intact or read(handle, ids_L, first)
    cut = read_cut(handle, state, ids_L, first) if state.part != "nothing" else intact
    unseen = tuple(world.unknown_words(state.story)) if handle.ours else ()
    return CutData(state.part, state.layer, words, right, len(ids_L), unseen, intact, cut)


def read_cut(handle: Any, state: CutState, ids_L: Tensor, first: Sequence[int]) -> Reading:
    """Return what the model makes of a text while `state.part` of `state.layer` is left out."""
    drop = getattr(interventions, EDITS[state.part])
    with interventions.edit(handle, drop(state.layer)):
        return read(handle, ids_L, first)


def _likeliest(handle: Any, ids_L: Tensor) -> list[int]:
    logits_BLV = in_eval_mode(handle, lambda module: module(ids_L[None]).logits)
    return logits_BLV[0, -1].topk(MOST_PROBABLE).indices.tolist()
