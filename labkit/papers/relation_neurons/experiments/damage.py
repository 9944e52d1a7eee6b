"""Silence each relation's neurons in turn and ask about all relations: the damage map, and how it grows with the set.

drop(r asked, s silenced) = (accuracy of r − accuracy of r without s's neurons) / accuracy of r      (section 3.4)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from labkit.base.errors import BadInput, unknown
from labkit.interventions import edit
from labkit.measurements import Estimate, mean_over

from ..method import FFN, Search, SilenceNeurons, forced
from .study import RelationStudy

__all__ = [
    "SOURCES",
    "VALUES",
    "DamageMap",
    "ShareCurve",
    "by_share",
    "damage_map",
    "matched_maps",
    "neurons_for",
    "sign_test",
]

SOURCES = ("top", "bottom", "random", "matched", "permuted")
VALUES = ("zero", "mean", "median")  # what the chosen outputs are set to
SHARES = (0.0006, 0.0036, 0.012, 0.05, 0.1, 0.15, 0.25)  # one neuron of ours; the paper's 3,000 of 835,584; more


@dataclass(frozen=True, eq=False)
class DamageMap:
    """Answers to the same questions, intact and with the neurons of each relation in `silenced` off.

    asked [Q]: each question's relation. before [Q], after [S, Q]: 1 where right. log_before, log_after: nats.
    """

    silenced: tuple[str, ...]
    asked: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray
    log_before: np.ndarray
    log_after: np.ndarray
    k: int
    by: str = "top"
    wording: str = "named"

    @property
    def relations(self) -> tuple[str, ...]:
        """The relations asked about, in order."""
        return tuple(dict.fromkeys(self.asked))

    def rows(self, relation: str) -> np.ndarray:
        """Return which questions are about a relation [Q]."""
        if relation not in self.relations:
            raise unknown("relation asked about", relation, list(self.relations))
        return np.array(self.asked) == relation

    def drop(self, asked: str, silenced: str) -> float:
        """Return the relative drop of accuracy; below 0 is an improvement, nan where nothing was right before."""
        rows, place = self.rows(asked), self.silenced.index(silenced)
        before = float(self.before[rows].mean())
        return (before - float(self.after[place, rows].mean())) / before if before else math.nan

    def matrix(self) -> np.ndarray:
        """Return the drops [silenced, asked]."""
        return np.array([[self.drop(asked, silenced) for asked in self.relations] for silenced in self.silenced])

    def largest(self) -> tuple[float, str, str]:
        """Return the largest drop of the map, which relation was asked about, and whose neurons were off."""
        drops = self.matrix()
        row, column = np.unravel_index(np.nanargmax(drops), drops.shape)
        return float(drops[row, column]), self.relations[column], self.silenced[row]

    def p_value(self, asked: str, silenced: str) -> float:
        """Return how likely so uneven a change is where each changed answer is as likely gained as lost."""
        rows, place = self.rows(asked), self.silenced.index(silenced)
        gained = int((self.after[place, rows] > self.before[rows]).sum())
        lost = int((self.after[place, rows] < self.before[rows]).sum())
        return sign_test(gained, lost)

    def own(self) -> Estimate:
        """Return the mean drop of the relation whose neurons are off, over relations."""
        drops = [self.drop(name, name) for name in self.silenced if name in self.relations]
        return mean_over(drops, "cases", name="own drop", unit="share of accuracy", null=0.0)

    def others(self) -> Estimate:
        """Return the mean drop of the other relations, one value for each silenced one."""
        drops = [np.mean([self.drop(r, s) for r in self.relations if r != s]) for s in self.silenced]
        return mean_over(drops, "cases", name="drop of others", unit="share of accuracy", null=0.0)

    def log_own(self) -> float:
        """Return the mean change of the log probability of the answer, in nats, own relation."""
        return float(np.mean(self.log_by_relation()))

    def log_by_relation(self) -> list[float]:
        """Return the same for each silenced relation."""
        return [self._log(s, self.rows(s)) for s in self.silenced if s in self.relations]

    def log_others(self) -> float:
        """Return the mean change over the questions of the other relations."""
        return float(np.mean([self._log(s, np.array(self.asked) != s) for s in self.silenced]))

    def _log(self, silenced: str, rows: np.ndarray) -> float:
        return float((self.log_after[self.silenced.index(silenced)] - self.log_before)[rows].mean())

    def table(self) -> str:
        """Return own drop and mean drop of the others for each silenced relation."""
        lines = [f"{'silenced':14}  own   others"]
        for name in self.silenced:
            others = np.mean([self.drop(r, name) for r in self.relations if r != name])
            own = f"{self.drop(name, name):5.2f}" if name in self.relations else "    –"
            lines.append(f"{name:14} {own}  {others:5.2f}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values; answers as one string of 0 and 1 for each silenced relation."""
        return {
            "k": self.k, "by": self.by, "wording": self.wording, "silenced": list(self.silenced),
            "asked": {name: int(self.rows(name).sum()) for name in self.relations},
            "before": _bits(self.before), "after": [_bits(row) for row in self.after],
            "log_own": round(self.log_own(), 4), "log_others": round(self.log_others(), 4),
        }  # fmt: skip


