"""What removal costs, and what is won back by reading on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.plain import Bars, paint_bars
from labkit.figures.style import INK, MARKS, SIZES, SOFT, axes, bars, label_axes, row_names, text_width, whiskers

from ..experiments.retrained import named
from ..task.removal import AS_MANY

if TYPE_CHECKING:
    from ..experiments.removal import Stripped
    from ..experiments.retrained import TwoByTwo

__all__ = ["DRAWINGS", "paint_stripped"]

LONGEST = "without stop words and punctuation"  # what the names of rows take, so that the axis stays where it is


def paint_stripped(found: Stripped, figure: FigureBase) -> None:
    """Draw one bar a condition with its interval, and the line of guessing."""
    names = list(found.accuracy)
    shown = [_without(name) for name in names]
    if len(set(shown)) < len(shown):  # controls of several rules
        shown = names
    left = 0.25 + max(map(text_width, (*shown, LONGEST)))
    (ax,) = axes(figure, "Questions answered right after tokens are taken out", left=left, right=0.6)
    kinds = {"intact": "intact", "random": "mlp", "content": "attention"}
    for row, name in enumerate(names):
        one = found.accuracy[name]
        mark = next((MARKS[mark] for start, mark in kinds.items() if name.startswith(start)), MARKS["cut"])
        bars(ax, [row], [one.value], mark, 0.7, across=True)
        whiskers(ax, [row], [one.low], [one.high], across=True)
        ax.annotate(
            f"{one.value:.2f}", (max(one.value, one.high), row), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=SIZES["note"], color=INK,
        )  # fmt: skip
    ax.axvline(found.chance, color=INK, linestyle=":", linewidth=1.5)
    row_names(ax, shown)
    ax.set_xlim(0, 1.12)
    ax.set_ylim(len(names) - 0.4, -0.6)
    label_axes(ax, x="share of questions answered right (dotted: a guess)")
    ax.xaxis.label.set_color(SOFT)


def _without(condition: str) -> str:
    """Return a condition as the name of its row."""
    control, _, rule = condition.rpartition(AS_MANY)
    return condition if condition == "intact" else f"without as many {control}" if control else f"without {rule}"


def _say_stripped(found: Stripped) -> str:
    said = [
        f"{name} {one.value:.2f} ({one.low:.2f} to {one.high:.2f}, {found.removed[name]:.0f} tokens out)"
        for name, one in found.accuracy.items()
    ]
    questions = next(iter(found.accuracy.values())).n
    listed = "; ".join(said)
    return f"Of {questions} questions {found.model} answers: {listed}. A guess is right {found.chance} of the time."


def _grid_bars(found: TwoByTwo) -> Bars:
    """Return a row for each test that every arm was asked, and a bar for each arm."""
    tests = [test for test in found.tested if all((arm, test) in found.cells for arm in found.trained)]
    groups = {f"read {named(arm)}": [found.cells[arm, test] for test in tests] for arm in found.trained}
    labels = [named(test) for test in tests]
    return Bars(
        title=f"What a model answers, by what it {found.how}",
        labels=labels,
        groups={name: [one.value for one in row] for name, row in groups.items()},
        intervals={name: [(one.low, one.high) for one in row] for name, row in groups.items()},
        x_label=f"share of questions about them answered right (a guess: {found.chance})",
        sentence="Right answers about "
        + "; ".join(
            f"{label}: " + ", ".join(f"{row[place].value:.2f} having {name}" for name, row in groups.items())
            for place, label in enumerate(labels)
        )
        + ".",
    )


DRAWINGS = {
    "TwoByTwo": Drawing(
        lambda found, figure: paint_bars(_grid_bars(found), figure),
        lambda found: _grid_bars(found).sentence,
        lambda found: (8.6, 1.1 + 0.25 * len(_grid_bars(found).labels) * len(found.trained)),
    ),
    "Stripped": Drawing(paint_stripped, _say_stripped, lambda found: (8.6, 1.1 + 0.32 * len(found.accuracy))),
}
