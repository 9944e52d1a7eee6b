"""Two microphones and their difference. Lesson: 04."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, MARKS, PAPER, SIZES, inches

if TYPE_CHECKING:
    from ..experiments.microphones import Microphones

__all__ = ["DRAWINGS"]


def _paint_microphones(heard: Microphones, figure: FigureBase) -> None:
    """Draw both recordings and their difference, one below the other on the same scale."""
    figure.set_facecolor(PAPER)
    rows = (("first microphone", heard.first, MARKS["intact"]), ("second microphone", heard.second, MARKS["attention"]),
            (f"first − {heard.lam:g} · second", heard.difference, MARKS["cut"]))  # fmt: skip
    width, height = inches(figure)
    for number, (name, values, look) in enumerate(rows):
        ax = figure.add_axes((1.9 / width, 0.08 + 0.29 * (2 - number), (width - 2.1) / width, 0.25))
        ax.plot(values, color=look.colour, linewidth=0.7)
        ax.set_ylim(-5, 5)
        ax.set_xlim(0, len(values))
        ax.set_xticks([])
        ax.set_yticks([-4, 0, 4])
        ax.tick_params(labelsize=SIZES["note"])
        for side in ("top", "right", "bottom"):
            ax.spines[side].set_visible(False)
        ax.annotate(
            name, (-0.05, 0.5), xycoords="axes fraction", ha="right", va="center", fontsize=SIZES["tick"], color=INK
        )
    figure.text(
        0.15 / width, 1 - 0.08 / height, f"Noise left in the difference: {heard.noise:.2f}", va="top",
        fontsize=SIZES["title"], color=INK, weight="bold",
    )  # fmt: skip


def _describe_microphones(heard: Microphones) -> str:
    return (
        f"Two recordings of {len(heard.first)} samples, and the first minus {heard.lam:g} times the second. A "
        f"short pulse in the middle is in the first alone; the noise left in the difference has size {heard.noise:.2f}."
    )


DRAWINGS = {"Microphones": Drawing(_paint_microphones, _describe_microphones, lambda heard: (8.6, 3.4))}
