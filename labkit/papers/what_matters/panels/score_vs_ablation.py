"""Does the score know what a part is worth? Every metric of redundancy against the loss without each part in turn.

panel = labkit.ScoreVsAblationPanel("lab/deep")
panel.set(metric="without residual", part="attention")
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, ClassVar

from labkit.base.errors import BadInput
from labkit.panels.controls import Choice, Control
from labkit.panels.measured import MeasuredPanel, between, in_slices
from labkit.panels.panel import ModelOrName
from labkit.panels.tables import Table

from ..experiments.score_vs_ablation import (
    METRICS,
    NAMES,
    PARTS,
    ScoreVsAblationData,
    ScoreVsAblationRun,
    ScoreVsAblationState,
)

__all__ = ["ScoreVsAblationPanel"]

SCORED, TRUE = 1, 0  # seeds of the documents that are scored, and of those on which parts are left out


class ScoreVsAblationPanel(MeasuredPanel):
    """Score every part of a model by six metrics, leave each part out in turn, and compare the orders.

    n_documents: held-out stories that are scored, and as many others on which the loss is taken.
    """

    question = "Does the score know what a part is worth?"
    State = ScoreVsAblationState
    Kind = ScoreVsAblationRun
    size = (8.6, 3.8)
    file = "02_truth"
    thorough: ClassVar = {"n_documents": 128}

    def __init__(self, model: ModelOrName = None, *, n_documents: int = 16, **options: Any):
        self.n_documents = n_documents
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("metric", tuple(METRICS), label="Score", help="what is to stand in for the truth"),
            Choice("part", PARTS, label="Parts", help="which parts are put in order"),
        )

    def measure(self) -> Generator[float, None, ScoreVsAblationRun]:
        from labkit.papers import what_matters as redundancy
        from labkit.sweeps import LeaveOneOut, every_block, every_sublayer

        documents, scores = self.stories(SCORED), {}
        for done, (name, (kind, options)) in enumerate(METRICS.items()):
            scores[name] = getattr(redundancy, kind)(**options)(self.model, documents)
            yield 0.2 * done / len(METRICS)
        plans = [*every_sublayer(self.model), *every_block(self.model)]
        found = yield from between(0.2, 1.0, in_slices(self.model, plans, self.stories(TRUE)))
        return ScoreVsAblationRun(self.model_name, scores, LeaveOneOut.of(found, scores["cosine"].depth))

    def how(self) -> str:
        n = self.n_documents
        return f"scores on {n} held-out stories of seed {SCORED}, losses on {n} of seed {TRUE}; intervals over stories"

    def view(self, measured: ScoreVsAblationRun, state: ScoreVsAblationState) -> ScoreVsAblationData:
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
        return ScoreVsAblationData(measured.model, state.metric, state.part, found, scores, truth)

    def presets(self) -> Sequence[ScoreVsAblationState]:
        return [ScoreVsAblationState(metric) for metric in ("cosine", "without residual", "random order")]

    def code(self, state: ScoreVsAblationState) -> str:
        kind, options = METRICS[state.metric]
        given = ", ".join(f"{key}={value!r}" for key, value in options.items())
        parts = ("attention", "mlp") if state.part == "joint" else (state.part,)
        return self.script(
            "",
            "def stories(seed):",
            f"    texts = world.documents('stories', {self.number('n_documents')}, seed=seed, split='test')",
            "    return [model.encode(one.text) for one in texts]",
            "",
            f"scores = {kind}({given})(model, stories(1))",
            f"truth = LeaveOneOut(parts={parts!r})(model, stories(0))  # every part is left out in turn",
            f"agreement = score_agreement(scores, truth, {state.part!r})",
            "print(agreement.table())",
            needs=(
                "from labkit import world",
                f"from labkit.papers.what_matters import {kind}",
                "from labkit.sweeps import LeaveOneOut, score_agreement",
            ),
        )

    def table(self, data: ScoreVsAblationData) -> Table:
        found, rows = data.agreement, []
        for place in sorted(range(len(found.labels)), key=lambda i: -found.truth[i]):
            layer = int(found.labels[place].rsplit(" ", 1)[1])
            cost = data.truth.of(found.kinds[place])[layer]
            rows.append((found.labels[place], found.guess[place], cost.value, f"{cost.low:.3f} to {cost.high:.3f}"))
        n = next(one.n for one in data.truth.block if one is not None)
        caption = f"Score ({data.metric}) and rise in loss without it, nats a token, over {n} documents"
        return Table(caption, ("part", "score", "rise in loss", "95 % interval"), rows)
