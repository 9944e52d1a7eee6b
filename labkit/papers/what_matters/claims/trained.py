"""What is measured for the claims of lesson 02: which layers matter.

Every function takes the number of units `n` and the registered `seeds`, and returns one value (or pair) per unit. What
is cut is chosen on stories of the second seed and tried on those of the first; both are of the world's test split.
Identities, accounting, speed and healing are in `exact.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from labkit import world
from labkit.claims.records import Measured
from labkit.claims.subjects import stories, weights_hash
from labkit.interventions import Plan, Quantise
from labkit.measurements import ChoiceMeasure, as_questions, loss, spearman
from labkit.measurements.layer_scores import LayerScores
from labkit.sweeps import LeaveOneOut, sweep
from labkit.zoo import Handle, load

from ..experiments.race import race
from ..method.dropping import iterative, one_shot
from ..method.metrics import Cosine, RandomOrder, ReverseOrder

__all__ = [
    "chosen_against_random",
    "chosen_against_reverse",
    "copying_lost",
    "few_samples",
    "first_of_joint",
    "iterative_against_one_shot",
    "knowledge_kept",
    "part_against_part",
    "residual_in_score",
    "rounding_after_dropping",
    "score_against_cost",
]

CALIBRATION = 32  # stories on which parts are chosen
MODEL = "lab/deep"
ORDERS = 5  # random ones
GROUP = 32  # neighbours in a row that share one range when they are rounded


def part_against_part(
    *, n: int, seeds: Sequence[int], first: str, second: str, gone: int, model: str = MODEL
) -> Measured:
    """Return per story (rise of its total loss without `gone` of the first kind of part, the same of the second)."""
    handle = load(model)
    calibration = stories(handle, CALIBRATION, seeds[1])
    return _pairs(handle, [one_shot(handle, calibration, gone, part) for part in (first, second)], n, seeds[0])


def chosen_against_random(*, n: int, seeds: Sequence[int], gone: int, model: str = MODEL) -> Measured:
    """Return per story (rise without the attentions of lowest score, mean rise over random choices)."""
    handle = load(model)
    chosen = one_shot(handle, stories(handle, CALIBRATION, seeds[1]), gone)
    drawn = [one_shot(handle, None, gone, metric=RandomOrder(seed)) for seed in range(seeds[2], seeds[2] + ORDERS)]
    documents = stories(handle, n, seeds[0])
    first, *others = _costs(handle, [chosen, *drawn], documents)
    means = [sum(column) / ORDERS for column in zip(*others)]
    return _measured(handle, list(zip(first, means)), "story")


def chosen_against_reverse(*, n: int, seeds: Sequence[int], gone: int, model: str = MODEL) -> Measured:
    """Return per story (rise without the attentions of lowest score, rise without the deepest)."""
    handle = load(model)
    chosen = one_shot(handle, stories(handle, CALIBRATION, seeds[1]), gone)
    return _pairs(handle, [chosen, one_shot(handle, None, gone, metric=ReverseOrder())], n, seeds[0])


def residual_in_score(*, n: int, seeds: Sequence[int], gone: int, model: str = MODEL) -> Measured:
    """Return per story (rise without the attentions of lowest score, the same by the score without the residual)."""
    handle = load(model)
    calibration = stories(handle, CALIBRATION, seeds[1])
    metrics = (Cosine(), Cosine(residual=False))
    return _pairs(handle, [one_shot(handle, calibration, gone, metric=one) for one in metrics], n, seeds[0])


def iterative_against_one_shot(*, n: int, seeds: Sequence[int], gone: int, model: str = MODEL) -> Measured:
    """Return per story (rise when the score is taken anew after each drop, rise when it is taken once)."""
    handle = load(model)
    calibration = stories(handle, CALIBRATION, seeds[1])
    return _pairs(handle, [choose(handle, calibration, gone) for choose in (iterative, one_shot)], n, seeds[0])


def first_of_joint(*, n: int, seeds: Sequence[int], gone: int, model: str = MODEL) -> Measured:
    """Return per story the share of attentions among the first `gone` drops of the joint order by its own scores."""
    handle = load(model)
    scores = Cosine()(handle, stories(handle, n, seeds[0]))
    shares = []
    for unit in range(n):
        ranked = sorted((one.per_unit[unit], kind) for kind in ("attention", "mlp") for one in scores.of(kind))
        shares.append(sum(kind == "attention" for _, kind in ranked[:gone]) / gone)
    return _measured(handle, shares, "story")


def score_against_cost(*, n: int, seeds: Sequence[int], part: str, model: str = MODEL) -> Measured:
    """Return per story the rank correlation of the parts' scores (on other stories) with what each costs there."""
    handle = load(model)
    scores = Cosine()(handle, stories(handle, CALIBRATION, seeds[1]))
    kinds = ("attention", "mlp") if part == "joint" else (part,)
    truth = LeaveOneOut(parts=kinds)(handle, stories(handle, n, seeds[0]))
    guess, cost = (_by_unit(found, kinds) for found in (scores, truth))
    means = [sum(column) / CALIBRATION for column in zip(*guess)]
    return _measured(handle, [spearman(means, row).value for row in cost], "story")


