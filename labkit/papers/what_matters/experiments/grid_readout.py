"""What a model without some of its parts makes of held-out stories and of one text. Shapes: L tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from labkit import world
from labkit.anatomy import in_eval_mode
from labkit.interventions import Plan, drops, edit
from labkit.measurements import sizes_of
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.measures import LossMeasure
from labkit.measurements.readings import read, readable
from labkit.sweeps.engine import Engine
from labkit.sweeps.reach import first_touched
from labkit.sweeps.run import MEMORY

from .layer_grid import LONGEST, POOL, LayerGridData, LayerGridState, as_lists

__all__ = ["Readout", "whole_stories"]


def whole_stories(handle: Any, n: int) -> list:
    """Return `n` short held-out stories, whole to who has the lantern, all of one length in tokens."""
    stories = [handle.encode(one.text) for one in world.documents("stories", POOL, seed=0, split="test")]
    length = Counter(length for length in map(len, stories) if length <= LONGEST).most_common(1)[0][0]
    return [ids for ids in stories if len(ids) == length][:n]


class Readout:
    """A model whose intact streams are kept, so that a cut is computed only from the first part it touches."""

    def __init__(self, handle: Any, n_documents: int, fingerprint: str):
        self.handle = handle
        self.engine = Engine(handle, whole_stories(handle, n_documents), LossMeasure())
        starts = range(self.engine.prefix.end + 1)
        scores = in_eval_mode(handle, lambda module: self.engine.prepare(starts, fingerprint, MEMORY))
        self.losses, self.weights = self.engine.measure.fold(scores, self.lengths())
        self.said: dict[str, str] = {}  # how the intact model goes on, by text

    def lengths(self) -> list[int]:
        return [len(ids) for ids in self.engine.documents]

    def answer(self, state: LayerGridState) -> LayerGridData:
        """Return both models on the stories and on the text."""
        plan, handle = drops(self.handle, **as_lists(state.gone)), self.handle
        ids_L = readable(handle, state.text)
        losses = self._losses(plan) if state.gone else self.losses
        intact, cut = (self._mean("loss", values) for values in (self.losses, losses))
        change = self._mean("change", [after - before for after, before in zip(losses, self.losses)], null=0.0)
        if state.text not in self.said:
            self.said[state.text] = read(handle, ids_L, ()).goes_on
        goes_on = self.said[state.text]
        if state.gone:
            with edit(handle, plan):
                goes_on = read(handle, ids_L, (), guess=self._drafted(state.text, len(ids_L))).goes_on
        whole, left = sizes_of(handle), sizes_of(handle, plan)
        context = _context(handle)
        return LayerGridData(
            state.gone, whole.depth, intact, cut, change, (self.said[state.text], goes_on),
            (whole.parameters, left.parameters), (whole.cache_bytes(context), left.cache_bytes(context)), context,
            tuple(world.unknown_words(state.text)) if handle.ours else (),
        )  # fmt: skip

    def _drafted(self, text: str, length: int) -> list[int]:
        """Return how the intact model goes on, as tokens: many a cut changes little of it."""
        if not self.handle.ours:
            return []  # a model of the hub may read through a window, whose cache cannot be cropped
        return self.handle.encode(f"{text} {self.said[text]}")[length:].tolist()

    def _losses(self, plan: Plan) -> list[float]:
        first = first_touched(self.handle, plan)
        scores = in_eval_mode(self.handle, lambda module: self.engine.scores(plan, first, lambda: False))
        return self.engine.measure.fold(scores, self.lengths())[0]

    def _mean(self, name: str, values: Sequence[float], null: float | None = None) -> Estimate:
        return mean_over(values, weights=self.weights, name=name, unit="nats/token", null=null)


def _context(handle: Any) -> int:
    config = handle.model.config
    return getattr(config, "context", None) or getattr(config, "max_position_embeddings", None) or 2048
