"""Pictures of lesson 11: strips of single neurons, damage maps, interference beside its null, overlap, growth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.style import BAND, INK, MARKS, RULE, SIZES, axes, inches, label_axes, legend, text_width

from .experiments import DamageMap, Interference, NeuronOverlap, NeuronStrips, ShareCurve

__all__ = ["DRAWINGS", "paint_map"]

ALPHA = 0.05
WHAT = {
    "top": "its own neurons",
    "bottom": "its worst neurons",
    "random": "as many at random",
    "matched": "as many of the same layers and modules",
    "permuted": "neurons found with shuffled labels",
}


def paint_map(found: DamageMap, figure: FigureBase) -> None:
    """Draw the drops in greys, own relation framed; a number where the sign test says p < 0.05 for that cell alone."""
    what = WHAT[found.by]
    (ax,) = axes(figure, f"Drop of accuracy, {found.k} neurons off: {what}", left=1.5, right=0.95, bottom=1.2)
    drops = found.matrix()
    image = ax.imshow(np.clip(drops, 0, 1), cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    for row, silenced in enumerate(found.silenced):
        for column, asked in enumerate(found.relations):
            drop, certain = drops[row, column], found.p_value(asked, silenced) < ALPHA
            text = f"{drop:.2f}".replace("0.", ".").replace("-.", "−.") if certain else "·"
            ax.text(column, row, text, ha="center", va="center", fontsize=SIZES["note"] - 1,
                    color="white" if drop > 0.55 else INK)  # fmt: skip
            if silenced == asked:
                box = {"fill": False, "edgecolor": MARKS["cut"].colour, "linewidth": 2}
                ax.add_patch(_rectangle(column, row, **box))
    _names(ax, found.silenced, found.relations)
    ax.set_ylabel("silenced", fontsize=SIZES["label"])
    ax.set_xlabel("asked about", fontsize=SIZES["label"])
    _bar(figure, image, ax, "relative drop of accuracy")


def _describe_map(found: DamageMap) -> str:
    cells = [(r, s) for s in found.silenced for r in found.relations]
    fallen = [(r, s) for r, s in cells if r != s and found.p_value(r, s) < ALPHA and found.drop(r, s) > 0]
    risen = [(r, s) for r, s in cells if r != s and found.p_value(r, s) < ALPHA and found.drop(r, s) < 0]
    return (
        f"A map of {len(found.silenced)} silenced by {len(found.relations)} asked relations, {found.k} neurons off. "
        f"Mean drop of the relation whose neurons are off {found.own().value:.2f}, of the others "
        f"{found.others().value:.3f}. "
        f"Off the diagonal {len(fallen)} cells fall and {len(risen)} rise with p < {ALPHA:g}, each taken alone."
    )


def _names(ax: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Name rows and columns of a map; the columns' names lean."""
    ax.set_yticks(range(len(rows)), rows, fontsize=SIZES["tick"])
    ax.set_xticks(range(len(columns)), columns, rotation=38, ha="right", rotation_mode="anchor", fontsize=SIZES["tick"])


def _rectangle(column: int, row: int, **options: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, **options)


def _bar(figure: FigureBase, image: Any, ax: Axes, label: str) -> None:
    width, _ = inches(figure)
    box = ax.get_position()
    bar = figure.colorbar(image, cax=figure.add_axes((box.x1 + 0.12 / width, box.y0, 0.14 / width, box.height)))
    bar.ax.tick_params(labelsize=SIZES["note"])
    bar.set_label(label, fontsize=SIZES["note"])


def _paint_strips(found: NeuronStrips, figure: FigureBase) -> None:
    """Draw for each neuron two rows of marks: its outputs on the relation's prompts, and on others'."""
    (ax,) = axes(
        figure, f"What {len(found.names)} neurons say to prompts about {found.relation}, and to others",
        left=0.35 + max(map(text_width, found.names)), right=1.5,
    )  # fmt: skip
    for place, (own, others) in enumerate(zip(found.own, found.others)):
        spread = max(float(np.abs(np.concatenate((own, others))).max()), 1e-9)
        for values, mark, shift, name in ((own, "cut", -0.17, found.relation), (others, "intact", 0.17, "others")):
            look = MARKS[mark]
            ax.plot(values / spread, np.full(len(values), place + shift), look.marker, color=look.colour, markersize=4,
                    alpha=0.5, label=name if not place else None)  # fmt: skip
    ax.axvline(0, color=RULE, linewidth=1)
    ax.set_yticks(range(len(found.names)), found.names)
    ax.set_ylim(len(found.names) - 0.4, -0.6)
    label_axes(ax, x="mean output over the prompt, as a share of the neuron's largest")
    legend(ax)


def _describe_strips(found: NeuronStrips) -> str:
    said = (f"{name}: average precision {ap:.2f}" for name, ap in zip(found.names, found.ap))
    return f"Outputs of single neurons on prompts about {found.relation} and on others. " + "; ".join(said) + "."