def few_samples(*, n: int, seeds: Sequence[int], gone: int, sample: int = 4, model: str = MODEL) -> Measured:
    """Return per sample of `sample` stories the share of its `gone` cheapest attentions that all stories name too."""
    handle = load(model)
    texts = stories(handle, n * sample, seeds[0])
    scores = Cosine()(handle, texts).attention
    wanted = {layer for _, layer in sorted((one.value, layer) for layer, one in enumerate(scores))[:gone]}
    shares = []
    for start in range(0, n * sample, sample):
        means = [sum(one.per_unit[start : start + sample]) for one in scores]
        named = sorted(range(len(means)), key=means.__getitem__)[:gone]
        shares.append(len(wanted.intersection(named)) / gone)
    return _measured(handle, shares, f"sample of {sample} stories")


def copying_lost(*, n: int, seeds: Sequence[int], gone: int, part: str = "attention", model: str = MODEL) -> Measured:
    """Return per question how a repeated list goes on: 1 if right without the dropped parts, minus the same intact."""
    handle = load(model)
    plan = one_shot(handle, stories(handle, CALIBRATION, seeds[1]), gone, part)
    asked = tuple(as_questions(handle, world.copying_questions(n, seeds[0], "test")))
    swept = sweep(handle, [plan], None, ChoiceMeasure(asked))
    after = swept.points[0].measured.per_unit
    return _measured(handle, [cut - intact for cut, intact in zip(after, swept.intact)], "question")


def rounding_after_dropping(*, n: int, seeds: Sequence[int], gone: int, bits: int = 4, model: str = MODEL) -> Measured:
    """Return per story (rise by rounding all matrices of the cut model, rise by rounding those of the intact one)."""
    handle = load(model)
    plan = one_shot(handle, stories(handle, CALIBRATION, seeds[1]), gone)
    rounded = Quantise("matrices", bits, block=GROUP)
    documents = stories(handle, n, seeds[0])
    cut, both, alone = _costs(handle, [plan, Plan((plan, rounded)), Plan([rounded])], documents)
    return _measured(handle, [(b - c, a) for c, b, a in zip(cut, both, alone)], "story")


def knowledge_kept(*, n: int, seeds: Sequence[int], gone: int, model: str = MODEL, words: int = 400) -> Measured:
    """Return per story (nats by which the cut model beats the frequencies of single tokens, the same intact).

    The frequencies are those of as many training stories as `words` says.
    """
    handle = load(model)
    plan = one_shot(handle, stories(handle, CALIBRATION, seeds[1]), gone)
    documents = stories(handle, n, seeds[0])
    (rises,) = _costs(handle, [plan], documents)
    single, intact = _frequencies(handle, words, seeds[1]), loss(handle, documents)
    won = [-float(single[ids[1:]].sum()) - nats for ids, nats in zip(documents, intact.sums)]
    return _measured(handle, [(more - rise, more) for more, rise in zip(won, rises)], "story")


def _frequencies(handle: Handle, n: int, seed: int) -> torch.Tensor:
    """Return the log-probability [V] of each token alone, one added to every count."""
    told = world.documents("stories", n, seed, split="train")
    counts = Counter(int(token) for ids in handle.encode_documents([one.text for one in told]) for token in ids[1:])
    seen = torch.ones(handle.model.config.vocab, dtype=torch.float64)
    for token, count in counts.items():
        seen[token] += count
    return (seen / seen.sum()).log()


def _by_unit(scores: LayerScores, kinds: Sequence[str]) -> list[tuple[float, ...]]:
    """Return per document the scores of all parts, in one order."""
    return list(zip(*(one.per_unit for kind in kinds for one in scores.of(kind))))


def _costs(handle: Handle, plans: Sequence[Plan], documents: Sequence) -> list[list[float]]:
    """Return for each plan the rise of every document's total loss, in nats."""
    named = {str(place): plan for place, plan in enumerate(plans)}
    lines = {}
    for k in {len(plan) for plan in plans}:
        found = race(handle, {name: plan for name, plan in named.items() if len(plan) == k}, documents, [k])
        lines |= {name: line[0] for name, line in found.lines.items()}
    return [[change * tokens for change, tokens in zip(lines[name].per_unit, lines[name].weights)] for name in named]


def _pairs(handle: Handle, plans: Sequence[Any], n: int, seed: int) -> Measured:
    return _measured(handle, list(zip(*_costs(handle, plans, stories(handle, n, seed)))), "story")


def _measured(handle: Handle, values: list, unit: str) -> Measured:
    names = tuple(f"{unit} {number}" for number in range(len(values)))
    return Measured(values=tuple(values), units=names, models={handle.name: weights_hash(handle)})
