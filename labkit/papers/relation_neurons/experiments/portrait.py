"""Portraits: everything the ledger asks of one trained model, measured once and stored.

`portrait(final, early)` takes the models of one seed: trained to the end, and as they were when they knew four facts of
five. Stored portraits (data/sweeps/11_portraits.json) replay without the models.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from labkit.base.data import data_dir
from labkit.base.errors import BrokenFile, NotAvailable

from .interference import Interference

if TYPE_CHECKING:
    from .study import RelationStudy

__all__ = ["Portraits", "large_path", "late_portrait", "portrait", "portraits_path"]

SHARES = (0.0036, 0.012, 0.05, 0.1, 0.25)
PAPER, LARGE, SIX = 0.0036, 0.1, 0.06  # 3,000 of 835,584; ours; 50,000 of 835,584
FOREIGN = ("father", "director", "headquarters", "island")
DRAWS = 10
LADDER = (0.0036, 0.012, 0.05, 0.1, 0.15, 0.25)  # of 11.cumulative


def portraits_path() -> Path:
    """Return where the stored portraits are."""
    return data_dir() / "sweeps" / "11_portraits.json"


def large_path() -> Path:
    """Return where the portraits of models of a large register are."""
    return data_dir() / "sweeps" / "11_large.json"


@dataclass(frozen=True)
class Portraits:
    """Stored portraits by seed."""

    of: dict[int, dict[str, Any]]

    @classmethod
    def load(cls, path: Path | None = None) -> Portraits:
        """Read them; raise `NotAvailable` where there are none, `BrokenFile` where they are damaged."""
        path = path or portraits_path()
        if not path.is_file():
            raise NotAvailable(f"There are no portraits at {path}.", do="train and measure the seeds (see training)")
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            return cls({int(seed): found for seed, found in table.items()})
        except (ValueError, AttributeError) as error:
            raise BrokenFile(f"{path} is damaged ({error}).", do="restore the file") from error

    def seed(self, seed: int) -> dict[str, Any]:
        """Return the portrait of one seed."""
        if seed not in self.of:
            raise NotAvailable(f"Seed {seed} has no portrait.", expected=f"one of {sorted(self.of)}")
        return self.of[seed]

    def crowd(self, name: str = "cumulativity") -> tuple[int, int]:
        """Return over all models the answers lost from range to range, and those the added neurons alone lose too."""
        counts = [one[name] for one in self.of.values() if name in one]
        total, affected = (sum(sum(map(sum, one[what])) for one in counts) for what in ("total", "affected"))
        return total, affected

    def interference(self, seed: int) -> Interference:
        """Return what `interference` found in the early model of a seed."""
        one = self.seed(seed)["interference"]
        return Interference(
            share=one["share"],
            cells=one["cells"],
            improving=one["improving"],
            largest=one["largest"],
            where=tuple(one["where"]),
            null_improving=tuple(one["matched"]),
            null_largest=tuple(one["matched_largest"]),
            significant=one["significant"],
        )


def portrait(final: RelationStudy, early: RelationStudy) -> dict[str, Any]:
    """Return the numbers of one seed as plain values."""
    found = {"known": {"final": _mean(final.before().right), "early": _mean(early.before().right)}}
    found["by_share"] = [_one_share(final, share) for share in SHARES]
    for name, options in {
        "reworded": {"wording": "reworded"},
        "coded": {"wording": "coded"},
        "foreign": {"wording": "foreign", "asked": FOREIGN, "silenced": FOREIGN},
        "seen": {"seen": True},
    }.items():
        found[name] = _own_and_random(final, LARGE, **options)
    found["pools"] = {pool: _own_and_others(final, 0.05, pool=pool) for pool in ("mean", "last", "max")}
    found["coded_search"] = {p: _own_and_others(final, 0.05, pool=p, searched="coded") for p in ("mean", "last")}
    found["modules"] = _modules(final)
    found["others_at_six"] = _own_and_others(final, SIX)
    found["father_off"] = _father_off(final)
    return {
        **found,
        "controls": _controls(final),
        **_without_asking(final),
        **_of_facts(final),
        "interference": _improving(early),
    }


def late_portrait(final: RelationStudy) -> dict[str, Any]:
    """Return what was asked later, of another seed: matched controls, poolings, and the main drops beside them."""
    return {
        "known": {"final": _mean(final.before().right)},
        "by_share": [_one_share(final, share) for share in (PAPER, LARGE)],
        "pools": {pool: _own_and_others(final, 0.05, pool=pool) for pool in ("mean", "last")},
        "father_off": _father_off(final),
        "controls": _controls(final),
    }


def _one_share(study: RelationStudy, share: float) -> dict[str, Any]:
    from .damage import damage_map

    top, matched = damage_map(study, share), damage_map(study, share, "matched")
    return {
        "share": share,
        "k": top.k,
        "own": _drops(top),
        "others": _list(top.others().per_unit),
        "matched": _drops(matched),
        "random": _list(_random(study, share)),
        "log_own": round(top.log_own(), 4),
        "log_others": round(top.log_others(), 4),
    }


def _controls(study: RelationStudy) -> dict[str, Any]:
    """Return each relation's own drop beside that under ten matched sets: zeroed, and set to their mean; and, at the
    paper's share, the change of the answer's log probability."""
    from .damage import damage_map, matched_maps

    found = {}
    for name, share, to in (("zero", LARGE, "zero"), ("mean", LARGE, "mean"), ("paper", PAPER, "zero")):
        own, drawn = damage_map(study, share, to=to), matched_maps(study, share, DRAWS, to=to)
        found[name] = {
            "own": _drops(own),
            "matched": _list(fmean(one.own().value for one in draws) for draws in zip(*drawn)),
            "log_own": _list(own.log_by_relation()),
            "log_matched": _list(fmean(one.log_own() for one in draws) for draws in zip(*drawn)),
        }
    return found


def _own_and_random(study: RelationStudy, share: float, **options: Any) -> dict[str, list[float]]:
    from .damage import damage_map

    names = options.get("silenced", study.relations)
    random = _random(study, share, **{key: value for key, value in options.items() if key != "silenced"})
    by_name = dict(zip(options.get("asked", study.relations), random))
    return {
        "own": _drops(damage_map(study, share, **options)),
        "random": _list([by_name[name] for name in names]),
    }


def _random(study: RelationStudy, share: float, **options: Any) -> list[float]:
    """Return each relation's drop under sets drawn from the whole model, a mean over `DRAWS` (as in the paper)."""
    from .damage import damage_map

    one = study.relations[:1]  # a random set is nobody's: any name will do
    maps = [damage_map(study, share, "random", silenced=one, seed=seed, **options) for seed in range(DRAWS)]
    return [sum(found.drop(name, one[0]) for found in maps) / DRAWS for name in maps[0].relations]


