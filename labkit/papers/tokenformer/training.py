"""What is trained, as data: a source, its growth in several ways, and the models that growth is compared with.

`python -m labkit.papers.tokenformer.training --seeds 0 21 22 23 24 25` looks for each arm's learning rate on seed 0 and
trains it at the best one on the others. Runs already in the file are not made again.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from labkit import models
from labkit.base.errors import BadInput
from labkit.models import Decoder
from labkit.training import Fit, Runs, fit

from . import task
from .method import TokenFormer, TrainingStage, Transformer, block_pad, clone_wider, cumulative_flops, duplicate, grow

__all__ = [
    "ARMS",
    "CHOOSING",
    "RATES",
    "SMALL",
    "Arm",
    "best_rate",
    "make",
    "runs",
    "train_arm",
    "validation_loss",
    "work",
]

CHOOSING = 0  # the seed on which learning rates are chosen; no claim uses it
ROWS = 6  # texts in a batch
SOURCE_STEPS, STAGE_STEPS, B_STEPS = 400, 150, 80
TIMES = 4  # how much larger a grown model is (the paper's first growth: 3.7 times)

_VOCAB = task.tokenizer().vocab_size
SMALL = TokenFormer(
    vocab=_VOCAB, width=48, depth=2, heads=4, ffn=144, tokens=36, context=128, init_std=0.06
)  # 12 D² a block
LARGE = replace(SMALL, tokens=TIMES * SMALL.tokens, ffn=TIMES * SMALL.ffn)
SMALL_TRANSFORMER = Transformer(vocab=_VOCAB, width=48, depth=2, heads=4, ffn=192, context=128, init_std=0.06)
LARGE_TRANSFORMER = replace(SMALL_TRANSFORMER, width=96, heads=8, kv_heads=8, ffn=384)  # the same weights as LARGE
FRESH = (8e-3, 1.6e-2, 3.2e-2)  # learning rates tried from scratch
NEW = SMALL.tokens * (TIMES - 1)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One thing to train: `begin(source, seed)` makes its model, from a trained source where `start` names one.

    rates: learning rates tried. steps, corpus: how long and on what. constant: no cosine, as in the paper's appendix E.
    """

    name: str
    begin: Callable[[Decoder | None, int], Decoder]
    start: str | None = None
    steps: int = STAGE_STEPS
    corpus: str = "stories"
    constant: bool = False
    rates: tuple[float, ...] = (6e-3, 1.2e-2)


def _scratch(config: Transformer) -> Callable[[Decoder | None, int], Decoder]:
    return lambda _, seed: config.build(seed)


def _grown(keys: str, tau: str) -> Callable[[Decoder | None, int], Decoder]:
    return lambda source, seed: grow(source, NEW, keys=keys, tau=tau, seed=seed)


def equal_cost_steps() -> int:
    """Return how many steps of the large Transformer cost what source and growth cost together."""
    both = cumulative_flops([_stage(SMALL, SOURCE_STEPS), _stage(LARGE, STAGE_STEPS)])
    return round(both / _stage(LARGE_TRANSFORMER, 1).flops)


def _stage(config: Transformer, steps: int) -> TrainingStage:
    return TrainingStage(config=config, steps=steps, rows=ROWS, length=task.LENGTH)


def _pad(source: Decoder | None, seed: int) -> Decoder:
    return block_pad(source, LARGE_TRANSFORMER.width, seed=seed)


