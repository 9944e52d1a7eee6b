"""What each part seems to be worth: scores by layer, maps of scores, and scores against the truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from matplotlib.axis import Axis
from matplotlib.figure import FigureBase
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from labkit.base.numbers import number

from .drawing import Drawing
from .intervals import interval
from .style import BAND, INK, MARKS, RULE, SIZES, SOFT, axes, inches, label_axes, legend, text_width

if TYPE_CHECKING:
    from labkit.measurements.layer_scores import LayerScores, ScoreMap
    from labkit.measurements.ranks import Agreement

__all__ = ["DRAWINGS", "PARTS", "heat", "tall"]

FITS = 5  # letters of a number in a map
PARTS = {"attention": ("attention", "attention"), "mlp": ("mlp", "MLP"), "block": ("cut", "block")}


def _paint_scores(scores: LayerScores, figure: FigureBase) -> None:
    """Draw one line per kind of part over the layers, with intervals."""
    (ax,) = axes(figure, f"How much does each part seem to do? {scores.metric}", left=0.95, right=1.4)
    for part, (mark_name, spoken) in PARTS.items():
        known = [(layer, one) for layer, one in enumerate(scores.of(part)) if one is not None]
        if not known:
            continue
        mark, places = MARKS[mark_name], [layer for layer, _ in known]
        ax.plot(places, [one.value for _, one in known], mark.line, marker=mark.marker, color=mark.colour, label=spoken)
        held = [(layer, one) for layer, one in known if not math.isnan(one.low)]
        ax.vlines(
            [x for x, _ in held], [o.low for _, o in held], [o.high for _, o in held], color=mark.colour, linewidth=1
        )
    ax.set_xticks(range(0, scores.depth, max(1, -(-scores.depth // 16))))
    label_axes(ax, x="layer", y=f"score{f' ({scores.unit})' if scores.unit else ''}")
    ax.axhline(0, color=RULE, linewidth=1)
    legend(ax)


def _describe_scores(scores: LayerScores) -> str:
    said = []
    for part, (_, spoken) in PARTS.items():
        order = scores.ranked(part)
        if order:
            low, high = (scores.of(part)[layer] for _, layer in (order[0], order[-1]))
            said.append(
                f"{spoken}: lowest {number(low.value)}{interval(low)} in layer {order[0][1]}, "
                f"highest {number(high.value)} in layer {order[-1][1]}"
            )
    return f"Scores by {scores.metric} over {scores.depth} layers. " + "; ".join(said) + "."


def _paint_map(rows: ScoreMap, figure: FigureBase) -> None:
    if not rows.by_rank:
        heat(figure, rows.title, rows.values, rows.names, "layer", f"score of {PARTS[rows.part][1]}")
        return
    shades = [[sum(other is not None and other >= v for other in row) if v is not None else None for v in row]
              for row in rows.values]  # fmt: skip
    heat(figure, rows.title, rows.values, rows.names, "layer", f"rank ({rows.scores[0].depth} = lowest)", shades)


def _describe_map(rows: ScoreMap) -> str:
    said = []
    for name, scores in zip(rows.names, rows.scores):
        order = scores.ranked(rows.part)
        said.append(f"{name}: lowest in layer {order[0][1]}, highest in layer {order[-1][1]}" if order else name)
    size = f"{len(rows.names)} rows of {rows.scores[0].depth} layers"
    return f"A map of {PARTS[rows.part][1]} scores, {size}. {'; '.join(said)}."


def heat(
    figure: FigureBase,
    title: str,
    rows: Sequence[Sequence],
    names: Sequence[str],
    x: str,
    y: str,
    shades: Sequence[Sequence] | None = None,
) -> None:
    """Draw a map in greys, which print and which nobody mistakes; numbers where they fit. shades: else `rows`."""
    (ax,) = axes(figure, title, left=0.3 + max(map(text_width, names)), right=1.2)
    values = [[math.nan if value is None else value for value in row] for row in rows]
    greys = values if shades is None else [[math.nan if v is None else v for v in row] for row in shades]
    top = max((v for row in greys for v in row if not math.isnan(v)), default=1.0) or 1.0
    image = ax.imshow(greys, cmap="Greys", vmin=0, vmax=top, aspect="auto", interpolation="nearest")
    columns = len(values[0])
    ax.set_xticks(range(0, columns, max(1, columns // 12)))
    ax.set_yticks(range(len(names)), names)
    ax.set_facecolor(BAND)
    label_axes(ax, x=x)
    if columns <= 0.55 * inches(figure)[0] / 0.3:
        for r, row in enumerate(values):
            for c, value in enumerate(row):
                if not math.isnan(value):
                    dark = greys[r][c] > 0.55 * top
                    text = number(value, 2)
                    text = text if len(text) <= FITS else number(value, 1)
                    ax.text(c, r, text, ha="center", va="center", fontsize=SIZES["note"] - 1.5,
                            color="white" if dark else INK)  # fmt: skip
    bar = figure.colorbar(image, ax=ax, fraction=0.04, pad=0.02)
    bar.ax.tick_params(labelsize=SIZES["note"], labelcolor=SOFT)
    bar.set_label(y, fontsize=SIZES["note"], color=SOFT)


def _paint_agreement(found: Agreement, figure: FigureBase) -> None:
    """Draw a point per thing, one look per kind; on logarithmic axes where all is positive and of many sizes."""
    title = f"Do the two agree? Rank correlation {number(found.correlation.value, 2)}"
    (ax,) = axes(figure, title, left=1.15, right=1.4)
    looks = [mark for mark, _ in PARTS.values()]
    for order, kind in enumerate(dict.fromkeys(found.kinds)):
        mark_name, spoken = PARTS.get(kind, (looks[order % len(looks)], kind))
        mark = MARKS[mark_name]
        where = [place for place, own in enumerate(found.kinds) if own == kind]
        xs, ys = ([values[place] for place in where] for values in (found.guess, found.truth))
        ax.plot(xs, ys, mark.marker, color=mark.colour, markersize=7, alpha=0.85, label=spoken or None)
    _scale(ax.xaxis, ax.set_xscale, ax.set_xlim, found.guess)
    _scale(ax.yaxis, ax.set_yscale, ax.set_ylim, found.truth)
    if ax.get_yscale() != "log":
        ax.axhline(0, color=RULE, linewidth=1)
    label_axes(ax, x=found.guess_name, y=found.truth_name)
    ax.yaxis.set_label_coords(-0.72 / (inches(figure)[0] - 2.55), 0.5)  # beside the widest numbers
    if any(found.kinds):
        legend(ax)


def _scale(axis: Axis, set_scale: Callable, set_limits: Callable, values: Sequence[float]) -> None:
    """Make an axis logarithmic where values are of many sizes; linear around 0 where some are not positive."""
    sizes = sorted(abs(value) for value in values if value)
    if not sizes or sizes[-1] <= 30 * sizes[len(sizes) // 4]:
        return
    if min(values) > 0:
        set_scale("log")
        axis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    else:
        set_scale("symlog", linthresh=10.0 ** math.floor(math.log10(sizes[len(sizes) // 4])))
        set_limits(2 * min(values), 2 * max(values))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}")))


def _describe_agreement(found: Agreement) -> str:
    worst = max(range(len(found.truth)), key=lambda place: found.truth[place])
    inside = [f"inside {kind} {number(one.value)}{interval(one)}" for kind, one in found.within.items() if kind]
    return (
        f"{len(found.labels)} points, {found.guess_name} across, {found.truth_name} up. The rank correlation is "
        f"{number(found.correlation.value)}{interval(found.correlation)}; the null is 0. "
        + (f"It is {', '.join(inside)}. " if len(inside) > 1 else "")
        + f"The costliest is {found.labels[worst]}, at {number(found.truth[worst])}."
    )


def tall(rows: int) -> tuple[float, float]:
    return 8.6, 1.2 + 0.28 * max(3, rows)


DRAWINGS = {
    "LayerScores": Drawing(_paint_scores, _describe_scores),
    "ScoreMap": Drawing(_paint_map, _describe_map, lambda rows: tall(len(rows.names))),
    "Agreement": Drawing(_paint_agreement, _describe_agreement, lambda found: (8.6, 3.8)),
}
