"""Were they always cheap? Score and true cost of every part at the steps of training that a run kept.

panel = labkit.ThroughTrainingPanel("lab/deep")
panel.set(step=800, part="mlp", measure="loss")
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from labkit import world
from labkit.base.errors import NotAvailable
from labkit.base.numbers import number
from labkit.panels.controls import Choice, Control, words_for
from labkit.panels.measured import MeasuredPanel, between, in_slices
from labkit.panels.panel import ModelOrName
from labkit.panels.tables import Table

from ..experiments.through_training import MEASURES, NAMES, PARTS, TrainingData, TrainingRun, TrainingState

__all__ = ["ThroughTrainingPanel"]

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
        model: ModelOrName = None,
        *,
        folder: str | Path | None = None,
        n_documents: int = 8,
        **options: Any,
    ):
        self.folder, self.n_documents = None if folder is None else Path(folder), n_documents
        super().__init__(model, **options)

    def first(self) -> TrainingState:
        return TrainingState(self.kept_steps[-1])

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
        self.kept_steps = tuple(self._listed()) if self.kept is None else self.kept.steps
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
        return [TrainingState(self.start.step, "mlp", measure) for measure in MEASURES.values()]

    def code(self, state: TrainingState) -> str:
        return code_of(state, self.number("n_documents"))

    def table(self, data: TrainingData) -> Table:
        rows = [(f"{step:,}", *(number(value, 2) for value in row)) for step, row in zip(data.steps, data.values)]
        columns = ("step", *map(str, range(len(data.values[0]))))
        return Table(
            f"{words_for(MEASURES, data.measure)}, {NAMES[data.part]} of each layer, by step of training", columns, rows
        )


def _last_step(folder: Path) -> int:
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return max(json.loads(line).get("step", 0) for line in lines[-5:])


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
