"""A small language model with and without routers on the course's world: does the lead carry over from arithmetic?

    python -m labkit.papers.layer_integrated_memory.experiments.language

Written down before the runs: the paper's gain in language modelling is 0.033 nats a token at 150M numbers and 0.009 at
1B; at a quarter of a million we expect no difference that these few pairs could show. Four blocks of width 64 on
texts of the world in rows of 128 tokens, each arm at the best of four rates on a seed of its own. Lesson: 09.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.base.data import data_dir
from labkit.base.errors import NotAvailable
from labkit.base.results import Result
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.tables import text_table
from labkit.models import Decoder, DecoderConfig, next_token_loss
from labkit.training import Fit, Runs, best_rate, fit, share

from ..method import LIMe
from ..training import ARMS, SCALES

__all__ = ["LanguagePairs", "language_pairs", "language_rows", "train_language"]

LENGTH, ROWS, STEPS = 128, 16, 300
LRS, CHOOSING = (1.5e-3, 3e-3, 6e-3, 1.2e-2), 20
FIRST, SEEDS = (21, 22, 23), (31, 32, 33, 34, 35)  # pairs to look at, and those that a row was promised on
TESTED, TEST_SEED = 128, 9_000  # rows that no model has read
PARTS = {"stories": 0.5, "facts": 0.25, "recall": 0.25}
PATH = "09_language.jsonl"


@dataclass(frozen=True)
class LanguagePairs(Result):
    """Loss on texts not read in training: arm -> seed -> nats a token of every test row; the rate of each arm."""

    losses: Mapping[str, Mapping[int, tuple[float, ...]]]
    rates: Mapping[str, float]

    def difference(self, seed: int) -> Estimate:
        """Return LIMe minus baseline for one pair of models, in nats a token; the interval is over test rows."""
        gaps = [b - a for a, b in zip(self.losses["base"][seed], self.losses["lime"][seed])]
        return mean_over(gaps, "rows of text", method="t", name="LIMe minus baseline", unit="nats a token", null=0.0)

    def mean(self) -> Estimate:
        """Return LIMe minus baseline over all pairs of models, in nats a token; the interval is over seeds."""
        gaps = [self.difference(seed).value for seed in self.losses["base"]]
        return mean_over(gaps, "seeds", method="t", name="LIMe minus baseline", unit="nats a token", null=0.0)

    def table(self) -> str:
        """Return one row a pair, its interval over texts; under several pairs their mean, its interval over seeds."""
        means = {arm: [fmean(one) for one in held.values()] for arm, held in self.losses.items()}
        rows = [
            [f"{seed}", f"{base:.3f}", f"{lime:.3f}", _told(self.difference(seed))]
            for seed, base, lime in zip(self.losses["base"], means["base"], means["lime"])
        ]
        if len(rows) > 1:
            rows.append(["all", *(f"{fmean(means[arm]):.3f}" for arm in ("base", "lime")), _told(self.mean())])
        title = f"Nats a token on new texts; rates {self.rates['base']:g} and {self.rates['lime']:g}"
        return text_table(["seed", "baseline", "LIMe", "difference"], rows, title=title)


def _told(gap: Estimate) -> str:
    return f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"


def stored() -> Runs:
    """Return the committed runs."""
    return Runs(data_dir() / "sweeps" / PATH)


def chosen_rate(arm: str) -> float:
    """Return the rate that was best for an arm on the choosing seed; the middle one while not all have been tried."""
    tried = stored().where(arm=arm, seed=CHOOSING)
    if {run["lr"] for run in tried} < set(LRS):
        return LRS[1]
    return best_rate({**run, "loss": fmean(run["rows"])} for run in tried)


def language_pairs(seeds: Sequence[int] | None = None) -> LanguagePairs:
    """Return the stored runs of both arms at their rates; raise `NotAvailable` where a pair is missing.

    seeds: which pairs; all that are stored unless named.
    """
    rates = {arm: chosen_rate(arm) for arm in ("base", "lime")}
    losses = {
        arm: {run["seed"]: tuple(run["rows"]) for run in stored().where(arm=arm, lr=lr) if run["seed"] != CHOOSING}
        for arm, lr in rates.items()
    }
    both = sorted(set(losses["base"]) & set(losses["lime"]))
    wanted = both if seeds is None else list(seeds)
    if not wanted or set(wanted) - set(both):
        missing = sorted(set(wanted) - set(both))
        what = f"The language models of the seeds {missing} are not there." if missing else "No pair is stored."
        raise NotAvailable(what, do=f"python -m {__name__}")
    return LanguagePairs({arm: {seed: held[seed] for seed in wanted} for arm, held in losses.items()}, rates)


@lru_cache(maxsize=2)
def language_rows(count: int, seed: int, split: str = "train") -> Tensor:
    """Return `count` rows of LENGTH + 1 tokens [count, 129]: texts of the world one after the other, cut."""
    from labkit import world

    needed = count * (LENGTH + 1)  # a corpus may fall short of what is asked for by its last document
    ids = [token for document in world.corpus(PARTS, needed + 1000, seed, split) for token in document]
    return torch.tensor(ids[:needed]).view(count, LENGTH + 1)


def first_language_model(arm: str, seed: int) -> Decoder:
    """Return the untrained model of an arm; both arms share every weight that the baseline has."""
    from labkit import world

    sizes = {"vocab": world.tokenizer().vocab_size, "width": 64, "depth": 4, "heads": 4, "ffn": 168}
    sizes |= {"context": LENGTH + 1, "init_std": 0.08}
    base = DecoderConfig(**sizes).build(seed)
    if arm == "base":
        return base
    model = LIMe(**sizes, **ARMS[arm]).build(seed)
    model.load_state_dict(base.state_dict(), strict=False)
    return model


def train_language(arm: str, seed: int, lr: float = LRS[1], *, steps: int = STEPS) -> dict[str, Any]:
    """Train one model and return its loss on rows it has not read, as plain numbers."""
    model, rows = first_language_model(arm, seed), language_rows(steps * ROWS, seed)

    def loss_at(model: nn.Module, step: int) -> Tensor:
        ids_BL = rows[(step - 1) * ROWS : step * ROWS]
        return next_token_loss(model(ids_BL).logits, ids_BL)

    scales = {} if arm == "base" else SCALES
    settings = Fit(steps=steps, lr=lr, warmup=min(50, steps), betas=(0.9, 0.95), weight_decay=0.1, scales=scales)
    started = time.process_time()
    fitted = fit(model, loss_at, settings)
    return {
        "rows": [round(one, 4) for one in row_losses(model, language_rows(TESTED, TEST_SEED, "test")).tolist()],
        "curve": [round(one, 3) for one in fitted.loss[19::20]],
        "core_seconds": round(time.process_time() - started, 1),
        "diverged": fitted.diverged,
    }


@torch.no_grad()
def row_losses(model: Decoder, ids_BL: Tensor) -> Tensor:
    """Return the mean loss of every row, in nats a token [B]."""
    logits_BLV = torch.cat([model(part[:, :-1]).logits for part in ids_BL.split(32)])
    nats = F.cross_entropy(logits_BLV.flatten(0, 1), ids_BL[:, 1:].flatten(), reduction="none")
    return nats.view(len(ids_BL), -1).mean(1)


def cells() -> Iterator[dict[str, Any]]:
    """Yield the settings of every run, those by which the rates are chosen first."""
    for lr in LRS:
        yield from ({"arm": arm, "seed": CHOOSING, "steps": STEPS, "lr": lr} for arm in ("base", "lime"))
    for seed in (*FIRST, *SEEDS):
        yield from ({"arm": arm, "seed": seed, "steps": STEPS, "lr": chosen_rate(arm)} for arm in ("base", "lime"))


def main() -> None:
    """Train every model that is not stored yet. Several processes share the work once the rates are known."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=math.inf, help="start no run after so many")
    for run in share(stored(), cells(), train_language, minutes=parser.parse_args().minutes):
        print({name: run[name] for name in ("arm", "seed", "lr", "core_seconds")}, fmean(run["rows"]), flush=True)


if __name__ == "__main__":
    main()
