"""The picture of the mixer: the map of all shares with a search on it, and what the chosen mixture answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.figures.style import INK, MARKS, PAPER, SIZES, axes, inches, label_axes

from ..experiments.mixtures import PAIR
from .shares import paint_shares

if TYPE_CHECKING:
    from ..experiments.mixtures import MixerData

__all__ = ["paint_mixer"]

SIDE = 3.3  # inches for the bars
DARK = 0.55  # above this share a cell is dark, and its number white


def paint_mixer(data: MixerData, figure: FigureBase, asked: int) -> None:
    """Draw the map left and the shares of right answers right, on axes that do not move."""
    width, _ = inches(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(width - SIDE, SIDE))
    _map(left, data)
    paint_shares(right, "Base (plain), now (hatched)", tuple(data.now), data.base, data.now, asked)


def _map(figure: FigureBase, data: MixerData) -> None:
    """Draw the map as numbered cells, the first and the last population of the search on it, and the chosen place."""
    (ax,) = axes(figure, "Right answers, percent, by the two shares", left=0.75, right=0.25, bottom=0.9)
    ends = (-0.125, 1.625)
    ax.set_xlim(*ends)
    ax.set_ylim(*ends)
    if data.map is not None:
        known = data.map
        means = [[known.mean(i, j) for i in range(len(known.shares))] for j in range(len(known.shares))]
        ax.imshow(means, origin="lower", extent=(*ends, *ends), cmap="Blues", vmin=0, vmax=1.2, aspect="auto", zorder=0)
        for i, a in enumerate(known.shares):
            for j, b in enumerate(known.shares):
                colour = PAPER if known.mean(i, j) > DARK else INK
                ax.text(
                    a, b + 0.06, f"{known.mean(i, j):.0%}"[:-1], ha="center", va="center", color=colour, fontsize=8.5,
                    zorder=5,
                )  # fmt: skip
        for members, filled in ((known.rounds[0], False), (known.rounds[-1], True)):
            ax.plot(
                *zip(*members), "s", color=MARKS["cut"].colour if filled else "none", markersize=4.5, zorder=3 + filled,
                markeredgecolor=PAPER if filled else MARKS["cut"].colour, markeredgewidth=0.6 if filled else 1.2,
                label="last round" if filled else "search, first round",
            )  # fmt: skip
    ax.plot(
        [data.state.first], [data.state.second], "o", color="none", markeredgecolor=INK, markersize=17,
        markeredgewidth=2.2, zorder=6, label="your shares",
    )  # fmt: skip
    ticks = [0, 0.5, 1, 1.5]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    label_axes(ax, x=f"share of z {PAIR[0]}", y=f"share of z {PAIR[1]}")
    figure.legend(
        *ax.get_legend_handles_labels(), loc="lower left", bbox_to_anchor=(0.55 / inches(figure)[0], 0.0), ncols=3,
        frameon=False, fontsize=SIZES["label"], labelcolor=INK, markerscale=0.7, handletextpad=0.3, columnspacing=1.2,
    )  # fmt: skip
