"""Sheet: titles, words and boxes placed by the inch, where a picture needs no axes.

Empty axes take 13 milliseconds, each tick 4 more, and a panel's answer has 350 in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.font_manager import findfont, get_font
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from .style import INK, PAPER, SIZES, inches

__all__ = ["Box", "Sheet", "drawable", "write_goes_on"]

MOST_LETTERS = 85  # of how a model goes on

Box = tuple[float, float, float, float]  # left, top, width, height in inches, from the top left corner


class Sheet:
    """A Figure or SubFigure, titled or not, to write and draw on in inches from its top left corner."""

    def __init__(self, figure: Any, title: str = ""):
        self.figure, (self.width, self.height) = figure, inches(figure)
        figure.set_facecolor(PAPER)
        downwards = Affine2D().scale(1 / self.width, -1 / self.height).translate(0, 1)
        self.ruler = downwards + figure.transSubfigure
        if title:
            self.write(0.15, 0.08, title, "title", va="top", weight="bold")

    def write(self, x: float, y: float, words: str, size: str = "tick", **look: Any) -> None:
        """Write one line at a place; its middle lies at `y` unless `va` says otherwise."""
        look = {"va": "center_baseline", "color": INK, "fontsize": SIZES[size], **look}
        self.figure.text(x, y, words, transform=self.ruler, **look)

    def boxes(self, boxes: Sequence[Box], **look: Any) -> None:
        """Draw boxes alike, all as one path: a hatch costs as much for one as for many."""
        corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)])
        paths = [Path(corners * (width, height) + (x, y), closed=True) for x, y, width, height in boxes]
        if paths:
            self.figure.add_artist(PathPatch(Path.make_compound_path(*paths), transform=self.ruler, **look))


def drawable(text: str) -> str:
    """Return `text` with a box for each character that the figures' font lacks: a damaged model may say any byte."""
    font = get_font(findfont("DejaVu Sans"))
    return "".join(letter if letter.isprintable() and font.get_char_index(ord(letter)) else "▯" for letter in text)


def write_goes_on(figure: FigureBase, intact: str, cut: str) -> None:
    """Write how each model goes on, one line each."""
    sheet = Sheet(figure)
    for line, (name, goes_on) in enumerate((("intact", intact), ("cut", cut))):
        said = shorten(drawable(goes_on), MOST_LETTERS, placeholder=" …") or "(it ends here)"
        for x, text, weight in ((0.15, f"{name} goes on", "bold"), (1.55, said, "normal")):
            sheet.write(x, 0.06 + 0.27 * line, text, va="top", weight=weight)
