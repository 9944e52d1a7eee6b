"""How the results are drawn: letters in patches under an entropy trace, what a byte costs, who is better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.patches import Rectangle

from labkit.figures.drawing import Drawing
from labkit.figures.plain import Lines, paint_lines
from labkit.figures.style import (
    BAND,
    INK,
    MARKS,
    RULE,
    SIZES,
    axes,
    bars,
    inches,
    label_axes,
    legend,
    row_names,
    text_width,
    whiskers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .experiments.costing import Costs
    from .experiments.cutting import Cuts, Drift, PatchSizes
    from .experiments.quality import Qualities

__all__ = ["DRAWINGS", "letters"]

BOX = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}  # behind a note on bars
PARTS = {"latent": "intact", "encoder": "cut", "decoder": "attention"}


def letters(ax: Axes, signs: Sequence[str], starts: Sequence[bool], row: float, moved: Sequence[bool] = ()) -> None:
    """Write signs into cells of one row, shaded by turns patch for patch, a dark bar where a patch starts."""
    patch = np.cumsum(starts)
    size = min(SIZES["tick"], 72 * ax.bbox.width / ax.get_figure().dpi / max(1, len(signs)) * 1.1)
    for place, (sign, start) in enumerate(zip(signs, starts)):
        if patch[place] % 2:
            ax.add_patch(_cell(place, row))
        if start:
            ax.vlines(place - 0.5, row - 0.42, row + 0.42, color=INK, linewidth=1.6)
        ax.text(place, row, sign, ha="center", va="center", fontsize=size, color=INK, family="DejaVu Sans Mono")
    for place in np.flatnonzero(moved):
        ax.plot([place - 0.5], [row - 0.46], marker="v", color=MARKS["cut"].colour, markersize=5, clip_on=False)


def _cell(place: int, row: float) -> Rectangle:
    return Rectangle((place - 0.5, row - 0.42), 1, 0.84, facecolor=BAND, edgecolor="none")


def paint_cuts(cuts: Cuts, figure: FigureBase) -> None:
    """Draw the entropy before every byte over the text as each patcher cuts it, letters below their bars."""
    names, (width, height) = list(cuts.starts), inches(figure)
    left = 0.35 + max(text_width(_named(cuts, name)) for name in names)
    below = 0.33 * len(names) + 0.1
    rises = cuts.rule == "rise"
    (top,) = axes(
        figure,
        f"How hard is the next byte to foresee? Hatched: {'a steep rise' if rises else 'over the threshold'}",
        left=left,
        right=0.15,
        bottom=below + 0.1,
    )
    over = cuts.over
    places = range(len(cuts.signs))
    for mark, chosen in (("cut", True), ("intact", False)):
        bars(
            top,
            [p for p in places if over[p] == chosen],
            [cuts.entropies[p] for p in places if over[p] == chosen],
            MARKS[mark],
            0.8,
        )
    note = {"fontsize": SIZES["note"], "color": INK, "va": "bottom", "ha": "right", "bbox": BOX}
    if not rises:  # a rise has no place on the axis of H
        top.axhline(cuts.threshold, color=INK, linewidth=1.2, linestyle="--")
        top.text(len(cuts.signs) - 0.5, cuts.threshold + 0.1, f"threshold {cuts.threshold:.2f}", **note)
    top.set_xlim(-0.6, len(cuts.signs) - 0.4)
    top.set_ylim(0, max(5.0, max(cuts.entropies) * 1.1))
    top.set_xticks([])
    label_axes(top, y="nats")
    strip = figure.add_axes((left / width, 0.02, (width - left - 0.15) / width, below / height))
    strip.set_axis_off()
    strip.set_xlim(-0.6, len(cuts.signs) - 0.4)
    strip.set_ylim(len(names) - 0.5, -0.5)
    for row, name in enumerate(names):
        letters(strip, cuts.signs, cuts.starts[name], row)
    row_names(strip, [_named(cuts, name) for name in names])


def _named(cuts: Cuts, name: str) -> str:
    return f"{name} ({cuts.size(name):.1f})"


def describe_cuts(cuts: Cuts) -> str:
    """Return the text as each patcher cuts it, a bar before every patch."""
    told = "; ".join(f"{name}, {cuts.size(name):.1f} bytes a patch: {cuts.pieces(name)}" for name in cuts.starts)
    return f"Entropy before each byte, threshold {cuts.threshold:.2f} nats. {told}."


def paint_costs(costs: Costs, figure: FigureBase) -> None:
    """Draw what a byte costs at each patch size as a stack: latent model, local models, cross-attention."""
    (ax,) = axes(figure, f"What a byte costs ({costs.name})", left=0.85, right=2.0)
    unit, name = (1e3, "thousand") if costs.costs[0].total < 1e8 else (1e9, "billion")
    floor = np.zeros(len(costs.costs))
    places = list(range(len(costs.costs)))
    for part, mark in PARTS.items():
        values = np.array([getattr(one, part) for one in costs.costs]) / unit
        bars(ax, places, values, MARKS[mark], 0.6, bottom=floor, label=part)
        floor = floor + values
    cross = np.array([one.gather + one.spread for one in costs.costs]) / unit
    bars(ax, places, cross, MARKS["mlp"], 0.6, bottom=floor, label="cross-attention")
    ax.set_xticks(places, [f"{one.size:g}" for one in costs.costs])
    label_axes(ax, x="bytes a patch", y=f"{name} operations a byte")
    legend(ax)


def describe_costs(costs: Costs) -> str:
    """Return the cost at each patch size and the share of the local models."""
    told = "; ".join(f"{c.size:g} bytes: {c.total:,.0f}, local models {c.local_share:.0%}" for c in costs.costs)
    return f"Operations a byte by mean patch, {costs.name}: {told}."


def paint_qualities(found: Qualities, figure: FigureBase) -> None:
    """Draw bits per byte of each arm with its interval over seeds, the best on top."""
    order = sorted(range(len(found.arms)), key=lambda i: found.bits[i].value)
    names = [found.about(i) for i in order]
    (ax,) = axes(
        figure, "Bits per byte on unseen pages", left=0.25 + max(map(text_width, names)), right=0.6, bottom=0.55
    )
    places, values = list(range(len(order))), [found.bits[i].value for i in order]
    bars(ax, places, values, MARKS["intact"], 0.62, across=True)
    whiskers(ax, places, [found.bits[i].low for i in order], [found.bits[i].high for i in order], across=True)
    for place, i in enumerate(order):
        text = {"xytext": (6, 0), "textcoords": "offset points", "va": "center", "fontsize": SIZES["note"]}
        ax.annotate(f"{values[place]:.2f}", (found.bits[i].high, place), color=INK, **text)
    row_names(ax, names)
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.axvline(0, color=RULE, linewidth=1)
    ax.margins(x=0.1)
    label_axes(ax, x="bits per byte, mean of five seeds with its 95% interval; lower is better")


def describe_qualities(found: Qualities) -> str:
    """Return each arm with its interval, the best first."""
    order = sorted(range(len(found.arms)), key=lambda i: found.bits[i].value)
    told = (
        f"{found.about(i)} {found.bits[i].value:.3f} ({found.bits[i].low:.3f} to {found.bits[i].high:.3f})"
        for i in order
    )
    return "Bits per byte over seeds: " + "; ".join(told) + "."


def paint_drift(found: Drift, figure: FigureBase) -> None:
    """Draw the mean patch in each repetition of a sentence, one line a rule."""
    paint_lines(drift_lines(found), figure)


def drift_lines(found: Drift) -> Lines:
    """Return the mean patch in each repetition as lines."""
    means = {name: np.mean(rows, axis=0).tolist() for name, rows in found.sizes.items()}
    told = "; ".join(f"{name}: " + ", ".join(f"{x:.1f}" for x in row) for name, row in means.items())
    return Lines(
        title="A sentence repeats itself: do its patches grow?",
        x=range(1, 1 + len(next(iter(means.values())))),
        lines=means,
        x_label="repetition of the sentence",
        y_label="bytes a patch",
        sentence=f"Mean bytes a patch in each repetition; {told}.",
        dots=True,
    )


def paint_sizes(found: PatchSizes, figure: FigureBase) -> None:
    """Draw the share of patches of each size, one row of bars a patcher on one scale."""
    top = 100 * max(max(found.shares(name)) for name in found.counts)
    rows = figure.subfigures(len(found.counts), 1, squeeze=False)[:, 0]
    for row, name in zip(rows, found.counts):
        shares = [100 * share for share in found.shares(name)]
        (ax,) = axes(row, name, left=0.7, right=0.2, bottom=0.48)
        bars(ax, list(range(1, 1 + len(shares))), shares, MARKS["intact"], 0.8)
        ax.set_ylim(0, 1.1 * top)
        ax.set_xticks(range(1, 1 + len(shares)), [*map(str, range(1, len(shares))), f"{len(shares)}+"])
        label_axes(ax, x="bytes in a patch", y="percent")


def describe_sizes(found: PatchSizes) -> str:
    """Return the share of patches of each size by patcher."""
    told = "; ".join(f"{name}: " + ", ".join(f"{share:.0%}" for share in found.shares(name)) for name in found.counts)
    return f"Share of patches of 1, 2, … bytes; {told}."


DRAWINGS = {
    "Cuts": Drawing(paint_cuts, describe_cuts, lambda cuts: (8.6, 2.1 + 0.33 * len(cuts.starts))),
    "Costs": Drawing(paint_costs, describe_costs),
    "Qualities": Drawing(paint_qualities, describe_qualities, lambda found: (8.6, 1.1 + 0.36 * len(found.arms))),
    "Drift": Drawing(paint_drift, lambda found: drift_lines(found).sentence),
    "PatchSizes": Drawing(paint_sizes, describe_sizes, lambda found: (8.6, 1.35 * len(found.counts))),
}
