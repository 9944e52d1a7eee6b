"""Trained models by arm: a dot for each seed, DIFF's lead in other setups, λ while they learn. Lesson: 04."""

from __future__ import annotations

from matplotlib.figure import FigureBase

from labkit.figures import Lines
from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, MARKS, PAPER, RULE, SIZES, axes, inches, label_axes, row_names, text_width

from ..experiments.arm_names import arm_name
from ..experiments.arms import Arms
from ..experiments.elsewhere import ASKED, CONTROLS, Elsewhere
from ..experiments.measured_runs import of_arm
from ..training import CONFIRMING

__all__ = ["DRAWINGS", "lambda_history"]

DIFF = MARKS["cut"]
PLAIN = MARKS["intact"]


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


DRAWINGS = {
    "Arms": Drawing(_paint_arms, _describe_arms, lambda arms: (8.6, 1.2 + 0.42 * len(arms.values))),
    "Elsewhere": Drawing(_paint_elsewhere, _describe_elsewhere, lambda found: (8.6, 1.5 + 0.5 * len(ASKED))),
}
