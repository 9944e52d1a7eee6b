"""Cut it yourself: any attentions and MLPs of a model left out at once, and what that costs and saves.

panel = labkit.LayerGridPanel("lab/deep")
panel.set(gone={"attention": [8, 9], "mlp": [5]})        # or a ready choice, by its title
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.base.numbers import signed
from labkit.measurements.readings import GO_ON, some_days
from labkit.panels.controls import Control, Grid, Text
from labkit.panels.intact import Intact
from labkit.panels.panel import Panel
from labkit.panels.reader import depth_of_reader
from labkit.panels.stored import load_measured, save_measured, short
from labkit.panels.tables import Table

from ..experiments.grid import (
    LONGEST,
    POOL,
    Cells,
    LayerGridData,
    LayerGridRun,
    LayerGridState,
    as_lists,
    key_of,
    ready_cuts,
)

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

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
    file = "02_grid"

    def __init__(self, model: ModelLike | str = "lab/deep", *, n_documents: int = N_DOCUMENTS, **options: Any):
        self.n_documents = n_documents
        self._replays = isinstance(model, str)  # who has the model at hand asks it
        table = load_measured(model, self.file) if n_documents == N_DOCUMENTS else None
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
        from ..experiments.grid_readout import Readout

        return self._intact.of(self.model, lambda known: Readout(self.model, self.n_documents, known)).answer(state)

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
        cls,
        model: ModelLike | str = "lab/deep",
        out: Path | None = None,
        say: Callable[[str], None] = lambda words: None,
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
        return save_measured(cls.file, handle, how, kept, out)

    def draw(self, data: Any, figure: Any) -> None:
        from ..figures.grid import paint

        paint(data, figure)

    def sentence(self, data: Any) -> str:
        return sentence_of(data)

    def table(self, data: Any) -> Table:
        return table_of(data)


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


def _costs(model: ModelLike) -> dict[str, list[float]] | None:
    """Return what losing each part costs, where the panel of lesson 02 that measures it has stored that."""
    from ..experiments.score_vs_ablation import ScoreVsAblationRun
    from .score_vs_ablation import ScoreVsAblationPanel

    table = load_measured(model, ScoreVsAblationPanel.file)
    if table is None:
        return None
    truth = ScoreVsAblationRun.of(table).truth
    return {part: [one.value for one in truth.of(part)] for part in ("attention", "mlp")}


def name_of(gone: Cells) -> str:
    """Return parts in words: "the attention of layers 3 and 4, the whole of layer 7"."""
    lists = as_lists(gone)
    both = [layer for layer in lists.get("attention", ()) if layer in lists.get("mlp", ())]
    said = []
    for part, spoken in (("attention", "the attention of"), ("mlp", "the MLP of")):
        if alone := [layer for layer in lists.get(part, ()) if layer not in both]:
            said.append(f"{spoken} {_layers(alone)}")
    if both:
        said.append(f"the whole of {_layers(both)}")
    return ", ".join(said) or "nothing"


def _layers(layers: list[int]) -> str:
    if len(layers) == 1:
        return f"layer {layers[0]}"
    return f"layers {', '.join(map(str, layers[:-1]))} and {layers[-1]}"


def sentence_of(data: LayerGridData) -> str:
    """Return what the picture shows, in words."""
    over = f"{data.intact.n} held-out stories"
    if not data.gone:
        says = f"Nothing is left out. The loss is {data.intact.value:.3f} nats a token over {over}."
        return f"{says} The model has {data.parameters[0]:,} weights.{_unseen(data)}"
    left, all_ = data.sublayers
    change = data.change
    says = f"Without {name_of(data.gone)} ({left} of {all_} parts left) the loss is {data.cut.value:.3f} nats a token, "
    says += f"intact {data.intact.value:.3f}: {signed(change.value, 2)} ({_end(change.low)} to {_end(change.high)}, "
    says += f"95 % interval over {over}). "
    says += _verdict(data)
    weights, cache = (1 - after / before for before, after in (data.parameters, data.cache_bytes))
    says += f" Saved: {weights:.0%} of the weights, {cache:.0%} of the cache.".replace("%", " %")
    same = data.goes_on[0] == data.goes_on[1]
    says += " It goes on word for word as before." if same else f" It goes on: “{data.goes_on[1] or '(it ends)'}”"
    return says + _unseen(data)


def _end(value: float) -> str:
    return signed(value, 2) if value else "0"


def _verdict(data: LayerGridData) -> str:
    change = data.change
    if not change.excludes(0.0):
        return "On these stories no difference can be told from none."
    return "That is worse, beyond chance." if change.value > 0 else "That is better, beyond chance."


def _unseen(data: LayerGridData) -> str:
    shown = ", ".join(f"“{word}”" for word in data.unseen[:5])
    return f" Words it has never seen: {shown}." if shown else ""


def table_of(data: LayerGridData) -> Table:
    """Return the numbers of both models."""
    change = data.change
    rows = [
        ("loss, nats a token", data.intact.value, data.cut.value),
        ("change of loss, 95 % interval", "", f"{signed(change.value)} ({_end(change.low)} to {_end(change.high)})"),
        ("parts", str(data.sublayers[1]), str(data.sublayers[0])),
        ("weights", *(f"{count:,}" for count in data.parameters)),
        (f"cache of {data.context} tokens, bytes", *(f"{count:,}" for count in data.cache_bytes)),
        ("goes on", *data.goes_on),
    ]
    return Table(f"Left out: {name_of(data.gone)}; {data.intact.n} stories", ("", "intact", "cut"), rows)


def code_of(name: str, state: LayerGridState, n: int) -> str:
    """Return the lines that measure both models."""
    lists = as_lists(state.gone)
    given = "".join(f", {part}={layers!r}" for part, layers in lists.items())
    return "\n".join([
        "from collections import Counter",
        "",
        "import labkit",
        "from labkit import world",
        "from labkit.measurements import difference, loss, sizes_of",
        "",
        f"model = labkit.load({name!r})",
        f"text = {state.text!r}",
        f"stories = [model.encode(one.text) for one in world.documents('stories', {POOL}, seed=0, split='test')]",
        f"length = Counter(n for n in map(len, stories) if n <= {LONGEST}).most_common(1)[0][0]",
        f"documents = [ids for ids in stories if len(ids) == length][:{n}]",
        f"plan = labkit.drops(model{given})",
        "",
        "intact = loss(model, documents)",
        "with labkit.edit(model, plan):",
        "    cut = loss(model, documents)",
        f"    said = model.generate(text, max_new_tokens={GO_ON})[len(text):]",
        "print(difference(cut, intact), sizes_of(model, plan).parameters, said)",
    ])  # fmt: skip
