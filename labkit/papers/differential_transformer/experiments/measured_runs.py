"""Every trained run, measured once: what the claims, the figures and the tables of the lesson are read from.

    labkit sweep needles      measures the runs in runs/04 that are not in data/sweeps/04_needles.jsonl yet

A row holds a run's settings, its curves from training, and what its final weights do. Lesson: 04.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

from labkit.base.errors import NotAvailable
from labkit.interventions import edit
from labkit.models.decoder import Decoder
from labkit.training import Runs

from ..method import DiffAttention, SetLambda
from ..method.others import OffByOneAttention
from ..task import Needles
from ..training import FOLDER, TASK, best_rate, load_run, runs, runs_path
from .activations import QuantiseScores, large_activations
from .allocation import PLACES, allocate
from .retrieval import find_needles

__all__ = ["HARDER", "TESTS", "measure", "measure_runs", "of_arm", "runs_path", "steps_to"]

# What no run was trained on: twice the text, twice the needles, both, other distractors, one answer among many.
TESTS: Mapping[str, Needles] = {
    "as trained": TASK,
    "longer": replace(TASK, length=128),
    "more needles": replace(TASK, needles=12),
    "longer, more needles": replace(TASK, length=128, needles=12),
    "longest": replace(TASK, length=256),
    "more decoys": replace(TASK, decoys=0.3),
    "other fillers": replace(TASK, uniform=True),
}
HARDER = "longer, more needles"
_TEXTS = 256
_SEED = 5_000_001


@torch.no_grad()
def measure(model: Decoder) -> dict[str, Any]:
    """Return what the lesson wants to know of one trained model, as plain numbers."""
    found: dict[str, Any] = {}
    for name, task in TESTS.items():
        one = find_needles(model, task.draw(_TEXTS, _SEED))
        found[name] = {"right": _short(one.accuracy.value), "nats": _short(one.loss.value)}
    batch = TASK.draw(64, _SEED + 1)
    shares = allocate(model, batch)
    for kind in ("signed", "absolute"):
        found[kind] = [_short(shares.share(place, signed=kind == "signed").value) for place in PLACES]
    found["negative"] = _short(sum(shares.negative) / len(shares.negative))
    large = large_activations(model, batch)
    found["scores"], found["stream"] = [*map(_short, large.scores)], [*map(_short, large.stream)]
    found["medians"] = [_short(large.median_score), _short(large.median_stream)]
    mixer = model.trunk.blocks[0].attention.mixer
    found["bits"] = {}
    for bits in () if isinstance(mixer, OffByOneAttention) else (3, 4, 6, 8):
        with edit(model, QuantiseScores(bits)):
            found["bits"][str(bits)] = _short(find_needles(model, batch).accuracy.value)
    found["bits"]["32"] = _short(find_needles(model, batch).accuracy.value)
    if isinstance(mixer, DiffAttention):
        found["lambda"] = _short(mixer.lam().item())
        with edit(model, SetLambda(0.0)):
            found["without the second map"] = _short(find_needles(model, batch).accuracy.value)
    return found


def measure_runs(*, folder: Path = FOLDER, say: Callable[[str], None] = print) -> Path:
    """Measure the trained runs that are not in the table yet, and return the table's path."""
    table = Runs(runs_path())
    for run in runs(folder):
        settings = {name: run[name] for name in ("arm", "lr", "seed")}
        if table.find(**settings) is None:
            found = measure(load_run(**settings, folder=folder))
            say(f"{settings} right {found['as trained']['right']:.3f}, harder {found[HARDER]['right']:.3f}")
            trained = {name: run[name] for name in run if name not in settings}
            table.do(settings, lambda both=trained | found: both)
    return table.path


@cache
def of_arm(arm: str) -> Mapping[int, Mapping[str, Any]]:
    """Return the runs of an arm by seed, at the rate that was best for it on the pilot seeds.

    Raises `NotAvailable` where nothing was measured.
    """
    table = list(Runs(runs_path()))
    if all(run["arm"] != arm for run in table):
        raise NotAvailable(f"No run of {arm!r} has been measured.", do="labkit sweep needles, after training")
    lr = best_rate(table, arm)
    return {run["seed"]: run for run in table if run["arm"] == arm and run["lr"] == lr}


def steps_to(run: Mapping[str, Any], share: float = 0.9, *, every: int = 25) -> float:
    """Return after how many steps a run first answered `share` of the questions; its length where it never did."""
    for place, right in enumerate(run["accuracy"]):
        if right >= share:
            return float(max(1, every * place))
    return float(every * (len(run["accuracy"]) - 1))


def _short(value: float) -> float:
    return float(f"{value:.5g}")
