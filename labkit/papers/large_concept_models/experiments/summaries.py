"""Summarise and expand: one answer in one direction, many in the other.

A text is one or two episodes of a person (an event and the journey after it; the second begins where the first led to)
and "End of text."; its summary is how it ended, the last journey. Expanded, a journey is given and an event is wanted
that can have led to it: six or nine can. One model of an arm learns both, from vectors alone: after the end of a text
comes the summary, and a text that begins with a journey goes on with what was before (the paper's sections 4.2 and 4.3
tune one model on instructions; here the place in the text is the instruction).

    python -m labkit.papers.large_concept_models.experiments.summaries base two-tower --seeds 1 2 3
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from labkit.base.data import data_dir
from labkit.base.errors import unknown
from labkit.panels.tables import Table
from labkit.training import Runs, fit

from .. import task
from ..method.generation import next_concepts
from ..method.losses import denoising_loss
from ..method.models import ConceptConfig
from ..method.schedule import Schedule
from ..method.space import ConceptSpace
from ..method.store import load_space
from ..training import ARMS, DEPTH, FFN, WIDTH

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = [
    "can_have_led_to",
    "episodes",
    "expand",
    "judge_summaries",
    "stored_summaries",
    "summaries_path",
    "summarise",
    "train_summaries",
]

POOL = 8000  # texts of each length, drawn once
STEPS = {"base": (900, 128), "two-tower": (1500, 160)}  # steps, texts in each


def summaries_path() -> Path:
    """Return the file of what the trained models were found to do."""
    return data_dir() / "sweeps" / "06_summaries.jsonl"


def stored_summaries() -> Table:
    """Return one row an arm: what the trained models were found to do, averaged over seeds."""
    rows = []
    for arm in STEPS:
        runs = Runs(summaries_path()).where(arm=arm)
        columns = ("summary one", "summary two", "expanded", "kinds", "size")
        rows.append((arm, str(len(runs)), *(fmean(run[column] for run in runs) for column in columns)))
    named = ["seeds", "summary of one episode", "of two", "possible expansions", "different ones in 8 draws", "size"]
    return Table("Summarise: one answer. Expand: six or nine answers.", ["model", *named], rows)


def episodes(n: int, count: int, generator: torch.Generator, held: bool = False) -> list[task.Sentences]:
    """Return n texts of `count` episodes as [event, journey, event, journey, …]; `held`: of events never trained on."""
    events = task.all_events()
    bank = events[task.held_out(events) == held]
    told, now = [], bank[torch.randint(len(bank), (n,), generator=generator)]
    for number in range(count):
        if number:  # the same person, where the journey led to; what happens there, and to what, is open
            name_n, place_n = told[-1].slots_NS[:, 0], told[-1].slots_NS[:, 2]
            same_nE = (bank.slots_NS[:, 0] == name_n[:, None]) & (bank.slots_NS[:, 2] == place_n[:, None])
            now = bank[torch.multinomial(same_nE.float() + 1e-9, 1, generator=generator)[:, 0]]
        told += [now, task.continue_with(now, task.draw_future(now, generator))]
    return told


def can_have_led_to(sentences: task.Sentences, journeys: task.Sentences) -> Tensor:
    """Return which sentences are events that have the journey among their possible futures [N]."""
    event_N = sentences.kind_N < task.FUTURE
    future_N4S = torch.stack([one.slots_NS for one in task.futures(sentences)], dim=1)
    same_N4 = (future_N4S == journeys.slots_NS[:, None]).all(-1)
    likely_N4 = task.probabilities(sentences.kind_N.clamp(max=task.FUTURE - 1)) > 0
    return event_N & (same_N4 & likely_N4).any(1)


def train_summaries(arm: str, space: ConceptSpace, seed: int, steps: int | None = None) -> tuple[nn.Module, Any]:
    """Return a "base" or "two-tower" that learned both tasks, at the arm's own rate, and how its fit went."""
    if arm not in STEPS:
        raise unknown("arm", arm, STEPS)
    made, batch = STEPS[arm]
    recipe = replace(ARMS[arm], steps=steps or made, batch=batch)
    concept = space.codec.config.concept
    model = ConceptConfig(kind=arm, concept=concept, width=WIDTH, depth=DEPTH, ffn=FFN).build(seed)
    schedule = Schedule()

    pools, g = [], torch.Generator().manual_seed(seed)
    for count in (1, 2):
        x_BNC = torch.stack([space.encode(one) for one in episodes(POOL, count, g)], dim=1)
        pools.append(torch.cat([x_BNC, space.end_C.expand(POOL, 1, -1), x_BNC[:, -1:]], dim=1))

    def loss(m: nn.Module, step: int) -> Tensor:
        g = torch.Generator().manual_seed(1_000_003 * (seed + 1) + step)
        some = torch.randint(POOL, (batch,), generator=g)
        # every other step expands: the journey, the event before it; else a text, its end, the last journey
        x_BNC = pools[0][some][:, [1, 0]] if step % 2 else pools[step // 2 % 2][some]
        return m.loss(x_BNC) if arm == "base" else denoising_loss(m, x_BNC, schedule, g, late=recipe.late)

    return model, fit(model, loss, recipe.fit(recipe.lr))


def summarise(model: ModelLike, space: ConceptSpace, told: Sequence[task.Sentences], seed: int = 0) -> Tensor:
    """Return the concepts [N, C] said after N texts and their end."""
    x_NMC = torch.stack([space.encode(one) for one in told], dim=1)
    x_NMC = torch.cat([x_NMC, space.end_C.expand(len(x_NMC), 1, -1)], dim=1)
    return next_concepts(model, x_NMC, torch.Generator().manual_seed(seed))


def expand(model: ModelLike, space: ConceptSpace, journeys: task.Sentences, draws: int = 1, seed: int = 0) -> Tensor:
    """Return the concepts [N, M, C] of what was before each journey, M draws each."""
    x_N1C = space.encode(journeys)[:, None].repeat_interleave(draws, dim=0)
    return next_concepts(model, x_N1C, torch.Generator().manual_seed(seed)).view(len(journeys), draws, -1)


def judge_summaries(
    model: ModelLike, space: ConceptSpace, n: int = 150, draws: int = 8, seed: int = 0
) -> dict[str, float]:
    """Return what the world says of both tasks, on events that training never saw.

    summary one, two: share of texts of one or two episodes whose summary is the last journey, word for word. expanded:
    share of draws that are events which can have led to the journey; an_event: that are events at all; kinds: different
    possible events said in `draws` draws; size: norm of the vectors over that of true events.
    """
    found = {}
    for count, name in ((1, "summary one"), (2, "summary two")):
        told = episodes(n, count, torch.Generator().manual_seed(9000 + seed), held=True)
        pieces_NL = space.pieces(summarise(model, space, told, seed))
        found[name] = float((pieces_NL == task.tokens(told[-1], 0)).all(1).float().mean())
    event, journey = episodes(n, 1, torch.Generator().manual_seed(9100 + seed), held=True)
    z_NMC = expand(model, space, journey, draws, seed)
    said, ok = task.read(space.pieces(z_NMC.flatten(0, 1)))
    right = (can_have_led_to(said, journey.repeat(draws)) & ok).view(n, draws)
    codes = (said.kind_N * 12 + said.slots_NS[:, 1]).view(n, draws).tolist()
    kinds = [len({c for c, r in zip(row, good) if r}) for row, good in zip(codes, right.tolist())]
    return {
        **found,
        "expanded": float(right.float().mean()),
        "an_event": float((ok & (said.kind_N < task.FUTURE)).float().mean()),
        "kinds": fmean(kinds),
        "size": float(z_NMC.norm(dim=-1).mean() / space.encode(event).norm(dim=1).mean()),
    }


def _run(arm: str, seed: int) -> dict[str, Any]:
    space = load_space("aligned")
    model, fitted = train_summaries(arm, space, seed)
    found = {name: round(value, 4) for name, value in judge_summaries(model.eval(), space, seed=seed).items()}
    return {**found, "loss": fitted.last(), "seconds": round(fitted.seconds, 1)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and judge the named arms."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("arms", nargs="+", choices=STEPS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--out", type=Path, default=None)
    asked = parser.parse_args(arguments)
    table = Runs(asked.out or summaries_path())
    for seed in asked.seeds:
        for arm in asked.arms:
            print(table.do({"arm": arm, "seed": seed}, partial(_run, arm, seed)), flush=True)


if __name__ == "__main__":
    main()