def sign_test(gained: int, lost: int) -> float:
    """Return the two-sided p of the sign test (McNemar's exact test); 1 where nothing changed."""
    n = gained + lost
    if not n:
        return 1.0
    tail = sum(math.comb(n, i) for i in range(max(gained, lost), n + 1)) / 2**n
    return min(1.0, 2 * tail)


def neurons_for(
    study: RelationStudy,
    relation: str,
    k: int,
    by: str = "top",
    *,
    seed: int = 0,
    modules: Sequence[str] = FFN,
    **options: Any,
) -> tuple[str, ...]:
    """Return the addresses of k neurons: the `top` of a relation, its `bottom`, as many at `random`, from the same
    layers and modules (`matched`), or the top of a search whose labels were `permuted`.

    options: pool, searched (see `RelationStudy`).
    """
    search, neurons = _choose(study, relation, k, by, seed, modules, options)
    return search.layout.names(neurons)


def _choose(
    study: RelationStudy, relation: str, k: int, by: str, seed: int, modules: Sequence[str], options: dict[str, Any]
) -> tuple[Search, np.ndarray]:
    """Return the search and the places of the k neurons in its layout."""
    if by not in SOURCES:
        raise unknown("way to choose neurons", by, SOURCES)
    search = study.searching(modules=modules, permuted=by == "permuted", seed=seed * (by == "permuted"), **options)
    found, layout = search.of(relation), search.layout
    if by == "bottom":
        return search, found.bottom(k)
    if by == "random":
        return search, layout.random(k, seed)
    return search, layout.matched(found.top(k), seed) if by == "matched" else found.top(k)


def damage_map(
    study: RelationStudy,
    share: float = 0.05,
    by: str = "top",
    *,
    wording: str = "named",
    silenced: Iterable[str] | None = None,
    asked: Sequence[str] | None = None,
    seed: int = 0,
    modules: Sequence[str] = FFN,
    k: int | None = None,
    seen: bool = False,
    to: str = "zero",
    last: int | None = None,
    **options: Any,
) -> DamageMap:
    """Silence the neurons of each relation in turn and ask the held-out questions of all.

    share: of the model's gate, up and down neurons (k: as a number). by, modules, options: see `neurons_for`.
    seed: of random, matched or permuted choices. seen: ask the facts that the search used instead. to: what the outputs
    are set to: zero, their mean over all prompts of the search, or their median over those of the silenced relation
    (which is how Kojima et al. 2024 activate neurons). last: only at the last so many tokens.
    """
    if to not in VALUES:
        raise unknown("value to set neurons to", to, VALUES)
    silenced = tuple(study.relations if silenced is None else silenced)
    if not silenced:
        raise BadInput("Nothing is silenced.", expected="at least one relation")
    k = study.layout.count(share) if k is None else k
    quiz, before = study.quiz(wording, asked, seen), study.before(wording, asked, seen)
    found = []
    for name in silenced:
        search, neurons = _choose(study, name, k, by, seed, modules, options)
        if to == "zero":
            off = SilenceNeurons(search.layout.names(neurons), last=last)
        else:
            rows = [to == "mean" or one == name for one in search.classes]
            off = forced(search.layout, neurons, search.outputs[torch.tensor(rows)], to, last=last)
        with edit(study.model, off):
            found.append(quiz.answers())
    return DamageMap(
        silenced=silenced,
        asked=tuple(question.relation for question in quiz.questions),
        before=before.right,
        after=np.stack([answers.right for answers in found]),
        log_before=before.log_probability,
        log_after=np.stack([answers.log_probability for answers in found]),
        k=k,
        by=by,
        wording=wording,
    )


