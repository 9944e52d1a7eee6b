"""What is measured for the claims of lesson 02 that set dropping parts beside something else: random orders, no text at
all, single heads, single weights, and LoRA as the way to heal. As in `trained.py`: chosen on one seed's stories, tried
on another's."""

from __future__ import annotations

from collections.abc import Sequence

from labkit.claims.records import Measured
from labkit.claims.subjects import stories, weights_hash
from labkit.interventions import DropAttention, Plan, edit
from labkit.measurements import loss, sizes_of
from labkit.zoo import Handle, load

from ..experiments.race import race
from ..method.dropping import one_shot
from ..method.heads import lowest_heads
from ..method.lora import heal_by_lora
from ..method.metrics import Cosine, RandomOrder
from ..method.pruning import pruned
from .trained import CALIBRATION, MODEL, few_samples, rounding_after_dropping

__all__ = [
    "chosen_against_orders",
    "dropped_against_pruned",
    "heads_against_attentions",
    "healed_by_lora",
    "residual_over_calibrations",
    "rounding_beside_intact",
    "samples_against_no_text",
]


def chosen_against_orders(
    *, n: int, seeds: Sequence[int], gone: int, spare: int = 0, documents: int = 32, model: str = MODEL
) -> Measured:
    """Return per random order (rise without the attentions of lowest score, rise without the order's first ones).

    The orders are drawn from the attentions after the first `spare`; the first number is the same in every pair.
    """
    handle = load(model)
    chosen = one_shot(handle, stories(handle, CALIBRATION, seeds[1]), gone)
    orders = {}
    for place in range(n):
        ranked = RandomOrder(seeds[2] + place)(handle).ranked("attention")
        layers = [layer for _, layer in ranked if layer >= spare][:gone]
        orders[f"order {place}"] = Plan(map(DropAttention, layers))
    found = race(handle, {"chosen": chosen, **orders}, stories(handle, documents, seeds[0]), [gone])
    rises = {name: line[0].value for name, line in found.lines.items()}
    pairs = tuple((rises["chosen"], rises[name]) for name in orders)
    return Measured(values=pairs, units=tuple(orders), models={handle.name: weights_hash(handle)})


def residual_over_calibrations(
    *, n: int, seeds: Sequence[int], gone: int, sample: int = 32, documents: int = 32, model: str = MODEL
) -> Measured:
    """Return per draw of `sample` calibration stories (rise without the attentions of lowest score, the same by the
    score without the residual), both on the same documents: which stories are scored is what is drawn here."""
    handle = load(model)
    plans = {}
    for place in range(n):
        calibration = stories(handle, sample, seeds[1] + place)
        for name, metric in (("with", Cosine()), ("without", Cosine(residual=False))):
            plans[f"{name} {place}"] = one_shot(handle, calibration, gone, metric=metric)
    found = race(handle, plans, stories(handle, documents, seeds[0]), [gone])
    pairs = tuple(tuple(found.lines[f"{name} {place}"][0].value for name in ("with", "without")) for place in range(n))
    units = tuple(f"calibration {place}" for place in range(n))
    return Measured(values=pairs, units=units, models={handle.name: weights_hash(handle)})


def rounding_beside_intact(*, n: int, seeds: Sequence[int], gone: int, bits: int = 4, model: str = MODEL) -> Measured:
    """Return per story the rise by rounding the cut model minus the rise by rounding the intact one, in nats a token: a
    difference, for at four bits both are nearly nothing and their ratio is anything."""
    pairs = rounding_after_dropping(n=n, seeds=seeds, gone=gone, bits=bits, model=model)
    tokens = [len(ids) - 1 for ids in stories(load(model), n, seeds[0])]
    values = tuple((cut - intact) / length for (cut, intact), length in zip(pairs.values, tokens))
    return Measured(values=values, units=pairs.units, models=pairs.models)


