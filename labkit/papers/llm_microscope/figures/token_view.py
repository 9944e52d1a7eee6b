"""The picture of the microscope: one view of a text, token by token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from .token_map import TokenMap, paint_token_map

if TYPE_CHECKING:
    from ..experiments.views import MicroscopeData

__all__ = ["describe", "paint"]

READABLE = 13  # tokens side by side whose cells have room for a word


def paint(data: MicroscopeData, figure: FigureBase) -> None:
    """Draw the view as a map of tokens; where words stand in the cells, only the chosen token's neighbourhood."""
    title, label, low, high = {
        "memory": ("What each token holds of the words before it", "nats a word", -0.4, 1.2),
        "nonlinearity": ("How far each step is from the common linear map", "error ÷ step", 0.0, 1.5),
        "lens": ("What each level would say next; dark: the true word costs much", "nats", 0.0, 8.0),
    }[data.view]
    start, end = 0, len(data.tokens)
    if data.top is not None and end > READABLE:  # the neighbourhood of the chosen token
        start = min(max(0, data.chosen - READABLE // 2), end - READABLE)
        end = start + READABLE
    picture = TokenMap(
        title=title, tokens=data.tokens[start:end], rows=data.rows, values=[row[start:end] for row in data.values],
        label=label, words=None if data.top is None else [row[start:end] for row in data.top],
        chosen=data.chosen - start, low=low, high=high, sentence=describe(data),
    )  # fmt: skip
    paint_token_map(picture, figure)


def describe(data: MicroscopeData) -> str:
    """Return what is rebuilt from the chosen token, and what the view says of it."""
    said = (
        f"From {data.token.strip()!r} the decoder writes: “{data.written}”. There stood: “{data.true}”. "
        f"{data.right} of {data.words} words in place, gain {data.gain:.2f} nats a word."
    )
    column = [row[data.chosen] for row in data.values]
    if data.view == "nonlinearity":
        step = max(range(len(column)), key=column.__getitem__)
        said += f" Its least linear step is the one {data.rows[step]}: {column[step]:.2f} of the step's length."
    elif data.view == "lens" and data.chosen < len(data.tokens) - 1:
        said += f" Its next word costs {column[0]:.1f} nats at level 0 and {column[-1]:.1f} at the last."
    if data.unknown:
        said += f" The model never saw: {', '.join(data.unknown)}."
    return said
