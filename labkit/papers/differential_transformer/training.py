"""What is trained: one block of width 64 on the needle task, by arms that differ in their attention alone.

    python -m labkit.papers.differential_transformer.training --set rates
    python -m labkit.papers.differential_transformer.training --set main side more
    python -m labkit.papers.differential_transformer.training --set ship

A run takes ten seconds on one core; one that is known is not made again. Lesson: 04.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.base.data import data_dir
from labkit.base.errors import BadInput, unknown
from labkit.models import load as load_decoder
from labkit.models import save
from labkit.models.config import DecoderConfig
from labkit.models.decoder import Decoder
from labkit.training import Fit, Runs, fit, sharing
from labkit.zoo import ship_model

from .method import DiffAttention, answer_logits
from .task import VOCAB, Batch, Needles

__all__ = [
    "ARMS",
    "CONFIRMING",
    "MAIN",
    "PILOT",
    "RATES",
    "REPEATED",
    "SIDE",
    "TASK",
    "Arm",
    "build",
    "runs",
    "train_one",
]

SIZES = {"vocab": VOCAB, "width": 64, "depth": 1, "ffn": 168, "context": 1024, "tie": False, "init_std": 0.125}
TASK = Needles(length=64, needles=6, questions=6, decoys=0.15)
STEPS, BATCH, EVERY = 600, 32, 25
RATES = (8e-3, 1.6e-2)  # tried first, then others until the best has one on either side
PILOT = (0, 1)  # the seeds on which rates are chosen
UNSURE = [("softmax 8×8", lr, seed) for lr in (2e-3, 4e-3, 8e-3) for seed in PILOT]  # 1 is for this arm alone
CONFIRMING = (11, 12, 13, 14, 15, 16)  # the seeds of the claims
REPEATED = (17, 18)  # told beside them: the same arms again, at the same rates
Arm = Mapping[str, Any]
# heads × size of a query: the same width, parameters and projections in all of them.
ARMS: Mapping[str, Arm] = {
    "softmax 8×8": {"kind": "needle-softmax", "heads": 8},
    "softmax 4×16": {"kind": "needle-softmax", "heads": 4},
    "normed 8×8": {"kind": "needle-softmax", "heads": 8, "mixer": "normed"},
    "normed 4×16": {"kind": "needle-softmax", "heads": 4, "mixer": "normed"},
    "diff": {"kind": "needle-diff", "heads": 4},
    "diff, λ frozen": {"kind": "needle-diff", "heads": 4, "lam": "frozen"},
    "diff, no norm": {"kind": "needle-diff", "heads": 4, "head_norm": False},
    "diff, λ ≥ 0": {"kind": "needle-diff", "heads": 4, "lam": "clamped"},
    "diff, slow λ": {"kind": "needle-diff", "heads": 4},
    "diff, λ from 0.8": {"kind": "needle-diff", "heads": 4, "first_lambda": 0.8},
    # The same factor after the norm as in "diff": λ is all that differs.
    "diff, λ = −1": {"kind": "needle-diff", "heads": 4, "lam": "frozen", "first_lambda": -1.0, "head_factor": 0.8},
    "off by one": {"kind": "needle-softmax", "heads": 8, "mixer": "off-by-one"},
    "sink": {"kind": "needle-softmax", "heads": 8, "mixer": "sink"},
    "gated": {"kind": "needle-softmax", "heads": 8, "mixer": "gated"},
}
MAIN = ("softmax 8×8", "softmax 4×16", "normed 4×16", "diff", "diff, no norm")
FEWER = dict.fromkeys(("diff, λ from 0.8", "off by one", "sink", "gated"), CONFIRMING[:5])
SIDE = {arm: FEWER.get(arm, CONFIRMING) for arm in ARMS if arm not in MAIN}  # told beside the claims
MORE = {arm: REPEATED for arm in ARMS if arm not in FEWER}
_SCALES = {"embed": 1.0, "lam": 1.0}  # which are named so that they do not decay
_OWN_SCALES = {"diff, slow λ": {"embed": 1.0, "lam": 0.05}}
FOLDER = Path("runs/04")
SHIPPED = {
    "needle/softmax": ("softmax 8×8", "A baseline of the needle task: softmax attention, 8 heads of 8."),
    "needle/softmax-wide": ("softmax 4×16", "A baseline of the needle task: softmax attention, 4 heads of 16."),
    "needle/normed": ("normed 4×16", "The control of the needle task: softmax attention with DIFF's head norm."),
    "needle/diff": ("diff", "A DIFF Transformer trained on the needle task, 4 heads of two times 8."),
    "needle/diff-frozen": ("diff, λ frozen", "A DIFF Transformer trained on the needle task with λ fixed at 0.2."),
}


def build(arm: str, seed: int) -> Decoder:
    """Return the untrained model of an arm; raise `UnknownName` for another name."""
    if arm not in ARMS:
        raise unknown("arm", arm, ARMS)
    return DecoderConfig.from_dict({**SIZES, **ARMS[arm]}).build(seed)


def runs(folder: Path = FOLDER) -> Runs:
    """Return the table of the runs whose weights lie in `folder`."""
    return Runs(folder / "needles.jsonl")


def runs_path() -> Path:
    """Return where the measured runs lie, which come with the course."""
    return data_dir() / "sweeps" / "04_needles.jsonl"


def known(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Return every run that was ever made, measured or not."""
    return [*Runs(runs_path()), *runs(folder)]


