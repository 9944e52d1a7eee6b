"""What is trained beside the arms of the claims: version 2, two blocks, noise in the words, examples, habits.

    python -m labkit.papers.differential_transformer.experiments.further "two blocks" "grouped keys"

Every setup takes each arm at the rate that was best for it on a pilot seed, then on fresh seeds; rates are tried until
the best has a lower and a higher one beside it. A run is measured where it is trained, and only what was measured is
kept, in data/sweeps/04_further.jsonl. Lesson: 04.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from labkit.base.data import data_dir
from labkit.base.errors import NotAvailable, unknown
from labkit.interventions import edit
from labkit.models.config import DecoderConfig
from labkit.models.decoder import Decoder
from labkit.training import Runs, fit, sharing

from ..method import DiffAttention, SetLambda
from ..task import Examples, Needles
from ..training import ARMS, RATES, SIZES, STEPS, TASK, Arm, answer_loss, batch_at, schedule
from .arms import Arms
from .faithful import faithfulness
from .orders import order_margin
from .retrieval import embedding_noise, find_needles

__all__ = ["SETUPS", "Setup", "cells_of", "compare_further", "further_path", "further_rates", "train_further"]

_KEYS = {"kind": "needle-softmax", "heads": 8, "kv_heads": 4}
_SHAPES = {name: ARMS[name] for name in ("softmax 8×8", "normed 4×16", "diff")}
_EVERY, _TEXTS, _SEED = 50, 256, 6_000_001
_LONGER = {"longer": {"length": 128}, "longer, more needles": {"length": 128, "needles": 12}}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """One thing that is otherwise than in the arms of the claims.

    arms: what is compared. task: texts to train on; tests: by name, what of the task is changed at test. noise: size of
    what is added to every embedding, in training and test. rates: those tried first; a single one is taken as it is.
    smear: without it the words come in alone. pilot_steps: how long runs on the pilot seed are (None: as all others).
    """

    arms: Mapping[str, Arm]
    task: Needles = TASK
    tests: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _LONGER)
    depth: int = 1
    steps: int = STEPS
    noise: float = 0.0
    smear: bool = True
    rates: tuple[float, ...] = RATES
    pilot: int = 0
    pilot_steps: int | None = None
    seeds: tuple[int, ...] = (21, 22, 23, 24, 25)

    def steps_of(self, seed: int) -> int:
        """Return how many steps a run of `seed` takes."""
        return self.pilot_steps or self.steps if seed == self.pilot else self.steps


SETUPS: Mapping[str, Setup] = {
    # The same keys and values in all of them: four heads of 8 channels each.
    "grouped keys": Setup(
        arms={
            "softmax 8×8": _KEYS,
            "softmax 12×8": {**_KEYS, "mixer": "half-more"},
            "diff": {"kind": "needle-diff", "heads": 4, "kv_heads": 2},
            "V2": {**_KEYS, "mixer": "v2"},
            "V2, wrong pairs": {**_KEYS, "mixer": "v2-wrong-pairs"},
            "V2, no λ": {**_KEYS, "mixer": "v2-no-lambda"},
            "V2, no sigmoid": {**_KEYS, "mixer": "v2-no-sigmoid"},
        }
    ),
    "two blocks": Setup(arms=_SHAPES, depth=2),
    "noise in the words": Setup(arms={**_SHAPES, "diff, λ ≥ 0": ARMS["diff, λ ≥ 0"]}, noise=0.75),
    "examples": Setup(
        arms=_SHAPES, task=Examples(), tests={"longer": {"length": 128}, "taking turns": {"alternating": True}}
    ),
    "habits": Setup(arms=_SHAPES, task=replace(TASK, habit=0.7)),
    "no smear": Setup(
        arms=_SHAPES, depth=2, smear=False, steps=4 * STEPS, pilot_steps=2 * STEPS, rates=(4e-3, 8e-3),
        seeds=(41, 42, 43, 44, 45),
    ),
    # Made first: at one rate, without the control.
    "no smear, one rate": Setup(
        arms={name: _SHAPES[name] for name in ("softmax 8×8", "diff")},
        depth=2, smear=False, steps=4 * STEPS, rates=(4e-3,), seeds=(21, 22, 23),
    ),
}  # fmt: skip


def build(setup: str, arm: str, seed: int) -> Decoder:
    """Return the untrained model of an arm in a setup; raise `UnknownName` for another name of either."""
    if setup not in SETUPS:
        raise unknown("setup", setup, SETUPS)
    one = SETUPS[setup]
    if arm not in one.arms:
        raise unknown("arm", arm, one.arms)
    model = DecoderConfig.from_dict({**SIZES, "depth": one.depth, **one.arms[arm]}).build(seed)
    if not one.smear:
        nn.init.zeros_(model.trunk.smear.weight.requires_grad_(False))
    return model


def train_further(setup: str, arm: str, lr: float, seed: int, *, steps: int | None = None) -> dict[str, Any]:
    """Train one model of a setup and return how it went and what it does, as plain numbers.

    `seed` decides first values, texts and noise alike. λ of every layer is noted each 50 steps.
    """
    model, one = build(setup, arm, seed), SETUPS[setup]
    unseen, mixers = one.task.draw(128, _SEED - 1), [block.attention.mixer for block in model.trunk.blocks]
    found: dict[str, Any] = {"accuracy": [], "lam": []}

    def look(step: int, loss: float) -> None:
        if step % _EVERY == 0 or step == 1:
            found["accuracy"].append(_short(find_needles(model, unseen, noise=one.noise).accuracy.value))
            found["lam"].append([_short(mixer.lam().item()) for mixer in mixers if isinstance(mixer, DiffAttention)])

    def loss_at(model: nn.Module, step: int) -> Tensor:
        batch = batch_at(seed, step, one.task)
        return answer_loss(model, batch, embedding_noise(model, batch, one.noise, 100_000 * seed + step))

    went = fit(model, loss_at, schedule(lr, steps or one.steps_of(seed)), watch=look)
    return found | measure(model, one) | {"seconds": round(went.seconds, 1), "diverged": went.diverged}


def measure(model: Decoder, one: Setup) -> dict[str, Any]:
    """Return what the lesson wants to know of a model of a setup."""
    found: dict[str, Any] = {}
    tests = {"as trained": one.task} | {name: replace(one.task, **changes) for name, changes in one.tests.items()}
    for name, task in tests.items():
        seen = find_needles(model, task.draw(_TEXTS, _SEED), noise=one.noise)
        found[name] = {"right": _short(seen.accuracy.value), "nats": _short(seen.loss.value)}
    if isinstance(one.task, Examples):
        for name, task in tests.items():
            found[name]["margin"] = _short(order_margin(model, task.draw(_TEXTS // 4, _SEED + 1)).margin)
    if one.task.habit:
        for name, task in tests.items():
            seen = faithfulness(model, replace(task, habit=0.0).draw(_TEXTS, _SEED + 2))
            found[name] |= {kind: _short(getattr(seen, kind)) for kind in ("text", "habit", "untold")}
    if isinstance(model.trunk.blocks[0].attention.mixer, DiffAttention):
        for layer in range(one.depth):
            with edit(model, SetLambda(0.0, layer)):
                alone = find_needles(model, one.task.draw(_TEXTS, _SEED), noise=one.noise)
            found.setdefault("without the second map", []).append(_short(alone.accuracy.value))
    return found


def further_path() -> Path:
    """Return where the runs of the setups lie."""
    return data_dir() / "sweeps" / "04_further.jsonl"


def pilots_of(setup: str, arm: str, table: Runs) -> list[dict[str, Any]]:
    """Return the runs by which the rate of an arm is chosen, with their loss in nats an answer."""
    one = SETUPS[setup]
    tried = table.where(setup=setup, arm=arm, seed=one.pilot)
    return [run | {"loss": run["as trained"]["nats"]} for run in tried]


def best_rate(setup: str, arm: str, table: Runs) -> float:
    """Return the rate with the least loss on the pilot seed; raise `NotAvailable` where not all of them were tried."""
    tried, rates = pilots_of(setup, arm, table), SETUPS[setup].rates
    if len(rates) > 1 and not {run["lr"] for run in tried}.issuperset(rates):
        raise NotAvailable(f"{arm!r} was not tried at every rate of {setup!r}.", do="python -m " + __name__)
    return sharing.best_rate(tried) if tried else rates[0]


def further_rates(setup: str) -> dict[str, dict[float, float]]:
    """Return for each arm of a setup its share of right answers on the pilot seed, by the rates that were tried."""
    if setup not in SETUPS:
        raise unknown("setup", setup, SETUPS)
    table = Runs(further_path())
    return {
        arm: {
            run["lr"]: run["as trained"]["right"] for run in sorted(pilots_of(setup, arm, table), key=lambda r: r["lr"])
        }
        for arm in SETUPS[setup].arms
    }


def cells_of(setup: str, table: Runs, *, pilots: bool = False) -> Iterator[dict[str, Any]]:
    """Return the settings of every run of a setup: pilots, each when those before it are known, then the seeds.

    pilots: those alone.
    """
    one = SETUPS[setup]
    for arm in one.arms if len(one.rates) > 1 else ():
        while lr := sharing.next_rate(pilots_of(setup, arm, table), one.rates):
            yield {"setup": setup, "arm": arm, "lr": lr, "seed": one.pilot}
    for seed in () if pilots else one.seeds:
        for arm in one.arms:
            yield {"setup": setup, "arm": arm, "lr": best_rate(setup, arm, table), "seed": seed}


def compare_further(
    setup: str, what: str = "right", test: str = "as trained", arms: Sequence[str] | None = None
) -> Arms:
    """Return a measured quantity of one test for arms of a setup (all), on its fresh seeds, as `compare_arms` does.

    Raises `NotAvailable` where runs are missing.
    """
    if setup not in SETUPS:
        raise unknown("setup", setup, SETUPS)
    one, table = SETUPS[setup], Runs(further_path())
    values: dict[str, dict[int, float]] = {}
    rates: dict[str, float] = {}
    for arm in one.arms if arms is None else arms:
        rates[arm] = best_rate(setup, arm, table)
        runs = table.where(setup=setup, arm=arm, lr=rates[arm])
        values[arm] = {run["seed"]: float(run[test][what]) for run in runs if run["seed"] in one.seeds}
        if not values[arm]:
            raise NotAvailable(f"No run of {arm!r} in {setup!r} has been made.", do="python -m " + __name__)
    unit = "nats an answer" if what == "nats" else "share of right answers"
    return Arms(what, unit, f"{setup}: {test}", values, rates)


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def main() -> None:
    """Train and measure the setups named on the command line, one run after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("setups", nargs="+", choices=list(SETUPS))
    parser.add_argument("--pilots", action="store_true", help="only the runs by which rates are chosen")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no run after this time")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    table = Runs(further_path())
    cells = (cell for setup in asked.setups for cell in cells_of(setup, table, pilots=asked.pilots))
    for run in sharing.share(table, cells, train_further, minutes=asked.minutes):
        print({name: run[name] for name in ("setup", "arm", "lr", "seed", "as trained")}, flush=True)


if __name__ == "__main__":
    main()
