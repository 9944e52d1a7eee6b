"""Cut it yourself: any attentions and MLPs of a model left out at once, and what that costs and saves.

panel = labkit.LayerGridPanel("lab/deep")
panel.set(gone={"attention": [8, 9], "mlp": [5]})        # or a ready choice, by its title
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from labkit.base.numbers import signed
from labkit.measurements.readings import GO_ON, some_days
from labkit.panels.controls import Control, Grid, Text
from labkit.panels.measured import KeepingPanel
from labkit.panels.panel import ModelOrName
from labkit.panels.reader import depth_of_reader
from labkit.panels.stored import load_measured, summary
from labkit.panels.tables import Table

from ..experiments import layer_grid as grid
from ..experiments.layer_grid import LayerGridData, LayerGridRun, LayerGridState, as_lists, key_of, ready_cuts

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["LayerGridPanel"]

N_DOCUMENTS = 6
TEXTS = 2  # ready ones


class LayerGridPanel(KeepingPanel):
    """Leave out any attentions and MLPs, read held-out stories, and go on from a text.

    `model` is a name, whose stored answers come first, or a handle. `n_documents`: how many stories.
    """

    question = "Which layers can go?"
    State = LayerGridState
    Kind = LayerGridRun
    size = (8.6, 3.9)
    file = "02_layer_grid"
    nothing: ClassVar = {"gone": ()}

    def __init__(self, model: ModelOrName = None, *, n_documents: int = N_DOCUMENTS, **options: Any):
        self.n_documents = n_documents
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        if self.n_documents != N_DOCUMENTS:
            self.kept = None
        self.texts = _ready_texts() if self.kept is None else dict(self.kept.texts)
        self.depth = depth_of_reader(self.model) if self.kept is None else self.kept.depth
        self.ready = ready_cuts(self.depth, _costs(self.model)) if self.kept is None else dict(self.kept.ready)
        return (
            Grid("gone", label="Leave out", depth=self.depth, ready=self.ready, help="checked parts are left out"),
            Text("text", label="Text", ready=self.texts, help="leave the box to have it read", limit=2000, rows=2),
        )

    def first(self) -> LayerGridState:
        return LayerGridState((), next(iter(self.texts.values())))

    def compute(self, state: LayerGridState) -> LayerGridData:
        from ..experiments.grid_readout import Readout

        return self.intact.of(self.model, lambda known: Readout(self.model, self.n_documents, known)).answer(state)

    def stored(self, state: LayerGridState) -> LayerGridData | None:
        return self.kept.find(state) if self.by_name and self.kept is not None else None

    def is_stored(self) -> bool:
        return self.kept is not None and self.kept.find(self.start) is not None

    def presets(self) -> Sequence[LayerGridState]:
        return [LayerGridState(tuple(cells), self.start.text) for cells in list(self.ready.values())[1:5]]

    def code(self, state: LayerGridState) -> str:
        given = "".join(f", {part}={layers!r}" for part, layers in as_lists(state.gone).items())
        pool, longest = grid.POOL, grid.LONGEST
        return self.script(
            f"text = {state.text!r}",
            f"stories = [model.encode(one.text) for one in world.documents('stories', {pool}, seed=0, split='test')]",
            f"length = Counter(n for n in map(len, stories) if n <= {longest}).most_common(1)[0][0]",
            f"documents = [ids for ids in stories if len(ids) == length][:{self.n_documents}]",
            f"plan = labkit.drops(model{given})",
            "",
            "intact = loss(model, documents)",
            "with labkit.edit(model, plan):",
            "    cut = loss(model, documents)",
            f"    said = model.generate(text, max_new_tokens={GO_ON})[len(text):]",
            "print(difference(cut, intact), sizes_of(model, plan).parameters, said)",
            before=("from collections import Counter",),
            needs=("from labkit import world", "from labkit.measurements import difference, loss, sizes_of"),
        )

    def keep(self, say: Callable[[str], None]) -> tuple[dict[str, Any], str]:
        """Answer for every part alone, every block alone and the ready choices."""
        self.texts, self.ready = _ready_texts(), ready_cuts(self.depth, _costs(self.model))
        layers = range(self.depth)
        alone = [((part, layer),) for part in ("attention", "mlp") for layer in layers]
        alone += [(("attention", layer), ("mlp", layer)) for layer in layers]
        kept: dict[str, Any] = {"depth": self.depth, "texts": self.texts, "ready": self.ready}
        for gone in dict.fromkeys([(), *alone, *self.ready.values()]):
            answers = [self.compute(LayerGridState(gone, text)) for text in self.texts.values()]
            kept["context"] = answers[0].context
            kept[key_of(gone)] = _table(answers)
            say(key_of(gone))
        return kept, f"{self.n_documents} short whole held-out stories of one length, seed 0; intervals over stories"

    def table(self, data: LayerGridData) -> Table:
        from ..figures.layer_grid import end, name_of

        change = data.change
        rows = [
            ("loss, nats a token", data.intact.value, data.cut.value),
            ("change of loss, 95 % interval", "", f"{signed(change.value)} ({end(change.low)} to {end(change.high)})"),
            ("parts", str(data.sublayers[1]), str(data.sublayers[0])),
            ("weights", *(f"{count:,}" for count in data.parameters)),
            (f"cache of {data.context} tokens, bytes", *(f"{count:,}" for count in data.cache_bytes)),
            ("goes on", *data.goes_on),
        ]
        return Table(f"Left out: {name_of(data.gone)}; {data.intact.n} stories", ("", "intact", "cut"), rows)


def _table(answers: Sequence[LayerGridData]) -> dict[str, Any]:
    first = answers[0]
    return {
        "loss": summary(first.cut),
        "change": summary(first.change),
        "sizes": [first.parameters[1], first.cache_bytes[1]],
        "goes_on": [answer.goes_on[1] for answer in answers],
    }


def _ready_texts() -> dict[str, str]:
    return {day.title: day.text for day in some_days(TEXTS)}


def _costs(model: ModelLike) -> dict[str, list[float]] | None:
    """Return what losing each part costs, where the panel of lesson 02 that measures it has stored that."""
    from ..experiments.score_vs_ablation import ScoreVsAblationRun
    from .score_vs_ablation import ScoreVsAblationPanel

    table = load_measured(model, ScoreVsAblationPanel.file)
    if table is None:
        return None
    truth = ScoreVsAblationRun.of(table).truth
    return {part: [one.value for one in truth.of(part)] for part in ("attention", "mlp")}
