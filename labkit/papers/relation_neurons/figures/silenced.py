"""What silencing costs: every relation without the neurons of one, and two ways to choose them beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.figures.style import INK, MARKS, SIZES, axes, bars, label_axes, legend, row_names

if TYPE_CHECKING:
    from ..panels.confounds import ConfoundData
    from ..panels.silence import SilenceData

__all__ = ["paint_confounds", "paint_silence"]


def paint_silence(data: SilenceData, figure: FigureBase, asked: int) -> None:
    """Draw what is left of each relation: intact, without its neurons, without as many others."""
    (ax,) = axes(figure, f"What is left with {data.k} neurons of {data.state.relation} off", left=1.3, right=2.3)
    for shift, values, look, name in (
        (-0.27, data.intact, "intact", "intact"),
        (0.0, data.cut, "cut", "its neurons off"),
        (0.27, data.matched, "mlp", "as many others off"),
    ):
        places = [row + shift for row in range(len(values))]
        bars(ax, places, list(values.values()), MARKS[look], 0.25, across=True, label=name)
    row_names(ax, list(data.intact), bold=[data.state.relation])
    ax.set_ylim(len(data.intact) - 0.4, -0.6)
    ax.set_xlim(0, 1)
    label_axes(ax, x=f"share of {asked} held-out questions answered correctly")
    legend(ax)


def paint_confounds(data: ConfoundData, figure: FigureBase) -> None:
    """Draw average precision left and what silencing costs right, the paper's settings beside the chosen ones."""
    left, right = axes(figure, "How well they classify", "What silencing costs", left=0.95, right=1.9, between=0.9)
    pairs = ((left, ("average precision",), (0,)), (right, ("own", "others"), (1, 2)))
    values = (data.ap, data.own, data.others)
    for ax, names, places in pairs:
        for shift, source, look, name in (
            (-0.2, data.usual, "intact", "paper's settings"),
            (0.2, values, "cut", "yours"),
        ):
            heights = [source[place] for place in places]
            at = [row + shift for row in range(len(names))]
            bars(ax, at, heights, MARKS[look], 0.36, label=name)
            for x, height in zip(at, heights):
                ax.annotate(f"{height:.2f}", (x, max(height, 0)), xytext=(0, 3), textcoords="offset points",
                            ha="center", fontsize=SIZES["note"], color=INK)  # fmt: skip
        ax.set_xticks(range(len(names)), names)
        ax.set_xlim(-0.7, len(names) - 0.3)
        ax.set_ylim(0, 1.1)
    label_axes(left, y="mean of the chosen")
    label_axes(right, y="relative drop")
    legend(right)