ARMS = {
    arm.name: arm
    for arm in (
        Arm(name="source", begin=_scratch(SMALL), steps=SOURCE_STEPS, rates=FRESH),
        Arm(name="transformer", begin=_scratch(SMALL_TRANSFORMER), steps=SOURCE_STEPS, rates=FRESH),
        Arm(
            name="softmax-n",
            begin=_scratch(replace(SMALL, theta="softmax-n", key_std=0.1)),
            steps=SOURCE_STEPS,
            rates=FRESH,
        ),
        Arm(name="restart", begin=lambda source, seed: source, start="source"),
        Arm(name="zero-fixed", begin=_grown("zero", "fixed"), start="source"),
        Arm(name="zero-live", begin=_grown("zero", "live"), start="source"),
        Arm(name="random-live", begin=_grown("random", "live"), start="source"),
        Arm(name="duplicate", begin=lambda s, seed: duplicate(s, TIMES, noise=0.5, seed=seed), start="source"),
        Arm(name="random-live-long", begin=_grown("random", "live"), start="source", steps=2 * STAGE_STEPS),
        Arm(name="scratch", begin=_scratch(LARGE), rates=FRESH),
        Arm(name="scratch-transformer", begin=_scratch(LARGE_TRANSFORMER), rates=FRESH),
        Arm(name="equal-cost-transformer", begin=_scratch(LARGE_TRANSFORMER), steps=equal_cost_steps(), rates=FRESH),
        Arm(name="block-pad", begin=_pad, start="transformer"),
        Arm(name="clone", begin=lambda s, seed: clone_wider(s, noise=0.5, seed=seed), start="transformer"),
        Arm(
            name="b-zero-fixed",
            begin=_grown("zero", "fixed"),
            start="source",
            steps=B_STEPS,
            corpus="facts",
            constant=True,
        ),
        Arm(name="b-block-pad", begin=_pad, start="transformer", steps=B_STEPS, corpus="facts", constant=True),
    )
}
RATES = {name: arm.rates for name, arm in ARMS.items()}
SEEN = (0, 1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 40, 50, 60, 80, 100, 125, 150, 200, 250, 300)


@torch.no_grad()
def validation_loss(model: Decoder, corpus: str, n: int = 64) -> float:
    """Return the mean loss in nats a token on `n` rows of a corpus that no model is trained on."""
    return float(model(held := _validation(corpus, n), labels=held).loss)


def _validation(corpus: str, n: int) -> Tensor:
    return task.rows(corpus, n, seed=0, split="valid")


