"""How the lesson's results are drawn: shares of attention, λ by λ, a dot for each seed, microphones. Lesson: 04."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from matplotlib.figure import FigureBase

from labkit.base.errors import BadInput
from labkit.figures import Bars, Lines
from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, MARKS, PAPER, RULE, SIZES, axes, bars, inches, label_axes, row_names, text_width

from .experiments.allocation import PLACES, Allocation, place_marks, question_maps
from .experiments.arms import Arms
from .experiments.measured_runs import of_arm
from .experiments.microphones import Microphones
from .experiments.retrieval import DepthGrid
from .experiments.surgery import LambdaData, Surgery
from .task import Batch
from .training import CONFIRMING

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["DRAWINGS", "grid_lines", "lambda_history", "lambda_lines", "map_lines", "paint_lambda", "share_bars"]

MAPS = ("A1", "A2", "A1 − λ A2")
DIFF = MARKS["cut"]
PLAIN = MARKS["intact"]


def share_bars(allocations: Mapping[str, Allocation], *, signed: bool, title: str) -> Bars:
    """Return the mean shares of each place as bars, one kind for each of up to four models."""
    kind = "signed" if signed else "absolute"
    shares = {name: [one.share(place, signed=signed) for place in PLACES] for name, one in allocations.items()}
    told = "; ".join(f"{name}: answer {row[0].value:.2f}, noise {row[2].value:.2f}" for name, row in shares.items())
    return Bars(
        title=title,
        labels=PLACES,
        groups={name: [one.value for one in row] for name, row in shares.items()},
        intervals={name: [(one.low, one.high) for one in row] for name, row in shares.items()},
        x_label=f"{kind} share of a question's attention, mean over heads and texts",
        sentence=f"Where a question looks, {kind} shares. {told}.",
    )


def map_lines(model: ModelLike, batch: Batch, *, title: str) -> Lines:
    """Return A1 and A2 of the first question of the first text over its words, mean over heads.

    Raises `BadInput` for a model with one map.
    """
    maps = question_maps(model, batch)
    if len(maps) != 3:
        raise BadInput("This model has one map.", expected="a DIFF Transformer, which has two")
    first, second, _ = (one[0, :, 0].mean(0).tolist() for one in maps)
    last, place = int(batch.rows[0]) + 1, int(batch.places[0, 0])
    noise = place_marks(batch)[PLACES.index("noise"), 0, 0, 0].bool()
    told = " and ".join(
        f"{name} gives the answer {weights[place]:.2f} and noise {float(torch.tensor(weights)[noise].sum()):.2f}"
        for name, weights in (("A1", first), ("A2", second))
    )
    return Lines(
        title=title, x=list(range(last)), lines={"A1": first[:last], "A2": second[:last]},
        x_label="word of the text, from its start", y_label="weight, mean over heads", dots=True,
        sentence=f"The weights of one question over the words of one text; the answer is word {place}. {told}.",
    )  # fmt: skip


def lambda_lines(surgeries: Mapping[str, Surgery], *, title: str) -> Lines:
    """Return right answers over λ as lines, one for each named surgery over the same values of λ."""
    first = next(iter(surgeries.values()))
    told = "; ".join(
        f"{name}: {one.intact.accuracy.value:.2f} with its own λ of {one.own:.2f}, "
        + ", ".join(f"{right:.2f} at {lam:g}" for lam, right in zip(one.values, one.accuracies()))
        for name, one in surgeries.items()
    )
    return Lines(
        title=title, x=first.values, lines={name: one.accuracies() for name, one in surgeries.items()},
        x_label="λ", y_label="share of right answers", sentence=f"Right answers by λ. {told}.", dots=True,
    )  # fmt: skip


def grid_lines(grids: Mapping[str, DepthGrid], *, title: str) -> Lines:
    """Return right answers over the depth of the needle, at the longest text of each grid."""
    first = next(iter(grids.values()))
    lines = {name: [row[-1] for row in one.accuracies()] for name, one in grids.items()}
    told = "; ".join(" ".join((name, *(f"{right:.2f}" for right in line))) for name, line in lines.items())
    return Lines(
        title=title, x=[100 * depth for depth in first.depths], lines=lines, dots=True,
        x_label="depth of the needle, %",
        y_label="share of right answers", sentence=f"Right answers by depth, {first.lengths[-1]} tokens: {told}.",
    )  # fmt: skip


def lambda_history(arm: str = "diff") -> Lines:
    """Return λ over the steps of training, one line for each seed of the claims."""
    runs = {seed: run for seed, run in of_arm(arm).items() if seed in CONFIRMING}
    curves = {f"seed {seed}": run["lam"] for seed, run in runs.items()}
    ends = [curve[-1] for curve in curves.values()]
    below = [next((number for number, lam in enumerate(curve) if lam < 0), None) for curve in curves.values()]
    crossed = [25 * number for number in below if number is not None]
    when = f", in every one below 0 by step {max(crossed)}" if len(crossed) == len(curves) else ""
    first = next(iter(curves.values()))
    return Lines(
        title=f"λ while {len(curves)} models learn", x=[max(1, 25 * number) for number in range(len(first))],
        lines=curves, x_label="step of training", y_label="λ",
        sentence=f"The λ of each model over training, one line a seed: it starts near 0.2 and ends between "
        f"{min(ends):.2f} and {max(ends):.2f}{when}.",
    )  # fmt: skip


def _paint_arms(arms: Arms, figure: FigureBase) -> None:
    """Draw one row for each arm: a dot for each seed, the mean with its interval beneath."""
    names = list(arms.values)
    (ax,) = axes(
        figure, f"{arms.title}: each dot is a trained model", left=0.25 + max(map(text_width, names)), right=0.9
    )
    for row, name in enumerate(names):
        look = DIFF if name.startswith("diff") else PLAIN
        values = list(arms.values[name].values())
        ax.plot(values, [row - 0.12] * len(values), look.marker, color=look.colour, markersize=6, markeredgecolor=PAPER)
        mean = arms.mean(name)
        ax.hlines(row + 0.2, mean.low, mean.high, color=INK, linewidth=2)
        ax.plot([mean.value], [row + 0.2], "|", color=INK, markersize=9, markeredgewidth=2)
        ax.annotate(
            f"{mean.value:.3g}", (1.0, row), xycoords=("axes fraction", "data"), xytext=(6, 0), va="center",
            textcoords="offset points", fontsize=SIZES["note"], color=INK,
        )  # fmt: skip
    row_names(ax, names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    low, high = ax.get_xlim()
    if low < 0 < high:
        ax.axvline(0, color=RULE, linewidth=1)
    label_axes(ax, x=arms.unit)


def _describe_arms(arms: Arms) -> str:
    told = [
        f"{name} {one.value:.3g} ({one.low:.3g} to {one.high:.3g})" for name in arms.values for one in [arms.mean(name)]
    ]
    return f"{arms.title}, {arms.unit}, mean over seeds with its interval: {'; '.join(told)}."


def _paint_microphones(heard: Microphones, figure: FigureBase) -> None:
    """Draw both recordings and their difference, one below the other on the same scale."""
    figure.set_facecolor(PAPER)
    rows = (("first microphone", heard.first, PLAIN), ("second microphone", heard.second, MARKS["attention"]),
            (f"first − {heard.lam:g} · second", heard.difference, DIFF))  # fmt: skip
    width, height = inches(figure)
    for number, (name, values, look) in enumerate(rows):
        ax = figure.add_axes((1.9 / width, 0.08 + 0.29 * (2 - number), (width - 2.1) / width, 0.25))
        ax.plot(values, color=look.colour, linewidth=0.7)
        ax.set_ylim(-5, 5)
        ax.set_xlim(0, len(values))
        ax.set_xticks([])
        ax.set_yticks([-4, 0, 4])
        ax.tick_params(labelsize=SIZES["note"])
        for side in ("top", "right", "bottom"):
            ax.spines[side].set_visible(False)
        ax.annotate(
            name, (-0.05, 0.5), xycoords="axes fraction", ha="right", va="center", fontsize=SIZES["tick"], color=INK
        )
    figure.text(
        0.15 / width, 1 - 0.08 / height, f"Noise left in the difference: {heard.noise:.2f}", va="top",
        fontsize=SIZES["title"], color=INK, weight="bold",
    )  # fmt: skip


def _describe_microphones(heard: Microphones) -> str:
    return (
        f"Two recordings of {len(heard.first)} samples, and the first minus {heard.lam:g} times the second. A "
        f"short pulse in the middle is in the first alone; the noise left in the difference has size {heard.noise:.2f}."
    )


def paint_lambda(data: LambdaData, figure: FigureBase) -> None:
    """Draw the weights by place and map left, the share of right answers right, as trained and now."""
    left, right = axes(
        figure,
        f"Weights, λ = {data.lam:.2f}".replace("-", "−"),
        "Right answers",
        left=1.75,
        right=0.55,
        between=1.3,
    )
    looks = (MARKS["intact"], MARKS["attention"], MARKS["cut"])
    for number, (name, row, look) in enumerate(zip(MAPS, data.weights, looks)):
        places = [place + 0.26 * (number - 1) for place in range(len(PLACES))]
        bars(left, places, row, look, 0.24, across=True, label=name)
        for place, weight in zip(places, row):
            left.annotate(
                f"{weight:.2f}".replace("-", "−"), (max(weight, 0.0), place), xytext=(3, 0), va="center",
                textcoords="offset points", fontsize=SIZES["note"], color=INK,
            )  # fmt: skip
    left.axvline(0, color=RULE, linewidth=1)
    left.set_xlim(-0.6, 2.6)
    row_names(left, PLACES)
    left.set_ylim(len(PLACES) - 0.4, -0.6)
    left.legend(loc="center right", frameon=False, fontsize=SIZES["note"], labelcolor=INK)
    label_axes(left, x="sum of weights")
    for row, (share, name) in enumerate(zip(data.right, ("intact", "cut"))):
        bars(right, [row], [share], MARKS[name], 0.5, across=True)
        right.annotate(
            f"{share:.2f}", (share, row), xytext=(4, 0), textcoords="offset points", va="center",
            fontsize=SIZES["note"], color=INK,
        )  # fmt: skip
    right.set_xlim(0, 1.05)
    right.set_xticks([0, 0.5, 1])
    row_names(right, ["as trained", "now"])
    right.set_ylim(1.6, -0.6)
    label_axes(right, x="share of right answers")


DRAWINGS = {
    "Arms": Drawing(_paint_arms, _describe_arms, lambda arms: (8.6, 1.2 + 0.42 * len(arms.values))),
    "Microphones": Drawing(_paint_microphones, _describe_microphones, lambda heard: (8.6, 3.4)),
}
