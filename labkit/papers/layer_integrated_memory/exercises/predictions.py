"""What lesson 09 asks before anything runs, and what decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labkit.course import Prediction

__all__ = ["PREDICTIONS"]

NEAR = 0.02  # of a share: two accuracies closer than that are not told apart
GONE = 0.05  # of a share: a smaller lead counts as none


def _dearest(costs: Mapping[int, float]) -> int | tuple[int, ...]:
    """Decide from the cost of cutting the last layer off from layers 0, 1 and 2; within a twentieth they tie."""
    most = max(costs.values())
    tied = tuple(place for place, source in enumerate(sorted(costs)) if costs[source] > 0.95 * most)
    return tied[0] if len(tied) == 1 else tied


def _after_longer(leads: Sequence[tuple[float, float]]) -> int:
    """Decide from the leads in the share solved, pair by pair, after the shorter and after the longer training."""
    most = len(leads) / 2
    if sum(abs(long) <= GONE for _, long in leads) > most:
        return 2
    if sum(long < -GONE for _, long in leads) > most:
        return 3
    return 0 if sum(long > short + GONE for short, long in leads) > most else 1


def _lower(pairs: Mapping[str, tuple[float, float]]) -> int:
    """Decide from (baseline, LIMe) accuracies of hidden states, own values, routed values in the last layer."""
    lower = {kind: lime < base - NEAR for kind, (base, lime) in pairs.items()}
    if lower["routed"]:
        return 3
    return 2 if lower["raw"] else 1 if lower["hidden"] else 0


PREDICTIONS = (
    Prediction(
        id="r1",
        question="A row of a matrix is multiplied by 10, and the column that reads it by 1/10. What changes?",
        options=(
            "the output, tenfold",
            "the numbers, and nothing the model computes",
            "only the loss",
            "nothing at all, not even the numbers",
        ),
        answer=1,
        because="The same function, written otherwise. So the size of a number alone says little about its use.",
    ),
    Prediction(
        id="r2",
        question="Two ways of training, five seeds each. What tells them apart best?",
        options=(
            "the better of the two means",
            "the best seed of each",
            "the differences seed by seed, with their interval",
            "whether one mean lies within the other's spread",
        ),
        answer=2,
        because="Both runs of a seed saw the same data. The interval says whether another five seeds might disagree.",
    ),
    Prediction(
        id="p1",
        question="The last layer (layer 3) is cut off from one earlier layer. Which cut costs most?",
        options=("from layer 0, the first", "from layer 1", "from layer 2, the one just below"),
        answer=_dearest,
        because="What layer 0 made of the symbols is what the last layer misses most.",
    ),
    Prediction(
        id="p2",
        question="Both kinds train for twice as long. What becomes of LIMe's lead?",
        options=(
            "it grows in most pairs",
            "it stays much as it was",
            "in most pairs it is gone",
            "in most pairs the baseline is ahead",
        ),
        answer=_after_longer,
        because="Gone means: the two shares solved are within five points. The pairs are the dots in the panel.",
    ),
    Prediction(
        id="p3",
        question=(
            "The digits 1, 2, 3 and 4 are told apart by a linear classifier that sees one layer. In the last layer of "
            "LIMe, what does worse than in the baseline?"
        ),
        options=(
            "nothing: LIMe keeps digits apart everywhere",
            "the hidden states only",
            "the hidden states, and the values the layer itself makes",
            "all three: routed values too",
        ),
        answer=_lower,
        because="A layer that can read the first one need not carry its digits along.",
    ),
)
