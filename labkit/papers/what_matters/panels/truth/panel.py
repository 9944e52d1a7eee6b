"""The truth panel: a metric of redundancy against what losing each part costs. Lesson: 02."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, ClassVar

from labkit import world
from labkit.base.errors import BadInput
from labkit.panels.controls import Choice, Control
from labkit.panels.measured import MeasuredPanel, between, in_slices

from .data import METRICS, NAMES, PARTS, TruthData, TruthRun, TruthState
from .words import code_of

__all__ = ["TruthPanel"]

SCORED, TRUE = 1, 0  # seeds of the documents that are scored, and of those on which parts are left out


class TruthPanel(MeasuredPanel):
    """Score every part of a model by six metrics, leave each part out in turn, and compare the orders.

    n_documents: held-out stories that are scored, and as many others on which the loss is taken.
    """

    question = "Does the score know what a part is worth?"
    State = TruthState
    Kind = TruthRun
    size = (8.6, 3.8)
    home = __package__
    file = "02_truth"
    thorough: ClassVar = {"n_documents": 128}

    def __init__(self, model: Any = "lab/deep", *, n_documents: int = 16, **options: Any):
        self.n_documents = n_documents
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("metric", tuple(METRICS), label="Score", help="what is to stand in for the truth"),
            Choice("part", PARTS, label="Parts", help="which parts are put in order"),
        )

    def measure(self) -> Generator[float, None, TruthRun]:
        from labkit.papers import what_matters as redundancy
        from labkit.sweeps import LeaveOneOut, every_block, every_sublayer

        documents, scores = self._documents(SCORED), {}
        for done, (name, (kind, options)) in enumerate(METRICS.items()):
            scores[name] = getattr(redundancy, kind)(**options)(self.model, documents)
            yield 0.2 * done / len(METRICS)
        plans = [*every_sublayer(self.model), *every_block(self.model)]
        found = yield from between(0.2, 1.0, in_slices(self.model, plans, self._documents(TRUE)))
        return TruthRun(self.model_name, scores, LeaveOneOut.of(found, scores["cosine"].depth))

    def how(self) -> str:
        n = self.n_documents
        return f"scores on {n} held-out stories of seed {SCORED}, losses on {n} of seed {TRUE}; intervals over stories"

    def _documents(self, seed: int) -> list:
        texts = world.documents("stories", self.n_documents, seed=seed, split="test")
        return [self.model.encode(one.text) for one in texts]

    def view(self, measured: TruthRun, state: TruthState) -> TruthData:
        from labkit.measurements.ranks import agreement

        scores, truth = measured.scores[state.metric], measured.truth
        shared = [key for key in scores.ranked(state.part) if truth.of(key[0])[key[1]] is not None]
        if not shared:
            raise BadInput(
                f"There is no score of a whole block {state.metric}: a block has no inside of its own.",
                do="choose attention, MLP, or another score",
            )
        found = agreement(
            [scores.of(kind)[layer].value for kind, layer in shared],
            [truth.of(kind)[layer].value for kind, layer in shared],
            [f"{NAMES[kind]} {layer}" for kind, layer in shared],
            [kind for kind, _ in shared],
            guess_name=f"score: {scores.metric}",
            truth_name="rise in loss without it (nats a token)",
        )
        return TruthData(measured.model, state.metric, state.part, found, scores, truth)

    def presets(self) -> Sequence[TruthState]:
        return [TruthState(metric) for metric in ("cosine", "without residual", "random order")]

    def code(self, state: TruthState) -> str:
        return code_of(self.model_name, state, self.number("n_documents"))
