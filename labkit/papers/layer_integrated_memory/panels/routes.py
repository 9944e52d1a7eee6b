"""Turn one layer's reading of another up, down or off, in a trained LIMe. Lesson: 09, section 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from labkit.figures.style import BAND, INK, MARKS, RULE, SIZES, axes, inches, label_axes, wrapped
from labkit.interventions import edit
from labkit.panels.controls import Choice, Control, Slider, Text
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.edges import RoutesData, scaled, scaled_losses
from ..experiments.reading import solve, unseen

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase


__all__ = ["RoutesPanel", "RoutesState"]

STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
ROWS = 100  # unseen expressions read at every strength
READY = {"four operands": "(3+4)*(2-9)", "deep": "3*(4+(2-9))", "three products": "(2*3)*(4*8)"}
AXIS_MIN, AXIS_MAX = 5e-4, 20.0  # nats a token, the ends of the axis
SIDE = 3.9  # inches for the question


@dataclass(frozen=True)
class RoutesState:
    """Which layer's reading of which is multiplied, as "reader<source", by what, and a question to answer meanwhile."""

    edge: str = "3<0"
    strength: float = 1.0
    question: str = "(3+4)*(2-9)"


class RoutesPanel(Panel):
    """Multiply all entries by which one layer reads an earlier one, and see what the model makes of it."""

    question = "What if a layer read more of an earlier one, or less?"
    State = RoutesState
    size = (8.6, 3.4)
    usual = "lime/routed"
    nothing: ClassVar = {"strength": 1.0}

    def first(self) -> RoutesState:
        return RoutesState(strength=0.0)  # it opens on a cut

    def make_controls(self) -> Sequence[Control]:
        edges = {f"layer {a} reads layer {b}": f"{a}<{b}" for a in (3, 2, 1) for b in range(a)}
        return (
            Choice("edge", edges, label="Edge", help="layers are counted from 0"),
            Slider(
                "strength", -1.0, 2.0, 0.25, label="Times", help="1 is as trained, 0 cuts the edge, -1 turns its sign"
            ),
            Text("question", READY, limit=24, wanted="an expression such as (3+4)*(2-9)", rows=1, label="Question"),
        )

    def compute(self, state: RoutesState) -> RoutesData:
        reader, source = edge = tuple(map(int, state.edge.split("<")))
        rows = unseen(ROWS)
        curve = self.intact.of(
            self.model, lambda _: tuple((s, *scaled_losses(self.model, edge, s, rows)) for s in STRENGTHS), state.edge
        )
        intact = next((loss, share) for strength, loss, share in curve if strength == 1.0)
        now = scaled_losses(self.model, edge, state.strength, rows)
        before = solve(self.model, state.question)
        with edit(self.model, scaled(self.model, edge, state.strength)):
            after = solve(self.model, state.question)
        return RoutesData((reader, source), state.strength, curve, now, intact, before, after)

    def presets(self) -> Sequence[RoutesState]:
        return [RoutesState(), RoutesState("3<0", 0.0), RoutesState("3<2", 0.0)]

    def draw(self, data: RoutesData, figure: FigureBase) -> None:
        width, _ = inches(figure)
        left, right = figure.subfigures(1, 2, width_ratios=(width - SIDE, SIDE))
        reader, source = data.edge
        (ax,) = axes(left, f"Layer {reader} reads layer {source}", left=0.95, right=0.2)
        look = MARKS["intact"]
        ax.axvline(1.0, color=RULE, linewidth=1)
        ax.plot(
            [s for s, _, _ in data.curve],
            [_held(loss) for _, loss, _ in data.curve],
            look.line,
            marker=look.marker,
            color=look.colour,
        )
        ax.plot(
            [data.strength],
            [_held(data.now[0])],
            MARKS["cut"].marker,
            color=MARKS["cut"].colour,
            markersize=11,
            zorder=4,
        )
        ax.annotate("as trained", (1.0, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -2), va="top",
                    textcoords="offset points", fontsize=SIZES["note"], color=INK)  # fmt: skip
        ax.set_yscale("log")
        ax.set_ylim(AXIS_MIN, AXIS_MAX)  # one axis for every edge and strength
        ax.minorticks_off()
        label_axes(ax, x="its entries, times", y="loss, nats a token")
        (words,) = axes(right, f"Solved: {data.now[1]:.0%}", left=0.15, right=0.1)
        words.set_axis_off()
        told = [("as trained", data.before), ("now", data.after)]
        for row, (name, one) in enumerate(told):
            top = 0.95 - 0.5 * row
            verdict = "right" if one.right else "wrong"
            words.text(0.0, top, f"{name}: {verdict}", va="top", fontsize=SIZES["label"], color=INK, weight="bold",
                       transform=words.transAxes)  # fmt: skip
            lines = wrapped(one.working.replace("=", " ="), SIDE - 0.4, "label")
            words.text(0.0, top - 0.1, lines, va="top", fontsize=SIZES["label"], color=INK, family="monospace",
                       transform=words.transAxes, backgroundcolor=BAND if not one.right else "white")  # fmt: skip

    def sentence(self, data: RoutesData) -> str:
        reader, source = data.edge
        what = {1.0: "as trained", 0.0: "cut off", -1.0: "with its sign turned"}.get(
            data.strength, f"times {data.strength:g}"
        )
        losses = f"loss {data.intact[0]:.3f} → {data.now[0]:.3f} nats a token"
        shares = f"solved {data.intact[1]:.0%} → {data.now[1]:.0%} of {ROWS} unseen expressions"
        answer = f"{data.after.question} is worked out as {data.after.working}, which is "
        return (
            f"Layer {reader}'s reading of layer {source} {what}: {losses}, {shares}. "
            f"{answer}{'right' if data.after.right else 'wrong'}."
        )

    def table(self, data: RoutesData) -> Table:
        reader, source = data.edge
        caption = f"Layer {reader} reading layer {source}: loss over the working (nats a token) and share solved"
        return Table(caption, ("times", "loss", "solved"), [(f"{s:g}", loss, share) for s, loss, share in data.curve])

    def code(self, state: RoutesState) -> str:
        reader, source = map(int, state.edge.split("<"))
        return self.script(
            f"router = labkit.routers_of(model)[{reader}]",
            "matrix = router.weight.detach().clone()",
            f"matrix[:, {source} * router.heads : {source + 1} * router.heads] *= {state.strength:g}",
            f"with labkit.edit(model, labkit.SetRouter({reader}, matrix.tolist())):",
            f"    answer = labkit.solve(model, {state.question!r})",
            f"    loss, solved = labkit.read_working(model, labkit.unseen({ROWS}))",
            "print(answer, loss, solved)",
        )


def _held(loss: float) -> float:
    return min(max(loss, AXIS_MIN), AXIS_MAX)
