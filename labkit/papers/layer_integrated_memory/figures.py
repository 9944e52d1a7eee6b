"""How the results of lesson 09 are drawn: curves seed by seed, the routing map, costs of cuts, who collapsed."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.layer_scores import heat
from labkit.figures.style import INK, MARKS, RULE, SIZES, axes, bars, label_axes, legend, row_names, whiskers

from .experiments.ladder import NAMES
from .training import WATCHED

if TYPE_CHECKING:
    from .experiments.collapse import ByLayer
    from .experiments.ladder import Ladder, LearningCurves
    from .experiments.routing import EdgeCosts, Pruning, RoutingMap

__all__ = ["DRAWINGS", "LOOKS", "dots"]

LOOKS = {
    "base": MARKS["intact"],
    "lime": MARKS["cut"],
    "zeros": MARKS["attention"],
    "first-1": MARKS["attention"],
    "last-2": MARKS["mlp"],
    "average": MARKS["intact"],
}
KINDS = {"hidden": MARKS["intact"], "raw": MARKS["cut"], "routed": MARKS["attention"]}
WORDS = {"hidden": "hidden states", "raw": "own values", "routed": "routed values"}


def _paint_curves(curves: LearningCurves, figure: FigureBase) -> None:
    """Draw the share solved over training, one thin line a run and one thick line for each arm's mean."""
    (ax,) = axes(figure, f"Solved while training, {curves.rung}, every seed", left=0.95, right=1.9)
    for arm, by_seed in curves.shares.items():
        look = LOOKS[arm]
        for values in by_seed.values():
            ax.plot(curves.steps, values, look.line, color=look.colour, linewidth=0.9, alpha=0.6)
        mean = [sum(column) / len(column) for column in zip(*by_seed.values())]
        ax.plot(curves.steps, mean, look.line, marker=look.marker, color=look.colour, linewidth=2.4, label=NAMES[arm])
    ax.set_ylim(-0.03, 1.03)
    label_axes(ax, x="steps of training", y="share solved")
    legend(ax)


def _describe_curves(curves: LearningCurves) -> str:
    ends = {
        NAMES[arm]: ", ".join(f"{values[-1]:.0%}" for values in by_seed.values())
        for arm, by_seed in curves.shares.items()
    }
    told = "; ".join(f"{name}: {shares}" for name, shares in ends.items())
    return (
        f"Share solved of {WATCHED} unseen expressions that are read on the way, after {curves.steps[-1]:,} steps, "
        f"seed by seed. {told}."
    )


def dots(ax: Axes, place: float, values: list[float], arm: str, label: str = "") -> None:
    """Draw one dot a seed at a place of the x axis, and a bar at their mean."""
    look, width = LOOKS[arm], 0.05
    spread = [place + width * ((order % 3) - 1) for order in range(len(values))]
    ax.plot(spread, values, look.marker, color=look.colour, markersize=7, markeredgecolor="white", label=label or None)
    ax.hlines(sum(values) / len(values), place - 0.16, place + 0.16, color=INK, linewidth=1.8)


def _paint_ladder(ladder: Ladder, figure: FigureBase) -> None:
    """Draw the share solved on every rung, one dot a seed; of one rung alone the loss, one row an arm."""
    if len(ladder.rungs) == 1:
        _paint_arms(ladder, figure)
        return
    (ax,) = axes(figure, "Where do the two part? One dot a seed, a bar at the mean", left=0.95, right=1.4, bottom=0.95)
    for place, by_arm in enumerate(ladder.rungs.values()):
        for shift, (arm, by_seed) in zip((-0.2, 0.2), by_arm.items()):
            dots(ax, place + shift, [solved for _, solved in by_seed.values()], arm, NAMES[arm] if place == 0 else "")
    names = [str(rung).replace(" operands", "").replace(" steps", "").replace(", ", "\n") for rung in ladder.rungs]
    ax.set_xticks(range(len(names)), names)
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.set_ylim(-0.03, 1.03)
    ax.annotate(
        "operands\nsteps", (0, 0), xycoords="axes fraction", xytext=(-4, -7), textcoords="offset points",
        ha="right", va="top", fontsize=SIZES["tick"], color=INK,
    )  # fmt: skip
    label_axes(ax, y="share solved")
    legend(ax)


def _paint_arms(ladder: Ladder, figure: FigureBase) -> None:
    """Draw one row of dots an arm, and lines down from the means of baseline and LIMe."""
    ((rung, arms),) = ladder.rungs.items()
    (ax,) = axes(figure, f"{rung}: one mark a seed, a bar at the mean", left=2.1, right=0.3)
    for row, (arm, by_seed) in enumerate(arms.items()):
        values = [loss for loss, _ in by_seed.values()]
        look, mean = MARKS[{"base": "intact", "lime": "cut"}.get(arm, "attention")], fmean(values)
        ax.plot(values, [row] * len(values), look.marker, color=look.colour, markersize=6, markeredgecolor="white")
        ax.vlines(mean, row - 0.36, row + 0.36, color=INK, linewidth=1.8)
        if arm in ("base", "lime"):
            ax.axvline(mean, color=look.colour, linestyle=look.line, linewidth=1)
    row_names(ax, [NAMES[arm] for arm in arms], bold=[NAMES["base"], NAMES["lime"]])
    ax.set_ylim(len(arms) - 0.4, -0.6)
    ax.set_xlim(left=0)
    label_axes(ax, x="loss over the working, nats a token")


