"""Losses of many ways to place and to begin, in families: a bar for each rate, a heading over each family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, MARKS, PAPER, SIZES, axes, bars, inches, label_axes, row_names, text_width

if TYPE_CHECKING:
    from ..experiments.families import PlacementLosses

__all__ = ["DRAWINGS"]

PLAIN = "Pre-LN"


def paint(found: PlacementLosses, figure: FigureBase) -> None:
    """Draw the families under each other on one axis from 0, with plain Pre-LN at the higher rate as a dotted line."""
    rows = _rows(found)
    places = [row for row, (_, line) in enumerate(rows) if line]
    left, right = 0.25 + max(text_width(name) for name, _ in rows), 1.4
    (ax,) = axes(figure, "Training loss after 400 steps, one seed", left=left, right=right)
    for number, (rate, mark) in enumerate(zip(found.rates, MARKS.values())):
        shifted = [place + 0.4 * (number - 0.5 * (len(found.rates) - 1)) for place in places]
        values = [rows[place][1][number] for place in places]
        bars(ax, shifted, values, mark, 0.36, across=True, label=f"at {rate:g}")
        for place, value in zip(shifted, values):
            ground = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}
            note = {"textcoords": "offset points", "va": "center", "fontsize": SIZES["note"], "color": INK}
            ax.annotate(f"{value:.2f}", (value, place), xytext=(4, 0), bbox=ground, **note)
    ax.axvline(found.kinds()[PLAIN][-1], color=INK, linewidth=1.2, linestyle=":", zorder=0)
    row_names(ax, [name for name, _ in rows], bold=list(found.losses))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.margins(x=0.12)
    label_axes(ax, x="nats a token, mean of the last 40 steps")
    anchor = 1 + (right - 0.05) / (inches(figure)[0] - left - right)
    look = {"frameon": False, "fontsize": SIZES["label"], "labelcolor": INK}
    ax.legend(loc="upper right", bbox_to_anchor=(anchor, 1.0), **look)


def _rows(found: PlacementLosses) -> list[tuple[str, tuple[float, ...]]]:
    """Return the rows from top to bottom: a family's name without numbers, then its kinds with theirs."""
    rows: list[tuple[str, tuple[float, ...]]] = []
    for family, kinds in found.losses.items():
        rows += [(family, ()), *kinds.items()]
    return rows


def describe(found: PlacementLosses) -> str:
    """Return the better of the losses of each kind, family by family."""
    told = (
        f"{family}: " + ", ".join(f"{kind} {min(line):.2f}" for kind, line in kinds.items())
        for family, kinds in found.losses.items()
    )
    return f"Training loss after 400 steps, the better of {len(found.rates)} rates. By family, {'; '.join(told)}."


def _size(found: PlacementLosses) -> tuple[float, float]:
    return 8.6, 1.1 + 0.36 * (len(found.kinds()) + len(found.losses))


DRAWINGS = {"PlacementLosses": Drawing(paint, describe, _size)}
