"""Do parts of one score cost the same? Each attention beside each MLP that turns the stream as far as it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.measurements.ranks import Agreement
from labkit.measurements.tables import text_table
from labkit.sweeps import score_agreement

if TYPE_CHECKING:
    from labkit.measurements.layer_scores import LayerScores

__all__ = ["EqualScores", "equal_scores"]

SPOKEN = {"attention": "attention", "mlp": "MLP"}


@dataclass(frozen=True, kw_only=True)
class EqualScores(Result):
    """Pairs of an attention and an MLP of nearly one score, the smallest ratio of their costs first.

    agreement: of score and cost, over all parts. pairs: (layer of the attention, layer of the MLP, how many times as
    much the attention costs). within: by what share the two scores may differ.
    """

    agreement: Agreement
    pairs: tuple[tuple[int, int, float], ...]
    within: float

    @property
    def middle(self) -> tuple[int, int, float]:
        """The pair in the middle of the order: as many pairs differ more as differ less."""
        return self.pairs[len(self.pairs) // 2]

    def table(self) -> str:
        """Return one line per pair."""
        rows = [[f"attention {a}", f"MLP {b}", f"{times:.1f}"] for a, b, times in self.pairs]
        return text_table(["attention", "MLP", "times the cost"], rows, title=f"Scores within {self.within:.0%}")


def equal_scores(scores: LayerScores, truth: LayerScores, layers: Sequence[int], *, within: float = 0.1) -> EqualScores:
    """Return the pairs of `layers` whose scores differ by less than `within` of the MLP's.

    An MLP that costs nothing, or less, has no ratio and is left out. Raises `BadInput` where no pair is left.
    """
    pairs = [
        (a, b, truth.attention[a].value / truth.mlp[b].value)
        for a in layers
        for b in layers
        if abs(scores.attention[a].value / scores.mlp[b].value - 1) < within and truth.mlp[b].value > 0
    ]
    if not pairs:
        raise BadInput(f"No attention and MLP score within {within:.0%} of each other.", expected="a larger within")
    found = score_agreement(scores, truth)
    labels = tuple(f"{SPOKEN[kind]} {label.split()[-1]}" for kind, label in zip(found.kinds, found.labels))
    spoken = {"guess_name": "score: 1 − cosine", "truth_name": "rise in loss without it (nats a token)"}
    pairs.sort(key=lambda pair: pair[2])
    return EqualScores(agreement=replace(found, labels=labels, **spoken), pairs=tuple(pairs), within=within)
