"""Were they always cheap? Score and true cost of every part at the steps of training that a run kept.

panel = labkit.ThroughTrainingPanel("lab/deep")
panel.set(step=800, part="mlp", measure="loss")
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from labkit import world
from labkit.base.errors import NotAvailable
from labkit.base.numbers import number
from labkit.panels.controls import Choice, Control
from labkit.panels.measured import MeasuredPanel, between, in_slices
from labkit.panels.stored import load_measured
from labkit.panels.tables import Table

from ..experiments.through_training import MEASURES, PARTS, TrainingData, TrainingRun, TrainingState

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["ThroughTrainingPanel"]

NAMES = {"attention": "attention", "mlp": "MLP", "block": "block"}
HEAD = 96  # tokens of each story that are read


class ThroughTrainingPanel(MeasuredPanel):
    """Look at every kept step of a training run: what the score says of each part, and what losing it costs.

    folder: a run with kept steps (`labkit train lab/deep` leaves one); only needed to measure anew.
    """

    question = "Were they always cheap?"
    State = TrainingState
    Kind = TrainingRun
    size = (8.6, 3.8)
    file = "02_training"
    thorough: ClassVar = {"n_documents": 32, "folder": "runs/lab-deep-cpu-0"}

    def __init__(
        self,
        model: ModelLike | str = "lab/deep",
        *,
        folder: str | Path | None = None,
        n_documents: int = 8,
        **options: Any,
    ):
        self.folder, self.n_documents = None if folder is None else Path(folder), n_documents
        table = load_measured(model, self.file)
        self.kept_steps = tuple(self._listed()) if table is None else TrainingRun.of(table).steps
        options["start"] = options.get("start") or TrainingState(self.kept_steps[-1])
        super().__init__(model, **options)

    def _listed(self) -> dict[int, Path]:
        """Return the folders of the steps that a run kept, and of its end, by step."""
        found = {}
        if self.folder is not None:
            found = {int(one.name): one for one in sorted(self.folder.glob("steps/*")) if one.name.isdecimal()}
            if (self.folder / "final").is_dir():
                found[_last_step(self.folder)] = self.folder / "final"
        if not found:
            raise NotAvailable(
                f"{self.folder or 'No folder'} keeps no steps of training, and none are stored.",
                do='train a model that keeps some, labkit train lab/deep, and pass folder="runs/..."',
            )
        return found

    def make_controls(self) -> Sequence[Control]:
        steps = {f"step {step:,}": step for step in self.kept_steps}
        return (
            Choice("step", steps, label="After", help="a step of training whose weights were kept"),
            Choice("part", PARTS, label="Parts"),
            Choice("measure", MEASURES, label="Asked of them"),
        )

    def measure(self) -> Generator[float, None, TrainingRun]:
        from labkit.measurements import loss
        from labkit.models import load
        from labkit.sweeps import LeaveOneOut, every_block, every_sublayer

        from ..method.metrics import Cosine

        steps = self._listed()
        found: dict[str, list] = {"scores": [], "truth": [], "loss": []}
        for done, path in enumerate(steps.values()):
            model = load(path)
            found["scores"].append(Cosine()(model, self._stories(1)))
            found["loss"].append(loss(model, self._stories(0)))
            slices = in_slices(model, [*every_sublayer(model), *every_block(model)], self._stories(0), every=12)
            swept = yield from between(done / len(steps), (done + 1) / len(steps), slices)
            found["truth"].append(LeaveOneOut.of(swept, found["scores"][-1].depth))
        return TrainingRun(self.model_name, tuple(steps), **{name: tuple(values) for name, values in found.items()})

    def _stories(self, seed: int) -> list:
        texts, tokenizer = world.documents("stories", self.n_documents, seed=seed, split="test"), world.tokenizer()
        return [[tokenizer.bos, *tokenizer.encode(one.text)][:HEAD] for one in texts]

    def how(self) -> str:
        return (
            f"the kept steps of one training run; scores on the first {HEAD} tokens of {self.n_documents} held-out "
            f"stories of seed 1, losses on those of seed 0; intervals over stories"
        )

    def view(self, measured: TrainingRun, state: TrainingState) -> TrainingData:
        return TrainingData(state.step, state.part, state.measure, measured)

    def presets(self) -> Sequence[TrainingState]:
        steps = self.kept_steps
        few = (steps[0], steps[len(steps) // 2], steps[-1])
        return [TrainingState(step, self.start.part, "loss") for step in few]

    def code(self, state: TrainingState) -> str:
        return code_of(state, self.number("n_documents"))

    def draw(self, data: Any, figure: Any) -> None:
        from ..figures.through_training import paint

        paint(data, figure)

    def sentence(self, data: Any) -> str:
        return sentence_of(data)

    def table(self, data: Any) -> Table:
        return table_of(data)


def _last_step(folder: Path) -> int:
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return max(json.loads(line).get("step", 0) for line in lines[-5:])


def sentence_of(data: TrainingData) -> str:
    """Return what the picture shows, in words."""
    row, last = data.values[data.place], data.values[-1]
    said = next(words for words, name in MEASURES.items() if name == data.measure)
    order = sorted(range(1, len(row)), key=row.__getitem__)
    loss = data.run.loss[data.place]
    says = f"{data.run.model} after step {data.step:,} of training (loss {loss.value:.2f} nats a token): {said}, "
    low, high = order[0], order[-1]
    says += f"{NAMES[data.part]} by {NAMES[data.part]}. Layer 0 has {number(row[0], 2)}; of the others the lowest is "
    says += f"{number(row[low], 2)} in layer {low}, the highest {number(row[high], 2)} in layer {high}. "
    means = {part: data.mean(part) for part in PARTS.values()}
    now = "; ".join(f"{NAMES[part]} {number(values[data.place], 2)}" for part, values in means.items())
    says += f"Means over layers 1 to {len(row) - 1}: {now}."
    if data.place + 1 < len(data.steps):
        then = "; ".join(f"{NAMES[part]} {number(values[-1], 2)}" for part, values in means.items())
        says += f" At the last step: {then}; layer {low} then has {number(last[low], 2)}."
    return says


def table_of(data: TrainingData) -> Table:
    """Return the measure by step and layer."""
    rows = [(f"{step:,}", *(number(value, 2) for value in row)) for step, row in zip(data.steps, data.values)]
    said = next(words for words, name in MEASURES.items() if name == data.measure)
    columns = ("step", *map(str, range(len(data.values[0]))))
    return Table(f"{said}, {NAMES[data.part]} of each layer, by step of training", columns, rows)


def code_of(state: TrainingState, n: int) -> str:
    """Return the lines that measure one kept step."""
    if state.measure == "score":
        metric, source, seed = "Cosine()", "from labkit.papers.what_matters import Cosine", 1
    else:
        metric, source, seed = f"LeaveOneOut(parts=({state.part!r},))", "from labkit.sweeps import LeaveOneOut", 0
    return "\n".join([
        "from labkit import world",
        "from labkit.models import load",
        source,
        "",
        f"model = load('runs/lab-deep-cpu-0/steps/{state.step:06d}')  # labkit train lab/deep leaves these",
        f"texts, tokenizer = world.documents('stories', {n}, seed={seed}, split='test'), world.tokenizer()",
        "documents = [[tokenizer.bos, *tokenizer.encode(one.text)][:96] for one in texts]",
        f"scores = {metric}(model, documents)",
        f"print([one.value for one in scores.of({state.part!r})])",
    ])  # fmt: skip
