"""A weight drawn to scale beside the stream: which row, column or number of it an address means."""

from __future__ import annotations

from matplotlib.figure import FigureBase
from matplotlib.patches import Rectangle

from labkit.figures.style import INK, PAPER, SIZES, SOFT, inches

from ..experiments.place import PlaceData

__all__ = ["paint"]

CHOSEN = "#ffd75e"
RIGHT, HALF, LONG, SHORT = 1.1, 1.05, 1.5, 0.07  # inches from the right, half the width, longest side, least one


def paint(data: PlaceData, figure: FigureBase) -> None:
    """Draw the matrix [out, in] in the free corner at the right, what is meant of it in yellow."""
    width, height = inches(figure)
    rows, columns = data.shape if len(data.shape) == 2 else (data.shape[0], 1)
    tall, wide = (max(SHORT, LONG * side / max(rows, columns)) for side in (rows, columns))
    low = data.part in ("head", "final_norm") or (_layer(data) >= data.depth / 2 and data.part not in _AT_THE_FOOT)
    foot = 0.55 if low else height - LONG - 0.85
    ax = figure.add_axes(((width - RIGHT - HALF) / width, foot / height, 2 * HALF / width, (LONG + 0.3) / height))
    ax.set_xlim(-HALF, HALF)
    ax.set_ylim(-LONG / 2 - 0.15, LONG / 2 + 0.15)
    ax.set_axis_off()
    whole = all(place is None for place in data.at)
    fill = CHOSEN if whole else PAPER
    ax.add_patch(Rectangle((-wide / 2, -tall / 2), wide, tall, facecolor=fill, edgecolor=INK, linewidth=1.4))
    if not whole:
        _part(ax, data, rows, columns, tall, wide)
    words = {"fontsize": SIZES["note"], "color": SOFT, "va": "center", "ha": "center"}
    down = "rows, outputs" if len(data.shape) == 2 else "numbers"
    ax.text(-wide / 2 - 0.12, 0, f"{rows:,} {down}", rotation=90, **words)
    if len(data.shape) == 2:
        ax.text(0, tall / 2 + 0.11, f"{columns:,} columns, inputs", **words)


_AT_THE_FOOT = ("embed", "positions", "embed_norm")


def _part(ax, data: PlaceData, rows: int, columns: int, tall: float, wide: float) -> None:
    """Mark a row from edge to edge, a column from top to bottom, a number where both cross."""
    row, column = data.at[0], data.at[1] if len(data.at) > 1 else None
    y = tall / 2 - tall * ((row or 0) + 0.5) / rows
    x = wide * ((column or 0) + 0.5) / columns - wide / 2
    if len(data.shape) == 1 or column is None:
        ax.add_patch(Rectangle((-wide / 2, y - SHORT / 2), wide, SHORT, facecolor=CHOSEN, edgecolor=INK, linewidth=1.2))
    elif row is None:
        ax.add_patch(Rectangle((x - SHORT / 2, -tall / 2), SHORT, tall, facecolor=CHOSEN, edgecolor=INK, linewidth=1.2))
    else:
        for ends in (((-wide / 2, wide / 2), (y, y)), ((x, x), (-tall / 2, tall / 2))):
            ax.plot(*ends, color=SOFT, linewidth=0.8, linestyle=":")
        ax.add_patch(
            Rectangle((x - SHORT / 2, y - SHORT / 2), SHORT, SHORT, facecolor=CHOSEN, edgecolor=INK, linewidth=1.2)
        )


def _layer(data: PlaceData) -> int:
    return int(data.address.split(".")[1]) if data.address.startswith("layers.") else 0
