"""What a model makes of a text, intact and cut. Shapes: L tokens, V vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from operator import eq
from typing import Any

import torch
from torch import Tensor, nn

from labkit import interventions, world
from labkit.anatomy import quietly
from labkit.base.errors import BadInput

from .data import EDITS, GO_ON, MOST_PROBABLE, CutData, CutState, Reading

__all__ = ["first_pieces", "read", "read_both", "read_cut", "readable"]


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


def first_pieces(handle: Any, text: str, words: Sequence[str]) -> list[int]:
    """Return the first token of each word as it follows `text`."""
    length = len(handle.encode(text))
    return [int(handle.encode(text + word)[length]) for word in words]


def read_cut(handle: Any, state: CutState, ids_L: Tensor, first: Sequence[int]) -> Reading:
    """Return what the model makes of a text while `state.part` of `state.layer` is left out."""
    drop = getattr(interventions, EDITS[state.part])
    with interventions.edit(handle, drop(state.layer)):
        return read(handle, ids_L, first)


def read(handle: Any, ids_L: Tensor, first: Sequence[int], go_on: int = GO_ON, guess: Sequence[int] = ()) -> Reading:
    """Return what the model as it now is makes of a text; `first` holds the first piece of each candidate.

    guess: how it may go on. As far as it does, one pass reads what would otherwise take a pass for each token
    (speculative decoding); what is returned is the same.
    """

    def work(module: nn.Module) -> Reading:
        drafted = list(guess)[: max(0, go_on - 1)]
        ids_BL = torch.cat((ids_L, ids_L.new_tensor(drafted)))[None]
        output, length = module(ids_BL, use_cache=True), len(ids_L)
        logits_LV = output.logits[0, :length].float()
        loss = nn.functional.cross_entropy(logits_LV[:-1], ids_BL[0, 1:length])
        probabilities = logits_LV[-1].softmax(-1)[list(first)]
        said = handle.decode(_go_on(module, output, drafted, length, handle.end, go_on)).strip()
        return Reading(tuple(probabilities.tolist()), loss.item(), said)

    return quietly(handle, work)


def _go_on(module: nn.Module, output: Any, drafted: list[int], length: int, end: int | None, most: int) -> list[int]:
    """Return the likeliest next tokens, going on from a text of `length` and a draft that were read with a cache.

    Where the draft goes wrong, what the model expected behind that place is the next draft (Jacobi decoding: Santilli
    et al. 2023): one more pass for each surprise, not for each token.
    """
    likeliest = output.logits[0, length - 1 :].argmax(-1).tolist()
    said, cache = [], output.past_key_values
    while True:
        right = sum(1 for _ in takewhile(bool, map(eq, drafted, likeliest)))
        said += likeliest[: right + 1]
        if end in said or len(said) >= most:
            return said[: said.index(end)] if end in said else said[:most]
        if right < len(drafted):
            cache.crop(length + len(said) - 1)
        drafted = likeliest[right + 1 :]
        fresh_BL = torch.tensor([[said[-1], *drafted]], device=output.logits.device)
        output = module(fresh_BL, past_key_values=cache, use_cache=True)
        likeliest = output.logits[0].argmax(-1).tolist()


def readable(handle: Any, text: str, room: int = GO_ON) -> Tensor:
    """Return a text as token ids [L]; raise `BadInput` when the model cannot read it and go on by `room` tokens."""
    ids_L = handle.encode(text)
    config = handle.model.config
    context = getattr(config, "context", None) or getattr(config, "max_position_embeddings", None)
    if context is not None and len(ids_L) + room > context:
        raise BadInput(
            f"The text has {len(ids_L)} tokens.",
            expected=f"at most {context - room}, so that the model can read it and go on",
            do="shorten it",
        )
    if len(ids_L) < 2:
        raise BadInput("The text is a single token.", expected="at least two", do="write a sentence")
    return ids_L


def _likeliest(handle: Any, ids_L: Tensor) -> list[int]:
    logits_BLV = quietly(handle, lambda module: module(ids_L[None]).logits)
    return logits_BLV[0, -1].topk(MOST_PROBABLE).indices.tolist()