def train_one(arm: str, lr: float, seed: int, *, steps: int = STEPS) -> tuple[Decoder, dict[str, Any]]:
    """Train one model and return it with how it went.

    `seed` decides first values and texts alike: all arms read the same texts in the same order. Every 25 steps accuracy
    and loss are taken on 128 texts that no run trains on, and λ is noted.
    """
    if seed < 0:
        raise BadInput(f"seed = {seed} gives no texts.", expected="a whole number from 0 up")
    model, unseen = build(arm, seed), TASK.draw(128, 9_000_001)
    mixer = model.trunk.blocks[0].attention.mixer
    curve: dict[str, list[float]] = {"accuracy": [], "nats": [], "lam": []}

    def look(step: int, loss: float) -> None:
        if step % EVERY == 0 or step == 1:
            right, nats = answered(model, unseen)
            curve["accuracy"].append(round(right, 4))
            curve["nats"].append(round(nats, 4))
            if isinstance(mixer, DiffAttention):
                curve["lam"].append(round(mixer.lam().item(), 4))

    went = fit(
        model,
        lambda model, step: answer_loss(model, batch_at(seed, step)),
        schedule(lr, steps, _OWN_SCALES.get(arm, _SCALES)),
        watch=look,
    )
    right, nats = answered(model, TASK.draw(512, 9_000_002))
    found = {**curve, "right": right, "loss": nats, "seconds": round(went.seconds, 1), "diverged": went.diverged}
    return model, found


def schedule(lr: float, steps: int, scales: Mapping[str, float] = _SCALES) -> Fit:
    """Return how every model of this lesson is fitted."""
    return Fit(
        steps=steps, lr=lr, warmup=min(50, steps), last_lr=0.1, betas=(0.9, 0.95), weight_decay=0.1, scales=scales
    )


def answer_loss(model: Decoder, batch: Batch, noise_BLD: Tensor | None = None) -> Tensor:
    """Return the next-token loss at the answers, among the 64 numbers, nats an answer."""
    return F.cross_entropy(answer_logits(model, batch, noise_BLD).flatten(0, 1), batch.targets.flatten())


@torch.no_grad()
def answered(model: Decoder, batch: Batch) -> tuple[float, float]:
    """Return the share of right answers and the loss in nats an answer."""
    logits = answer_logits(model, batch)
    nats = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
    return float((logits.argmax(-1) == batch.targets).float().mean()), float(nats)


def batch_at(seed: int, step: int, task: Needles = TASK) -> Batch:
    """Return the texts of a step, from 1: what every arm with this seed reads."""
    pool, place = divmod(step - 1, 50)
    return _pool(task, seed, pool).part(BATCH * place, BATCH * (place + 1))


@lru_cache(maxsize=2)
def _pool(task: Needles, seed: int, number: int) -> Batch:
    # Fifty batches at once: a Markov source is drawn place by place.
    return task.draw(50 * BATCH, 1_000 * seed + number + 100)


