"""How damage grows with the share of neurons that are off: one model, and a wide one beside it."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.style import MARKS, RULE, axes, label_axes, legend

from ..experiments import MatchedControls, ShareCurve

__all__ = ["DRAWINGS"]


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
    "ShareCurve": Drawing(_paint_curve, _describe_curve, lambda found: (8.6, 3.3)),
    "MatchedControls": Drawing(_paint_controls, _describe_controls, lambda found: (8.6, 3.3)),
}