def _own_and_others(study: RelationStudy, share: float, **options: Any) -> dict[str, list[float]]:
    from .damage import damage_map

    found = damage_map(study, share, **options)
    return {"own": _drops(found), "others": _list(found.others().per_unit)}


def _modules(study: RelationStudy) -> dict[str, list[float]]:
    from ..method import ATTENTION
    from .damage import damage_map

    k = study.layout.count(0.05)
    kinds = {"gate": ("gate",), "up": ("up",), "down": ("down",), "attention": ATTENTION}
    return {name: _drops(damage_map(study, k=k, modules=modules)) for name, modules in kinds.items()}


def _father_off(study: RelationStudy) -> dict[str, list[float]]:
    """Return for each question about mothers: right before, right without father's neurons, mean of matched sets."""
    from .damage import damage_map

    one = {"silenced": ["father"], "asked": ["mother"]}
    cut = damage_map(study, LARGE, **one)
    matched = [damage_map(study, LARGE, "matched", seed=seed, **one).after[0] for seed in range(DRAWS)]
    return {
        "before": _list(cut.before),
        "mother": _list(cut.after[0]),
        "matched": _list(sum(matched) / DRAWS),
    }


def _without_asking(study: RelationStudy) -> dict[str, Any]:
    from .concepts import concept_overlap
    from .overlap import layer_shares, layer_shares_by_relation, neuron_overlap

    shared, concepts, nothing = neuron_overlap(study, 0.05), concept_overlap(study), study.searching(permuted=True)
    return {
        "best_ap": _list(float(study.search.of(name).ap.max()) for name in study.relations),
        "best_ap_permuted": _list(float(nothing.of(name).ap.max()) for name in study.relations),
        "at_one": [study.search.of(name).at_one() for name in study.relations],
        "overlap": {"k": shared.k, "shared": [list(row) for row in shared.shared], "expected": shared.expected},
        "layers": {str(share): _list(layer_shares(study, share)) for share in (PAPER, 0.05)},
        "middle": [round(sum(shares[1:3]), 4) for shares in layer_shares_by_relation(study, PAPER).values()],
        "in_no_concept": _list(concepts.alone[name] / concepts.k for name in study.relations),
        "in_own_concept": _list(concepts.own(name) for name in study.relations),
    }


def _of_facts(study: RelationStudy) -> dict[str, Any]:
    from .cumulative import cumulativity
    from .damage import damage_map
    from .facts import frequency_gap, lost_answers, talk_loss

    crowd, drawn = cumulativity(study, LADDER), cumulativity(study, LADDER, matched=1)
    nothing = damage_map(study, 0.05, "permuted")
    return {
        "cumulativity": {"ladder": list(crowd.ladder), "total": _rows(crowd.total), "affected": _rows(crowd.affected)},
        "cumulativity_matched": {"total": _rows(drawn.total), "affected": _rows(drawn.affected)},
        "frequency_gaps": {name: round(gap, 4) for name, gap in frequency_gap(study, LARGE, least=1).gaps.items()},
        "errors": {kind: round(share, 4) for kind, share in lost_answers(study, LARGE).shares().items()},
        "talk": {name: round(ratio, 4) for name, ratio in talk_loss(study).ratios().items()},
        "permuted": {"own": _drops(nothing), "others": _list(nothing.others().per_unit)},
    }


def _improving(study: RelationStudy) -> dict[str, Any]:
    from .interference import interference

    found = interference(study, 0.012, DRAWS)
    return {
        "share": found.share,
        "cells": found.cells,
        "where": list(found.where),
        "improving": found.improving,
        "matched": list(found.null_improving),
        "largest": round(found.largest, 4),
        "matched_largest": _list(found.null_largest),
        "significant": found.significant,
        "rows": list(found.rows),
        "matched_rows": _rows(found.null_rows),
    }


def _drops(found: Any) -> list[float]:
    return _list(found.own().per_unit)


def _list(values: Any) -> list[float]:
    return [round(float(value), 4) for value in values]


def _mean(values: Any) -> float:
    return round(float(values.mean()), 4)


def _rows(rows: Any) -> list[list[int]]:
    return [list(row) for row in rows]
