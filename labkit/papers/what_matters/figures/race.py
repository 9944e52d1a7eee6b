"""Strategies of dropping against each other: what is lost, by how many parts are gone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.base.numbers import signed
from labkit.figures.drawing import Drawing
from labkit.figures.intervals import interval
from labkit.figures.style import INK, RULE, SOFT, Mark, axes, label_axes, legend, looks, text_width

if TYPE_CHECKING:
    from ..experiments.race import Race

__all__ = ["DRAWINGS"]

# A strategy that names a kind of part has its look; the others take the looks that are left, then soft lines.
NAMED = {"attention": "attention", "mlp": "mlp", "block": "cut", "joint": "intact"}
MORE = [Mark(SOFT, "", "x", ":"), Mark(INK, "", "v", "-."), Mark(INK, "", "*", ":"), Mark(SOFT, "", "P", "-.")]


def paint(race: Race, figure: FigureBase) -> None:
    """Draw one line per strategy, with intervals."""
    widest = max(map(text_width, race.lines))
    (ax,) = axes(figure, f"What is lost as parts of {race.model} are dropped", left=0.95, right=0.75 + widest)
    found = looks(list(race.lines), NAMED, MORE)
    for name, line in race.lines.items():
        mark = found[name]
        values = [one.value for one in line]
        ax.plot(race.counts, values, mark.line, marker=mark.marker, color=mark.colour, label=name, markersize=6)
        held = [(k, one) for k, one in zip(race.counts, line) if not math.isnan(one.low)]
        if held:
            k, lows, highs = zip(*((k, one.low, one.high) for k, one in held))
            ax.fill_between(k, lows, highs, color=mark.colour, alpha=0.15, linewidth=0)
    ax.axhline(0, color=RULE, linewidth=1)
    ax.set_xticks(race.counts)
    label_axes(ax, x="parts dropped", y=f"change of {race.measure}\n({race.unit})")
    legend(ax)


def describe(race: Race) -> str:
    """Return every strategy's change at the last count, the least harmful first."""
    ends = sorted(((line[-1], name) for name, line in race.lines.items()), key=lambda pair: pair[0].value)
    said = (f"{name} {signed(one.value)}{interval(one)}" for one, name in ends)
    return (
        f"Change of {race.measure} in {race.unit} for {len(race.lines)} strategies of dropping on {race.model}. "
        f"After {race.counts[-1]} drops: {'; '.join(said)}."
    )


DRAWINGS = {"Race": Drawing(paint, describe, lambda race: (8.6, 3.6))}
