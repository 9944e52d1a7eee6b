"""The engine of a sweep: one intact pass that keeps streams, then each plan from where it first touches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from torch import Tensor

from labkit.anatomy import module_of
from labkit.base.errors import BadInput
from labkit.interventions import Plan, edit
from labkit.measurements.measures import Measure
from labkit.measurements.runs import batches, outputs_per_token

from .prefix import Prefix, thinned, usable_starts

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Engine"]

MOST_INTACT_LOGITS = 1 << 30  # bytes


class Engine:
    """Scores of one text under many plans, on a model that is intact between them.

    kind: "prefix" or "plain"; reason: why starts were given up, if any were. visits: sub-layer visits over the
    whole text so far, and those a plain loop would have made (its intact pass included, as ours is).
    """

    def __init__(self, model: ModelLike, documents: list[Tensor], measure: Measure):
        self.model, self.documents, self.measure = model, documents, measure
        self.prefix = Prefix(module_of(model), batches(model, documents, states=getattr(measure, "of_states", False)))
        self.kind, self.reason, self.starts = "plain", "", [0]
        self.intact_logits: list[Tensor | None] = [None] * len(self.prefix.batches)
        self.visits = {"made": 0, "plain": 0}

    def prepare(self, wanted: Iterable[int], fingerprint: str, memory: int, *, plain: bool = False) -> list[float]:
        """Run the intact model, keep its streams at the wanted starts, and return its scores."""
        if plain:
            self.reason = "asked for"
        else:
            self._choose(set(wanted), fingerprint, memory)
        scores = self.prefix.keeping(self.starts, lambda: self._passes(None, keep_logits=self.measure.needs_intact))
        self._visited(0)
        return scores

    def scores(self, plan: Plan, first: int, cancelled: Callable[[], bool]) -> list[float] | None:
        """Return the scores under a plan that touches nothing before `first`; None when cancelled on the way."""
        start = max(kept for kept in self.starts if kept <= first)
        with edit(self.model, plan):
            scores = self.prefix.starting_at(start, lambda: self._passes(cancelled))
        if scores is not None:
            self._visited(start)
        return scores

    def _choose(self, wanted: set[int], fingerprint: str, memory: int) -> None:
        usable = usable_starts(self.prefix.module, fingerprint, self.prefix.batches[0])
        tokens = sum(len(ids) for ids in self.documents)
        self.starts = thinned(wanted, usable, self.prefix.keys, tokens, memory)
        self.reason = usable.reason
        if len(usable.starts) > 1:
            self.kind = "prefix"
            if not self.reason and not wanted <= set(self.starts):
                self.reason = f"{len(self.starts)} of {len(wanted)} starts fit in {memory >> 20} MB"

    def _passes(self, cancelled: Callable[[], bool] | None, keep_logits: bool = False) -> list[float] | None:
        scores = [0.0] * len(self.documents)
        if keep_logits:
            self._check_memory()
        for number, batch in enumerate(self.prefix.batches):
            if cancelled is not None and cancelled():
                return None
            logits_BLV = self.prefix.logits(number)
            if keep_logits:
                self.intact_logits[number] = logits_BLV
            for place, score in zip(batch.index, self.measure.score(logits_BLV, batch, self.intact_logits[number])):
                scores[place] = score
        return scores

    def _visited(self, start: int) -> None:
        self.visits["made"] += self.prefix.end - start
        self.visits["plain"] += self.prefix.end

    def _check_memory(self) -> None:
        needed = 4 * outputs_per_token(self.prefix.module) * sum(len(ids) for ids in self.documents)
        if needed > MOST_INTACT_LOGITS:
            raise BadInput(
                f"{self.measure.name} compares with the intact logits: {needed / 2**30:.1f} GB on this text.",
                expected=f"at most {MOST_INTACT_LOGITS >> 30} GB",
                do="use fewer or shorter documents",
            )
