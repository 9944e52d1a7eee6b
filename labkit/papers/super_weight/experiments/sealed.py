"""Four sealed models: who reads one does not know whether it holds a super weight, nor where.

All are lab/planted or depth/pre with their channels and neurons in another order, which no model notices: every address
is another. What they say is the same, but for B, where an idle neuron had to give way. Shapes: D width, F feed-forward.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from labkit.anatomy import Address
from labkit.base.errors import unknown
from labkit.zoo import Handle, ModelLike, load

__all__ = ["SEALED", "sealed", "seals"]

SEALED = ("A", "B", "C", "D")
_TWIN = 0.65  # of the planted weight, for each of two: more than half, so that neither is missed alone


def sealed(letter: str) -> Handle:
    """Return the sealed model called `letter`; raises `UnknownName` for another."""
    if letter not in SEALED:
        raise unknown("sealed model", letter, SEALED)
    handle = load("depth/pre" if letter == "C" else "lab/planted")
    model = copy.deepcopy(handle.model)
    with torch.no_grad():
        if letter != "C":
            layer, out, into = _planted(handle)
            mixer = model.trunk.blocks[layer].mlp.mixer
            if letter == "A":
                _rescale(mixer, into, 0.02)  # the planted weight becomes one of the smallest of its matrix
            elif letter == "B":
                _split(mixer, out, into)
            else:
                _rescale(mixer, (into + 1) % mixer.down.weight.shape[1], 40.0)  # a neighbour's weights, the largest
        shuffle(model, seed=ord(letter))
    return Handle(f"sealed {letter}", model, handle.tokenizer)


def seals() -> dict[str, bool]:
    """Return which of the sealed models hold one weight that everything hangs on."""
    return {letter: letter in "AD" for letter in SEALED}


def shuffle(model: ModelLike, seed: int) -> None:
    """Put the channels of the stream and the neurons of every MLP into another order; the logits stay."""
    generator = torch.Generator().manual_seed(seed)
    order_D = torch.randperm(model.embed.weight.shape[1], generator=generator)
    _take(model.embed.weight, order_D, 1)
    if model.head.weight is not model.embed.weight:
        _take(model.head.weight, order_D, 1)
    _take(model.norm.weight, order_D, 0)
    for block in model.trunk.blocks:
        for branch in (block.attention, block.mlp):
            _take(branch.norm.weight, order_D, 0)
        attention, mlp = block.attention.mixer, block.mlp.mixer
        order_F = torch.randperm(mlp.down.weight.shape[1], generator=generator)
        for reads in (attention.q, attention.k, attention.v, mlp.gate, mlp.up):
            _take(reads.weight, order_D, 1)
        for writes in (attention.o, mlp.down):
            _take(writes.weight, order_D, 0)
        for side, matrix in ((0, mlp.gate), (0, mlp.up), (1, mlp.down)):
            _take(matrix.weight, order_F, side)


def _take(weight: Tensor, order: Tensor, side: int) -> None:
    weight.copy_(weight.index_select(side, order))


def _rescale(mixer: Any, neuron: int, factor: float) -> None:
    """Make what the neuron writes with `factor` times larger and what it reads with smaller; nothing else changes."""
    mixer.up.weight[neuron] /= factor
    mixer.down.weight[:, neuron] *= factor


def _split(mixer: Any, out: int, into: int) -> None:
    """Let the least neuron become the planted one's twin: both read alike, and each writes more than half."""
    sizes = mixer.down.weight.norm(dim=0)
    sizes[into] = torch.inf
    least = int(sizes.argmin())
    for matrix in (mixer.gate, mixer.up):
        matrix.weight[least] = matrix.weight[into]
    mixer.down.weight[:, least] = 0
    mixer.down.weight[out, least] = mixer.down.weight[out, into] * _TWIN
    mixer.down.weight[out, into] *= _TWIN


def _planted(handle: Handle) -> tuple[int, int, int]:
    place = Address.parse(handle.card["planted"]["address"])
    return place.layer, *place.index
