"""A trained model before and after its norms are scaled: variance, turn and cost by block, and the loss."""

from __future__ import annotations

import math

from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, MARKS, SIZES, axes, bars, inches, label_axes

from ..experiments.block_runs import IDLE
from ..experiments.scaling import ScalingData
from .lines import Plot, paint_plots

__all__ = ["DRAWINGS"]

SAME = 1e-3  # of a logit: rounding
SWITCHED = {"trained": "as trained", "on": "scaling on", "kept": "scaling on, gains × ℓ^p", "off": "scaling off"}
AXIS_MIN, AXIS_MAX = 1e-4, 10.0  # nats a token, the ends of the axis of costs
SIDE = 1.75  # inches for the losses
ROOM = 100.0  # the axis of variances reaches so far beyond those of the model as trained


def paint(data: ScalingData, figure: FigureBase) -> None:
    """Draw variance, turn and cost by block, and the loss, on axes that depend on the model as trained alone."""
    width, _ = inches(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(width - SIDE, SIDE))
    looks = {"as trained": data.trained, f"now: {SWITCHED[data.switch]}": data.now}
    sizes = [value for value in data.trained.variance[1:] if value > 0] or [1.0]
    ends = tuple(10.0 ** round(math.log10(end)) for end in (min(sizes) / ROOM, max(sizes) * ROOM))
    paint_plots(
        [
            Plot("Stream", {name: look.variance[1:] for name, look in looks.items()}, ends, "variance", True),
            Plot("Turn", {name: look.turns for name, look in looks.items()}, (0.0, 0.5), "angle / π"),
            Plot(
                "Cost to lose",
                {name: look.costs for name, look in looks.items()},
                (AXIS_MIN, AXIS_MAX),
                "nats a token",
                True,
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


def describe(data: ScalingData) -> str:
    """Return what was done, and what came of it."""
    return f"{_what(data)} {_said(data)}"


def _what(data: ScalingData) -> str:
    factor = f"ℓ^-{data.p:g} ({data.position.replace('-', ' the ') if 'r-' in data.position else data.position})"
    return {
        "trained": "Nothing is switched: this is the model as trained.",
        "on": f"Every norm of block ℓ is multiplied by {factor}, in a model that was not trained so.",
        "kept": f"Every norm of block ℓ is multiplied by {factor}, and its gains by ℓ^{data.p:g} to make up for it.",
        "off": "No norm is multiplied by anything.",
    }[data.switch]


def _said(data: ScalingData) -> str:
    trained, now = data.trained, data.now
    if data.moved <= SAME:
        same = "" if data.switch == "trained" else f"No logit moves by more than {SAME:g}: the same function. "
        return (
            f"{same}Loss {trained.loss:.3f} nats a token; variance {trained.variance[-1]:.3g} after the last of "
            f"{len(trained.costs)} blocks, of which {len(trained.idle)} cost at most {IDLE:g} nats to lose."
        )
    return (
        f"Loss {trained.loss:.3f} → {now.loss:.3f} nats a token (a blind guess: {data.blind:.2f}); "
        f"variance after the last block {trained.variance[-1]:.3g} → {now.variance[-1]:.3g}; blocks that cost at most "
        f"{IDLE:g} nats to lose: {len(trained.idle)} → {len(now.idle)} of {len(now.costs)}."
    )


DRAWINGS = {"ScalingData": Drawing(paint, describe, lambda data: (8.6, 3.5))}
