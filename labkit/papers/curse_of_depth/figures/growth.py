"""Growth with depth in untrained models, beside what the theory says: two plots and two sentences."""

from __future__ import annotations

from math import exp
from typing import Any

from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing

from ..experiments.untrained import RELU, TheoryData
from .lines import Plot, paint_plots

__all__ = ["DRAWINGS"]

MLPS = {"relu": "ReLU", "swiglu": "SwiGLU"}
MOST_GROWTH = 12.0  # of the logarithm of the gradient, the end of the axis


def paint(data: TheoryData, figure: FigureBase) -> None:
    """Draw the lines of each family of models, on axes that do not move."""
    if data.quantity == "variance":
        look: dict[str, Any] = {"limits": (0.5, 2000.0), "y": "variance / embedding's", "log": True}
    else:
        look = {"limits": (-1.0, MOST_GROWTH), "y": "log of the gradient's growth"}
    paint_plots([Plot(f"{name}, {MLPS[data.mlp]}", lines, **look) for name, lines in data.families.items()], figure)


def describe(data: TheoryData) -> str:
    """Return where the lines end, and which is nearest to what was measured."""
    return _variance_words(data) if data.quantity == "variance" else _gradient_words(data)


def _variance_words(data: TheoryData) -> str:
    said = []
    for family in data.families:
        ours, lemma, alone = (data.end(family, line) for line in ("measured", "the lemma", "independent blocks"))
        nearer = "the lemma" if abs(ours - lemma) < abs(ours - alone) else "independent blocks"
        said.append(
            f"{family}: measured {ours:.3g} times the embedding's variance after block {data.depth}; the lemma's own "
            f"recursion says {lemma:.3g}, blocks that write independently of the stream {alone:.3g}. "
            f"{nearer.capitalize()} {'are' if nearer.endswith('s') else 'is'} nearer."
        )
    return " ".join(said)


def _gradient_words(data: TheoryData) -> str:
    pre, scaled = data.families.values()
    return (
        f"Through {data.depth} blocks the gradient grows {exp(pre['measured'][-1]):.2g} times in Pre-LN and "
        f"{exp(scaled['measured'][-1]):.2g} times with scaling. With both constants at 1 the theorem allows "
        f"{exp(pre['bound'][-1]):.3g} times in Pre-LN, and with scaling {exp(scaled['bound as printed'][-1]):.3g} as "
        f"printed or {exp(scaled[RELU][-1]):.3g} with the factor that its proof gives. A bound far above what happens "
        f"does not tell one from the other."
    )


DRAWINGS = {"TheoryData": Drawing(paint, describe, lambda data: (8.6, 3.7))}