def fit_of(arm: Arm, lr: float) -> Fit:
    """Return the loop's settings: AdamW as in the paper, 5% warm-up, cosine restarted at every stage."""
    last = 1.0 if arm.constant else 0.05
    return Fit(steps=arm.steps, lr=lr, warmup=arm.steps // 20, last_lr=last, betas=(0.9, 0.95), weight_decay=0.1)


def train_arm(model: Decoder, arm: Arm, lr: float, seed: int) -> dict[str, Any]:
    """Train `model` in place as one arm and return what was found: losses on both corpora, a curve, seconds."""
    # Two stages of one seed never read the same rows.
    data = task.rows(arm.corpus, arm.steps * ROWS, seed=seed + (10_000 if arm.start else 0))
    held = _validation(arm.corpus, 16)

    @torch.no_grad()
    def curve_loss() -> float:
        return round(float(model(held, labels=held).loss), 5)

    def loss_at(model: Decoder, step: int) -> Tensor:
        batch = data[(step - 1) * ROWS : step * ROWS]
        return model(batch, labels=batch).loss

    first = validation_loss(model, arm.corpus)
    curve = [[0, curve_loss()]]
    watched = {step for step in SEEN if arm.start} | set(range(100, arm.steps + 1, 100))
    fitted = fit(
        model,
        loss_at,
        fit_of(arm, lr),
        watch=lambda step, loss: curve.append([step, curve_loss()]) if step in watched else None,
    )
    losses = {corpus: validation_loss(model, corpus) for corpus in task.CORPORA}
    return {
        "first": first,
        "loss": losses[arm.corpus],
        "losses": losses,
        "curve": curve,
        "train": [round(x, 4) for x in fitted.loss[::10]],
        "params": sum(p.numel() for p in model.parameters()),
        "steps": arm.steps,
        "tokens": arm.steps * ROWS * task.LENGTH,
        "seconds": round(fitted.seconds, 1),
        "diverged": fitted.diverged,
    }


def runs(folder: str | Path = "runs/03") -> Runs:
    """Return the file of runs."""
    return Runs(Path(folder) / "growth.jsonl")


def best_rate(name: str, known: Runs) -> float:
    """Return the learning rate at which an arm had the lowest loss on the choosing seed."""
    tried = [run for run in known.where(arm=name, seed=CHOOSING) if not run["diverged"]]
    if not tried:
        raise BadInput(f"{name} has no learning rate yet.", do=f"run this with --rates --arms {name} first")
    return min(tried, key=lambda run: run["loss"])["lr"]


def make(name: str, lr: float, seed: int, folder: str | Path = "runs/03") -> dict[str, Any]:
    """Train one arm, its source first where it has one, unless that run is known; return what was found."""
    arm, known = ARMS[name], runs(folder)
    place = _place(folder, name, lr, seed)

    def train() -> dict[str, Any]:
        source = None
        if arm.start:
            rate = best_rate(arm.start, known)
            make(arm.start, rate, seed, folder)
            source = models.load(_place(folder, arm.start, rate, seed))
        source_before = copy.deepcopy(source)  # an arm that does not grow trains the source itself
        model = arm.begin(source, seed)
        found = train_arm(model, arm, lr, seed)
        found["first_source"] = validation_loss(source_before, arm.corpus) if source_before else None
        models.save(model, place)
        own = _stage(model.config, arm.steps).flops
        return found | {"flops": own, "source_flops": _stage(source.config, SOURCE_STEPS).flops if source else 0}

    return known.do({"arm": name, "lr": lr, "seed": seed}, train)


def _place(folder: str | Path, name: str, lr: float, seed: int) -> Path:
    return Path(folder) / "models" / f"{name}-{lr:g}-{seed}"


def work(names: Sequence[str], seeds: Sequence[int], limit: float, folder: str | Path) -> None:
    """Make every run that is asked for and not yet known, for at most `limit` seconds; several processes may share.

    On the choosing seed an arm is trained at each of its rates, on others at the best of them, once that is known.
    A run in another process's hands is left to it, and one whose source is not there yet waits for that.
    """
    started, going = time.monotonic(), True
    while going:
        going = False
        for seed, name in product(seeds, names):
            for lr in _rates(name, seed, folder):
                if runs(folder).find(arm=name, lr=lr, seed=seed) or not _ready(name, seed, folder):
                    continue
                if time.monotonic() - started > limit:
                    return
                with suppress(Timeout), FileLock(f"{_place(folder, name, lr, seed)}.lock", timeout=0):
                    found = make(name, lr, seed, folder)
                    going = True
                    shown = {key: found[key] for key in ("first", "loss", "seconds")}
                    print(name, f"lr {lr:g} seed {seed}", shown, found["curve"][:6], flush=True)


def _rates(name: str, seed: int, folder: str | Path) -> tuple[float, ...]:
    """Return the rates at which an arm is wanted on a seed; none while its best one is not known."""
    if seed == CHOOSING:
        return RATES[name]
    return (best_rate(name, runs(folder)),) if _chosen(name, folder) else ()


def _chosen(name: str, folder: str | Path) -> bool:
    """Say whether an arm was trained at all of its rates on the choosing seed."""
    known = runs(folder)
    return all(known.find(arm=name, lr=lr, seed=CHOOSING) for lr in RATES[name])


def _ready(name: str, seed: int, folder: str | Path) -> bool:
    """Say whether an arm's source is there, at its best rate."""
    start = ARMS[name].start
    if start is None:
        return True
    known = runs(folder)
    return _chosen(start, folder) and known.find(arm=start, lr=best_rate(start, known), seed=seed) is not None


def main() -> None:
    """Train what the command line asks for, within a number of seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[CHOOSING])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--limit", type=float, default=1e9, help="begin no run after so many seconds")
    parser.add_argument("--folder", default="runs/03")
    asked = parser.parse_args()
    Path(asked.folder, "models").mkdir(parents=True, exist_ok=True)
    work(asked.arms, asked.seeds, asked.limit, asked.folder)


if __name__ == "__main__":
    main()
