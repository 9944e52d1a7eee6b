"""How this lesson's results are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.plain import Bars, paint_bars
from labkit.figures.style import INK, MARKS, RULE, SIZES, axes, label_axes, legend, looks

if TYPE_CHECKING:
    from .experiments.growing import GrowthRecovery, StepZero
    from .experiments.race import GrowthRace
    from .experiments.variations import GrowthVariations

__all__ = ["DRAWINGS"]

KINDS = {"TokenFormer, grown": "intact", "TokenFormer": "mlp", "Transformer": "cut", "Transformer, grown": "attention"}

NOT_GROWN = "not grown"  # the control has a line of its own kind
NEAR = 0.05  # of the axis: marks this close share a place
HIGHEST = 0.8  # nats a token above the loss before growth: what a picture of recovery shows


def _kind(arm: str) -> str:
    """Return which of `KINDS` an arm of training is."""
    if arm in ("block-pad", "clone"):
        return "Transformer, grown"
    if "transformer" in arm:
        return "Transformer"
    return "TokenFormer" if arm == "scratch" or "source" in arm or "restart" in arm else "TokenFormer, grown"


def paint_race(race: GrowthRace, figure: FigureBase) -> None:
    """Draw loss against cost twice: with the source's cost and without. Numbers name the entrants beside the plots."""
    plots = axes(figure, "Source counted", "Last stage alone", left=0.85, right=3.3, between=0.45)
    marks = looks(list(KINDS), KINDS)
    for ax, account in zip(plots, ("source counted", "source not counted")):
        most = max(one.costs[account] for one in race.entrants)
        for number, one in enumerate(race.entrants, start=1):
            kind = _kind(one.arm)
            mark, cost = marks[kind], one.costs[account]
            ax.vlines([cost], [one.loss.low], [one.loss.high], color=mark.colour, linewidth=1.5)
            label = kind if ax is plots[1] and kind not in ax.get_legend_handles_labels()[1] else None
            ax.plot([cost], [one.loss.value], mark.marker, color=mark.colour, markersize=7, label=label)
            # Of two that cost the same, the lower one has its number on the left.
            left = any(
                other is not one
                and abs(other.costs[account] - cost) < NEAR * most
                and 0 < other.loss.value - one.loss.value < 0.1
                for other in race.entrants
            )
            place = {
                "xytext": (-13, 3) if left else (6, 3),
                "textcoords": "offset points",
                "fontsize": SIZES["note"],
                "color": INK,
            }
            ax.annotate(str(number), (cost, one.loss.value), **place)
        ax.set_xlim(0, 1.15 * most)
        label_axes(ax, x="training, GFLOPs", y="nats a token" if ax is plots[0] else "")
    bottom, top = (pick(ax.get_ylim()[end] for ax in plots) for end, pick in ((0, min), (1, max)))
    for ax in plots:
        ax.set_ylim(bottom, top)
    names = "\n".join(f"{number}  {one.name}" for number, one in enumerate(race.entrants, start=1))
    looks_of = {"loc": "lower left", "bbox_to_anchor": (1.02, -0.12), "frameon": False, "fontsize": SIZES["note"]}
    plots[1].legend(**looks_of, labelcolor=INK)
    plots[1].annotate(
        names, (1.06, 1.0), xycoords="axes fraction", va="top", fontsize=SIZES["note"], color=INK, annotation_clip=False
    )


def describe_race(race: GrowthRace) -> str:
    """Return the race in words."""
    said = (
        f"{number} {one.name}: {one.loss.value:.3f} nats a token, {one.costs['source counted']:,.0f} GFLOPs in all, "
        f"{one.costs['source not counted']:,.0f} in the last stage"
        for number, one in enumerate(race.entrants, start=1)
    )
    return "Loss against cost, with the source's cost and without. " + "; ".join(said) + "."


