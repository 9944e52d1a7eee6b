"""Grow a trained model and read its loss before any training. Lesson: 03, section 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from labkit.figures.style import INK, MARKS, RULE, SIZES, axes, label_axes, legend
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from ..experiments.growing import GrowthCurve

__all__ = ["GrowPanel", "GrowState"]

KEYS = ("zero", "random", "copy", "duplicate")
TAUS = {"fixed: keeps its value": "fixed", "live: √ of the number of tokens": "live"}
STEP, MOST = 36, 180  # new tokens: as many as there were, up to five times as many
TEXTS = 12
SAME = 1e-4  # of a logit: rounding


@dataclass(frozen=True)
class GrowState:
    """How the model grows: what new keys are, what τ does, how many tokens are new in q, k, v and o."""

    keys: str = "zero"
    tau: str = "fixed"
    n_new: int = 108


@dataclass(frozen=True)
class GrowData:
    """The loss by number of new tokens, and which number is chosen."""

    curve: GrowthCurve
    n_new: int

    @property
    def place(self) -> int:
        """Where the chosen number stands in the curve."""
        return self.curve.n_new.index(self.n_new)


class GrowPanel(Panel):
    """Append parameter tokens to a trained model and see what its loss becomes at once."""

    question = "What does the model lose at the moment it grows?"
    State = GrowState
    size = (8.6, 3.3)
    usual = "tokenformer/source"
    nothing: ClassVar = {"n_new": 0}

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice(
                "keys", KEYS, label="New keys", help="values are random; duplicates repeat every token, value shared"
            ),
            Choice("tau", TAUS, label="τ", help="the factor after the norm: kept, or following the number of tokens"),
            Slider(
                "n_new", 0, MOST, STEP, label="New tokens", help="in each of q, k, v, o; four times as many in the MLP"
            ),
        )

    def compute(self, state: GrowState) -> GrowData:
        from ..experiments.growing import GrowthWay, growth_curve
        from ..task import rows

        way = GrowthWay(state.keys, "random", state.tau)
        texts_BL = rows("stories", TEXTS, seed=8, split="test", length=64)
        return GrowData(growth_curve(self.model, texts_BL, way, range(0, MOST + 1, STEP)), state.n_new)

    def presets(self) -> Sequence[GrowState]:
        return [GrowState(), GrowState(tau="live"), GrowState("random", "live")]

    def draw(self, data: GrowData, figure: FigureBase) -> None:
        curve = data.curve
        (ax,) = axes(figure, f"Right after growth: {curve.way.keys} keys, τ {curve.way.tau}", left=0.95, right=2.2)
        intact, grown = MARKS["intact"], MARKS["cut"]
        ax.axhline(curve.before, color=intact.colour, linewidth=2, label="before growth")
        ax.axhline(curve.blind, color=RULE, linewidth=1, linestyle=":", label="blind guess")
        ax.plot(curve.n_new, curve.losses, grown.line, color=grown.colour, marker=grown.marker, label="grown")
        loss = curve.losses[data.place]
        ax.plot([data.n_new], [min(loss, 1.45 * curve.blind)], "o", color=grown.colour, markersize=12, fillstyle="none")
        ax.annotate(
            f"{loss:.2f}",
            (data.n_new, min(loss, 1.45 * curve.blind)),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            color=INK,
            fontsize=SIZES["note"],
        )
        ax.set_ylim(0, 1.5 * curve.blind)
        ax.set_xticks(curve.n_new)
        label_axes(ax, x="new tokens in each of q, k, v and o", y="nats a token")
        legend(ax)

    def sentence(self, data: GrowData) -> str:
        curve, place = data.curve, data.place
        how = f"{data.n_new} new tokens with {curve.way.keys} keys, τ {curve.way.tau}"
        if data.n_new == 0:
            return f"No new tokens: the model as trained, loss {curve.before:.2f} nats a token."
        if curve.moved[place] <= SAME:
            return f"{how}: no logit moves by more than {SAME:g}. Larger, and the same loss of {curve.before:.2f}."
        return (
            f"{how}: the loss goes from {curve.before:.2f} to {curve.losses[place]:.2f} nats a token "
            f"(a blind guess: {curve.blind:.2f}); the largest change of a logit is {curve.moved[place]:.2g}."
        )

    def table(self, data: GrowData) -> Table:
        rows = [(n, data.curve.before, loss) for n, loss in zip(data.curve.n_new, data.curve.losses)]
        return Table("Loss right after growth, nats a token", ("new tokens", "before", "grown"), rows)

    def code(self, state: GrowState) -> str:
        return self.script(
            f'texts = rows("stories", {TEXTS}, seed=8, split="test", length=64)',
            f'way = GrowthWay("{state.keys}", "random", "{state.tau}")',
            f"print(growth_curve(model, texts, way, range(0, {MOST + 1}, {STEP})).table())",
            needs=(
                "from labkit.papers.tokenformer import GrowthWay, growth_curve",
                "from labkit.papers.tokenformer.task import rows",
            ),
        )
