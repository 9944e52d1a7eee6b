"""How this paper's results are drawn: the plane, the film, and what was said against what was likely."""

from __future__ import annotations

from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.style import (
    INK,
    MARKS,
    RULE,
    SIZES,
    SOFT,
    axes,
    bars,
    column_names,
    label_axes,
    legend,
    looks,
    whiskers,
)

from .experiments.branching import TRUTH, ByFutures
from .experiments.films import Filmed
from .experiments.plane import Plane
from .experiments.steering import Steered
from .task import PLACES

__all__ = ["DRAWINGS", "paint_film", "paint_plane", "paint_said"]

SPAN = 2.6


def paint_plane(plane: Plane, figure: FigureBase) -> None:
    """Draw for each context its futures (rings), what the denoiser drew (small dots) and the regression's answer."""
    made = axes(figure, *plane.futures, left=0.75, right=0.15, between=0.5)
    for ax, (context, futures) in zip(made, plane.futures.items()):
        drawn, guess = plane.drawn[context], plane.guess[context]
        ax.scatter(
            *zip(*drawn), s=9, color=MARKS["intact"].colour, alpha=0.35, linewidths=0, label="drawn by the denoiser"
        )
        ax.scatter(
            *zip(*futures), s=230, facecolors="none", edgecolors=INK, linewidths=1.6, label="what can happen", zorder=3
        )
        ax.scatter(
            *guess, s=90, marker="X", color=MARKS["cut"].colour, edgecolors="white", label="regression", zorder=4
        )
        for (x, y), p in zip(futures, plane.probabilities[context]):
            ax.annotate(
                f"{p:g}", (x, y), xytext=(0, 11), textcoords="offset points", ha="center", fontsize=SIZES["note"]
            )
        ax.set_xlim(-SPAN, SPAN)
        ax.set_ylim(-SPAN, SPAN)
        ax.set_xticks([-2, 0, 2])
        ax.set_yticks([-2, 0, 2])
        label_axes(ax, x="first number")
    label_axes(made[0], y="second number")
    made[0].legend(loc="lower left", fontsize=SIZES["note"], frameon=False, labelcolor=INK, borderpad=0.1)


def describe_plane(plane: Plane) -> str:
    """Say where the guess and the samples lie."""
    said = []
    for context in plane.futures:
        guess, drawn = plane.from_nearest(context)
        said.append(
            f"with {context} the regression is {guess:.2f} from the nearest, half of the draws within {drawn:.2f}"
        )
    return f"In the plane, {'; '.join(said)}."


def paint_film(filmed: Filmed, figure: FigureBase, step: int | None = None) -> None:
    """Draw size and spread of the guesses, and how many say each possible future, over the steps of the sampler."""
    left, right = axes(figure, "Size and spread", "What they say", left=0.75, right=2.4, between=0.9)
    steps = range(1, len(filmed.t) + 1)
    left.plot(steps, filmed.norm, MARKS["intact"].line, color=MARKS["intact"].colour, linewidth=2, label="size")
    left.plot(steps, filmed.apart, MARKS["cut"].line, color=MARKS["cut"].colour, linewidth=2, label="spread")
    left.axhline(1, color=RULE, linewidth=1)
    held = left.legend(loc="lower right", fontsize=SIZES["note"], labelcolor=INK, facecolor="white", edgecolor="none")
    held.set_zorder(5)  # the line that marks the step goes behind it
    left.set_yscale("log")  # guidance makes guesses several times as large
    left.set_ylim(0.03, 9)
    left.set_yticks([0.1, 0.3, 1, 3], ["0.1", "0.3", "1", "3"])
    left.minorticks_off()
    label_axes(left, x="step of the sampler", y="over that of true futures")
    marks = list(MARKS.values())
    for k, p in enumerate(filmed.probabilities):
        line = [row[k] for row in filmed.shares]
        mark = marks[k]
        right.plot(
            steps, line, mark.line, color=mark.colour, marker=mark.marker, markersize=4,
            label=f"{_short(filmed.futures[k])} ({p:g})",
        )  # fmt: skip
        right.axhline(p, color=mark.colour, linewidth=0.8, linestyle=":")
    right.plot(steps, filmed.impossible, ":", color=SOFT, linewidth=2.4, label="impossible")
    right.set_ylim(-0.03, 1.03)
    label_axes(right, x="step of the sampler", y="share of draws")
    legend(right)
    if step is not None:
        for ax in (left, right):
            ax.axvline(step, color=INK, linewidth=1)


