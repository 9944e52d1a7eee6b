"""The strategies, the searches, the transplants and the spectra of every seed, into the table that the claims read.

    python -m labkit.papers.transformer_squared.experiments.seeds 1 2 3 4 5 6 7 8 9 10

Needs the bases and banks that `training` makes. Donors of a seed's transplants are the experts of the seed before it.
Seeds 6 to 10 lend each other their experts and do nothing else.
"""

from __future__ import annotations

import sys
from typing import Any

from labkit.training import Runs

from ..method.bank import load_bank
from ..task import DOMAINS, UNSEEN
from ..training import LENDING, SEEDS, bank_path, base, own_runs
from .searches import WAYS, search_shares
from .spectra import spectrum_shares
from .strategies import few_shots, label_table, strategies
from .transplants import transplant, transplant_by_few_shots

__all__ = ["lend", "measure_seed"]

N, TOP, SHOTS, FEW = 1000, 0.1, 10, 3
DRAWS, ROUNDS = (0, 1), (10, 20)  # of the shots that the four searches are given; rounds after which they are judged
QUERIES = ("attn.q", "attn.k", "attn.v")
REST = ("attn.o", "mlp.gate", "mlp.up", "mlp.down")


def measure_seed(seed: int, runs: Runs) -> None:
    """Measure what is not known yet of one seed."""
    model, held = base(seed), load_bank(bank_path(seed))
    bank = {domain: held[domain] for domain in DOMAINS}

    def told() -> dict[str, Any]:
        found = strategies(model, bank, held["label"], shots=SHOTS, n=N, seed=seed)
        return {
            "accuracy": {name: {t: found.accuracy(name, t) for t in tasks} for name, tasks in found.right.items()},
            "labels": {name: one.rows for name, one in found.labels.items()},
            "shares": found.shares,
            "seconds": {name: {t: list(s) for t, s in by_task.items()} for name, by_task in found.seconds.items()},
        }

    def labelled() -> dict[str, Any]:
        return {
            name: label_table(model, used, n=N).rows
            for name, used in (("A prompt", None), ("B classifier", held["label"]))
        }

    def adapted(shots: int) -> dict[str, Any]:
        made = [few_shots(model, bank, t, shots=shots, n=N, seed=seed) for t in UNSEEN.values()]
        return {"accuracy": {one.task: one.grades[one.task] for one in made}}

    def searched(draw: int) -> dict[str, Any]:
        found: dict[str, Any] = {"accuracy": {}, "on shots": {}}
        for way in WAYS:
            by_task = {
                t: search_shares(model, bank, t, way, shots=SHOTS, rounds=ROUNDS, n=N, seed=seed + 1000 * draw)
                for t in UNSEEN.values()
            }
            for name, part in (("accuracy", "right"), ("on shots", "on_shots")):
                rounds = {str(r): {t: getattr(one[r], part) for t, one in by_task.items()} for r in ROUNDS}
                found[name][way] = rounds
        return found

    def transplanted() -> dict[str, Any]:
        # Seed 1 takes the last seed's experts, so that no confirmatory number rests on the choosing seed.
        donor = SEEDS[SEEDS.index(seed) - 1]
        given = load_bank(bank_path(donor))
        made = transplant(model, {domain: given[domain] for domain in DOMAINS}, bank, n=N)
        return {
            "donor": donor,
            "accuracy": {
                domain: {name: {t: one[t] for t in one.right} for name, one in found.grades.items()}
                for domain, found in made.items()
            },
        }

    def spread() -> dict[str, Any]:
        shares = spectrum_shares(model, TOP)
        return {"queries": shares.of_parts(*QUERIES), "rest": shares.of_parts(*REST), "share": shares.share}

    runs.do({"experiment": "strategies", "seed": seed}, told)
    runs.do({"experiment": "labels", "seed": seed}, labelled)
    runs.do({"experiment": "few shots", "shots": FEW, "seed": seed}, lambda: adapted(FEW))
    runs.do({"experiment": "spectrum", "seed": seed}, spread)
    runs.do({"experiment": "transplant", "seed": seed}, transplanted)
    for draw in DRAWS:
        runs.do({"experiment": "searches", "draw": draw, "seed": seed}, lambda draw=draw: searched(draw))


def lend(seed: int, runs: Runs) -> None:
    """Lay the experts of the seed before it in `LENDING` on a seed's base, alone and mixed by few shots."""
    donor = LENDING[LENDING.index(seed) - 1]

    def lent() -> dict[str, Any]:
        own, given = ({d: load_bank(bank_path(one))[d] for d in DOMAINS} for one in (seed, donor))
        found = transplant_by_few_shots(base(seed), given, own, shots=SHOTS, seed=seed)
        return {
            "donor": donor,
            "accuracy": {name: {t: one[t] for t in one.right} for name, one in found.grades.items()},
        }

    runs.do({"experiment": "transplant by few shots", "seed": seed}, lent)


if __name__ == "__main__":
    for number in map(int, sys.argv[1:]):
        (lend if number in LENDING else measure_seed)(number, own_runs())
        print(f"seed {number} measured", flush=True)
