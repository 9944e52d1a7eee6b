"""How this paper's results are drawn: a skill being woken, an expert beside its controls, the strategies on trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.anatomy import Address
from labkit.figures import Bars, Drawing, Lines, draw
from labkit.figures.style import inches

if TYPE_CHECKING:
    from ..experiments import BandEffect, Controls, SpectrumShares, Strategies, Waking
    from ..experiments.over_seeds import OverSeeds

__all__ = ["DRAWINGS"]

_WORDS = {"sum": "sums", "rev": "four letters backwards", "max": "largest of four"}


def _course(waking: Waking) -> Lines:
    reward = waking.learned.settings.objective == "reward"
    course = waking.learned.course
    y = "share of right answers, sampled" if reward else "nats a word"
    said = f"from {course[0]:.2f} to {course[-1]:.2f} in {len(course)} steps"
    return Lines(
        title="While it learns",
        x=range(1, len(course) + 1),
        lines={waking.task: course},
        x_label="step",
        y_label=y,
        sentence=f"{y[0].upper()}{y[1:]}: {said}.",
    )


def _before_after(waking: Waking) -> Bars:
    tasks = tuple(waking.before.right)
    groups = {"intact": [waking.before[t] for t in tasks], "with z": [waking.after[t] for t in tasks]}
    told = "; ".join(f"{t} {a:.0%} to {b:.0%}" for t, a, b in zip(tasks, *groups.values()))
    return Bars(
        title="Right answers",
        labels=tasks,
        groups=groups,
        x_label="share of test questions, greedy answers",
        sentence=f"Right answers before and after: {told}.",
    )


def _paint_waking(waking: Waking, figure: FigureBase) -> None:
    width, _ = inches(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(3.9, width - 3.9))
    draw(_course(waking), left)
    draw(_before_after(waking), right)


def _describe_waking(waking: Waking) -> str:
    stopped = f" It stopped: {waking.learned.stopped}." if waking.learned.stopped else ""
    head = f"An expert of {waking.numbers:,} numbers learns {waking.task}."
    return f"{head} {_course(waking).sentence} {_before_after(waking).sentence}{stopped}"


def _band(effect: BandEffect) -> Bars:
    tasks = effect.tasks
    groups = {"intact": [effect.intact[t] for t in tasks], "now": [effect.cut[t] for t in tasks]}
    told = "; ".join(f"{t} {a:.0%} to {b:.0%}" for t, a, b in zip(tasks, *groups.values()))
    which = {(0.5, 1.0): "the smaller half", (0.0, 1.0): "all"}.get(
        (effect.low, effect.high), f"{effect.low:.0%} to {effect.high:.0%}, from the largest,"
    )
    return Bars(
        title=f"Singular values, {which} times {effect.factor:g}",
        labels=[_WORDS.get(task, task) for task in tasks],
        groups=groups,
        x_label=f"share of {len(effect.intact.right[tasks[0]])} questions answered rightly",
        sentence=f"Singular values, {which} times {effect.factor:g}. Right answers: {told}.",
    )


def _spectrum(shares: SpectrumShares) -> Bars:
    found = {Address.parse(address): share for address, share in shares.share.items()}
    parts, layers = dict.fromkeys(one.part for one in found), dict.fromkeys(one.layer for one in found)
    groups = {
        f"layer {layer}": [
            next((s for a, s in found.items() if (a.layer, a.part) == (layer, part)), 0.0) for part in parts
        ]
        for layer in layers
    }
    told = "; ".join(f"{part} {shares.of_parts(part):.0%}" for part in parts)
    head = f"Variance in the largest {shares.top:.0%} of the singular values"
    return Bars(
        title=f"{head}, by matrix",
        labels=list(parts),
        groups=groups,
        x_label="share of the sum of squares",
        sentence=f"{head}, mean of the layers: {told}.",
    )


def _controls(controls: Controls) -> Bars:
    tasks = tuple(next(iter(controls.grades.values())).right)
    variants = tuple(controls.grades)
    groups = {task: [controls.grades[name][task] for name in variants] for task in tasks}
    told = "; ".join(f"{name}: " + ", ".join(f"{t} {controls.grades[name][t]:.0%}" for t in tasks) for name in variants)
    return Bars(
        title="Right answers, by what is laid on the model",
        labels=variants,
        groups=groups,
        x_label="share of test questions",
        sentence=f"Right answers with {told}.",
    )


def _strategies(found: Strategies) -> Bars:
    tasks = tuple(next(iter(found.right.values())))
    names = tuple(found.right)
    groups = {task: [found.accuracy(name, task) for name in names] for task in tasks}
    told = "; ".join(f"{name} {found.mean(name):.1%}" for name in names)
    return Bars(
        title="Unseen tasks: right answers by strategy",
        labels=names,
        groups=groups,
        x_label="share of test questions",
        sentence=f"Mean over {', '.join(tasks)}: {told}.",
    )


def _over_seeds(found: OverSeeds) -> Bars:
    variants, tasks = tuple(found.estimates), tuple(next(iter(found.estimates.values())))
    columns = {task: [found.estimates[name][task] for name in variants] for task in tasks}
    told = "; ".join(f"{name}: " + ", ".join(f"{t} {found[name][t]:.0%}" for t in tasks) for name in variants)
    return Bars(
        title=f"{found.title}, with 95 % intervals",
        labels=variants,
        groups={task: [one.value for one in column] for task, column in columns.items()},
        x_label=found.unit,
        intervals={task: [(one.low, one.high) for one in column] for task, column in columns.items()},
        sentence=f"{found.title}. {told}.",
    )


def _bars_size(bars: Bars) -> tuple[float, float]:
    return 8.6, 1.1 + len(bars.labels) * max(0.3, 0.2 * len(bars.groups) + 0.08)


DRAWINGS = {
    "BandEffect": Drawing(
        lambda result, figure: draw(_band(result), figure),
        lambda result: _band(result).sentence,
        lambda result: _bars_size(_band(result)),
    ),
    "Waking": Drawing(
        _paint_waking, _describe_waking, lambda waking: (8.6, max(3.0, 1.1 + 0.48 * len(waking.before.right)))
    ),
    "OverSeeds": Drawing(
        lambda result, figure: draw(_over_seeds(result), figure),
        lambda result: _over_seeds(result).sentence,
        lambda result: _bars_size(_over_seeds(result)),
    ),
    "SpectrumShares": Drawing(
        lambda result, figure: draw(_spectrum(result), figure),
        lambda result: _spectrum(result).sentence,
        lambda result: _bars_size(_spectrum(result)),
    ),
    "Controls": Drawing(
        lambda result, figure: draw(_controls(result), figure),
        lambda result: _controls(result).sentence,
        lambda result: _bars_size(_controls(result)),
    ),
    "Strategies": Drawing(
        lambda result, figure: draw(_strategies(result), figure),
        lambda result: _strategies(result).sentence,
        lambda result: _bars_size(_strategies(result)),
    ),
}