def describe_film(filmed: Filmed) -> str:
    """Say where the film begins and ends."""
    return (
        f"{filmed.event} At the first step the guesses have {filmed.norm[0]:.2f} of the size of a true future, "
        f"{filmed.impossible[0]:.0%} of them say something impossible; at the last step {filmed.norm[-1]:.2f}, "
        f"{filmed.impossible[-1]:.0%}."
    )


def _short(text: str) -> str:
    """Return the first word of a future and where it leads."""
    return f"{text.split()[0]} … {next(word for word in text.split() if word in PLACES)}"


def paint_said(said: Steered, figure: FigureBase) -> None:
    """Draw how often each future was said beside how likely it is."""
    (ax,) = axes(figure, "What is said next, against what is likely", left=0.8, right=1.1)
    places = range(len(said.futures) + 1)
    likely, drawn = [*said.probabilities, 0.0], [*said.shares, said.impossible]
    for shift, heights, name, mark in ((-0.2, likely, "likely", "intact"), (0.2, drawn, "said", "cut")):
        bars(ax, [p + shift for p in places], heights, MARKS[mark], 0.36, label=name)
        for place, height in zip(places, heights):
            ax.annotate(
                f"{height:.2f}", (place + shift, height), xytext=(0, 2), textcoords="offset points", ha="center",
                fontsize=SIZES["note"], color=INK,
            )  # fmt: skip
    column_names(ax, [*map(_short, said.futures), "impossible"])
    ax.set_ylim(0, 1.1)
    label_axes(ax, y="share of draws")
    legend(ax)


_NAMES = {"possible": "Share that can follow", "total_variation": "Off the true shares"}
_LOOKS = {"base": "cut", "two": "intact", "quant": "attention", "the truth": "mlp"}  # how a name begins -> its look
_UNITS = {"possible": "share of answers", "total_variation": "total variation"}


def paint_by_futures(found: ByFutures, figure: FigureBase) -> None:
    """Draw for each measure a bar an arm over the number of futures, with intervals, and one of the truth."""
    made = axes(figure, *(_NAMES[measure] for measure in found.estimates), left=0.75, right=1.9, between=0.75)
    for ax, (measure, arms) in zip(made, found.estimates.items()):
        counts = list(found.truth[measure])
        bare = {TRUTH: list(found.truth[measure].values())}
        shown = {name: list(found.of(measure, name).values()) for name in arms} | bare
        for order, (name, mark) in enumerate(looks(list(shown), _LOOKS).items()):
            places = [place + (order - (len(shown) - 1) / 2) * 0.2 for place in range(len(counts))]
            bars(ax, places, shown[name], mark, 0.18, label=name)
            if name in arms:
                ends = arms[name].values()
                whiskers(ax, places, [one.low for one in ends], [one.high for one in ends])
        column_names(ax, [str(count) for count in counts])
        ax.set_ylim(0, 1.05)
        label_axes(ax, x="possible futures", y=_UNITS[measure])
    legend(made[-1])


def describe_by_futures(found: ByFutures) -> str:
    """Say the means of every arm by number of futures."""
    said = []
    for measure, arms in found.estimates.items():
        told = "; ".join(
            f"{name} " + ", ".join(f"{value:.2f} with {count}" for count, value in found.of(measure, name).items())
            for name in arms
        )
        floor = ", ".join(f"{value:.2f} with {count}" for count, value in found.truth[measure].items())
        said.append(f"{_NAMES[measure]}, by number of possible futures: {told}; {TRUTH} {floor}.")
    return " ".join(said)


DRAWINGS = {
    "ByFutures": Drawing(paint_by_futures, describe_by_futures, lambda found: (8.6, 3.2)),
    "Plane": Drawing(paint_plane, describe_plane, lambda plane: (8.6, 3.4)),
    "Filmed": Drawing(paint_film, describe_film, lambda filmed: (8.6, 3.2)),
}