def _describe_arms(ladder: Ladder) -> str:
    ((rung, arms),) = ladder.rungs.items()
    told = [f"{NAMES[arm]} {fmean(loss for loss, _ in by_seed.values()):.2f}" for arm, by_seed in arms.items()]
    return f"{rung}: loss over the working in nats a token, mean over the seeds. {', '.join(told)}."


def _describe_ladder(ladder: Ladder) -> str:
    if len(ladder.rungs) == 1:
        return _describe_arms(ladder)
    told = []
    for rung in ladder.rungs:
        lead = ladder.lead(rung)
        told.append(f"{rung}: {lead.value:+.2f} ({lead.low:+.2f} to {lead.high:+.2f})")
    return f"LIMe's lead in the share solved, mean over seeds with its interval. {'; '.join(told)}."


def _ladder_height(ladder: Ladder) -> float:
    return 3.6 if len(ladder.rungs) > 1 else 1.1 + 0.25 * max(map(len, ladder.rungs.values()))


def _paint_map(found: RoutingMap, figure: FigureBase) -> None:
    rows = [[*row, *[math.nan] * (len(found.shares) - len(row))] for row in found.shares]
    title = "Which layer reads which" + (", by what is carried" if found.weighted else ", by |R| alone")
    heat(figure, title, rows, [f"layer {n}" for n in range(len(rows))], "keys and values of layer", "share of reading")


def _describe_map(found: RoutingMap) -> str:
    rows = [
        f"layer {layer} reads " + ", ".join(f"{share:.2f} of layer {source}" for source, share in enumerate(row))
        for layer, row in enumerate(found.shares)
        if layer
    ]
    return "Shares of reading: " + "; ".join(rows) + "."


def _paint_costs(found: EdgeCosts, figure: FigureBase) -> None:
    """Draw one bar for each cut from an earlier layer."""
    names = {f"layer {a} from layer {b}": one for (a, b), one in found.costs.items() if a != b}
    (ax,) = axes(figure, "What does it cost to cut one layer off from one earlier layer?", left=1.9, right=0.7)
    values = [one.value for one in names.values()]
    bars(ax, range(len(names)), values, MARKS["cut"], 0.6, across=True)
    whiskers(ax, range(len(names)), [o.low for o in names.values()], [o.high for o in names.values()], across=True)
    for place, one in enumerate(names.values()):
        ax.annotate(
            f"{one.value:.2f}", (max(one.high, one.value), place), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=SIZES["note"], color=INK,
        )  # fmt: skip
    row_names(ax, list(names))
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.axvline(0, color=RULE, linewidth=1)
    label_axes(ax, x="rise of the loss, nats a token")


def _describe_costs(found: EdgeCosts) -> str:
    named = [f"layer {a} from layer {b} {one.value:.2f}" for (a, b), one in found.costs.items() if a != b]
    return (
        f"Rise of the loss over the working, nats a token: {', '.join(named)}; the whole past {found.past.value:.2f}."
    )


def _paint_by_layer(found: ByLayer, figure: FigureBase) -> None:
    (ax,) = axes(figure, found.name, left=0.95, right=1.7)
    for kind, layers in found.values.items():
        look = KINDS.get(kind, MARKS["mlp"])
        values = [one.value for one in layers]
        ax.plot(
            range(len(values)),
            values,
            look.line,
            marker=look.marker,
            markersize=7,
            color=look.colour,
            label=WORDS[kind],
        )
    ax.set_xticks(range(len(values)))
    label_axes(ax, x="layer", y=found.name.split("(")[-1].split(",")[0].rstrip(")"))
    legend(ax)


def _describe_by_layer(found: ByLayer) -> str:
    told = [
        f"{WORDS[kind]} " + ", ".join(f"{one.value:.3f}" for one in layers) for kind, layers in found.values.items()
    ]
    return f"{found.name}, layer by layer: {'; '.join(told)}."


def _paint_pruning(found: Pruning, figure: FigureBase) -> None:
    (ax,) = axes(figure, f"How many of the {found.entries} entries can go?", left=0.95, right=2.1)
    for name, points, look in (
        ("smallest first", found.smallest, MARKS["intact"]),
        ("at random", found.random, MARKS["cut"]),
    ):
        shares = [solved for _, solved in points]
        ax.plot(found.shares, shares, look.line, marker=look.marker, color=look.colour, linewidth=2.0, label=name)
    ax.set_ylim(-0.03, 1.03)
    label_axes(ax, x="share of router entries set to 0", y="share solved")
    legend(ax)


def _describe_pruning(found: Pruning) -> str:
    told = [f"{share:.0%} cut: {one[1]:.0%} solved" for share, one in zip(found.shares, found.smallest)]
    chance = [f"{share:.0%}: {one[1]:.0%}" for share, one in zip(found.shares, found.random)]
    return f"Smallest entries first, {', '.join(told)}. Entries drawn at random, {', '.join(chance)}."


DRAWINGS = {
    "LearningCurves": Drawing(_paint_curves, _describe_curves, lambda result: (8.6, 3.4)),
    "Ladder": Drawing(_paint_ladder, _describe_ladder, lambda result: (8.6, _ladder_height(result))),
    "RoutingMap": Drawing(_paint_map, _describe_map, lambda result: (7.0, 1.4 + 0.4 * len(result.shares))),
    "EdgeCosts": Drawing(_paint_costs, _describe_costs, lambda result: (8.6, 1.1 + 0.3 * len(result.costs))),
    "ByLayer": Drawing(_paint_by_layer, _describe_by_layer, lambda result: (8.6, 3.0)),
    "Pruning": Drawing(_paint_pruning, _describe_pruning, lambda result: (8.6, 3.2)),
}