def matched_maps(study: RelationStudy, share: float, draws: int = 10, **options: Any) -> list[list[DamageMap]]:
    """Return, draw by draw and relation by relation, the map of that relation alone, asked and with a set matched to
    its own off: what any such set costs it."""
    return [
        [
            damage_map(study, share, "matched", silenced=[name], asked=[name], seed=1 + draw, **options)
            for name in study.relations
        ]
        for draw in range(draws)
    ]


@dataclass(frozen=True)
class ShareCurve:
    """Mean drops against the share of neurons silenced: own relation, the others, and own under matched sets (a mean
    over draws). logs: the mean change of the log probability of the answer in nats, in the same order.
    """

    shares: tuple[float, ...]
    own: tuple[Estimate, ...]
    others: tuple[Estimate, ...]
    matched: tuple[Estimate, ...]
    logs: tuple[tuple[float, float, float], ...] = ()

    def table(self) -> str:
        """Return one line a share."""
        lines = ["share     own   others  matched" + "   nats: own  others  matched" * bool(self.logs)]
        for place, share in enumerate(self.shares):
            three = (self.own[place], self.others[place], self.matched[place])
            nats = (f"{one:8.3f}" for one in self.logs[place]) if self.logs else ()
            lines.append(f"{share:6.2%}  " + "  ".join(f"{one.value:6.3f}" for one in three) + "  " + "".join(nats))
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values: one drop a relation."""
        lines = {"own": self.own, "others": self.others, "matched": self.matched}
        drops = {name: [[round(v, 4) for v in one.per_unit] for one in line] for name, line in lines.items()}
        return {"shares": list(self.shares), **drops, "logs": [[round(v, 4) for v in row] for row in self.logs]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ShareCurve:
        """Return the curve that `as_dict` wrote."""
        lines = ([_mean_drop(one, kind) for one in values[kind]] for kind in ("own", "others", "matched"))
        return cls(tuple(values["shares"]), *map(tuple, lines), logs=tuple(map(tuple, values["logs"])))


def _mean_drop(drops: Sequence[float], name: str) -> Estimate:
    return mean_over(list(drops), "cases", name=f"drop, {name}", unit="share of accuracy", null=0.0)


def by_share(study: RelationStudy, shares: Sequence[float] = SHARES, *, draws: int = 1, **options: Any) -> ShareCurve:
    """Return how own, others' and matched damage grow with the set; `draws` matched sets for each relation."""
    own, others, matched, logs = [], [], [], []
    for share in shares:
        found = damage_map(study, share, **options)
        drawn = matched_maps(study, share, draws, **options)
        own.append(found.own())
        others.append(found.others())
        drops = np.mean([[one.own().value for one in row] for row in drawn], axis=0)
        matched.append(_mean_drop(drops, "matched"))
        any_set = float(np.mean([[one.log_own() for one in row] for row in drawn]))
        logs.append((found.log_own(), found.log_others(), any_set))
    return ShareCurve(tuple(shares), tuple(own), tuple(others), tuple(matched), tuple(logs))


def _bits(right: np.ndarray) -> str:
    return "".join("1" if one else "0" for one in right)
