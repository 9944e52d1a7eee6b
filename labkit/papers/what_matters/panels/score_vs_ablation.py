"""Does the score know what a part is worth? Every metric of redundancy against the loss without each part in turn.

panel = labkit.ScoreVsAblationPanel("lab/deep")
panel.set(metric="without residual", part="attention")
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from labkit import world
from labkit.base.errors import BadInput
from labkit.base.numbers import number
from labkit.panels.controls import Choice, Control
from labkit.panels.measured import MeasuredPanel, between, in_slices
from labkit.panels.tables import Table

from ..experiments.score_vs_ablation import (
    METRICS,
    NAMES,
    PARTS,
    ScoreVsAblationData,
    ScoreVsAblationRun,
    ScoreVsAblationState,
)

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

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

    def __init__(self, model: ModelLike | str = "lab/deep", *, n_documents: int = 16, **options: Any):
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

        documents, scores = self._documents(SCORED), {}
        for done, (name, (kind, options)) in enumerate(METRICS.items()):
            scores[name] = getattr(redundancy, kind)(**options)(self.model, documents)
            yield 0.2 * done / len(METRICS)
        plans = [*every_sublayer(self.model), *every_block(self.model)]
        found = yield from between(0.2, 1.0, in_slices(self.model, plans, self._documents(TRUE)))
        return ScoreVsAblationRun(self.model_name, scores, LeaveOneOut.of(found, scores["cosine"].depth))

    def how(self) -> str:
        n = self.n_documents
        return f"scores on {n} held-out stories of seed {SCORED}, losses on {n} of seed {TRUE}; intervals over stories"

    def _documents(self, seed: int) -> list:
        texts = world.documents("stories", self.n_documents, seed=seed, split="test")
        return [self.model.encode(one.text) for one in texts]

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
        return code_of(self.model_name, state, self.number("n_documents"))

    def draw(self, data: Any, figure: Any) -> None:
        from ..figures.score_vs_ablation import paint

        paint(data, figure)

    def sentence(self, data: Any) -> str:
        return sentence_of(data)

    def table(self, data: Any) -> Table:
        return table_of(data)


def sentence_of(data: ScoreVsAblationData) -> str:
    """Return what the picture shows, in words."""
    found = data.agreement
    which = next(words for words, part in PARTS.items() if part == data.part)
    r = found.correlation
    says = f"{which[0].upper()}{which[1:]} of {data.model}, {len(found.labels)} points: "
    says += f"the rank correlation of the score ({data.metric}) with what losing a part costs is {r.value:.2f} "
    says += f"({r.low:.2f} to {r.high:.2f}; knowing nothing gives 0). "
    order = sorted(range(len(found.labels)), key=found.guess.__getitem__)
    first, few = order[0], min(4, len(order) // 2)
    cheap = set(sorted(range(len(found.labels)), key=found.truth.__getitem__)[:few])
    rank = 1 + sum(value < found.truth[first] for value in found.truth)
    cost = number(found.truth[first], 2)
    says += f"The score would first drop {found.labels[first]}, which costs {cost} nats a token (place {rank} of "
    says += f"{len(order)} from the cheapest). "
    says += f"Of its {few} lowest, {len(cheap & set(order[:few]))} are among the {few} cheapest."
    return says


def table_of(data: ScoreVsAblationData) -> Table:
    """Return score and cost of every part, the costliest first, with the interval of the cost."""
    found, rows = data.agreement, []
    for place in sorted(range(len(found.labels)), key=lambda i: -found.truth[i]):
        layer = int(found.labels[place].rsplit(" ", 1)[1])
        cost = data.truth.of(found.kinds[place])[layer]
        rows.append((found.labels[place], found.guess[place], cost.value, f"{cost.low:.3f} to {cost.high:.3f}"))
    n = next(one.n for one in data.truth.block if one is not None)
    caption = f"Score ({data.metric}) and rise in loss without it, nats a token, over {n} documents"
    return Table(caption, ("part", "score", "rise in loss", "95 % interval"), rows)


def code_of(name: str, state: ScoreVsAblationState, n: int) -> str:
    """Return the lines that compute the agreement."""
    kind, options = METRICS[state.metric]
    given = ", ".join(f"{key}={value!r}" for key, value in options.items())
    parts = ("attention", "mlp") if state.part == "joint" else (state.part,)
    return "\n".join([
        "import labkit",
        "from labkit import world",
        f"from labkit.papers.what_matters import {kind}",
        "from labkit.sweeps import LeaveOneOut, score_agreement",
        "",
        f"model = labkit.load({name!r})",
        "",
        "def stories(seed):",
        f"    texts = world.documents('stories', {n}, seed=seed, split='test')",
        "    return [model.encode(one.text) for one in texts]",
        "",
        f"scores = {kind}({given})(model, stories(1))",
        f"truth = LeaveOneOut(parts={parts!r})(model, stories(0))  # every part is left out in turn",
        f"agreement = score_agreement(scores, truth, {state.part!r})",
        "print(agreement.table())",
    ])  # fmt: skip
