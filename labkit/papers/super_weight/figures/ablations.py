"""Weights at zero beside matched nulls; doses; what comes back when the activation is restored."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.base.numbers import known, number
from labkit.figures.drawing import Drawing
from labkit.figures.intervals import interval
from labkit.figures.style import MARKS, RULE, axes, label_axes, row_names, text_width, whiskers

if TYPE_CHECKING:
    from ..method.ablation import Ablation, Cut, DoseCurve
    from ..method.activation import RestoreCurve

__all__ = ["DRAWINGS"]


def paint_ablation(trial: Ablation, figure: FigureBase) -> None:
    """Draw a row for each weight tried and one for each kind of null, its weights side by side, on a log axis."""
    rows = _rows(trial)
    labels = [label for label, _ in rows]
    (ax,) = axes(figure, "What losing them does to perplexity", left=0.3 + max(map(text_width, labels)), right=0.4)
    for place, (_, cuts) in enumerate(rows):
        mark = MARKS["intact" if cuts[0].is_null else "cut"]
        for number_of, cut in enumerate(cuts):
            y = place + (number_of - (len(cuts) - 1) / 2) * 0.7 / max(1, len(cuts))
            whiskers(ax, [y], [cut.ratio.low], [cut.ratio.high], across=True)
            ax.plot(cut.ratio.value, y, mark.marker, color=mark.colour, markersize=6, zorder=5)
    ax.axvline(1, color=RULE, linewidth=1)
    log_axis(ax, "x")
    row_names(ax, labels)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    label_axes(ax, x="perplexity, times the intact one's")


def describe_ablation(trial: Ablation) -> str:
    """Return the largest effect tried, and the largest of any null."""
    worst = max(trial.tried, key=lambda cut: cut.ratio.value)
    null = max(trial.nulls, key=lambda cut: cut.ratio.value, default=None)
    said = f"At zero, {_spoken(worst)} multiplies perplexity by {number(worst.ratio.value)}{interval(worst.ratio)}."
    if null is None:
        return said
    return said + (
        f" The largest of {len(trial.nulls)} nulls, {_spoken(null)}, multiplies it by {number(null.ratio.value)}"
        f"{interval(null.ratio)}."
    )


def paint_doses(curve: DoseCurve, figure: FigureBase) -> None:
    """Draw perplexity against the factor on the weight, intervals as whiskers."""
    (ax,) = axes(figure, "The dose: how much of the weight is needed?", left=0.95, right=0.4)
    mark = MARKS["cut"]
    whiskers(ax, curve.factors, [r.low for r in curve.ratios], [r.high for r in curve.ratios])
    ax.plot(curve.factors, [r.value for r in curve.ratios], mark.line, marker=mark.marker, color=mark.colour, zorder=5)
    ax.axhline(1, color=RULE, linewidth=1)
    log_axis(ax, "y")
    label_axes(ax, x="factor on the weight (1: intact, 0: removed)", y="perplexity, times\nthe intact one's")


def describe_doses(curve: DoseCurve) -> str:
    """Return the ratio at every factor."""
    listed = ", ".join(f"{number(r.value)} at {known(f)}" for f, r in zip(curve.factors, curve.ratios))
    return f"With {', '.join(curve.addresses)} scaled, perplexity is this many times the intact one's: {listed}."


def paint_restore(curve: RestoreCurve, figure: FigureBase) -> None:
    """Draw the share of the loss recovered against the number of tokens at which the activation is restored."""
    (ax,) = axes(figure, "How much of the damage is the activation?", left=0.95, right=0.4)
    mark, places = MARKS["intact"], range(len(curve.tokens))
    whiskers(ax, places, [r.low for r in curve.recovered], [r.high for r in curve.recovered])
    ax.plot(places, [r.value for r in curve.recovered], mark.line, marker=mark.marker, color=mark.colour, zorder=5)
    for level in (0, 1):
        ax.axhline(level, color=RULE, linewidth=1)
    ax.set_xticks(places, ["all" if m < 0 else str(m) for m in curve.tokens])
    ax.margins(y=0.12)
    label_axes(ax, x="tokens at which the activation is restored", y="share of the loss\nrecovered")


def describe_restore(curve: RestoreCurve) -> str:
    """Return the share at every number of tokens."""
    listed = ", ".join(
        f"{number(r.value)} at {'all tokens' if m < 0 else f'{m} token' + 's' * (m != 1)}"
        for m, r in zip(curve.tokens, curve.recovered)
    )
    return f"With {curve.address} at zero and its activation restored, this share of the loss comes back: {listed}."


def _rows(trial: Ablation) -> list[tuple[str, list[Cut]]]:
    """Return (label, cuts): one row for each cut tried, one for each kind of null."""
    rows = [(_spoken(cut), [cut]) for cut in trial.tried]
    for kind in dict.fromkeys(cut.kind for cut in trial.nulls):
        cuts = [cut for cut in trial.nulls if cut.kind == kind]
        rows.append((f"{kind} ({len(cuts)})", cuts))
    return rows


def _spoken(cut: Cut) -> str:
    if cut.kind == "joint":
        return f"all {len(cut.addresses)} together"
    first = cut.addresses[0] if len(cut.addresses) == 1 else f"{len(cut.addresses)} weights"
    return f"{first} (neuron)" if "neuron" in cut.kind else first


def log_axis(ax, which: str) -> None:
    """Make an axis logarithmic, its ticks plain numbers; without an effect to show, a little room around 1."""
    scale, limits = (ax.set_xscale, ax.get_xlim) if which == "x" else (ax.set_yscale, ax.get_ylim)
    set_limits, set_ticks = (ax.set_xlim, ax.set_xticks) if which == "x" else (ax.set_ylim, ax.set_yticks)
    scale("log")
    low, high = limits()
    low, high = min(low, 0.9), max(high, 1.25)
    steps = (1, 2, 5) if high / low < 300 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
    if high / low < 2:  # one lonely tick would say nothing of the scale
        ticks = [tick / 10 for tick in range(math.ceil(10 * low), math.floor(10 * high) + 1)]
    set_limits(low, high)
    set_ticks(ticks, [f"{tick:,.0f}" if tick >= 2 else known(tick) for tick in ticks])
    set_ticks([], minor=True)


def _size(trial: Ablation) -> tuple[float, float]:
    return 8.6, 1.2 + 0.42 * len(_rows(trial))


DRAWINGS = {
    "Ablation": Drawing(paint_ablation, describe_ablation, _size),
    "DoseCurve": Drawing(paint_doses, describe_doses, lambda curve: (8.6, 3.0)),
    "RestoreCurve": Drawing(paint_restore, describe_restore, lambda curve: (8.6, 3.0)),
}
