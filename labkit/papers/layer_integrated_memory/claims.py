"""Which experiment decides which sentence of lesson 09's ledger.

A unit is a seed: two models that saw the same expressions in the same order and started from the same weights, but for
the routers, each arm at its own best rate (`training.BEST`, chosen on seeds that are used for nothing else).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import torch

from labkit.claims import Measured
from labkit.models import DecoderConfig

from .experiments.accounting import bill, step_seconds
from .experiments.language import language_pairs
from .experiments.table import by_seed, steps_to
from .method import LIMe
from .task import row_length, tokenizer
from .training import EVERY, WIDTH, Run, config_of, first_weights

__all__ = [
    "cache_ratio",
    "difference",
    "entropy_difference",
    "extra_flops",
    "first_share",
    "flops_ratio",
    "identity_error",
    "language_difference",
    "lead_change",
    "parameter_error",
    "pruned_difference",
    "separability_difference",
    "step_time_ratio",
]


def difference(
    *,
    n: int,
    seeds: Sequence[int],
    first: str = "base",
    second: str = "lime",
    what: str = "loss",
    operands: int = 4,
    steps: int = 1200,
    second_depth: int = 4,
) -> Measured:
    """Return per seed `second` minus `first`, in the loss over the working (nats a token) or the share solved."""
    one = by_seed(first, seeds, operands=operands, steps=steps)
    other = by_seed(second, seeds, operands=operands, steps=steps, depth=second_depth)
    return _paired(seeds, one, other, lambda a, b: b[what] - a[what])


def lead_change(
    *, n: int, seeds: Sequence[int], what: str = "loss", operands: int = 4, steps: int = 1200, width: int = WIDTH
) -> Measured:
    """Return per seed LIMe minus baseline in this task and width, minus the same with four operands at width 16.

    Both leads are of runs of one length, in the loss over the working (nats a token) or the share solved.
    """
    pairs = [
        [by_seed(arm, seeds, steps=steps, **rung) for arm in ("base", "lime")]
        for rung in ({"operands": operands, "width": width}, {"operands": 4, "width": WIDTH})
    ]
    leads = [[lime[what] - base[what] for base, lime in zip(*pair)] for pair in pairs]
    rows = [row for pair in pairs for held in pair for row in held]
    return _measured([here - there for here, there in zip(*leads)], seeds, rows)


def flops_ratio(*, n: int, seeds: Sequence[int], operands: int = 4, steps: int = 1200) -> Measured:
    """Return per seed the multiply-adds LIMe needs to reach the baseline's last loss, over those the baseline took.

    Where LIMe never reaches it, the other way round: what LIMe took over what the baseline needed for LIMe's last loss.
    """
    sizes = [bill(config_of(Run(arm=arm, lr=1e-2, seed=0)), arm, row_length(operands)) for arm in ("base", "lime")]
    more = sizes[1].ratio(sizes[0], "macs")

    def ratio(base: dict[str, Any], lime: dict[str, Any]) -> float:
        reached = steps_to(lime["losses"], base["losses"][-1], EVERY)
        if reached is not None:
            return more * reached / steps
        return more * steps / steps_to(base["losses"], lime["losses"][-1], EVERY)

    pair = [by_seed(arm, seeds, operands=operands, steps=steps) for arm in ("base", "lime")]
    return _paired(seeds, *pair, ratio)


def language_difference(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed LIMe minus baseline in the loss on texts of the world not read in training, nats a token."""
    pairs = language_pairs(seeds)
    digest = hashlib.sha256(json.dumps(pairs.losses, sort_keys=True).encode()).hexdigest()
    return Measured(
        values=tuple(pairs.difference(seed).value for seed in seeds),
        units=tuple(f"seed {seed}" for seed in seeds),
        models={"language models of lesson 09": digest},
    )


def entropy_difference(*, n: int, seeds: Sequence[int], kind: str = "routed") -> Measured:
    """Return per seed the matrix entropy of LIMe's values in the last layer minus the baseline's, in nats (order 1).

    kind: "routed" as in the official code, "raw" as the text says, or "hidden" for the stream.
    """
    pair = [by_seed(arm, seeds) for arm in ("base", "lime")]
    return _paired(seeds, *pair, lambda a, b: b["entropy"][kind][-1] - a["entropy"][kind][-1])


