"""How the lesson's results are drawn: maps, shares, λ by λ, a dot for each seed, leads elsewhere. Lesson: 04."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.base.errors import BadInput
from labkit.figures import Bars, Lines
from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, MARKS, PAPER, RULE, SIZES, axes, bars, inches, label_axes, row_names, text_width
from labkit.measurements.tables import text_table

from .experiments.allocation import PLACES, Allocation, place_marks, question_maps
from .experiments.arms import Arms, compare_arms
from .experiments.elsewhere import ASKED, CONTROLS, Elsewhere
from .experiments.measured_runs import of_arm
from .experiments.microphones import Microphones
from .experiments.retrieval import DepthGrid
from .experiments.surgery import LambdaData, Surgery
from .task import Batch
from .training import CONFIRMING

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = [
    "DRAWINGS",
    "MapPair",
    "arm_name",
    "arms_table",
    "grid_lines",
    "lambda_history",
    "lambda_lines",
    "map_pair",
    "paint_lambda",
    "share_bars",
]

MAPS = ("A1", "A2", "A1 − λ A2")
DIFF = MARKS["cut"]
PLAIN = MARKS["intact"]


def arm_name(arm: str) -> str:
    """Return how the lesson names an arm: "diff, λ frozen" is "DIFF, λ kept at 0.2"."""
    kept = {"diff, λ frozen": "DIFF, λ kept at 0.2", "diff, λ = −1": "DIFF, λ kept at −1", "diff, λ ≥ 0": "DIFF, λ ≥ 0"}
    return kept.get(arm, arm.replace("diff", "DIFF"))


def arms_table(arms: Sequence[str], columns: Mapping[str, str]) -> str:
    """Return the mean of each arm over its seeds as text: heading -> a quantity of `compare_arms`."""
    found = [compare_arms(what, arms) for what in columns.values()]
    rows = [[arm_name(arm), *(f"{one.mean(arm).value:.3f}" for one in found)] for arm in arms]
    return text_table(["mean over seeds", *columns], rows).replace("-0.", "−0.").replace("-1.", "−1.")


def share_bars(
    allocations: Mapping[str, Allocation], *, title: str, places: Sequence[str] = ("answer", "noise")
) -> Bars:
    """Return each model's share of the attention at each of `places`, signed beside absolute."""
    rows = [(place, name, one) for place in places for name, one in allocations.items()]
    shares = {
        kind: [one.share(place, signed=kind == "signed") for place, _, one in rows] for kind in ("signed", "absolute")
    }
    told = "; ".join(
        f"{name}, {place}: signed {signed.value:.2f}, absolute {absolute.value:.2f}"
        for (place, name, _), signed, absolute in zip(rows, *shares.values())
    )
    return Bars(
        title=title,
        labels=[f"{place}: {name}" for place, name, _ in rows],
        groups={kind: [one.value for one in found] for kind, found in shares.items()},
        intervals={kind: [(one.low, one.high) for one in found] for kind, found in shares.items()},
        x_label="share of a question's attention, mean over heads and texts",
        sentence=f"Where a question looks. {told}.",
    )


@dataclass(frozen=True)
class MapPair:
    """A1 and A2 of one question in several models: name -> (A1, A2) over the words; where the answer stands."""

    maps: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    answer: int
    noise: Sequence[bool]


def map_pair(models: Mapping[str, ModelLike], batch: Batch) -> MapPair:
    """Return A1 and A2 of the first question of the first text over its words, mean over heads, for each model.

    Raises `BadInput` for a model with one map.
    """
    last, found = int(batch.rows[0]) + 1, {}
    for name, model in models.items():
        maps = question_maps(model, batch)
        if len(maps) != 3:
            raise BadInput("This model has one map.", expected="a DIFF Transformer, which has two")
        first, second, _ = (one[0, :, 0].mean(0)[:last].tolist() for one in maps)
        found[name] = (first, second)
    noise = place_marks(batch)[PLACES.index("noise"), 0, 0, 0, :last].bool().tolist()
    return MapPair(found, int(batch.places[0, 0]), noise)


def _paint_maps(pair: MapPair, figure: FigureBase) -> None:
    """Draw one panel for each model on a common scale, with the answer named."""
    columns = axes(figure, *pair.maps, left=0.8, right=0.2, between=0.5)
    for ax, maps in zip(columns, pair.maps.values()):
        for name, weights, look in zip(MAPS, maps, (PLAIN, DIFF)):
            ax.plot(weights, look.line, marker=look.marker, color=look.colour, markersize=5, linewidth=1, label=name)
        ax.axvline(pair.answer, color=RULE, linewidth=1, linestyle=":", zorder=0)
        ax.annotate(
            "the answer", (pair.answer, 1.02), xytext=(6, 0), textcoords="offset points", va="center",
            fontsize=SIZES["note"], color=INK,
        )  # fmt: skip
        ax.set_ylim(-0.03, 1.08)
        label_axes(ax, x="word of the text, from its start", y="weight" if ax is columns[0] else "")
    columns[0].legend(loc="upper left", frameon=False, fontsize=SIZES["label"], labelcolor=INK)


def _describe_maps(pair: MapPair) -> str:
    told = [
        f"{name}: " + " and ".join(
            f"{which} gives the answer {weights[pair.answer]:.2f} and noise "
            f"{sum(weight for weight, there in zip(weights, pair.noise) if there):.2f}"
            for which, weights in zip(MAPS, maps)
        )
        for name, maps in pair.maps.items()
    ]  # fmt: skip
    return (
        f"The weights of one question over the words of one text, mean over heads; the answer is word {pair.answer}. "
        f"{'; '.join(told)}."
    )


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
        x_label=f"λ, set by hand (learned: {first.own:.2f})".replace("-", "−"), y_label="share of right answers",
        sentence=f"Right answers by λ. {told}.", dots=True,
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
        title=f"λ ends below 0 in all {len(curves)} models" if max(ends) < 0 else f"λ while {len(curves)} models learn",
        x=[max(1, 25 * number) for number in range(len(first))],
        lines=curves, x_label="step of training", y_label="λ",
        sentence=f"The λ of each model over training, one line a seed: it starts near 0.2 and ends between "
        f"{min(ends):.2f} and {max(ends):.2f}{when}.",
    )  # fmt: skip


