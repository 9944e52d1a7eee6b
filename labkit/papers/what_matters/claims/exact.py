"""What is measured for the claims of lesson 02 that are not about one text: identities, accounting, speed, healing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from random import Random

import torch

from labkit.claims.records import Measured
from labkit.claims.subjects import logits, stories, weights_hash
from labkit.interventions import DropAttention, DropMLP, Edit, ZeroWeight, dropped, edit, heal, shrink
from labkit.measurements import cache_table, degradation_ratio, loss, speed_test
from labkit.zoo import load

from ..method.dropping import one_shot
from ..method.metrics import RandomOrder
from .trained import CALIBRATION, MODEL

__all__ = [
    "cache_errors",
    "drop_is_zero",
    "faster",
    "healed",
    "ratio_errors",
    "shrunk_is_cut",
]

# What the paper prints in Tables 1 to 3: points before and after, speed-up, its ratio γ.
RATIOS = {
    "Llama-2-13B, 4 blocks": (68.2, 65.8, 1.11, 0.22),
    "Llama-2-13B, 8 blocks": (68.2, 60.7, 1.24, 0.31),
    "Llama-2-13B, 4 MLPs": (68.2, 66.9, 1.04, 0.32),
    "Llama-2-13B, 8 MLPs": (68.2, 61.9, 1.08, 0.79),
    "Llama-2-13B, 4 attentions": (68.2, 68.5, 1.05, -0.05),
    "Llama-2-13B, 8 attentions": (68.2, 68.1, 1.13, 0.01),
    "Llama-2-13B, 16 attentions": (68.2, 66.1, 1.29, 0.07),
    "Llama-2-13B, 20 attentions": (68.2, 64.9, 1.40, 0.08),
    "Mistral-7B, 4 blocks": (70.3, 67.1, 1.14, 0.23),
    "Mistral-7B, 8 blocks": (70.3, 58.6, 1.32, 0.37),
    "Mistral-7B, 4 MLPs": (70.3, 66.9, 1.03, 1.13),
    "Mistral-7B, 8 MLPs": (70.3, 53.4, 1.06, 2.82),
    "Mistral-7B, 4 attentions": (70.3, 69.9, 1.10, 0.04),
    "Mistral-7B, 8 attentions": (70.3, 69.8, 1.23, 0.02),
    "Mistral-7B, 12 attentions": (70.3, 67.3, 1.40, 0.08),
    "Llama-2-70B, 40 attentions": (73.9, 71.5, 1.48, 0.05),
    "Llama-3-70B, 40 attentions": (75.1, 73.3, 1.43, 0.00),
}


def cache_errors(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per number of the paper's Table 4 the formula's gibibytes minus those printed; nothing is drawn."""
    rows = cache_table()
    values = [made - printed for row in rows for made, printed in zip(row.gibibytes, row.printed)]
    names = [f"{row.model}, {when}" for row in rows for when in ("whole", "cut")]
    return Measured(values=tuple(values), units=tuple(names))


def ratio_errors(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per printed γ how far it lies from every value that rounding of the printed inputs allows."""
    errors = []
    for before, after, speedup, printed in RATIOS.values():
        reach = [
            degradation_ratio(before + b, after + a, speedup + s)
            for b, a, s in product((-0.05, 0.05), (-0.05, 0.05), (-0.005, 0.005))
        ]
        errors.append(max(0.0, min(reach) - printed - 0.005, printed - 0.005 - max(reach)))
    return Measured(values=tuple(errors), units=tuple(RATIOS))


@torch.no_grad()
def drop_is_zero(*, n: int, seeds: Sequence[int], model: str = MODEL) -> Measured:
    """Return per sub-layer the largest difference of a logit: left out, or with the matrix it writes with at zero."""
    handle = load(model)
    (ids,) = stories(handle, 1, seeds[0])
    pairs: list[tuple[Edit, str]] = []
    for layer in range(n // 2):
        pairs += [(DropAttention(layer), f"layers.{layer}.attn.o"), (DropMLP(layer), f"layers.{layer}.mlp.down")]
    values = []
    for drop, address in pairs:
        with edit(handle, drop):
            left_out = logits(handle, ids)
        with edit(handle, ZeroWeight(address)):
            values.append(float((logits(handle, ids) - left_out).abs().max()))
    names = tuple(str(drop) for drop, _ in pairs)
    return Measured(values=tuple(values), units=names, models={handle.name: weights_hash(handle)})


@torch.no_grad()
def shrunk_is_cut(*, n: int, seeds: Sequence[int], model: str = MODEL) -> Measured:
    """Return per random list of drops the largest difference of a logit: the shrunk copy decoding token by token with
    its cache, against the edited model reading all at once; 1 more where the cache has another number of entries than
    attentions are left."""
    handle, values = load(model), []
    for case, ids in enumerate(stories(handle, n, seeds[0])):
        gone = Random(seeds[0] + case).randrange(1, 2 * handle.model.config.depth)
        plan, ids = one_shot(handle, None, gone, "joint", RandomOrder(seeds[0] + case)), ids[:40]
        with edit(handle, plan):
            whole_LV = logits(handle, ids)
        small, cache, worst = shrink(handle, plan).model, None, 0.0
        for place, token in enumerate(ids):
            output = small(token.view(1, 1), past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            worst = max(worst, float((output.logits[0, -1] - whole_LV[place]).abs().max()))
        left = handle.model.config.depth - len(dropped(handle, plan)["attention"])
        values.append(worst + (len(cache.layers) != left))
    names = tuple(f"list {case}" for case in range(n))
    return Measured(values=tuple(values), units=names, models={handle.name: weights_hash(handle)})


def faster(
    *, n: int, seeds: Sequence[int], gone: int, prompt: int = 64, new: int = 64, batch: int = 4, model: str = MODEL
) -> Measured:
    """Return per round (seconds of the intact model, of the copy without `gone` attentions) to read and to write."""
    handle = load(model)
    small = shrink(handle, one_shot(handle, stories(handle, CALIBRATION, seeds[0]), gone))
    raced = speed_test(
        {"intact": handle, "cut": small}, prompt=prompt, new=new, batch=batch, rounds=n, warmup=2, seed=seeds[0]
    )
    intact, cut = (speed.end_to_end.per_unit for speed in raced.speeds)
    names = tuple(f"round {turn}" for turn in range(n))
    return Measured(values=tuple(zip(intact, cut)), units=names, models={handle.name: weights_hash(handle)})


def healed(
    *, n: int, seeds: Sequence[int], gone: int, part: str, steps: int, documents: int = 64, model: str = MODEL
) -> Measured:
    """Return per seed of a short training (nats won back, nats lost).

    Lost: what the cut costs. Won back: that, less what the healed model still lags the intact one trained as long.
    """
    handle, values = load(model), []
    for seed in seeds:
        texts = stories(handle, documents, seed)
        plan = one_shot(handle, stories(handle, CALIBRATION, seed + 500), gone, part)
        intact = loss(handle, texts).value
        with edit(handle, plan):
            lost = loss(handle, texts).value - intact
        cut, whole = (heal(handle, what, steps=steps, seed=seed).model for what in (plan, ()))
        behind = loss(cut, texts).value - loss(whole, texts).value
        values.append((lost - behind, lost))
    names = tuple(f"seed {seed}" for seed in seeds)
    return Measured(values=tuple(values), units=names, models={handle.name: weights_hash(handle)})
