"""What is measured for the claims of lesson 01: the super weight.

Every function takes the number of units `n` and the registered `seeds`, and returns one value (or pair) per unit.
Stories are of the world's test split; sentences are pairs of the world's paraphrases. What an interval is over, and
what the null is, stands in data/claims/01.toml.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import torch

from labkit.anatomy import Address, anatomy_of, view
from labkit.claims.records import Measured
from labkit.claims.subjects import down_projections, stories, weights_hash
from labkit.interventions import Edit, Plan, ScaleWeight, ZeroWeight, edit
from labkit.measurements import TurnMeasure
from labkit.papers import super_weight as super_weights
from labkit.papers.super_weight.experiments.rounding import rounding
from labkit.sweeps import sweep
from labkit.world import paraphrases
from labkit.zoo import Handle, load

__all__ = [
    "activation_restored",
    "amplified",
    "best_suspect",
    "detector_errors",
    "gain_against_gains",
    "kept_while_rounding",
    "one_against_largest",
    "retrieval_lost",
    "single_column",
    "stop_words",
]

CALIBRATION = 32  # stories on which the suspect is chosen
GAIN, NORM = "layers.1.mlp_norm[99]", "layers.1.mlp_norm"
NULL_GAINS = 32


def best_suspect(*, n: int, seeds: Sequence[int], model: str = "lab/deep", suspects: int = 40) -> Measured:
    """Return per story (rise by the best suspect beyond that by the costliest random weight, in nats; its tokens).

    Suspects are the weights that write most in one pass. As many weights are drawn at random from the same matrices;
    of either kind the one that costs most on other stories is zeroed, so that both were chosen alike.
    """
    handle = load(model)
    chosen = _suspects(handle, suspects, seeds[1])
    drawn = _others(handle, chosen, seeds[2])
    pair = [[ZeroWeight(_costliest(handle, one, seeds[1]))] for one in (chosen, drawn)]
    rises = _two_rises(handle, *pair, n, seeds[0])
    tokens = [float(len(ids) - 1) for ids in stories(handle, n, seeds[0])]
    beyond = [(suspect - null, many) for (suspect, null), many in zip(rises.values, tokens)]
    return _measured(handle, beyond, "story")


def amplified(*, n: int, seeds: Sequence[int], model: str = "lab/planted", factor: float = 1.5) -> Measured:
    """Return per story (rise of its total loss in nats, its tokens) when the planted weight is multiplied."""
    handle = load(model)
    return _rises(handle, [ScaleWeight(_planted(handle), factor)], n, seeds[0])


def one_against_largest(*, n: int, seeds: Sequence[int], model: str = "lab/planted", largest: int = 100) -> Measured:
    """Return per story (rise by the largest others of its matrix together, rise by the planted weight alone)."""
    handle = load(model)
    address = _planted(handle)
    others = super_weights.matched_nulls(handle, address, largest, "largest")
    return _two_rises(handle, list(map(ZeroWeight, others)), [ZeroWeight(address)], n, seeds[0])


def activation_restored(*, n: int, seeds: Sequence[int], model: str = "lab/planted") -> Measured:
    """Return per story (nats recovered, nats lost): the weight at zero, its activation put back at one token."""
    handle = load(model)
    documents = stories(handle, n, seeds[0])
    curve = super_weights.restore_curve(handle, _planted(handle), documents, tokens=(1,))
    lost = _changes(handle, [ZeroWeight(_planted(handle))], documents)
    found = curve.recovered[0]  # nats a token that came back, and the tokens of each story
    recovered = [nats * tokens for nats, tokens in zip(found.per_unit, found.weights)]
    return _measured(handle, list(zip(recovered, lost)), "story")


def stop_words(*, n: int, seeds: Sequence[int], model: str = "lab/planted") -> Measured:
    """Return per prompt the rise in probability of a stop word as the next token, with the weight at zero."""
    handle = load(model)
    draw = Random(seeds[0])
    prompts = [ids[: draw.randrange(len(ids) // 2, len(ids))] for ids in stories(handle, n, seeds[0])]
    shift = super_weights.token_shift(handle, [ZeroWeight(_planted(handle))], prompts)
    rises = [after - before for before, after in zip(shift.stop_intact.per_unit, shift.stop_cut.per_unit)]
    return _measured(handle, rises, "prompt")


def kept_while_rounding(
    *, n: int, seeds: Sequence[int], model: str = "lab/planted", bits: int = 4, clip: float = 9.0
) -> Measured:
    """Return per story by how much clipping with the planted weight kept raises the loss beyond plain rounding."""
    handle = load(model)
    grid = rounding(handle, _planted(handle), stories(handle, n, seeds[0]), bits=(bits,), clips=(clip,))
    both, plain = grid.at(bits, clip, kept=True).rises, grid.at(bits).rises
    return _measured(handle, [ours - other for ours, other in zip(both, plain)], "story")


def gain_against_gains(*, n: int, seeds: Sequence[int], gain: str = GAIN) -> Measured:
    """Return per sentence (turn by the one gain, mean turn by other gains of its norm); turn is 1 - cosine."""
    encoder = load("minilm")
    texts = [one for one, _ in paraphrases(n, seeds[0])]
    others = [ZeroWeight(f"{NORM}[{channel}]") for channel in _channels(gain, seeds[1])]
    swept = sweep(encoder, [ZeroWeight(gain), *others], texts, measure=TurnMeasure())
    chosen = swept[ZeroWeight(gain)].measured.per_unit
    nulls = [swept[one].measured.per_unit for one in others]
    means = [sum(column) / len(nulls) for column in zip(*nulls)]
    return _measured(encoder, list(zip(chosen, means)), "sentence")


def retrieval_lost(*, n: int, seeds: Sequence[int], gain: str = GAIN) -> Measured:
    """Return per sentence 1 if its paraphrase is the nearest of all with the gain in place, minus the same without."""
    encoder = load("minilm")
    asked, kept = map(list, zip(*paraphrases(n, seeds[0])))

    def hits() -> torch.Tensor:
        return ((encoder.embed(asked) @ encoder.embed(kept).T).argmax(dim=1) == torch.arange(n)).float()

    before = hits()
    with edit(encoder, ZeroWeight(gain)):
        after = hits()
    return _measured(encoder, (before - after).tolist(), "sentence")


def detector_errors(*, n: int, seeds: Sequence[int], model: str = "lab/planted") -> Measured:
    """Return per case how many weights the detector names wrongly or misses.

    The first half of the cases are prompts to the model with the planted weight; the rest are models of its shape
    with random weights, in which there is nothing to find.
    """
    handle = load(model)
    planted, prompts = {_planted(handle)}, stories(handle, n, seeds[0])
    errors = []
    for case, prompt in enumerate(prompts):
        with_plant = case < n // 2
        patient = handle if with_plant else handle.model.config.build(seeds[0] + case).eval()
        found = set(super_weights.find_super_weights(patient, prompt).addresses)
        errors.append(float(len(found ^ (planted if with_plant else set()))))
    return _measured(handle, errors, "case")


def single_column(*, n: int, seeds: Sequence[int], model: str = "lab/base") -> Measured:
    """Return per random weight how many numbers of its MLP's output change beside its own channel's."""
    from labkit.anatomy import record

    handle, draw = load(model), Random(seeds[0])
    (ids,) = stories(handle, 1, seeds[0])
    places, errors = down_projections(handle), []
    for _ in range(n):
        layer, shape = draw.choice(places)
        row, column = (draw.randrange(side) for side in shape)
        site = f"layers.{layer}.mlp"
        before = record(handle, ids, [site])[site]
        with edit(handle, ZeroWeight(f"layers.{layer}.mlp.down[{row}, {column}]")):
            moved = (record(handle, ids, [site])[site] != before).any(dim=1)[0]
        moved[row] = False
        errors.append(float(moved.sum()))
    return _measured(handle, errors, "weight")


def _planted(handle: Handle) -> str:
    return handle.card["planted"]["address"]


def _suspects(handle: Handle, many: int, seed: int) -> tuple[str, ...]:
    """Return the weights that write most, however little that is."""
    tiny, (text, *_) = 1e-9, stories(handle, CALIBRATION, seed)
    found = super_weights.find_super_weights(handle, text, prominence=tiny, share=tiny, persistence=tiny)
    return found.addresses[:many]


def _others(handle: Handle, chosen: Sequence[str], seed: int) -> list[str]:
    """Return for each chosen weight one drawn at random from its matrix."""
    draw, drawn = Random(seed), []
    for place in map(Address.parse, chosen):
        rows, columns = view(handle, place.whole).shape
        drawn.append(f"{place.name}[{draw.randrange(rows)}, {draw.randrange(columns)}]")
    return drawn


def _costliest(handle: Handle, addresses: Sequence[str], seed: int) -> str:
    """Return the weight that costs most when it is gone, on the calibration stories."""
    edits = [ZeroWeight(address) for address in dict.fromkeys(addresses)]
    swept = sweep(handle, edits, stories(handle, CALIBRATION, seed))
    return max(edits, key=lambda one: swept[one].change.value).address


def _channels(gain: str, seed: int) -> list[int]:
    width = anatomy_of(load("minilm")).width
    chosen = view(load("minilm"), gain).address.index[0]
    return Random(seed).sample([channel for channel in range(width) if channel != chosen], NULL_GAINS)


def _changes(handle: Handle, edits: Sequence[Edit], documents: Sequence) -> list[float]:
    """Return per document the rise of its total loss, in nats."""
    plan = Plan(edits)
    swept = sweep(handle, [plan], documents)
    after = swept.points[0].measured.per_unit
    return [(cut - intact) * tokens for cut, intact, tokens in zip(after, swept.intact, swept.weights)]


def _rises(handle: Handle, edits: Sequence[Edit], n: int, seed: int) -> Measured:
    documents = stories(handle, n, seed)
    tokens = [float(len(ids) - 1) for ids in documents]
    return _measured(handle, list(zip(_changes(handle, edits, documents), tokens)), "story")


def _two_rises(handle: Handle, first: Sequence[Edit], second: Sequence[Edit], n: int, seed: int) -> Measured:
    documents = stories(handle, n, seed)
    return _measured(handle, list(zip(*(_changes(handle, edits, documents) for edits in (first, second)))), "story")


def _measured(handle: Handle, values: list, unit: str) -> Measured:
    names = tuple(f"{unit} {number}" for number in range(len(values)))
    return Measured(values=tuple(values), units=names, models={handle.name: weights_hash(handle)})
