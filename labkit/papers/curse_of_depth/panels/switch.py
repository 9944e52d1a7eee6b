"""LayerNorm Scaling switched on and off in a model that is already trained. Lesson: 08, section 2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.figure import FigureBase

from labkit import world
from labkit.figures.style import INK, MARKS, SIZES, axes, bars, inches, label_axes
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.intact import Intact
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.block_runs import IDLE
from .lines import Plot, paint_plots

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from labkit.zoo import ModelLike

    from ..method.switching import SwitchLayerNormScaling

__all__ = ["ScalingPanel", "SwitchData", "SwitchLook", "SwitchState"]

SWITCH = {
    "as trained": "trained",
    "scaling on": "on",
    "scaling on, gains × ℓ^p": "kept",
    "scaling off": "off",
}
POSITIONS = ("after-norm", "before-norm", "after-branch", "attention", "mlp")
SAME = 1e-3  # of a logit: rounding
LENGTH = 96  # tokens of each text: of one length they are read together, and the answer comes at once
LEAST, MOST = 1e-4, 10.0  # nats a token, the ends of the axis of costs


@dataclass(frozen=True)
class SwitchState:
    """What is done to the norms: nothing, the factor ℓ^-p put in (with gains that make up for it), or taken out."""

    switch: str = "trained"
    p: float = 0.5
    position: str = "after-norm"


@dataclass(frozen=True)
class SwitchLook:
    """One model on a few texts: variance of the stream [N + 1], turn by and cost of each block [N], loss."""

    variance: tuple[float, ...]
    turns: tuple[float, ...]
    costs: tuple[float, ...]
    loss: float

    @property
    def idle(self) -> tuple[int, ...]:
        """The numbers ℓ of the blocks that cost no more than a hundredth of a nat."""
        return tuple(number for number, cost in enumerate(self.costs, start=1) if cost <= IDLE)


@dataclass(frozen=True)
class SwitchData:
    """The model as trained and as it is now; moved: the largest change of any logit; blind: loss of a blind guess."""

    switch: str
    p: float
    position: str
    trained: SwitchLook
    now: SwitchLook
    moved: float
    blind: float


class ScalingPanel(Panel):
    """Switch LayerNorm Scaling on a trained model and see the stream, every block's turn, its cost, and the loss.

    `texts`: what is read, by default the beginnings of two stories that no model was trained on.
    """

    question = "What does LayerNorm Scaling do to a model that is already trained?"
    State = SwitchState
    size = (8.6, 3.5)

    def __init__(self, model: ModelLike | str = "lab/deep", texts: Sequence[str] = (), **options: Any):
        stories = [] if texts else [one.text for one in world.documents("stories", 2, seed=8, split="test")]
        self.texts = tuple(texts) or tuple(stories)
        self._intact = Intact()
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("switch", SWITCH, label="Norms", help="what is done after every norm, on the model as trained"),
            Slider("p", 0.0, 1.0, 0.25, label="p", help="the factor of block ℓ is ℓ^-p; the paper's p is 0.5"),
            Choice("position", POSITIONS, label="Factor", help="where the factor stands; the paper's is after-norm"),
        )

    def compute(self, state: SwitchState) -> SwitchData:
        from labkit.interventions import edit
        from labkit.measurements import logits

        documents = [self.model.encode(text)[:LENGTH] for text in self.texts]
        with edit(self.model, *self._edits(state)):  # first: a model without such norms is refused here
            now = self._look(documents)
            after = logits(self.model, documents)
        trained, before = self._intact.of(self.model, lambda _: (self._look(documents), logits(self.model, documents)))
        moved = max(float((a - b).abs().max()) for a, b in zip(after, before))
        blind = math.log(after[0].shape[-1])
        return SwitchData(state.switch, state.p, state.position, trained, now, moved, blind)

    def _edits(self, state: SwitchState) -> list[SwitchLayerNormScaling]:
        from ..method.switching import SwitchLayerNormScaling

        if state.switch == "trained":
            return []
        on = state.switch != "off"
        where = {"p": state.p, "position": state.position} if on else {}
        return [SwitchLayerNormScaling(on=on, compensate=state.switch == "kept", **where)]

    def _look(self, documents: Sequence) -> SwitchLook:
        from labkit.sweeps import pruning_curve

        from .reading import read_stream

        variance, turns = read_stream(self.model, documents)
        curve = pruning_curve(self.model, documents, engine="plain")  # trying out what can be reused takes longer
        return SwitchLook(variance, turns, tuple(point.change.value for point in curve.points), curve.base.value)

    def presets(self) -> Sequence[SwitchState]:
        return [SwitchState(switch) for switch in ("trained", "on", "kept")]

    def restored(self, state: SwitchState) -> SwitchState:
        return SwitchState("trained", state.p, state.position)

    def draw(self, data: SwitchData, figure: FigureBase) -> None:
        paint(data, figure)

    def sentence(self, data: SwitchData) -> str:
        return f"{_what(data)} {_said(data)}"

    def table(self, data: SwitchData) -> Table:
        rows = [("surprise, nats a token", data.trained.loss, data.now.loss)]
        for name, part in (
            ("variance after block", "variance"),
            ("turn by block", "turns"),
            ("cost of block", "costs"),
        ):
            before, after = (getattr(look, part) for look in (data.trained, data.now))
            skip = len(before) - len(data.trained.turns)  # the embedding
            rows += [(f"{name} {l}", *both) for l, both in enumerate(zip(before[skip:], after[skip:]), start=1)]
        caption = "The stream's variance, turns (angle over π), and what each block costs to lose (nats a token)"
        return Table(caption, ("", "as trained", "now"), rows)

    def code(self, state: SwitchState) -> str:
        name = self._model if isinstance(self._model, str) else self._model.name
        edits = [f"labkit.{edit!r}" for edit in self._edits(state)]
        lines = [
            "import labkit",
            "from labkit import measurements",
            "",
            f"model = labkit.load({name!r})",
            f"texts = {list(self.texts)!r}",
            f"documents = [model.encode(text)[:{LENGTH}] for text in texts]",
            f"with labkit.edit(model, {', '.join(edits)}):" if edits else "with labkit.edit(model):  # nothing",
            "    curve = labkit.sweeps.pruning_curve(model, documents)",
            "    variance = [one.value for one in measurements.residual_stats(model, documents).variance]",
            "    turns = [one.value for one in labkit.angular_distances(model, documents).adjacent]",
            "loss, costs = curve.base.value, [point.change.value for point in curve.points]",
            "print(loss, costs, variance, turns)",
        ]
        return "\n".join(lines)


def _what(data: SwitchData) -> str:
    factor = f"ℓ^-{data.p:g} ({data.position.replace('-', ' the ') if 'r-' in data.position else data.position})"
    return {
        "trained": "Nothing is switched: this is the model as trained.",
        "on": f"Every norm of block ℓ is multiplied by {factor}, in a model that was not trained so.",
        "kept": f"Every norm of block ℓ is multiplied by {factor}, and its gains by ℓ^{data.p:g} to make up for it.",
        "off": "No norm is multiplied by anything.",
    }[data.switch]


def _said(data: SwitchData) -> str:
    trained, now = data.trained, data.now
    if data.moved <= SAME:
        same = "" if data.switch == "trained" else f"No logit moves by more than {SAME:g}: the same function. "
        return (
            f"{same}Surprise {trained.loss:.3f} nats a token; variance {trained.variance[-1]:.3g} after the last of "
            f"{len(trained.costs)} blocks, of which {len(trained.idle)} cost at most {IDLE:g} nats to lose."
        )
    return (
        f"Surprise {trained.loss:.3f} → {now.loss:.3f} nats a token (a blind guess: {data.blind:.2f}); "
        f"variance after the last block {trained.variance[-1]:.3g} → {now.variance[-1]:.3g}; blocks that cost at most "
        f"{IDLE:g} nats to lose: {len(trained.idle)} → {len(now.idle)} of {len(now.costs)}."
    )


SIDE = 1.75  # inches for the losses
ROOM = 100.0  # the axis of variances reaches so far beyond those of the model as trained


def paint(data: SwitchData, figure: FigureBase) -> None:
    """Draw variance, turn and cost by block, and the loss, on axes that depend on the model as trained alone."""
    width, _ = inches(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(width - SIDE, SIDE))
    looks = {"as trained": data.trained, "now": data.now}
    sizes = [value for value in data.trained.variance[1:] if value > 0] or [1.0]
    ends = tuple(10.0 ** round(math.log10(end)) for end in (min(sizes) / ROOM, max(sizes) * ROOM))
    paint_plots(
        [
            Plot("Stream", {name: look.variance[1:] for name, look in looks.items()}, ends, "variance", True),
            Plot("Turn", {name: look.turns for name, look in looks.items()}, (0.0, 0.5), "angle / π"),
            Plot(
                "Cost to lose", {name: look.costs for name, look in looks.items()}, (LEAST, MOST), "nats a token", True
            ),
        ],
        left,
    )
    (ax,) = axes(right, "Loss", left=0.75, right=0.15, bottom=0.95)
    for place, (look, mark) in enumerate(zip(looks.values(), (MARKS["intact"], MARKS["cut"]))):
        bars(ax, [place], [min(look.loss, 1.5 * data.blind)], mark, 0.7)
        note = {"textcoords": "offset points", "ha": "center", "fontsize": SIZES["note"], "color": INK}
        ax.annotate(f"{look.loss:.2f}", (place, min(look.loss, 1.5 * data.blind)), xytext=(0, 3), **note)
    ax.set_xticks([0, 1], ["as\ntrained", "now"])
    ax.set_xlim(-0.6, 1.6)
    ax.set_ylim(0, 1.7 * data.blind)
    label_axes(ax, y="nats a token")