def separability_difference(*, n: int, seeds: Sequence[int], kind: str = "routed") -> Measured:
    """Return per seed how much better the digits 1 to 4 are told apart in LIMe's last layer, as a share."""
    pair = [by_seed(arm, seeds) for arm in ("base", "lime")]
    return _paired(seeds, *pair, lambda a, b: b["apart"][kind][-1] - a["apart"][kind][-1])


def first_share(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the last layer's reading of the first buffer minus its mean reading of those between (shares)."""
    rows = by_seed("lime", seeds)
    return _measured([row["reads"][-1][0] - fmean(row["reads"][-1][1:-1]) for row in rows], seeds, rows)


def pruned_difference(*, n: int, seeds: Sequence[int], share: float = 0.2) -> Measured:
    """Return per seed the loss of LIMe without a share of its router entries minus the baseline's (nats a token)."""
    pair = [by_seed(arm, seeds) for arm in ("base", "lime")]
    return _paired(seeds, *pair, lambda a, b: b["pruned"][f"{share:g}"][0] - a["loss"])


def identity_error(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for n untrained models how far LIMe that reads only its own heads is from the baseline (in a logit)."""
    errors = []
    for seed in seeds:
        base, lime = (first_weights(Run(arm=arm, lr=1e-2, seed=seed)).double() for arm in ("base", "zeros"))
        ids = torch.randint(2, tokenizer().vocab_size, (8, 20), generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            errors.append(float((base(ids).logits - lime(ids).logits).abs().max()))
    return Measured(values=tuple(errors), units=tuple(f"seed {seed}" for seed in seeds))


_PAPER = {"vocab": 50257, "width": 2048, "depth": 16, "heads": 32, "ffn": 8192, "context": 2048}


def parameter_error(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for the paper's two shapes our count of router numbers minus the paper's (138,240 and 8,640)."""
    values = []
    for kv_heads, printed in ((32, 138_240), (8, 8_640)):
        lime, base = _pair_of_bills(kv_heads)
        values.append(float(lime.parameters - base.parameters - printed))
    return Measured(values=tuple(values), units=("full attention", "grouped queries"))


def extra_flops(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for the paper's two shapes our count of extra multiply-adds in a pass minus the paper's, in its TFLOPs."""
    values = []
    for kv_heads, printed in ((32, 3.0041 - 2.9679), (8, 2.7638 - 2.7615)):
        lime, base = _pair_of_bills(kv_heads)
        values.append(2048e-12 * (lime.macs - base.macs) - printed)
    return Measured(values=tuple(values), units=("full attention", "grouped queries"))


def cache_ratio(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for n small models the numbers in LIMe's decode cache over those in the baseline's, by counting them."""
    ratios = []
    for seed in seeds:
        sizes = []
        for arm in ("base", "lime"):
            model = first_weights(Run(arm=arm, lr=1e-2, seed=seed))
            with torch.no_grad():
                cache = model(torch.zeros(1, 5 + seed % 7, dtype=torch.long), use_cache=True).past_key_values
            sizes.append(sum(part.numel() for held in cache.layers.values() for part in held))
        ratios.append(sizes[1] / sizes[0])
    return Measured(values=tuple(ratios), units=tuple(f"seed {seed}" for seed in seeds))


def step_time_ratio(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return over n pairs the processor time of a training step with routers over that without, measured in turn."""
    from labkit.training.loop import using_threads

    base, lime = (first_weights(Run(arm=arm, lr=1e-2, seed=seeds[0])) for arm in ("base", "lime"))
    ids = torch.randint(2, tokenizer().vocab_size, (64, row_length(4)), generator=torch.Generator().manual_seed(0))
    with using_threads(1):
        _, ratio = step_seconds(base, lime, ids, pairs=n)
    return Measured(values=ratio.per_unit, units=tuple(f"pair {place}" for place in range(n)))


def _pair_of_bills(kv_heads: int) -> tuple[Any, Any]:
    sizes = {**_PAPER, "kv_heads": kv_heads}
    return bill(LIMe(**sizes), "LIMe", 2048), bill(DecoderConfig(**sizes), "Llama", 2048)


def _paired(
    seeds: Sequence[int], first: list[dict], second: list[dict], compare: Callable[[dict, dict], float]
) -> Measured:
    return _measured([float(compare(a, b)) for a, b in zip(first, second)], seeds, [*first, *second])


def _measured(values: Sequence[float], seeds: Sequence[int], rows: Sequence[dict]) -> Measured:
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
    return Measured(
        values=tuple(values), units=tuple(f"seed {seed}" for seed in seeds), models={"runs of lesson 09": digest}
    )
