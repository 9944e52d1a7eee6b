"""How much faster a smaller model is, measured and by its FLOPs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.base.numbers import number

from .drawing import Drawing
from .intervals import interval
from .style import INK, MARKS, RULE, SIZES, axes, bars, label_axes, legend, text_width, whiskers

if TYPE_CHECKING:
    from labkit.measurements.speed import SpeedTest

__all__ = ["DRAWINGS"]

PHASES = {"prefill": "reading the prompt", "decode": "each new token", "end_to_end": "all of it"}


def paint(test: SpeedTest, figure: FigureBase) -> None:
    """Draw two bars per model and phase: the measured speed-up with its interval, and the ratio of FLOPs."""
    rows = _rows(test)
    labels = [f"{name}\n{spoken}" for name, _, spoken in rows]
    title = (
        f"How much faster than {test.speeds[0].name}? Prompt {test.prompt}, {test.new} new tokens, batch {test.batch}"
    )
    (ax,) = axes(figure, title, left=0.3 + max(map(text_width, labels), default=1.0), right=1.5)
    measured = [test.speedup(name, phase) for name, phase, _ in rows]
    predicted = [test.predicted(name, phase) for name, phase, _ in rows]
    places = range(len(rows))
    bars(ax, [p - 0.2 for p in places], [m.value for m in measured], MARKS["cut"], 0.36, across=True, label="measured")
    bars(ax, [p + 0.2 for p in places], predicted, MARKS["intact"], 0.36, across=True, label="by FLOPs")
    whiskers(ax, [p - 0.2 for p in places], [m.low for m in measured], [m.high for m in measured], across=True)
    for place, (one, flops) in enumerate(zip(measured, predicted)):
        for shift, value, end in ((-0.2, one.value, max(one.value, one.high)), (0.2, flops, flops)):
            ax.annotate(number(value), (end, place + shift), xytext=(5, 0), textcoords="offset points", va="center",
                        fontsize=SIZES["note"], color=INK)  # fmt: skip
    ax.axvline(1, color=RULE, linewidth=1)
    ax.set_yticks(places, labels)
    ax.set_ylim(len(rows) - 0.5, -0.6)
    ax.margins(x=0.1)
    label_axes(ax, x="times faster (1: no gain)")
    legend(ax)


def describe(test: SpeedTest) -> str:
    """Return every speed-up, measured and predicted."""
    said = []
    for name, phase, spoken in _rows(test):
        one = test.speedup(name, phase)
        flops = number(test.predicted(name, phase))
        said.append(f"{name}, {spoken}: {number(one.value)} times{interval(one)}, {flops} by FLOPs")
    first = test.speeds[0].name
    return f"Speed-ups over {first}. {'; '.join(said)}." if said else f"Only {first} was timed."


def _rows(test: SpeedTest) -> list[tuple[str, str, str]]:
    return [(speed.name, phase, spoken) for speed in test.speeds[1:] for phase, spoken in PHASES.items()]


DRAWINGS = {"SpeedTest": Drawing(paint, describe, lambda test: (8.6, 1.3 + 0.42 * max(2, len(_rows(test)))))}
