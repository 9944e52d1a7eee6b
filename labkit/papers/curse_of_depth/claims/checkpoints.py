"""What is measured for the claims of lesson 08 on checkpoints and untrained models: the curse of depth.

Every function takes the number of units `n` and the registered `seeds`, and returns one value (or pair) per unit. What
is about training methods, over separately trained models, is in `lesson08_runs`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from labkit.anatomy import anatomy_of, record
from labkit.claims.records import Measured
from labkit.claims.subjects import stories, weights_hash
from labkit.interventions import DropBlock, Edit, edit
from labkit.measurements import TurnMeasure, loss
from labkit.models import DecoderConfig
from labkit.sweeps import sweep
from labkit.world import paraphrases
from labkit.zoo import Handle, load

from ..method.distances import angular_distance
from ..method.folding import fold, unfold
from ..method.switching import SwitchLayerNormScaling

__all__ = [
    "encoder_late_against_early",
    "folding_errors",
    "growth_late_against_early",
    "late_turns_against_early",
    "no_op_errors",
    "one_block_errors",
    "rise_when_switched_on",
    "switched_costs",
    "untrained_growth",
    "untrained_turns",
]

DEEP = "lab/deep"
SIZES = {"vocab": 256, "width": 64, "heads": 2, "ffn": 176, "context": 64, "init_std": 0.07}
SMALL = {"vocab": 64, "width": 16, "heads": 2, "ffn": 24, "context": 32, "init_std": 0.3}
LENGTH = 48


def rise_when_switched_on(*, n: int, seeds: Sequence[int], model: str = DEEP) -> Measured:
    """Return per story (rise of its total loss in nats, its tokens) when scaling is switched on in a trained model."""
    handle = load(model)
    documents = stories(handle, n, seeds[0])
    before = loss(handle, documents)
    with edit(handle, SwitchLayerNormScaling()):
        after = loss(handle, documents)
    pairs = [((b - a) * w, w) for a, b, w in zip(before.per_unit, after.per_unit, before.weights)]
    return _measured(handle, pairs, "story")


def switched_costs(*, n: int, seeds: Sequence[int], model: str = DEEP) -> Measured:
    """Return per story (costs of the deeper blocks, each lost alone, added up: with scaling switched on, without)."""
    handle = load(model)
    documents, depth = stories(handle, n, seeds[0]), anatomy_of(handle).depth
    drops = [DropBlock(layer) for layer in range(depth // 2, depth)]
    as_trained = _total_costs(handle, drops, documents)
    with edit(handle, SwitchLayerNormScaling()):
        switched = _total_costs(handle, drops, documents)
    return _measured(handle, list(zip(switched, as_trained)), "story")


def late_turns_against_early(*, n: int, seeds: Sequence[int], model: str = DEEP) -> Measured:
    """Return per story (mean turn by the blocks of the deeper half, by those of the first half but the first)."""
    handle, pairs = load(model), []
    for ids in stories(handle, n, seeds[0]):
        h_NLD = _stream(handle, ids)
        turns = angular_distance(h_NLD[:-1], h_NLD[1:]).mean(dim=1).tolist()
        middle = len(turns) // 2
        pairs.append((_mean(turns[middle:]), _mean(turns[1:middle])))
    return _measured(handle, pairs, "story")


def growth_late_against_early(*, n: int, seeds: Sequence[int], model: str = DEEP) -> Measured:
    """Return per story (growth of log variance per block after the middle, the same in front of it)."""
    handle, pairs = load(model), []
    for ids in stories(handle, n, seeds[0]):
        logs = _stream(handle, ids)[1:].var(dim=-1, unbiased=False).mean(dim=1).log().tolist()
        pairs.append(growths(logs))
    return _measured(handle, pairs, "story")


def growths(logs: Sequence[float]) -> tuple[float, float]:
    """Return the mean step of a line of logs after its middle, and in front of it."""
    middle = len(logs) // 2  # blocks are numbered 1 … N: this one is number `middle`
    return (logs[-1] - logs[middle - 1]) / (len(logs) - middle), (logs[middle - 1] - logs[0]) / (middle - 1)


def encoder_late_against_early(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per sentence (mean turn of the embedding without one of the last blocks, without one of the first)."""
    encoder = load("minilm")
    texts, depth = [one for one, _ in paraphrases(n, seeds[0])], anatomy_of(encoder).depth
    drops = [DropBlock(layer) for layer in range(depth)]
    swept = sweep(encoder, drops, texts, measure=TurnMeasure())
    turns = [swept[drop].measured.per_unit for drop in drops]
    halves = (turns[depth // 2 :], turns[: depth // 2])
    return _measured(encoder, list(zip(*([_mean(column) for column in zip(*half)] for half in halves))), "sentence")


def untrained_turns(*, n: int, seeds: Sequence[int], depth: int = 24) -> Measured:
    """Return per seed the turn by the last block of an untrained model with scaling, minus that in plain Pre-LN."""
    values = []
    for seed in seeds:
        turns = {}
        for kind in ("pre-norm", "lns"):
            h_NLD = _fresh_stream(kind, depth, seed)
            turns[kind] = float(angular_distance(h_NLD[-2], h_NLD[-1]).mean())
        values.append(turns["lns"] - turns["pre-norm"])
    return _by_seed(values, seeds)


def untrained_growth(*, n: int, seeds: Sequence[int], depth: int = 64, kind: str = "pre-norm") -> Measured:
    """Return per seed the variance after the last block over that after the middle one, untrained."""
    values = []
    for seed in seeds:
        variance_N = _fresh_stream(kind, depth, seed)[1:].var(dim=-1, unbiased=False).mean(dim=1)
        values.append(float(variance_N[-1] / variance_N[depth // 2 - 1]))
    return _by_seed(values, seeds)


def folding_errors(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per random model the largest change of a logit by folding scaling into the gains, or out of them."""
    values = []
    for number in range(n):
        fields = {**SMALL, "depth": 2 + number % 5, "norm_type": ("rms", "layer")[number % 2]}
        scaled, ids = _random("lns", fields, seeds[0] + number)
        plain, _ = _random("pre-norm", fields, seeds[0] + number)
        values += [_largest_change(scaled, fold(scaled), ids), _largest_change(plain, unfold(plain), ids)]
    return Measured(values=tuple(map(max, zip(values[::2], values[1::2]))), units=_names("model", n))


def one_block_errors(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per random model of one block the largest change of a logit by scaling with exponent 0.5, 1 or 2."""
    values = []
    for number in range(n):
        scaled, ids = _random("lns", {**SMALL, "depth": 1, "exponent": (0.5, 1.0, 2.0)[number % 3]}, seeds[0] + number)
        values.append(_largest_change(scaled, _random("pre-norm", {**SMALL, "depth": 1}, seeds[0] + number)[0], ids))
    return Measured(values=tuple(values), units=_names("model", n))


@torch.no_grad()
def no_op_errors(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per random model the largest change of a logit by scaling in front of the norm, over the largest logit."""
    values = []
    for number in range(n):
        fields = {**SMALL, "depth": 2 + number % 7}
        before, ids = _random("scaling-at", {**fields, "position": "before-norm"}, seeds[0] + number)
        plain, _ = _random("pre-norm", fields, seeds[0] + number)
        values.append(_largest_change(before, plain, ids) / float(plain(ids).logits.abs().max()))
    return Measured(values=tuple(values), units=_names("model", n))


def _total_costs(handle: Handle, drops: Sequence[Edit], documents: Sequence[Tensor]) -> list[float]:
    """Return per document the rises of its total loss, in nats, added up over single drops."""
    swept = sweep(handle, list(drops), documents)
    rows = [swept[drop].measured.per_unit for drop in drops]
    return [
        sum((row[unit] - intact) * tokens for row in rows)
        for unit, (intact, tokens) in enumerate(zip(swept.intact, swept.weights))
    ]


def _stream(model: object, ids: Tensor) -> Tensor:
    """Return the stream [N + 1, L, D] at the embedding and after every block."""
    sites = ["embed", *(f"layers.{layer}" for layer in range(anatomy_of(model).depth))]
    streams = record(model, ids, sites)
    return torch.stack([streams[site][0] for site in sites]).double()


def _fresh_stream(kind: str, depth: int, seed: int) -> Tensor:
    config = DecoderConfig.from_dict({**SIZES, "depth": depth, "kind": kind})
    ids = torch.randint(config.vocab, (LENGTH,), generator=torch.Generator().manual_seed(seed))
    return _stream(config.build(seed).eval(), ids)


def _random(kind: str, fields: dict, seed: int) -> tuple:
    """Return a random model whose gains are no ones, and a text."""
    model = DecoderConfig.from_dict({"kind": kind, **fields}).build(seed).eval()
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.data += torch.rand(parameter.shape, generator=generator)
    return model, torch.randint(fields["vocab"], (1, fields["context"]), generator=generator)


@torch.no_grad()
def _largest_change(first: object, second: object, ids: Tensor) -> float:
    return float((first(ids).logits - second(ids).logits).abs().max())


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _names(unit: str, n: int) -> tuple[str, ...]:
    return tuple(f"{unit} {number}" for number in range(n))


def _by_seed(values: Sequence[float], seeds: Sequence[int]) -> Measured:
    return Measured(values=tuple(values), units=tuple(f"seed {seed}" for seed in seeds))


def _measured(handle: Handle, values: list, unit: str) -> Measured:
    return Measured(values=tuple(values), units=_names(unit, len(values)), models={handle.name: weights_hash(handle)})
