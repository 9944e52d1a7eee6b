"""The picture of the race: the loss, once near the intact one and once whole, and a skill; all three fall."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.numbers import percent, signed
from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, MARKS, RULE, SIZES, SOFT, axes, inches, label_axes
from labkit.panels.controls import words_for

from ..experiments.race_steps import NAMES, PROBES, RaceData

__all__ = ["DRAWINGS", "describe"]

# Colour, line, marker: a strategy that names a kind of part has that kind's look.
LOOKS = {
    "attention": (MARKS["attention"].colour, "-", "^"),
    "mlp": (MARKS["mlp"].colour, "--", "D"),
    "block": (MARKS["cut"].colour, "--", "s"),
    "joint": (MARKS["intact"].colour, "-", "o"),
    "random": (SOFT, ":", "x"),
}
NEAR = 0.6  # nats a token above the intact loss: where the first drops can be told apart


def paint(data: RaceData, figure: FigureBase) -> None:
    """Draw loss and skill from intact (top) to knowing nothing (bottom); the first axes show the loss near the top.

    Lines go as far as parts are gone.
    """
    race, k, whole = data.race, data.gone, data.race.intact[data.probe]
    words = {"copying": "Lists copied", "lantern": "Lantern found", "facts": "Facts known", "recall": "Lists recalled"}
    titles = ("Loss, close up", "Loss, to guessing", f"{words[data.probe]}, share")
    near, left, right = axes(figure, *titles, left=0.8, right=0.2, bottom=1.0, between=0.75)
    for ax in (near, left, right):
        ax.set_xlim(-0.3, race.counts[-1] + 0.3)
        ax.set_xticks(range(0, race.counts[-1] + 1, 4))
        ax.axvline(k, color=RULE, linewidth=1, linestyle=":")
        label_axes(ax, x="parts gone")
    for name in race.loss:
        losses = [race.base.value + one.value for one in race.loss[name][: k + 1]]
        ends = [(race.base.value + one.low, race.base.value + one.high) for one in race.loss[name][: k + 1]]
        _line(near, name, losses, ends)
        _line(left, name, losses, ends)
        skills = race.probes[data.probe][name][: k + 1]
        _line(right, name, [one.value for one in skills], [(one.low, one.high) for one in skills])
    near.set_ylim(race.base.value + NEAR, race.base.value - 0.04 * NEAR)
    _ends(left, race.base.value, race.guess, "guessing by frequency")
    _ends(right, 1.0, whole.null, "chance")
    label_axes(near, y="loss, nats a token (down is worse)")
    handles, names = left.get_legend_handles_labels()
    width, _ = inches(figure)
    figure.legend(handles, names, loc="lower left", bbox_to_anchor=(0.6 / width, 0.0), ncols=5, frameon=False,
                  fontsize=SIZES["label"], labelcolor=INK)  # fmt: skip


def _line(ax: Axes, name: str, values: list[float], ends: list[tuple[float, float]]) -> None:
    colour, style, marker = LOOKS[name]
    counts = range(len(values))
    ax.plot(counts, values, style, marker=marker, color=colour, markersize=5, linewidth=1.6, label=NAMES[name])
    held = [(k, low, high) for k, (low, high) in enumerate(ends) if not math.isnan(low)]
    if len(held) > 1 and name != "random":  # over orders it is wider than the picture: it stands in the table
        ax.fill_between(*zip(*held), color=colour, alpha=0.12, linewidth=0)


def _ends(ax: Axes, best: float, nothing: float, name: str) -> None:
    """Set the axis from the intact value at the top to that of knowing nothing near the bottom."""
    room = 0.06 * abs(nothing - best)
    down = 1 if nothing > best else -1
    ax.set_ylim(nothing + 2.5 * down * room, best - down * room)
    ax.axhline(nothing, color=RULE, linewidth=1)
    ax.annotate(name, (0, nothing), xytext=(2, -2), textcoords="offset points", va="top", fontsize=SIZES["note"],
                color=SOFT)  # fmt: skip


def describe(data: RaceData) -> str:
    """Return what the picture shows, in words."""
    race, whole, k = data.race, data.race.intact[data.probe], data.gone
    start = f"{race.model} intact: loss {race.base.value:.3f} nats a token, "
    start += f"{words_for(PROBES, data.probe)} {percent(whole.value)} right (chance {percent(whole.null)}). "
    unknown = "" if whole.excludes(whole.null) else "Even intact this skill cannot be told from chance. "
    if not k:
        return start + unknown + "Nothing is gone yet."
    said = []
    for name in race.loss:
        loss, skill = race.loss[name][k], race.probes[data.probe][name][k]
        said.append(f"{NAMES[name]} {signed(loss.value, 2)} and {percent(skill.value)}")
    says = f"{start}{unknown}With {k} gone, loss and skill: {'; '.join(said)}."
    return says if unknown else says + _first(data)


def _first(data: RaceData) -> str:
    """Say where the skill has lost a larger share of itself than the loss of what was learnt."""
    gaps = {name: data.kept_loss(name) - data.kept_skill(name) for name in data.race.loss}
    name = max(gaps, key=gaps.__getitem__)
    kept, skill = max(0.0, data.kept_loss(name)), max(0.0, data.kept_skill(name))
    if gaps[name] < 0.05:
        return " Nowhere has the skill fallen further than the loss."
    return (
        f" The skill has fallen furthest, compared with the loss, for {NAMES[name]}: {percent(kept)} of what the loss "
        f"had won over guessing by frequency is left, {percent(skill)} of the skill above chance."
    )


DRAWINGS = {"RaceData": Drawing(paint, describe, lambda data: (8.6, 4.2))}