def kept(arm: str, lr: float, seed: int, folder: Path = FOLDER) -> Path:
    """Return where the weights of a run lie."""
    words = arm.replace(" ", "-").replace("×", "x").replace(",", "").replace("λ", "lam").replace("≥", "ge")
    return folder / "models" / f"{words}_{lr:g}_{seed}"


def load_run(arm: str, lr: float, seed: int, folder: Path = FOLDER) -> Decoder:
    """Return the trained model of a run."""
    return load_decoder(kept(arm, lr, seed, folder))


def train(cells: Iterable[tuple[str, float, int]], folder: Path = FOLDER, *, minutes: float = math.inf) -> None:
    """Train every (arm, rate, seed) that is not known yet, and keep its weights; several processes share the work."""

    def make(arm: str, lr: float, seed: int) -> dict[str, Any]:
        model, found = train_one(arm, lr, seed)
        save(model, kept(arm, lr, seed, folder))
        return found

    shipped, named = Runs(runs_path()), ({"arm": arm, "lr": lr, "seed": seed} for arm, lr, seed in cells)
    for run in sharing.share(runs(folder), (one for one in named if not shipped.find(**one)), make, minutes=minutes):
        print("{arm:18} {lr:g} {seed:3} right {right:.3f} loss {loss:.4f}".format(**run), flush=True)


def best_rate(table: Iterable[Mapping[str, Any]], arm: str) -> float:
    """Return the rate at which an arm is taken: the one with the least mean loss over the pilot seeds.

    Raises `NotAvailable` where pilot runs are missing.
    """
    return sharing.best_rate(pilots_of(table, arm), do="train the set rates first")


def pilots_of(table: Iterable[Mapping[str, Any]], arm: str) -> list[Mapping[str, Any]]:
    """Return the runs from which the rate of an arm is chosen."""
    return [run for run in table if run["arm"] == arm and run["seed"] in PILOT]


def pilots(folder: Path = FOLDER) -> Iterator[tuple[str, float, int]]:
    """Return the runs by which the rate of every arm is chosen, each when those before it are known."""
    for arm in ARMS:
        while lr := sharing.next_rate(pilots_of(known(folder), arm), RATES):
            yield arm, lr, PILOT[0]
    yield from UNSURE


def cells_of(name: str, folder: Path = FOLDER) -> Iterator[tuple[str, float, int]]:
    """Return the runs of a set: rates (pilot seeds), main (fresh ones, each arm at its best), side, more."""
    if name == "rates":
        yield from pilots(folder)
        return
    table = known(folder)
    for arm, seeds in {"main": dict.fromkeys(MAIN, CONFIRMING), "side": SIDE, "more": MORE}[name].items():
        if sharing.next_rate(pilots_of(table, arm), RATES):  # rates are chosen from all pilot runs, or not at all
            return
        yield from ((arm, best_rate(table, arm), seed) for seed in seeds)


def ship(seed: int = CONFIRMING[0], folder: Path = FOLDER) -> None:
    """Put one trained model of each arm of `SHIPPED` among those that come with the course."""
    table = list(runs(folder))
    for name, (arm, about) in SHIPPED.items():
        lr = best_rate(table, arm)
        run = next(one for one in table if (one["arm"], one["lr"], one["seed"]) == (arm, lr, seed))
        card = {
            "name": name, "about": about, "tokenizer": "needles", "arm": arm, "lr": lr, "steps": STEPS, "seed": seed,
            "texts": BATCH * STEPS, "minutes": run["seconds"] / 60, "right": run["right"], "loss": run["loss"],
            "defects": ["It was trained to answer among the 64 numbers; its logits of other words mean nothing.",
                        "It has read texts of 64 words alone; longer ones are strange to it."],
        }  # fmt: skip
        ship_model(load_run(arm, lr, seed, folder), card)


def main() -> None:
    """Train one of the sets named above, or ship."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--set", dest="names", nargs="+", choices=("rates", "main", "side", "more", "ship"), required=True
    )
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no run after this time")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in asked.names:
        if name == "ship":
            ship()
        else:
            train(cells_of(name), minutes=asked.minutes)


if __name__ == "__main__":
    main()
