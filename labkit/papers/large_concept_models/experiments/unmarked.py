"""A world without marks: after *lost* a mood, a vehicle and an island each come in two futures of four.

In the course's world every future has a mood, a vehicle and an island of its own: one right word gives it away. Here
each of the three has two values, and any two of them fix the third:

    future    0  1  2  3
    mood      a  a  b  b
    vehicle   a  b  a  b
    island    a  b  b  a

    python -m labkit.papers.large_concept_models.experiments.unmarked --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from labkit.base.data import data_dir
from labkit.panels.tables import Table
from labkit.training import Runs, fit

from .. import task
from ..method.generation import next_concepts
from ..method.losses import denoising_loss
from ..method.models import ConceptConfig
from ..method.schedule import Schedule
from ..method.space import ConceptSpace
from ..method.store import load_space
from ..training import ARMS, CHOOSING, DEPTH, FFN, WIDTH
from .quality import test_events

__all__ = ["Unmarked", "judge_unmarked", "train_unmarked", "unmarked", "unmarked_futures", "unmarked_path"]

BITS = torch.tensor([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])  # mood, vehicle, island of the futures 0 … 3
KEPT = 20  # events after *lost* whose draws are kept word for word


def unmarked_path() -> Path:
    """Return the file of what was measured."""
    return data_dir() / "sweeps" / "06_unmarked.jsonl"


def unmarked_futures(events: task.Sentences) -> list[task.Sentences]:
    """Return the four futures of every event in the world without marks; how likely each is, is as in the other."""
    found = []
    for future, bits in zip(task.futures(events), BITS.tolist()):
        name_N, object_N, place_N = events.slots_NS[:, :3].T
        mood_N = (events.kind_N + bits[0]) % task.SIZES[3]
        vehicle_N = (object_N + events.kind_N + bits[1]) % task.SIZES[4]
        place_N = (place_N + 1 + (events.kind_N + bits[2]) % (task.SIZES[2] - 1)) % task.SIZES[2]
        slots_NS = torch.stack([name_N, torch.zeros_like(name_N), place_N, mood_N, vehicle_N], dim=1)
        found.append(task.Sentences(future.kind_N, slots_NS))
    return found


def train_unmarked(space: ConceptSpace, seed: int, steps: int | None = None) -> tuple[nn.Module, Any]:
    """Return a Two-Tower trained in the world without marks by the recipe of the other, and how its fit went."""
    recipe, schedule = ARMS["two-tower"], Schedule()
    sizes = {"concept": space.codec.config.concept, "width": WIDTH, "depth": DEPTH, "ffn": FFN}
    events = space.seen
    event_EC = space.encode(events)
    future_E4C = torch.stack([space.encode(one) for one in unmarked_futures(events)], dim=1)

    def loss(model: nn.Module, step: int) -> Tensor:
        g = torch.Generator().manual_seed(1_000_003 * (seed + 1) + step)
        which_B = torch.randint(len(events), (recipe.batch,), generator=g)
        number_B = task.draw_future(events[which_B], g)
        x_BNC = torch.stack([event_EC[which_B], future_E4C[which_B, number_B]], dim=1)
        return denoising_loss(model, x_BNC, schedule, g, late=recipe.late)

    model = ConceptConfig(kind="two-tower", **sizes).build(seed)
    settings = recipe.fit(recipe.lr)
    return model, fit(model, loss, settings if steps is None else type(settings)(steps=steps, lr=recipe.lr))


def judge_unmarked(space: ConceptSpace, events: task.Sentences, z_EMC: Tensor) -> dict[str, Any]:
    """Return what M concepts after each event say, as means over the events with each verb.

    possible: is one of the futures. parts: every word stands in one of the futures. by_chance: what `possible` would be
    if mood, vehicle and island were drawn one by one, each as often as it was said. size: norm over that of the truth.
    gap: how far a concept moves when it is said and read again, over the norm of the truth.
    """
    e, m, c = z_EMC.shape
    said, ok_N = task.read(space.pieces(z_EMC.reshape(e * m, c)))
    slots_EMS = said.slots_NS.view(e, m, -1)
    ok_EM = (ok_N & (said.kind_N == task.FUTURE)).view(e, m)
    after = unmarked_futures(events)
    future_E4S, p_E4 = torch.stack([one.slots_NS for one in after], dim=1), task.probabilities(events.kind_N)
    can_EM4S = (slots_EMS[:, :, None] == future_E4S[:, None]) & (p_E4 > 0)[:, None, :, None]
    ok_EM1 = ok_EM[..., None]
    hit_EM4, part_EMS = can_EM4S.all(-1) & ok_EM1, can_EM4S.any(2) & ok_EM1
    share_E4S = (slots_EMS[:, None] == future_E4S[:, :, None]).float().mean(2)  # how often each future's words are said
    truth_EC = sum(p_E4[:, k, None] * space.encode(one).norm(dim=1, keepdim=True) for k, one in enumerate(after))
    moved_EM = (space.again(z_EMC.reshape(e * m, c)).view(e, m, c) - z_EMC).norm(dim=2)
    by_event = {
        "possible": hit_EM4.any(-1).float().mean(1),
        "parts": part_EMS.all(-1).float().mean(1),
        "by_chance": (share_E4S.prod(-1) * (p_E4 > 0)).sum(1),
        "size": z_EMC.norm(dim=2).mean(1) / truth_EC[:, 0],
        "gap": moved_EM.mean(1) / truth_EC[:, 0],
    }
    kinds = range(len(task.EVENTS))
    return {name: [round(float(x[events.kind_N == k].mean()), 4) for k in kinds] for name, x in by_event.items()}


@dataclass(frozen=True)
class Unmarked:
    """What Two-Tower says after *lost* in the world without marks.

    events [E]; futures [E][4]: the sentences that can follow, with their probabilities; drawn [E][M]: what was said.
    seeds, and by seed what `judge_unmarked` returns.
    """

    events: tuple[str, ...]
    futures: tuple[tuple[str, ...], ...]
    drawn: tuple[tuple[str, ...], ...]
    probabilities: tuple[float, ...]
    seeds: tuple[int, ...]
    measured: tuple[dict[str, Any], ...]

    def of(self, measure: str, verb: str = "lost") -> list[float]:
        """Return a measure after a verb, one value a seed."""
        return [found[measure][task.EVENTS.index(verb)] for found in self.measured]

    def table(self, *measures: str) -> Table:
        """Return one row a verb, averaged over seeds."""
        rows = [
            (f"{verb} ({len(branch)})", *(fmean(self.of(measure, verb)) for measure in measures))
            for verb, branch in zip(task.EVENTS, task.BRANCHES)
        ]
        names = [measure.replace("_", " ") for measure in measures]
        return Table(
            f"Two-Tower where nothing marks a future, {len(self.seeds)} seeds", ["verb (futures)", *names], rows
        )


def unmarked() -> Unmarked:
    """Return what was measured and kept."""
    runs = list(Runs(unmarked_path()))
    first = next(run for run in runs if run["seed"] == CHOOSING)
    return Unmarked(
        events=tuple(first["events"]),
        futures=tuple(map(tuple, first["futures"])),
        drawn=tuple(map(tuple, first["drawn"])),
        probabilities=task.BRANCHES[-1],
        seeds=tuple(run["seed"] for run in runs),
        measured=tuple(run["measured"] for run in runs),
    )


def _run(seed: int, draws: int = 20, steps: int | None = None) -> dict[str, Any]:
    space, events = load_space("aligned"), test_events()
    model, fitted = train_unmarked(space, seed, steps)
    x_N1C = space.encode(events)[:, None].repeat_interleave(draws, dim=0)
    z_NC = next_concepts(model.eval(), x_N1C, torch.Generator().manual_seed(1000 + seed))
    z_EMC = z_NC.view(len(events), draws, -1)
    found = {"measured": judge_unmarked(space, events, z_EMC)}
    if seed == CHOOSING:
        lost = (events.kind_N == len(task.EVENTS) - 1).nonzero()[:KEPT, 0]
        some = events[lost]
        found |= {
            "events": task.write(some),
            "futures": [list(row) for row in zip(*(task.write(one) for one in unmarked_futures(some)))],
            "drawn": [space.decode(z_EMC[number]) for number in lost],
        }
    return {**found, "loss": fitted.last(), "seconds": round(fitted.seconds, 1)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train in the world without marks and measure."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[CHOOSING])
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--out", type=Path, default=None)
    asked = parser.parse_args(arguments)
    for seed in asked.seeds:
        found = Runs(asked.out or unmarked_path()).do({"seed": seed}, partial(_run, seed, steps=asked.steps))
        print(seed, json.dumps(found["measured"]), flush=True)


if __name__ == "__main__":
    main()