def _paint_arms(arms: Arms, figure: FigureBase) -> None:
    """Draw one row for each arm: a dot for each seed, the mean with its interval beneath."""
    names = [arm_name(arm) for arm in arms.values]
    (ax,) = axes(
        figure, f"{_title(arms)}: each dot is a trained model", left=0.25 + max(map(text_width, names)), right=0.9
    )
    for row, name in enumerate(arms.values):
        look = DIFF if name.startswith("diff") else PLAIN
        values = list(arms.values[name].values())
        ax.plot(values, [row - 0.12] * len(values), look.marker, color=look.colour, markersize=6, markeredgecolor=PAPER)
        mean = arms.mean(name)
        ax.hlines(row + 0.2, mean.low, mean.high, color=INK, linewidth=2)
        ax.plot([mean.value], [row + 0.2], "|", color=INK, markersize=9, markeredgewidth=2)
        ax.annotate(
            _digits(mean.value), (1.0, row), xycoords=("axes fraction", "data"), xytext=(6, 0), va="center",
            textcoords="offset points", fontsize=SIZES["note"], color=INK,
        )  # fmt: skip
    ax.annotate(
        "mean", (1.0, -0.6), xycoords=("axes fraction", "data"), xytext=(6, 0), va="center",
        textcoords="offset points", fontsize=SIZES["note"], color=INK,
    )  # fmt: skip
    row_names(ax, names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    low, high = ax.get_xlim()
    if low < 0 < high:
        ax.axvline(0, color=RULE, linewidth=1)
    label_axes(ax, x=arms.unit)


def _title(arms: Arms) -> str:
    """Return the arms' title as a sentence begins: "no smear: as trained" is "No smear"."""
    words = arms.title.removesuffix(": as trained").replace("longer, more needles", "harder texts").replace(": ", ", ")
    return words[0].upper() + words[1:]


def _describe_arms(arms: Arms) -> str:
    told = [
        f"{arm_name(name)} {_digits(one.value)} ({_digits(one.low)} to {_digits(one.high)})"
        for name in arms.values
        for one in [arms.mean(name)]
    ]
    return (
        f"{_title(arms)}: {arms.unit}, one dot for each trained model. The mean over the seeds, and the 95% interval "
        f"of that mean: {'; '.join(told)}."
    )


def _digits(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def _below(found: Elsewhere, where: str) -> str:
    """Return in how many layers of all seeds of a setup λ ended below 0."""
    every = [lam for layers in found.lambdas[where] for lam in layers]
    return f"{sum(lam < 0 for lam in every)} of {len(every)} layers"


def _paint_elsewhere(found: Elsewhere, figure: FigureBase) -> None:
    """Draw DIFF's lead over each control, one row a setup, and beside it how often λ ended below 0."""
    names = list(ASKED)
    (ax,) = axes(figure, "How far is DIFF ahead in other setups?", left=0.25 + max(map(text_width, names)), right=1.6)
    box = ax.get_position()
    ax.set_position((box.x0, box.y0, box.width, box.height - 0.3 / inches(figure)[1]))
    for number, (control, look) in enumerate(zip(CONTROLS, (PLAIN, DIFF))):
        leads = {where: lead for where, _, name, lead in found.leads if name == control}
        for row, where in enumerate(names):
            lead, place = leads[where], row + 0.3 * (number - 0.5)
            ax.hlines(place, lead.low, lead.high, color=look.colour, linewidth=2)
            ax.plot(
                [lead.value], [place], look.marker, color=look.colour, markersize=7, markeredgecolor=PAPER,
                label=f"over {control}" if row == 0 else None,
            )  # fmt: skip
    notes = {-0.75: "λ ended below 0 in"} | {float(row): _below(found, name) for row, name in enumerate(names)}
    for height, text in notes.items():
        ax.annotate(
            text, (1.0, height), xycoords=("axes fraction", "data"), xytext=(10, 0), va="center",
            textcoords="offset points", fontsize=SIZES["note"], color=INK,
        )  # fmt: skip
    ax.axvline(0, color=RULE, linewidth=1, linestyle=":")
    row_names(ax, names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncol=2, frameon=False, fontsize=SIZES["label"], labelcolor=INK
    )
    label_axes(ax, x="DIFF minus control, share of right answers")


def _describe_elsewhere(found: Elsewhere) -> str:
    told = [
        f"{where}, over {control}: {lead.value:.3f} ({lead.low:.3f} to {lead.high:.3f})"
        for where, _, control, lead in found.leads
        if where in ASKED
    ]
    ends = "; ".join(f"{where} {_below(found, where)}" for where in ASKED)
    return f"Share of right answers, DIFF minus control. {'; '.join(told)}. λ ended below 0 in: {ends}."


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
    "Elsewhere": Drawing(_paint_elsewhere, _describe_elsewhere, lambda found: (8.6, 1.5 + 0.5 * len(ASKED))),
    "MapPair": Drawing(_paint_maps, _describe_maps, lambda pair: (8.6, 3.2)),
    "Microphones": Drawing(_paint_microphones, _describe_microphones, lambda heard: (8.6, 3.4)),
}
