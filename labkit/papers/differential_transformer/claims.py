"""Which measurement decides which sentence of the paper (`data/claims/04.toml`).

A claim about training compares two arms seed by seed, each at the rate that was best for it on the pilot seeds.
Lesson: 04.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labkit.base.errors import NotAvailable, unknown
from labkit.claims import Measured

from .experiments.arms import QUANTITIES, Arms
from .experiments.further import compare_further
from .experiments.language import compare_language
from .experiments.measured_runs import of_arm

__all__ = [
    "difference",
    "forms_agree",
    "head_size",
    "learned_lambda",
    "ratio",
    "same_cost",
    "setup_difference",
    "text_difference",
]

Run = Mapping[str, Any]


def difference(*, n: int, seeds: Sequence[int], first: str, second: str, what: str) -> Measured:
    """Return per seed a quantity of the arm `second` minus that of `first`."""
    return _paired(seeds, first, second, what, lambda one, other: other - one)


def ratio(*, n: int, seeds: Sequence[int], first: str, second: str, what: str) -> Measured:
    """Return per seed a quantity of the arm `second` over that of `first`."""
    return _paired(seeds, first, second, what, lambda one, other: other / one)


def learned_lambda(*, n: int, seeds: Sequence[int], arm: str = "diff") -> Measured:
    """Return per seed the λ at the end of training."""
    runs = _all_of(seeds, arm)
    return _measured([runs[seed]["lambda"] for seed in seeds], seeds, [runs[seed] for seed in seeds])


def text_difference(*, n: int, seeds: Sequence[int], first: str, second: str, what: str) -> Measured:
    """Return per seed a loss of the language model `second` minus that of `first`, nats a token."""
    arms = compare_language(what, seeds)
    return _apart(arms, seeds, first, second, "python -m labkit.papers.differential_transformer.experiments.language")


def setup_difference(
    *, n: int, seeds: Sequence[int], setup: str, first: str, second: str, what: str = "right", test: str = "as trained"
) -> Measured:
    """Return per seed a quantity of the arm `second` minus that of `first`, in a setup of `experiments.further`."""
    arms = compare_further(setup, what, test, (first, second))
    return _apart(arms, seeds, first, second, "python -m labkit.papers.differential_transformer.experiments.further")


def forms_agree(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for n drawn layers, with and without grouped keys, how far the fused forms are from the written-out one.

    Half of the cases have every head its own keys. The largest difference of any channel, of both fused forms.
    """
    import torch

    from .method.naive import flash_1, flash_2, naive

    random, values, units = torch.Generator().manual_seed(seeds[0]), [], []
    for number in range(n):
        heads, keys = (4, 4) if number % 2 else ((6, 3), (4, 1), (8, 2))[number // 2 % 3]
        q, k = (torch.randn(2, 2 * count, 16, 8, generator=random) for count in (heads, keys))
        v = torch.randn(2, keys, 16, 16, generator=random)
        lam = float(torch.rand((), generator=random))
        seen = torch.ones(16, 16, dtype=torch.bool).tril()[None, None]
        *_, wanted = naive(q, k, v, lam, seen)
        values.append(max(float((form(q, k, v, lam, seen) - wanted).abs().max()) for form in (flash_1, flash_2)))
        units.append(f"case {number}: {heads} heads, {keys} keys")
    return Measured(values=tuple(values), units=tuple(units))


def same_cost(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for n sizes how many weights more a DIFF attention has than the baseline, beside λ's and the norm's.

    A baseline of 2h heads of size d has 4 D² of them; λ takes 4 d and the gains 2 d. Nothing is drawn.
    """
    from labkit.models import DecoderConfig

    from .method import attention_flops, halved

    values, units = [], []
    for number in range(n):
        heads, size = 2 * (1 + number % 4), 8 * (1 + number // 4)
        baseline = DecoderConfig(vocab=5, width=heads * size, depth=1, heads=heads, ffn=8, context=8)
        counts = [
            sum(weight.numel() for weight in config.build().trunk.blocks[0].attention.mixer.parameters())
            for config in (baseline, halved(baseline))
        ]
        extra_work = attention_flops(halved(baseline), 64) - attention_flops(baseline, 64)
        values.append(float(counts[1] - counts[0] - 6 * size + extra_work))
        units.append(f"{heads} heads of {size}")
    return Measured(values=tuple(values), units=tuple(units))


def head_size(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for n fresh layers the size (root mean square) of a normed head, over 1 − λ_init of its depth."""
    import torch

    from labkit.models import State

    from .method import DiffTransformer

    random, values = torch.Generator().manual_seed(seeds[0]), []
    for layer in range(n):
        config = DiffTransformer(vocab=5, width=64, depth=layer + 1, heads=4, ffn=8, context=32, init_std=0.125)
        mixer = config.build(seeds[0] + layer).trunk.blocks[layer].attention.mixer
        x_BLD = torch.randn(2, 24, 64, generator=random)
        state = State(stream=x_BLD, positions=torch.arange(24)[None])
        q_BHLK, k_BHLK = mixer.queries_keys(x_BLD, state)
        y_BHLK = mixer.attend(q_BHLK, k_BHLK, mixer.keys_values(x_BLD, state)[1], state)
        values.append(float(y_BHLK.detach().pow(2).mean().sqrt() / (1 - config.lambda_at_first(layer))))
    return Measured(values=tuple(values), units=tuple(f"layer {layer + 1}" for layer in range(n)))


def _paired(
    seeds: Sequence[int], first: str, second: str, what: str, compare: Callable[[float, float], float]
) -> Measured:
    if what not in QUANTITIES:
        raise unknown("quantity", what, QUANTITIES)
    sides = [_all_of(seeds, arm) for arm in (first, second)]
    values = [compare(*(QUANTITIES[what][0](side[seed]) for side in sides)) for seed in seeds]
    return _measured(values, seeds, [side[seed] for side in sides for seed in seeds])


def _apart(arms: Arms, seeds: Sequence[int], first: str, second: str, do: str) -> Measured:
    sides = [arms.values[arm] for arm in (first, second)]
    if missing := [seed for seed in seeds if not all(seed in side for side in sides)]:
        raise NotAvailable(f"The models of {second!r} or {first!r} with the seeds {missing} were not trained.", do=do)
    values = [sides[1][seed] - sides[0][seed] for seed in seeds]
    return _measured(values, seeds, [{arm: arms.values[arm][seed] for arm in (first, second)} for seed in seeds])


def _all_of(seeds: Sequence[int], arm: str) -> Mapping[int, Run]:
    runs = of_arm(arm)
    if missing := [seed for seed in seeds if seed not in runs]:
        raise NotAvailable(
            f"The runs of {arm!r} with the seeds {missing} have not been trained and measured.",
            do="python -m labkit.papers.differential_transformer.training --set main, then labkit sweep needles",
        )
    return runs


def _measured(values: Sequence[float], seeds: Sequence[int], rows: Sequence[Run]) -> Measured:
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
    units = tuple(f"seed {seed}" for seed in seeds)
    return Measured(values=tuple(map(float, values)), units=units, models={"runs of lesson 04": digest})
