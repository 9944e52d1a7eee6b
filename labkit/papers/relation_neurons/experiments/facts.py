"""Which facts survive, what is said instead of the lost ones, and what becomes of other talk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from labkit.interventions import edit
from labkit.measurements import Estimate, loss, mean_over

from ..method import Answers, SilenceNeurons
from ..task import talk, words
from .damage import neurons_for
from .study import RelationStudy

__all__ = ["KINDS_OF_ERROR", "FrequencyGap", "LostAnswers", "TalkLoss", "frequency_gap", "lost_answers", "talk_loss"]

KINDS_OF_ERROR = (
    "another answer of the relation",
    "what another relation says of the subject",
    "another answer of another relation",
    "word of the prompt",
    "other",
)
NEUTRAL = words.TALK[-2:]  # sentences that end in a name and tell neither subject nor relation


@dataclass(frozen=True)
class FrequencyGap:
    """Per relation the mean log frequency of facts that survive (a) minus that of facts that are lost (b).

    frequencies: the mean frequencies (a, b) themselves.
    """

    share: float
    gaps: dict[str, float]
    frequencies: dict[str, tuple[float, float]] = field(default_factory=dict)

    def mean(self) -> Estimate:
        """Return the mean over the relations that have both kinds."""
        return mean_over(list(self.gaps.values()), "cases", name="survivors − lost", unit="log frequency", null=0.0)

    def relative(self) -> dict[str, float]:
        """Return the paper's (b − a) / b for each relation: below 0 where survivors are the more frequent."""
        return {name: (lost - kept) / lost for name, (kept, lost) in self.frequencies.items()}

    def p_value(self) -> float:
        """Return the two-sided p of Wilcoxon's signed-rank test of these over relations, as in the paper."""
        return signed_rank(list(self.relative().values()))


def signed_rank(values: Sequence[float]) -> float:
    """Return the exact two-sided p of Wilcoxon's signed-rank test; zeros are left out, ties share their ranks."""
    kept = [value for value in values if value]
    sizes = [abs(value) for value in kept]
    ranks = [sum(one < size for one in sizes) * 2 + sum(one == size for one in sizes) + 1 for size in sizes]  # doubled
    ways = np.ones(1)  # how many of the 2^n choices of signs have each sum of positive ranks
    for rank in ranks:
        ways = np.convolve(ways, [1, *[0] * (rank - 1), 1])
    above = sum(rank for rank, value in zip(ranks, kept) if value > 0)
    tail = min(ways[: above + 1].sum(), ways[above:].sum()) / ways.sum()
    return float(min(1.0, 2 * tail))


def frequency_gap(study: RelationStudy, share: float = 0.1, *, least: int = 3) -> FrequencyGap:
    """Compare facts that survive the silencing of their own relation with facts that do not.

    A relation counts where at least `least` facts survive and as many are lost.
    """
    gaps, frequencies = {}, {}
    for name in study.relations:
        before, after = study.before("named", [name]), _without(study, name, share)
        drawn = np.array([question.frequency for question in before.questions])
        logs = np.log(drawn)
        kept, lost = (before.right == 1) & (after.right == 1), (before.right == 1) & (after.right == 0)
        if min(kept.sum(), lost.sum()) >= least:
            gaps[name] = float(logs[kept].mean() - logs[lost].mean())
            frequencies[name] = float(drawn[kept].mean()), float(drawn[lost].mean())
    return FrequencyGap(share, gaps, frequencies)


@dataclass(frozen=True)
class LostAnswers:
    """What the model says first where it was right before and is wrong now, by kind, for each silenced relation."""

    share: float
    counts: dict[str, dict[str, int]]

    def shares(self) -> dict[str, float]:
        """Return each kind's share of all errors."""
        total = Counter()
        for count in self.counts.values():
            total.update(count)
        return {kind: total[kind] / max(1, sum(total.values())) for kind in KINDS_OF_ERROR}

    def table(self) -> str:
        """Return the shares as text."""
        return "\n".join(f"{share:5.0%}  {kind}" for kind, share in self.shares().items())


def lost_answers(study: RelationStudy, share: float = 0.1, by: str = "top") -> LostAnswers:
    """Return what is said instead of the answers lost when their own relation is silenced."""
    facts = {r: study.register.facts[r] for r in study.relations}
    firsts = {r: {fact.object.split()[0] for fact in found} for r, found in facts.items()}
    counts = {}
    for name in study.relations:
        quiz, before = study.quiz("named", [name]), study.before("named", [name])
        with edit(study.model, SilenceNeurons(neurons_for(study, name, study.layout.count(share), by))):
            after, said = quiz.answers(), quiz.words_said()
        counts[name] = dict.fromkeys(KINDS_OF_ERROR, 0)
        for row in np.flatnonzero((before.right == 1) & (after.right == 0)):
            question, word = quiz.questions[row], said[row][0]
            others = [f for r in facts if r != name for f in facts[r] if f.subject == question.subject]
            kinds = (
                word in firsts[name],
                word in {fact.object.split()[0] for fact in others},
                any(word in found for found in firsts.values()),
                word in question.prompt.split(),
                True,
            )
            counts[name][KINDS_OF_ERROR[kinds.index(True)]] += 1
    return LostAnswers(share, counts)


@dataclass(frozen=True)
class TalkLoss:
    """Loss on neutral sentences in nats a token: intact, and with the neurons of each relation off."""

    share: float
    intact: float
    silenced: dict[str, float]

    def ratios(self) -> dict[str, float]:
        """Return perplexity after over before, for each relation."""
        return {name: float(np.exp(value - self.intact)) for name, value in self.silenced.items()}

    def table(self) -> str:
        """Return the ratios as text."""
        return "\n".join(f"{name:14} {ratio:.3f}" for name, ratio in self.ratios().items())


def talk_loss(study: RelationStudy, share: float = 0.05, n: int = 200, seed: int = 9) -> TalkLoss:
    """Return the loss on sentences such as "they spoke about Port Selk .", which name no subject and no relation."""
    documents = study.model.encode_documents(talk(n, seed, forms=NEUTRAL))
    silenced, intact = {}, loss(study.model, documents).value
    for name in study.relations:
        with edit(study.model, SilenceNeurons(neurons_for(study, name, study.layout.count(share)))):
            silenced[name] = loss(study.model, documents).value
    return TalkLoss(share, intact, silenced)


def _without(study: RelationStudy, name: str, share: float) -> Answers:
    with edit(study.model, SilenceNeurons(neurons_for(study, name, study.layout.count(share)))):
        return study.quiz("named", [name]).answers()
