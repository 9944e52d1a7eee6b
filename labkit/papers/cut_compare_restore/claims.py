"""What is measured for the claims of lesson 00: cut, compare, restore.

Every function takes the number of units `n` and the registered `seeds`, and returns one value per unit. Documents are
stories of the world's test split, drawn by the seed: none of their kind was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import torch
from torch import Tensor

from labkit.anatomy import anatomy_of, fingerprint
from labkit.claims.records import Measured
from labkit.claims.subjects import down_projections, logits, stories, weights_hash
from labkit.interventions import (
    DropAttention,
    DropBlock,
    DropMLP,
    Edit,
    MaskNeurons,
    ReplaceActivation,
    ScaleWeight,
    SetWeight,
    Zero,
    ZeroWeight,
    edit,
)
from labkit.sweeps import Sweep, sweep
from labkit.zoo import Handle, load

CALIBRATION = 64  # stories on which the cheapest parts are found

__all__ = ["attention_against_mlp", "ordinary_weight", "restored"]


def attention_against_mlp(*, n: int, seeds: Sequence[int], model: str = "lab/tiny") -> Measured:
    """Return per document (cost of the cheapest attention sub-layer, cost of the cheapest MLP).

    A cost is the rise of the document's total loss, in nats, when that one sub-layer is left out. As in the paper,
    which ones are cheapest is found on other text: stories of the second seed.
    """
    handle = load(model)
    cut = [cheapest(handle, kind, seeds[1]) for kind in (DropAttention, DropMLP)]
    swept = sweep(handle, cut, stories(handle, n, seeds[0]))
    return _measured(handle, list(zip(*(mean_change(swept, one.kind) for one in cut))), "story")


def ordinary_weight(*, n: int, seeds: Sequence[int], model: str = "lab/tiny", weights: int = 8) -> Measured:
    """Return per document (change by one random weight, cost of the cheapest MLP).

    In each MLP's down projection `weights` places are drawn at random and zeroed one at a time. A change counts
    whether it helps or harms: it is the mean absolute change of the document's total loss, in nats.
    """
    handle, draw = load(model), Random(seeds[0])
    single = [
        ZeroWeight(f"layers.{layer}.mlp.down[{', '.join(str(draw.randrange(side)) for side in shape)}]")
        for layer, shape in down_projections(handle)
        for _ in range(weights)
    ]
    whole = cheapest(handle, DropMLP, seeds[1])
    swept = sweep(handle, [*single, whole], stories(handle, n, seeds[0]))
    changes, costs = mean_change(swept, ZeroWeight.kind, absolute=True), mean_change(swept, DropMLP.kind)
    return _measured(handle, list(zip(changes, costs)), "story")


def restored(*, n: int, seeds: Sequence[int], model: str = "lab/tiny") -> Measured:
    """Return per random plan of edits how many bytes of the model, or of its answer, differ once it is undone.

    Compared are every parameter and buffer and the logits of one story; a fingerprint that differs (it also covers
    hooks, configuration and mode) counts one more.
    """
    handle, draw = load(model), Random(seeds[0])
    (ids,) = stories(handle, 1, seeds[0])
    values = []
    for _ in range(n):
        before, mark = everything(handle, ids), fingerprint(handle)
        with edit(handle, *random_plan(handle, draw)):
            logits(handle, ids)
        differing = sum(int((old != new).sum()) for old, new in zip(before, everything(handle, ids)))
        values.append(float(differing + (fingerprint(handle) != mark)))
    return _measured(handle, values, "plan")


def cheapest(handle: Handle, kind: type[DropAttention | DropMLP], seed: int) -> Edit:
    """Return the edit of a kind, over all layers, that raises the loss least on stories of this seed."""
    edits = [kind(layer) for layer in range(anatomy_of(handle).depth)]
    swept = sweep(handle, edits, stories(handle, CALIBRATION, seed))
    return min(edits, key=lambda one: swept[one].change.value)


def mean_change(swept: Sweep, kind: str, absolute: bool = False) -> list[float]:
    """Return per document the mean change of its total loss, in nats, over all single edits of a kind."""
    rows = [point.measured.per_unit for point in swept if point.plan[0]["kind"] == kind]
    means = []
    for unit, (intact, tokens) in enumerate(zip(swept.intact, swept.weights)):
        changes = [(row[unit] - intact) * tokens for row in rows]
        means.append(sum(map(abs, changes) if absolute else changes) / len(changes))
    return means


def random_plan(handle: Handle, draw: Random) -> list[Edit]:
    """Return one to three edits of any kinds, anywhere in the model."""
    return [_random_edit(handle, draw) for _ in range(draw.randint(1, 3))]


def _random_edit(handle: Handle, draw: Random) -> Edit:
    layer, shape = draw.choice(down_projections(handle))
    row, column = (draw.randrange(side) for side in shape)
    down = f"layers.{layer}.mlp.down"
    return draw.choice(
        [
            DropAttention(layer),
            DropMLP(layer),
            DropBlock(layer),
            ZeroWeight(f"{down}[{row}, {column}]"),
            ScaleWeight(f"{down}[{row}, :]", draw.uniform(-2, 2)),
            SetWeight(f"layers.{layer}.attn.o[:, 0]", draw.uniform(-1, 1)),
            MaskNeurons(layer, (column,)),
            ReplaceActivation(f"layers.{layer}.attn", Zero()),
        ]
    )


def everything(handle: Handle, ids: Tensor) -> list[Tensor]:
    """Return the bytes of every parameter and buffer and of the logits of a document; −0 is not 0 here."""
    kept = [*handle.model.parameters(), *handle.model.buffers(), logits(handle, ids)]
    return [tensor.detach().clone().contiguous().flatten().view(torch.uint8) for tensor in kept]


def _measured(handle: Handle, values: list, unit: str) -> Measured:
    names = tuple(f"{unit} {number}" for number in range(len(values)))
    return Measured(values=tuple(values), units=names, models={handle.name: weights_hash(handle)})
