"""The picture of the equaliser: a spectrum as it is and as it is now, and what is still answered rightly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.figures.style import BAND, INK, MARKS, SIZES, axes, inches, label_axes

from ..experiments.equalising import BANDS, TASKS
from .shares import paint_shares

if TYPE_CHECKING:
    from ..experiments.equalising import EqualiserData

__all__ = ["paint_equaliser"]


def paint_equaliser(data: EqualiserData, figure: FigureBase, asked: int) -> None:
    """Draw the spectrum left, the shares of right answers right, on axes that do not move."""
    width, _ = inches(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(4.2, width - 4.2))
    _spectrum(left, data)
    paint_shares(right, "Right: intact (plain), now (hatched)", TASKS, data.intact, data.cut, asked)


def _spectrum(figure: FigureBase, data: EqualiserData) -> None:
    """Draw the singular values of one matrix, as they are and as they are now, the chosen band shaded."""
    (ax,) = axes(figure, f"Singular values, {data.shown}", left=0.75, right=0.2, bottom=0.95)
    places, (low, high) = range(1, len(data.sigma) + 1), BANDS[data.state.band]
    ax.axvspan(0.5 + round(low * len(places)), 0.5 + round(high * len(places)), color=BAND, zorder=0)
    for name, values in (("intact", data.sigma), ("cut", data.now)):
        mark = MARKS[name]
        label = "intact" if name == "intact" else "now"
        ax.plot(
            places, values, mark.line, color=mark.colour, marker=mark.marker, markersize=4, markevery=8, label=label
        )
    ax.set_ylim(0, 2.1 * max(data.sigma))
    label_axes(ax, x="number, from the largest", y="σ")
    width, _ = inches(figure)
    figure.legend(
        *ax.get_legend_handles_labels(), loc="lower left", bbox_to_anchor=(0.6 / width, 0.0), ncols=2, frameon=False,
        fontsize=SIZES["label"], labelcolor=INK,
    )  # fmt: skip
