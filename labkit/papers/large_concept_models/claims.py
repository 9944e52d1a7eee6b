"""Which experiment decides which sentence of the paper. Values per seed come from the measured runs, one model a seed.

A function takes the number of units `n` and the registered `seeds`. "After verbs with more than one future" means the
mean over *found*, *lent* and *lost*.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from statistics import fmean
from typing import Any

import torch

from labkit.base.errors import NotAvailable
from labkit.claims import Measured
from labkit.training import Runs

from .experiments.branching import after_verbs
from .experiments.codecs import fragility
from .experiments.quality import quality_of, test_events
from .experiments.runs import runs_path
from .method.models import ConceptConfig
from .method.sampling import Knobs, sample
from .method.schedule import SCHEDULES, Schedule
from .method.store import load_model, load_space
from .training import tune_decoder

__all__ = [
    "again_ratio",
    "difference",
    "difference_by_event",
    "difference_by_futures",
    "growth_with_futures",
    "last_noise",
    "oracle_errors",
    "ratio",
    "step_gains",
    "still_blocks",
    "to_context",
    "transfer",
    "tuned_fragility",
]  # fmt: skip

MANY = (1, 2, 3)  # verbs with more than one future


def difference(*, n: int, seeds: Sequence[int], measure: str, first: Sequence[str], second: Sequence[str]) -> Measured:
    """Return per seed a measure of one (arm, setting) minus that of another, after verbs with more than one future."""
    return _paired(seeds, first, second, lambda a, b: _mean(a, measure) - _mean(b, measure))


def ratio(*, n: int, seeds: Sequence[int], measure: str, first: Sequence[str], second: Sequence[str]) -> Measured:
    """Return per seed a measure of one (arm, setting) over that of another, after verbs with more than one future."""
    return _paired(seeds, first, second, lambda a, b: _mean(a, measure) / _mean(b, measure))


def difference_by_event(*, n: int, seeds: Sequence[int], first: Sequence[str], second: Sequence[str]) -> Measured:
    """Return per event with more than one future the share of possible sentences after it, one arm minus another.

    Each averaged over the models of all seeds. n: the number of such events among `test_events`.
    """
    rows = [[_row(arm, seed, setting) for seed in seeds] for arm, setting in (first, second)]
    many = [number for number, kind in enumerate(test_events().kind_N.tolist()) if kind in MANY][:n]
    one, other = ([fmean(row["possible by event"][number] for row in arm) for number in many] for arm in rows)
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
    values = tuple(a - b for a, b in zip(one, other))
    return Measured(values=values, units=tuple(f"event {number}" for number in many), models={"runs": digest})


def difference_by_futures(
    *, n: int, seeds: Sequence[int], measure: str, futures: int, first: Sequence[str], second: Sequence[str]
) -> Measured:
    """Return per seed a measure of one (arm, setting) minus that of another, after verbs with so many futures."""
    return _paired(
        seeds, first, second, lambda a, b: after_verbs(a, measure, futures) - after_verbs(b, measure, futures)
    )


def growth_with_futures(
    *, n: int, seeds: Sequence[int], measure: str, few: int, many: int, first: Sequence[str], second: Sequence[str]
) -> Measured:
    """Return per seed one (arm, setting) minus another after verbs with many futures, minus the same with few."""

    def grown(run: dict[str, Any]) -> float:
        return after_verbs(run, measure, many) - after_verbs(run, measure, few)

    return _paired(seeds, first, second, lambda a, b: grown(a) - grown(b))


def again_ratio(*, n: int, seeds: Sequence[int], first: Sequence[str], second: Sequence[str]) -> Measured:
    """Return per seed ℓ2-r over ℓ2 of one (arm, setting) minus that of another."""
    grows = lambda run: _mean(run, "l2_again") / _mean(run, "l2")  # noqa: E731
    return _paired(seeds, first, second, lambda a, b: grows(a) - grows(b))


def to_context(*, n: int, seeds: Sequence[int], first: Sequence[str], second: Sequence[str]) -> Measured:
    """Return per seed PAR of one (arm, setting) minus that of another: cosine with the context over that of the truth.

    A ratio of means: with one sentence of context a single cosine may be 0.
    """
    par = lambda run: _mean(run, "to_context") / _mean(run, "truth_to_context")  # noqa: E731
    return _paired(seeds, first, second, lambda a, b: par(a) - par(b))


def step_gains(*, n: int, seeds: Sequence[int], measure: str = "possible") -> Measured:
    """Return per seed what 20 steps bring over 5, minus what 50 bring over 20."""
    names = ["5 steps", "plain", "50 steps"]
    rows = [[_row("two-tower", seed, name) for name in names] for seed in seeds]
    values = []
    for few, some, many in rows:
        values.append((_mean(some, measure) - _mean(few, measure)) - (_mean(many, measure) - _mean(some, measure)))
    return _measured(values, seeds, rows)


def transfer(*, n: int, seeds: Sequence[int], model: str = "two-tower", draws: int = 16) -> Measured:
    """Return per event (share of possible sentences when asked and answered in German, the same in English)."""
    space, two = load_space("aligned"), load_model(model)
    events = test_events(n // 4)
    ask = lambda language: quality_of(  # noqa: E731
        two, space, events, draws=draws, seed=seeds[0], language_in=language, language_out=language
    )
    pairs = zip(ask("German").by_event["possible"], ask("English").by_event["possible"])
    return Measured(values=tuple(pairs), units=_names("event", n), models={model: _hash(two), "aligned": _hash(space)})


def tuned_fragility(*, n: int, seeds: Sequence[int], steps: int = 300) -> Measured:
    """Return per sentence the share of noises it survives with the decoder tuned on noise, minus that without."""
    space = load_space("aligned")
    tuned = deepcopy(space.codec)
    tune_decoder(tuned, steps=steps, seed=seeds[0])
    before, after = (fragility(codec, n=n, seed=seeds[0]).score for codec in (space.codec, tuned))
    values = tuple(b - a for b, a in zip(before, after))
    return Measured(values=values, units=_names("sentence", n), models={"aligned": _hash(space)})


# Identities -----------------------------------------------------------------------------------------------------------


def last_noise(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return ᾱ of the last step of each of the paper's seven schedules."""
    return Measured(values=tuple(float(Schedule(name).abar_T[-1]) for name in SCHEDULES), units=tuple(SCHEDULES))