def paint_recovery(found: GrowthRecovery, figure: FigureBase) -> None:
    """Draw the loss over the steps after growth, one line a way, and the loss before growth."""
    (ax,) = axes(figure, found.title, left=0.95, right=2.7)
    styles = ("-", "--", ":", "-.", (0, (1, 1)))
    marks = [*MARKS.values(), MARKS["intact"]]
    ax.axhline(found.before, color=RULE, linewidth=1, label="before growth")
    for (name, losses), style, mark in zip(found.losses.items(), styles, marks):
        control = {"color": INK, "linestyle": "-", "marker": "x", "markersize": 5, "linewidth": 1.2}
        look = control if name == NOT_GROWN else {"color": mark.colour, "linestyle": style, "linewidth": 1.8}
        ax.plot(found.steps, losses, label=name, **look)
    ax.set_ylim(found.before - 0.1, found.before + HIGHEST)
    off = [f"{name}: {losses[0]:.2f}" for name, losses in found.losses.items() if losses[0] > found.before + HIGHEST]
    if off:
        place = {
            "xytext": (0, -4),
            "textcoords": "offset points",
            "va": "top",
            "ha": "right",
            "fontsize": SIZES["note"],
            "color": INK,
        }
        spot = (found.steps[-1], found.before + HIGHEST)
        ax.annotate("off the plot at step 0:\n" + "\n".join(off), spot, **place)
    label_axes(ax, x="step of training", y="nats a token")
    legend(ax)


def describe_recovery(found: GrowthRecovery) -> str:
    """Return the recovery in words."""
    said = (
        f"{name}: {losses[0]:.2f} at once, {max(losses):.2f} at most, {losses[-1]:.2f} after {found.steps[-1]} steps"
        for name, losses in found.losses.items()
    )
    return f"Loss on held-out text, {found.before:.2f} nats a token before growth. " + "; ".join(said) + "."


def bars_of(found: StepZero) -> Bars:
    """Return the loss change of each way as bars with intervals."""
    changes = {way: found.change(way) for way in found.losses}
    return Bars(
        title=f"What {found.n_new} new tokens do to the loss at once",
        labels=list(changes),
        groups={"change": [one.value for one in changes.values()]},
        x_label="change of the loss, nats a token",
        sentence="Change of the loss right after growth: "
        + "; ".join(f"{way} {one.value:+.3f}" for way, one in changes.items())
        + " nats a token.",
        digits=3,
        intervals={"change": [(one.low, one.high) for one in changes.values()]},
    )


def bars_of_variations(found: GrowthVariations) -> Bars:
    """Return each variation's estimates as bars with intervals."""
    rows = found.estimates.values()
    kinds = list(next(iter(rows)))
    said = "; ".join(
        f"{name}: "
        + ", ".join(f"{kind} {one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]" for kind, one in row.items())
        for name, row in found.estimates.items()
    )
    return Bars(
        title=f"{found.title}, with 95 % intervals",
        labels=list(found.estimates),
        groups={kind: [row[kind].value for row in rows] for kind in kinds},
        x_label=found.unit,
        sentence=f"{found.title}. {said}.",
        digits=3,
        intervals={kind: [(row[kind].low, row[kind].high) for row in rows] for kind in kinds},
    )


DRAWINGS = {
    "GrowthVariations": Drawing(
        lambda found, figure: paint_bars(bars_of_variations(found), figure),
        lambda found: bars_of_variations(found).sentence,
        lambda found: (8.6, 1.0 + 0.3 * len(found.estimates) * len(next(iter(found.estimates.values())))),
    ),
    "GrowthRace": Drawing(paint_race, describe_race, lambda race: (9.4, 4.2)),
    "GrowthRecovery": Drawing(paint_recovery, describe_recovery, lambda found: (8.6, 3.4)),
    "StepZero": Drawing(
        lambda found, figure: paint_bars(bars_of(found), figure),
        lambda found: bars_of(found).sentence,
        lambda found: (8.6, 2.6),
    ),
}
