"""Pictures of lesson 11: strips of single neurons, damage maps, interference beside its null, overlap, growth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.plain import Bars, paint_bars
from labkit.figures.style import BAND, INK, MARKS, RULE, SIZES, axes, inches, label_axes, legend, text_width

from .experiments import (
    BestNeurons,
    DamageMap,
    DamageNull,
    Interference,
    MatchedControls,
    NeuronOverlap,
    NeuronStrips,
    ShareCurve,
)

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
    if len(found.silenced) == 1:
        paint_bars(_left(found), figure)
        return
    what = WHAT[found.by]
    (ax,) = axes(figure, f"Drop of accuracy, {found.k} neurons off: {what}", left=1.5, right=0.95, bottom=1.2)
    drops = found.matrix()
    image = ax.imshow(np.clip(drops, 0, 1), cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    for row, silenced in enumerate(found.silenced):
        for column, asked in enumerate(found.relations):
            _cell(ax, row, column, drops[row, column], found.p_value(asked, silenced) < ALPHA, silenced == asked)
    _label_map(figure, ax, image, found)


def _paint_null(found: DamageNull, figure: FigureBase) -> None:
    """Draw what is left of the drops beyond the drawn sets; bold where a cell is beyond the largest of a drawn map."""
    (ax,) = axes(figure, f"Drop beyond that of {len(found.null)} drawn sets", left=1.5, right=0.95, bottom=1.2)
    image = ax.imshow(np.clip(found.excess, 0, 1), cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    beyond = set(found.beyond())
    for row, silenced in enumerate(found.silenced):
        for column, asked in enumerate(found.relations):
            shown = found.p_value(asked, silenced) < ALPHA
            _cell(ax, row, column, found.excess[row, column], shown, silenced == asked, (silenced, asked) in beyond)
    _label_map(figure, ax, image, found)


def _cell(ax: Axes, row: int, column: int, drop: float, shown: bool, own: bool, bold: bool = False) -> None:
    text = f"{drop:.2f}".replace("0.", ".").replace("-.", "−.") if shown else "·"
    weight = "bold" if bold else "normal"
    ax.text(column, row, text, ha="center", va="center", fontsize=SIZES["note"] - (0 if bold else 1), weight=weight,
            color="white" if drop > 0.55 else INK)  # fmt: skip
    if own:
        ax.add_patch(_rectangle(column, row, fill=False, edgecolor=MARKS["cut"].colour, linewidth=2))


def _label_map(figure: FigureBase, ax: Axes, image: Any, found: DamageMap | DamageNull) -> None:
    _names(ax, found.silenced, found.relations)
    ax.set_ylabel("silenced", fontsize=SIZES["label"])
    ax.set_xlabel("asked about", fontsize=SIZES["label"])
    _bar(figure, image, ax, "relative drop of accuracy")


def _describe_null(found: DamageNull) -> str:
    cells = [(s, r) for s in found.silenced for r in found.relations if found.p_value(r, s) < ALPHA]
    own, beyond = sum(s == r for s, r in cells), found.beyond()
    diagonal, p = found.diagonal()
    return (
        f"Each drop minus its mean over {len(found.null)} sets of the same layers and modules. The diagonal keeps "
        f"{diagonal:.2f} on average (p = {p:.3f}). Numbers stand where fewer than one drawn set in twenty costs that "
        f"relation as much: {own} cells of the diagonal, {len(cells) - own} others. Bold, {len(beyond)} cells: above "
        f"the largest cell of 95 in 100 drawn maps."
    )


def _left(found: DamageMap) -> Bars:
    """Return what is left of each relation where one is silenced."""
    (name,) = found.silenced
    left = {asked: 1 - found.drop(asked, name) for asked in found.relations}
    others = [value for asked, value in left.items() if asked != name] or [left[name]]
    return Bars(
        title=f"What is left with the neurons of {name} off",
        labels=list(left),
        groups={"accuracy left": list(left.values())},
        x_label="share of the intact accuracy",
        sentence=f"{found.k} neurons of {name} off: {left.get(name, 0):.0%} of it is left, of the other relations "
        f"{min(others):.0%} to {max(others):.0%}.",
    )


def _describe_map(found: DamageMap) -> str:
    if len(found.silenced) == 1:
        return _left(found).sentence
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


def _best_bars(found: BestNeurons) -> Bars:
    ties = {name: f" ({n} at 1)" if n else "" for name, n in found.at_one.items()}
    low, high, nothing = min(found.best.values()), max(found.best.values()), max(found.shuffled.values())
    return Bars(
        title=f"The best of {found.neurons:,} neurons, for each relation",
        labels=[f"{name}{ties[name]}" for name in found.best],
        groups={"best AP": list(found.best.values()), "best AP, labels shuffled": list(found.shuffled.values())},
        x_label="average precision; in brackets how many neurons reach exactly 1",
        sentence=f"The best neurons reach {low:.2f} to {high:.2f}, exactly 1 for {found.tied()} relations; with "
        f"shuffled labels the best of {found.neurons:,} still reaches {nothing:.2f}, though 0.2 is chance.",
        digits=4,
    )


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
    _draw_curve(ax, curve)
    ax.set_ylim(min(0, ax.get_ylim()[0]), 1)
    label_axes(ax, x="share of the neurons off, %", y="relative drop of accuracy")
    legend(ax)


def _draw_curve(ax: Axes, curve: ShareCurve) -> None:
    """Draw the three lines, each with its interval over relations; shares on a logarithmic scale."""
    x = [100 * share for share in curve.shares]
    for name, line, mark in (
        ("own relation", curve.own, "cut"), ("other relations", curve.others, "intact"),
        ("own, matched sets", curve.matched, "attention"),
    ):  # fmt: skip
        look = MARKS[mark]
        ax.plot(x, [one.value for one in line], look.line, marker=look.marker, color=look.colour, label=name)
        ax.vlines(x, [one.low for one in line], [one.high for one in line], color=look.colour, linewidth=1)
    ax.axhline(0, color=RULE, linewidth=1, zorder=0)
    ax.set_xscale("log")
    labels, last = [], 0.0
    for value in x:  # on this scale 10 and 15 are too close for two numbers
        labels.append(f"{value:g}" if value > 1.6 * last else "")
        last = value if labels[-1] else last
    ax.set_xticks(x, labels)
    ax.minorticks_off()


def _describe_curve(curve: ShareCurve) -> str:
    said = [
        f"at {share:.2%}: own {own.value:.2f}, others {others.value:.2f}, matched {matched.value:.2f}"
        for share, own, others, matched in zip(curve.shares, curve.own, curve.others, curve.matched)
    ]
    return "Mean drops against the share of neurons off. " + "; ".join(said) + "."


def _paint_controls(found: MatchedControls, figure: FigureBase) -> None:
    """Draw how damage grows in lab/facts and in the model with a wide MLP, on one scale."""
    if found.wide is None:
        return _paint_curve(found.narrow, figure)
    pair = (("lab/facts, MLP of 128", found.narrow), ("the same, MLP of 512", found.wide))
    axes_pair = axes(figure, *(name for name, _ in pair), left=0.85, right=2.2, between=0.35)
    top = max(one.high for _, curve in pair for one in curve.own) + 0.03
    for ax, (_, curve) in zip(axes_pair, pair):
        _draw_curve(ax, curve)
        ax.set_ylim(-0.05, top)
        label_axes(ax, x="share of the neurons off, %")
    label_axes(axes_pair[0], y="relative drop of accuracy")
    axes_pair[1].tick_params(labelleft=False)
    legend(axes_pair[1])
    return None


def _describe_controls(found: MatchedControls) -> str:
    if found.wide is None:
        return _describe_curve(found.narrow)
    share = found.narrow.shares.index(0.1)
    said = [
        f"{name}: own {curve.own[share].value:.2f}, other relations {curve.others[share].value:.2f}, own under matched "
        f"sets {curve.matched[share].value:.2f}"
        for name, curve in (("MLP of 128", found.narrow), ("MLP of 512", found.wide))
    ]
    return "Mean drop of accuracy with a tenth of the neurons off. " + "; ".join(said) + "."


DRAWINGS = {
    "BestNeurons": Drawing(
        lambda found, figure: paint_bars(_best_bars(found), figure),
        lambda found: _best_bars(found).sentence,
        lambda found: (8.6, 1.2 + 0.33 * len(found.best)),
    ),
    "MatchedControls": Drawing(_paint_controls, _describe_controls, lambda found: (8.6, 3.3)),
    "DamageMap": Drawing(
        paint_map,
        _describe_map,
        lambda found: (8.6, 4.3 if len(found.silenced) == 1 else 1.9 + 0.29 * len(found.silenced)),
    ),
    "DamageNull": Drawing(_paint_null, _describe_null, lambda found: (8.6, 1.9 + 0.29 * len(found.silenced))),
    "Interference": Drawing(_paint_interference, _describe_interference, lambda found: (8.6, 3.0)),
    "NeuronOverlap": Drawing(_paint_overlap, _describe_overlap, lambda found: (8.6, 5.2)),
    "ShareCurve": Drawing(_paint_curve, _describe_curve, lambda found: (8.6, 3.3)),
    "NeuronStrips": Drawing(_paint_strips, _describe_strips, lambda found: (8.6, 1.3 + 0.45 * len(found.names))),
}
