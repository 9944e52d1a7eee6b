"""A map of tokens by levels, in greys, with words in its cells where they are given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import FigureBase

from labkit.base.errors import BadInput
from labkit.figures.drawing import Drawing
from labkit.figures.sheet import drawable
from labkit.figures.style import INK, MARKS, SIZES, SOFT, axes, text_width

__all__ = ["DRAWINGS", "TokenMap", "paint_token_map"]

ROW = 0.21  # inches of a level
MOST = 60  # tokens side by side


@dataclass(frozen=True, kw_only=True)
class TokenMap:
    """Values [rows][tokens] as a grey map, dark for high; `words` are written in the cells where they are given.

    chosen: a token to point at. low, high: the ends of the greys (default: those of the values).
    """

    title: str
    tokens: Sequence[str]
    rows: Sequence[str]
    values: Sequence[Sequence[float]]
    label: str
    sentence: str
    words: Sequence[Sequence[str]] | None = None
    chosen: int | None = None
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.tokens) <= MOST or any(len(row) != len(self.tokens) for row in self.values):
            raise BadInput(
                f"{len(self.tokens)} tokens with rows of {sorted({len(row) for row in self.values})} cannot be drawn.",
                expected=f"1 to {MOST} tokens and one value for each in every row",
                do="take a shorter text",
            )


def paint_token_map(picture: TokenMap, figure: FigureBase) -> None:
    """Draw one column a token, named below, and one row a level."""
    shown = [drawable(token.strip()) or "␣" for token in picture.tokens]
    deep = max(text_width(one, "note") for one in shown)
    (ax,) = axes(
        figure, picture.title, left=0.25 + max(map(text_width, picture.rows)), right=1.05, bottom=0.2 + min(deep, 1.1)
    )
    known = [value for row in picture.values for value in row if not math.isnan(value)]
    low = min(known) if picture.low is None else picture.low
    high = max(known) if picture.high is None else picture.high
    image = ax.imshow(
        picture.values, cmap="Greys", vmin=low, vmax=high if high > low else low + 1, aspect="auto",
        interpolation="nearest", origin="lower",
    )  # fmt: skip
    ax.set_xticks(range(len(shown)), shown, rotation=90, fontsize=SIZES["note"])
    step = max(1, -(-len(picture.rows) // 14))
    ax.set_yticks(range(0, len(picture.rows), step), picture.rows[::step], fontsize=SIZES["note"])
    if picture.words is not None:
        _write_cells(picture, ax, low, high)
    if picture.chosen is not None:
        ax.axvspan(picture.chosen - 0.5, picture.chosen + 0.5, fill=False, edgecolor=MARKS["cut"].colour, linewidth=2)
        ax.get_xticklabels()[picture.chosen].set_fontweight("bold")
    beyond = {(True, True): "both", (True, False): "min", (False, True): "max"}
    ends = beyond.get((min(known) < low, max(known) > high), "neither")  # a pointed end: greys that ran out
    bar = figure.colorbar(image, ax=ax, fraction=0.04, pad=0.015, extend=ends)
    bar.ax.tick_params(labelsize=SIZES["note"], labelcolor=SOFT)
    bar.set_label(picture.label, fontsize=SIZES["note"], color=SOFT)


def _write_cells(picture: TokenMap, ax, low: float, high: float) -> None:
    width = ax.bbox.width / ax.get_figure().dpi / len(picture.tokens)
    for r, (row, values) in enumerate(zip(picture.words or (), picture.values)):
        for c, (word, value) in enumerate(zip(row, values)):
            word = drawable(word.strip()) or "␣"
            while len(word) > 1 and text_width(word, "note") * 0.78 > width:
                word = word[:-2] + "…" if len(word) > 2 else word[0]
            dark = (value - low) > 0.55 * (high - low)
            ax.text(c, r, word, ha="center", va="center", fontsize=SIZES["note"] - 2, color="white" if dark else INK)


def _size_of_map(picture: TokenMap) -> tuple[float, float]:
    deep = max(text_width(token.strip() or "␣", "note") for token in picture.tokens)
    return 8.6, 0.85 + min(deep, 1.1) + ROW * max(4, len(picture.rows))


DRAWINGS = {"TokenMap": Drawing(paint_token_map, lambda picture: picture.sentence, _size_of_map)}