def samples_against_no_text(
    *, n: int, seeds: Sequence[int], gone: int, sample: int = 4, model: str = MODEL
) -> Measured:
    """Return per sample of stories the share of the `gone` lowest attentions of all that it names, minus the share that
    the deepest `gone` name, for which nobody reads a text."""
    handle = load(model)
    found = few_samples(n=n, seeds=seeds, gone=gone, sample=sample, model=model)
    scores = Cosine()(handle, stories(handle, n * sample, seeds[0]))
    wanted = {layer for _, layer in scores.ranked("attention")[:gone]}
    depth = len(scores.attention)
    blind = len(wanted.intersection(range(depth - gone, depth))) / gone
    return Measured(values=tuple(share - blind for share in found.values), units=found.units, models=found.models)


def heads_against_attentions(*, n: int, seeds: Sequence[int], gone: int, model: str = MODEL) -> Measured:
    """Return per story (rise of its total loss without the heads of lowest score, as many as `gone` attentions have,
    rise without the `gone` attentions of lowest score)."""
    handle = load(model)
    calibration = stories(handle, CALIBRATION, seeds[1])
    heads = lowest_heads(handle, calibration, gone * sizes_of(handle).heads)
    attentions = one_shot(handle, calibration, gone)
    return _paired(handle, [_rises(handle, plan, n, seeds[0]) for plan in (heads, attentions)])


def dropped_against_pruned(
    *, n: int, seeds: Sequence[int], gone: int, by: str = "wanda", model: str = MODEL
) -> Measured:
    """Return per story the rise without `gone` attentions minus that with as many weights of the blocks at zero, in
    nats a token."""
    handle = load(model)
    calibration, documents = stories(handle, CALIBRATION, seeds[1]), stories(handle, n, seeds[0])
    sizes = sizes_of(handle)
    share = gone * sizes.attention_weights / (sizes.depth * (sizes.attention_weights + sizes.mlp_weights))
    thin = pruned(handle, calibration, share, by)
    with edit(handle, one_shot(handle, calibration, gone)):
        cut = loss(handle, documents).per_unit
    values = tuple(a - b for a, b in zip(cut, loss(thin, documents).per_unit))
    names = tuple(f"story {number}" for number in range(n))
    return Measured(values=values, units=names, models={handle.name: weights_hash(handle)})


def healed_by_lora(
    *,
    n: int,
    seeds: Sequence[int],
    gone: int,
    steps: int,
    rank: int,
    lr: float,
    documents: int = 64,
    model: str = MODEL,
) -> Measured:
    """Return per seed of a short training of low-rank terms (nats won back, nats lost), as `exact.healed` does: the
    intact model beside it is trained in the same way and as long."""
    handle, values = load(model), []
    for seed in seeds:
        texts = stories(handle, documents, seed)
        plan = one_shot(handle, stories(handle, CALIBRATION, seed + 500), gone)
        intact = loss(handle, texts).value
        with edit(handle, plan):
            lost = loss(handle, texts).value - intact
        cut, whole = (heal_by_lora(handle, what, rank=rank, lr=lr, steps=steps, seed=seed).model for what in (plan, ()))
        behind = loss(cut, texts).value - loss(whole, texts).value
        values.append((lost - behind, lost))
    names = tuple(f"seed {seed}" for seed in seeds)
    return Measured(values=tuple(values), units=names, models={handle.name: weights_hash(handle)})


def _rises(handle: Handle, plan: Plan, n: int, seed: int) -> list[float]:
    documents = stories(handle, n, seed)
    (change,) = race(handle, {"plan": plan}, documents, [len(plan)]).lines["plan"]
    return [rise * tokens for rise, tokens in zip(change.per_unit, change.weights)]


def _paired(handle: Handle, columns: Sequence[Sequence[float]]) -> Measured:
    pairs = tuple(zip(*columns))
    names = tuple(f"story {number}" for number in range(len(pairs)))
    return Measured(values=pairs, units=names, models={handle.name: weights_hash(handle)})
