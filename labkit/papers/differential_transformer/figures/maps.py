"""Where a question looks: both maps over its text, and the shares of the attention by place. Lesson: 04."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.figures import Bars
from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, MARKS, RULE, SIZES, axes, label_axes

if TYPE_CHECKING:
    from ..experiments.allocation import Allocation
    from ..experiments.map_pairs import MapPair

__all__ = ["DRAWINGS", "MAPS", "share_bars"]

MAPS = ("A1", "A2", "A1 − λ A2")


def share_bars(
    allocations: Mapping[str, Allocation], *, title: str, places: Sequence[str] = ("answer", "noise")
) -> Bars:
    """Return each model's share of the attention at each of `places`, signed beside absolute."""
    rows = [(place, name, one) for place in places for name, one in allocations.items()]
    shares = {
        kind: [one.share(place, signed=kind == "signed") for place, _, one in rows] for kind in ("signed", "absolute")
    }
    told = "; ".join(
        f"{name}, {place}: signed {signed.value:.2f}, absolute {absolute.value:.2f}"
        for (place, name, _), signed, absolute in zip(rows, *shares.values())
    )
    return Bars(
        title=title,
        labels=[f"{place}: {name}" for place, name, _ in rows],
        groups={kind: [one.value for one in found] for kind, found in shares.items()},
        intervals={kind: [(one.low, one.high) for one in found] for kind, found in shares.items()},
        x_label="share of a question's attention, mean over heads and texts",
        sentence=f"Where a question looks. {told}.",
    )


def _paint_maps(pair: MapPair, figure: FigureBase) -> None:
    """Draw one panel for each model on a common scale, with the answer named."""
    columns = axes(figure, *pair.maps, left=0.8, right=0.2, between=0.5)
    for ax, maps in zip(columns, pair.maps.values()):
        for name, weights, look in zip(MAPS, maps, (MARKS["intact"], MARKS["cut"])):
            ax.plot(weights, look.line, marker=look.marker, color=look.colour, markersize=5, linewidth=1, label=name)
        ax.axvline(pair.answer, color=RULE, linewidth=1, linestyle=":", zorder=0)
        ax.annotate(
            "the answer", (pair.answer, 1.02), xytext=(6, 0), textcoords="offset points", va="center",
            fontsize=SIZES["note"], color=INK,
        )  # fmt: skip
        ax.set_ylim(-0.03, 1.08)
        label_axes(ax, x="word of the text, from its start", y="weight" if ax is columns[0] else "")
    columns[0].legend(loc="upper left", frameon=False, fontsize=SIZES["label"], labelcolor=INK)


def _describe_maps(pair: MapPair) -> str:
    told = [
        f"{name}: " + " and ".join(
            f"{which} gives the answer {weights[pair.answer]:.2f} and noise "
            f"{sum(weight for weight, there in zip(weights, pair.noise) if there):.2f}"
            for which, weights in zip(MAPS, maps)
        )
        for name, maps in pair.maps.items()
    ]  # fmt: skip
    return (
        f"The weights of one question over the words of one text, mean over heads; the answer is word {pair.answer}. "
        f"{'; '.join(told)}."
    )


DRAWINGS = {"MapPair": Drawing(_paint_maps, _describe_maps, lambda pair: (8.6, 3.2))}