def _paint_interference(found: Interference, figure: FigureBase) -> None:
    """Draw the counts of the null as a stack of rings, and ours as a square; the same for the largest gain."""
    left, right = axes(
        figure, f"Cells of {found.cells} that improve", "Largest gain in any cell", left=0.3, right=1.75, between=0.5
    )
    _stack(left, found.null_improving, found.improving, "cells in which accuracy rises")
    _stack(right, found.null_largest, found.largest, "rise of accuracy")
    legend(right)


def _stack(ax: Axes, null: Sequence[float], ours: float, label: str) -> None:
    heights: dict[float, int] = {}
    for value in null:
        key = round(value, 3)
        heights[key] = heights.get(key, 0) + 1
        ax.plot(value, heights[key], MARKS["intact"].marker, color=MARKS["intact"].colour, markerfacecolor="none",
                label="drawn sets" if sum(heights.values()) == 1 else None)  # fmt: skip
    low, high = np.quantile(null, [0.025, 0.975])
    ax.axvspan(low, high, color=BAND, zorder=0)
    ax.plot([ours], [max(heights.values()) + 1.5], MARKS["cut"].marker, color=MARKS["cut"].colour, label="own neurons")
    ax.axvline(ours, color=MARKS["cut"].colour, linewidth=1, linestyle="--")
    ax.set_ylim(0, max(heights.values()) + 2.5)
    ax.set_yticks([])
    label_axes(ax, x=label)


def _describe_interference(found: Interference) -> str:
    low, high = found.band
    return (
        f"With the relations' own neurons off, accuracy rises in {found.improving} of {found.cells} cells; with drawn "
        f"sets in {low:.0f} to {high:.0f} (p = {found.p_improving:.2f}). The largest gain is {found.largest:.3f} "
        f"({found.where[1]}, {found.where[0]} off); in drawn sets up to {max(found.null_largest):.3f} "
        f"(p = {found.p_largest:.2f})."
    )


def _paint_overlap(found: NeuronOverlap, figure: FigureBase) -> None:
    (ax,) = axes(figure, f"Neurons in common, of {found.k}", left=1.5, right=0.95, bottom=1.2)
    shared = np.array(found.shared, dtype=float)
    np.fill_diagonal(shared, np.nan)
    image = ax.imshow(shared, cmap="Greys", vmin=0, vmax=max(found.k / 4, np.nanmax(shared)), aspect="auto")
    for row, column in zip(*np.nonzero(~np.isnan(shared))):
        dark = shared[row, column] > 0.55 * image.get_clim()[1]
        ax.text(column, row, f"{int(shared[row, column])}", ha="center", va="center", fontsize=SIZES["note"] - 1,
                color="white" if dark else INK)  # fmt: skip
    _names(ax, found.relations, found.relations)
    _bar(figure, image, ax, "neurons in common")


def _describe_overlap(found: NeuronOverlap) -> str:
    pairs = [(found.share(a, b), a, b) for i, a in enumerate(found.relations) for b in found.relations[i + 1 :]]
    most, a, b = max(pairs)
    return (
        f"Neurons that two relations have in common, of {found.k} each. Most: {a} and {b}, {most * found.k:.0f}. "
        f"Two random sets would share {found.expected:.1f}."
    )


def _paint_curve(curve: ShareCurve, figure: FigureBase) -> None:
    (ax,) = axes(figure, "How much goes, against how many neurons are off", left=0.95, right=2.3)
    x = [100 * share for share in curve.shares]
    for name, line, mark in (
        ("own relation", curve.own, "cut"), ("other relations", curve.others, "intact"),
        ("own, matched set off", curve.matched, "attention"),
    ):  # fmt: skip
        look = MARKS[mark]
        ax.plot(x, [one.value for one in line], look.line, marker=look.marker, color=look.colour, label=name)
        ax.vlines(x, [one.low for one in line], [one.high for one in line], color=look.colour, linewidth=1)
    ax.set_xscale("log")
    ax.set_xticks(x, [f"{value:g}" for value in x])
    ax.minorticks_off()
    ax.set_ylim(min(0, ax.get_ylim()[0]), 1)
    label_axes(ax, x="share of the neurons off, %", y="relative drop of accuracy")
    legend(ax)


def _describe_curve(curve: ShareCurve) -> str:
    said = [
        f"at {share:.1%}: own {own.value:.2f}, others {others.value:.2f}, matched {matched.value:.2f}"
        for share, own, others, matched in zip(curve.shares, curve.own, curve.others, curve.matched)
    ]
    return "Mean drops against the share of neurons off. " + "; ".join(said) + "."


DRAWINGS = {
    "DamageMap": Drawing(paint_map, _describe_map, lambda found: (8.6, 1.9 + 0.29 * len(found.silenced))),
    "Interference": Drawing(_paint_interference, _describe_interference, lambda found: (8.6, 3.0)),
    "NeuronOverlap": Drawing(_paint_overlap, _describe_overlap, lambda found: (8.6, 5.2)),
    "ShareCurve": Drawing(_paint_curve, _describe_curve, lambda found: (8.6, 3.3)),
    "NeuronStrips": Drawing(_paint_strips, _describe_strips, lambda found: (8.6, 1.3 + 0.45 * len(found.names))),
}