def oracle_errors(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for n numbers of steps the largest error of DDIM with a denoiser that knows the answer."""
    wanted, values = torch.randn(4, 64, generator=torch.Generator().manual_seed(seeds[0])), []
    counts = [1 + 99 * i // (n - 1) for i in range(n)]
    for steps in counts:
        g = torch.Generator().manual_seed(seeds[0] + steps)
        film = sample(lambda x, t, seen: wanted, (4, 64), Schedule(), Knobs(steps=steps), g)
        values.append(float((film.guess_SBC[-1] - wanted).abs().max()))
    return Measured(values=tuple(values), units=tuple(f"{steps} steps" for steps in counts))


@torch.no_grad()
def still_blocks(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for n untrained Two-Tower models the largest change of an answer when context and step are exchanged."""
    values = []
    for number in range(n):
        g = torch.Generator().manual_seed(seeds[0] + number)
        model = ConceptConfig(kind="two-tower", concept=16, width=32, depth=2 + number % 3).build(number).eval()
        x, y, xt = (torch.randn(4, 3, 16, generator=g) for _ in range(3))
        t, other = (torch.randint(0, 100, (4, 3), generator=g) for _ in range(2))
        values.append(float((model.all_at_once(x, xt, t) - model.all_at_once(y, xt, other)).abs().max()))
    return Measured(values=tuple(values), units=_names("model", n))


# Rows of the table ----------------------------------------------------------------------------------------------------


def _row(arm: str, seed: int, setting: str) -> dict[str, Any]:
    found = Runs(runs_path()).find(arm=arm, seed=seed, setting=setting)
    if found is None:
        raise NotAvailable(
            f"The run {arm}, seed {seed}, {setting} has not been trained and measured.",
            do=f"train {arm} with that seed, then python -m labkit.papers.large_concept_models.experiments.runs {arm}",
        )
    return found


def _paired(
    seeds: Sequence[int], first: Sequence[str], second: Sequence[str], compare: Callable[[dict, dict], float]
) -> Measured:
    rows = [[_row(arm, seed, setting) for arm, setting in (first, second)] for seed in seeds]
    return _measured([compare(*pair) for pair in rows], seeds, rows)


def _mean(run: dict[str, Any], measure: str) -> float:
    return fmean(run[measure][verb] for verb in MANY)


def _measured(values: Sequence[float], seeds: Sequence[int], rows: Any) -> Measured:
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
    units = tuple(f"seed {seed}" for seed in seeds)
    return Measured(values=tuple(values), units=units, models={"runs of lesson 06": digest})


def _names(unit: str, n: int) -> tuple[str, ...]:
    return tuple(f"{unit} {number}" for number in range(n))


def _hash(model: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.half().numpy().tobytes())
    return digest.hexdigest()
