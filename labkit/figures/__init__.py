"""Figures: matplotlib without pyplot, readable without colour, each with a sentence that stands in for it.

`draw(result)` makes the picture of a result, `describe(result)` says it in words, `show(result)` does both in a
notebook. `Lines`, `Bars`, `Comparison`, `NextWords`, `StreamMap` and `Islands` are pictures you fill yourself. Nothing
here needs torch.
"""

from .comparison import Comparison
from .drawing import Drawing, describe, draw, drawing_of
from .islands import Islands
from .next_words import NextWords
from .output import png, show
from .plain import Bars, Lines
from .stream import StreamMap
from .style import new_figure

__all__ = [
    "Bars",
    "Comparison",
    "Drawing",
    "Islands",
    "Lines",
    "NextWords",
    "StreamMap",
    "describe",
    "draw",
    "drawing_of",
    "new_figure",
    "png",
    "show",
]
