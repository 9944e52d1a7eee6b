"""The grid of layers: parts left out at once, loss and size beside intact. Lesson: 02, section 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from labkit.measurements.readings import some_days
from labkit.panels.controls import Control, Grid, Text
from labkit.panels.intact import Intact
from labkit.panels.panel import Panel
from labkit.panels.reader import depth_of_reader
from labkit.panels.stored import keep, kept_for, short

from .data import LayerGridData, LayerGridRun, LayerGridState, key_of, ready_cuts
from .words import code_of

__all__ = ["LayerGridPanel"]

N_DOCUMENTS = 6
TEXTS = 2  # ready ones


class LayerGridPanel(Panel):
    """Leave out any attentions and MLPs, read held-out stories, and go on from a text.

    `model` is a name, whose stored answers come first, or a handle. `n_documents`: how many stories.
    """

    question = "Which layers can go?"
    State = LayerGridState
    size = (8.6, 3.9)
    home = __package__
    file = "02_grid"

    def __init__(self, model: Any = "lab/deep", *, n_documents: int = N_DOCUMENTS, **options: Any):
        self.n_documents = n_documents
        self._replays = isinstance(model, str)  # who has the model at hand asks it
        table = kept_for(model, self.file) if n_documents == N_DOCUMENTS else None
        self.kept = None if table is None else LayerGridRun.of(table)
        self.texts = _ready_texts() if self.kept is None else dict(self.kept.texts)
        self._intact = Intact()
        options["start"] = options.get("start") or LayerGridState((), next(iter(self.texts.values())))
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        self.depth = depth_of_reader(self.model) if self.kept is None else self.kept.depth
        self.ready = ready_cuts(self.depth, _costs(self.model)) if self.kept is None else dict(self.kept.ready)
        return (
            Grid("gone", label="Leave out", depth=self.depth, ready=self.ready, help="checked parts are left out"),
            Text("text", label="Text", ready=self.texts, help="leave the box to have it read", limit=2000, rows=2),
        )

    def compute(self, state: LayerGridState) -> LayerGridData:
        from .reading import Patient

        return self._intact.of(self.model, lambda known: Patient(self.model, self.n_documents, known)).answer(state)

    def stored(self, state: LayerGridState) -> LayerGridData | None:
        return self.kept.find(state) if self._replays and self.kept is not None else None

    def is_stored(self) -> bool:
        return self.kept is not None and self.kept.find(self.start) is not None

    def presets(self) -> Sequence[LayerGridState]:
        return [LayerGridState(tuple(cells), self.start.text) for cells in list(self.ready.values())[1:5]]

    def restored(self, state: LayerGridState) -> LayerGridState:
        return LayerGridState((), state.text)

    def code(self, state: LayerGridState) -> str:
        return code_of(self.model_name, state, self.n_documents)

    @classmethod
    def store(
        cls, model: Any = "lab/deep", out: Path | None = None, say: Callable[[str], None] = lambda words: None
    ) -> Path:
        """Answer for every part alone, every block alone and the ready choices, and write the file."""
        from labkit.zoo import load

        handle = load(model) if isinstance(model, str) else model
        panel = cls(handle)
        panel.texts, panel.ready = _ready_texts(), ready_cuts(panel.depth, _costs(handle))
        layers = range(panel.depth)
        alone = [((part, layer),) for part in ("attention", "mlp") for layer in layers]
        alone += [(("attention", layer), ("mlp", layer)) for layer in layers]
        kept: dict[str, Any] = {"depth": panel.depth, "texts": panel.texts, "ready": panel.ready}
        for gone in dict.fromkeys([(), *alone, *panel.ready.values()]):
            answers = [panel.compute(LayerGridState(gone, text)) for text in panel.texts.values()]
            kept["context"] = answers[0].context
            kept[key_of(gone)] = _table(answers)
            say(f"{cls.file}: {key_of(gone)}")
        how = f"{panel.n_documents} short whole held-out stories of one length, seed 0; intervals over stories"
        return keep(cls.file, handle, how, kept, out)


def _table(answers: Sequence[LayerGridData]) -> dict[str, Any]:
    first = answers[0]
    return {
        "loss": short(first.cut),
        "change": short(first.change),
        "sizes": [first.parameters[1], first.cache_bytes[1]],
        "goes_on": [answer.goes_on[1] for answer in answers],
    }


def _ready_texts() -> dict[str, str]:
    return {day.title: day.text for day in some_days(TEXTS)}


def _costs(model: Any) -> dict[str, list[float]] | None:
    """Return what losing each part costs, where the panel of lesson 02 that measures it has stored that."""
    from ..truth.data import TruthRun
    from ..truth.panel import TruthPanel

    table = kept_for(model, TruthPanel.file)
    if table is None:
        return None
    truth = TruthRun.of(table).truth
    return {part: [one.value for one in truth.of(part)] for part in ("attention", "mlp")}
