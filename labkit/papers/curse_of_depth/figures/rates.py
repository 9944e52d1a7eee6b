"""Loss by learning rate, one line a kind, with what a seed does by itself as a bar on every dot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.figures.curves import legend_width
from labkit.figures.drawing import Drawing
from labkit.figures.style import MARKS, axes, label_axes, legend

if TYPE_CHECKING:
    from ..experiments.rates import LossByRate

__all__ = ["DRAWINGS"]

ASIDE = 0.03  # of a rate: the kinds stand a little left and right of it, so that no bar hides another


def paint(found: LossByRate, figure: FigureBase) -> None:
    """Draw the losses over the rates, one standard deviation over seeds up and down from each."""
    title = "Loss on unseen stories: one seed, bars of one standard deviation over seeds"
    (ax,) = axes(figure, title, left=0.95, right=legend_width(found.losses))
    for side, (name, losses), mark in zip((-1, 1), found.losses.items(), MARKS.values()):
        places = [1000 * rate * (1 + side * ASIDE) for rate in found.rates]
        ax.errorbar(
            places, losses, yerr=found.seed_sd[name], fmt=mark.line, marker=mark.marker, markersize=6, capsize=4,
            color=mark.colour, linewidth=2.0, elinewidth=1.6, label=name,
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_xticks([1000 * rate for rate in found.rates], [f"{1000 * rate:g}" for rate in found.rates])
    ax.minorticks_off()
    label_axes(ax, x="learning rate, in thousandths", y="nats a token")
    legend(ax)


def describe(found: LossByRate) -> str:
    """Return every loss, and the standard deviations."""
    told = (
        f"{name}: " + ", ".join(f"{loss:.3f} at {rate:g}" for rate, loss in zip(found.rates, losses))
        for name, losses in found.losses.items()
    )
    spread = ", ".join(f"{sd:.4f} in {name}" for name, sd in found.seed_sd.items())
    return f"{'; '.join(told)}. One standard deviation over five other seeds, each kind at its best rate: {spread}."


DRAWINGS = {"LossByRate": Drawing(paint, describe, lambda found: (8.6, 3.0))}
