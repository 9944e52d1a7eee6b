"""Every trained run measured at the settings the claims need; the table is data/sweeps/06_runs.jsonl.

python -m labkit.papers.large_concept_models.experiments.runs base two-tower token --seeds 1 2 3 4 5

The mutual information is judged by the token model of the choosing seed, and left out where that was not trained.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from labkit.base.data import data_dir
from labkit.panels.tables import Table
from labkit.training import Runs

from .. import task
from ..method.generation import next_concepts
from ..method.sampling import PAPER_KNOBS, Knobs
from ..method.store import load_space
from ..training import ARMS, CHOOSING, FOLDER, is_token, load_run, path_of
from .information import mutual_information, token_quality
from .quality import Quality, exact_answers, judge_concepts, judge_pieces, test_events

__all__ = ["SETTINGS", "family", "measure_run", "measured", "runs_path"]

SETTINGS = {
    "plain": Knobs(),
    "guidance 3": Knobs(guidance=3.0),
    "start noise 0.6": Knobs(start_noise=0.6),
    "5 steps": Knobs(steps=5),
    "50 steps": Knobs(steps=50),
    "as in the paper": PAPER_KNOBS,
    "German": Knobs(),  # asked and answered in German
}
DRAWS = 10  # after each event
FAMILY = {
    "base": "Base-LCM",
    "two-tower": "Two-Tower",
    "one-tower": "One-Tower",
    "quant-d": "Quant-d",
    "quant-c": "Quant-c",
    "quant-d long": "Quant-d, longer",
    "quant-c long": "Quant-c, longer",
    "token": "token model",
    "token long": "token model, longer",
}


def runs_path() -> Path:
    """Return the file of the measured runs."""
    return data_dir() / "sweeps" / "06_runs.jsonl"


def measured(**settings: Any) -> list[dict[str, Any]]:
    """Return the stored rows of measured runs whose arm, seed or setting are these."""
    return Runs(runs_path()).where(**settings)


def family() -> Table:
    """Return one row an arm: how many seeds were trained, and what they say on average; first two ideal models.

    The truth draws as the world does, as often as the others; its total variation is what so few draws cost. The last
    column is the seed that says fewest possible sentences after *lost*. The seed on which rates were chosen is not in.
    """
    space, events = load_space("aligned"), test_events()
    ideal = exact_answers(space, events, DRAWS)
    rows = []
    for name in ("truth", "mean"):
        said = _by_verb(judge_pieces(events, space.pieces(ideal[name].flatten(0, 1)).view(len(events), DRAWS, -1)))
        away = _over_many(said, "total_variation")
        rows.append((f"ideal: the {name}", "none", "none", *said["possible"], away, "none"))
    for arm, name in FAMILY.items():
        runs = [run for run in measured(arm=arm, setting="plain") if run["seed"] != CHOOSING]
        if not runs:  # not trained yet
            continue
        possible = [fmean(run["possible"][verb] for run in runs) for verb in range(len(task.EVENTS))]
        stories = f"{ARMS[arm].steps * ARMS[arm].batch // 1000} thousand"
        away = fmean(_over_many(run, "total_variation") for run in runs)
        worst = min(run["possible"][-1] for run in runs)
        rows.append((name, str(len(runs)), stories, *possible, away, worst))
    verbs = [f"{verb} ({len(branch)})" for verb, branch in zip(task.EVENTS, task.BRANCHES)]
    columns = ["model", "seeds", "stories read", *verbs, "total variation", "lost, worst seed"]
    return Table("Share of next sentences that can follow; total variation over found, lent and lost", columns, rows)


def _over_many(run: dict[str, Any], measure: str) -> float:
    return fmean(run[measure][verb] for verb in (1, 2, 3))  # the verbs with more than one future


def measure_run(arm: str, seed: int, setting: str = "plain", folder: Path = FOLDER) -> dict[str, Any]:
    """Return what the run with a seed does after events it never saw: measure -> a mean for each of the four verbs."""
    events, model = test_events(), load_run(arm, seed, folder=folder)
    if is_token(arm):
        return _by_verb(token_quality(model, events, draws=DRAWS, seed=1000 + seed))
    space = load_run(ARMS[arm].space, CHOOSING, folder=folder)
    language = "German" if setting == "German" else "English"
    x_N1C = space.encode(events, language)[:, None].repeat_interleave(DRAWS, dim=0)
    z_NC = next_concepts(model, x_N1C, torch.Generator().manual_seed(1000 + seed), SETTINGS[setting])
    z_EMC = z_NC.view(len(events), DRAWS, -1)
    found = _by_verb(judge_concepts(space, events, z_EMC, arm, language=language, seed=2000 + seed))
    if language == "German" or not path_of("token", CHOOSING, ARMS["token"].lr, folder).exists():
        return found  # the judge of information reads English
    pieces_EML = space.pieces(z_NC).view(len(events), DRAWS, -1)
    information = mutual_information(load_run("token", CHOOSING, folder=folder), events, pieces_EML)
    kinds = events.kind_N.tolist()
    found["information"] = [
        fmean(x for x, k in zip(information, kinds) if k == kind) for kind in range(len(task.EVENTS))
    ]
    return found


def _by_verb(quality: Quality) -> dict[str, Any]:
    means = {m: [round(quality.of(m, verb).value, 5) for verb in task.EVENTS] for m in quality.by_event}
    frequencies = [[round(x, 4) for x in quality.frequencies(verb)] for verb in task.EVENTS]
    each = [round(x, 4) for x in quality.by_event["possible"]]
    return {**means, "frequencies": frequencies, "possible by event": each}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the named arms."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("arms", nargs="+", choices=ARMS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[CHOOSING])
    parser.add_argument("--settings", nargs="+", choices=SETTINGS)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--out", type=Path, default=None)
    asked = parser.parse_args(arguments)
    table = Runs(asked.out or runs_path())
    for seed in asked.seeds:
        for arm in asked.arms:
            for setting in asked.settings or (SETTINGS if arm == "two-tower" else ["plain"]):
                key = {"arm": arm, "seed": seed, "setting": setting}
                done = table.do(key, partial(measure_run, arm, seed, setting, asked.folder))
                print(arm, seed, setting, done["possible"], done["total_variation"], flush=True)


if __name__ == "__main__":
    main()
