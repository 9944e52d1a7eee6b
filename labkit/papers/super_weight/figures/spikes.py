"""Spikes through the layers, and a super activation on its way with and without the weight that makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.base.numbers import number
from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, MARKS, PAPER, RULE, SIZES, axes, label_axes

if TYPE_CHECKING:
    from ..method.activation import SuperActivation
    from ..method.profile import SpikeProfile

__all__ = ["DRAWINGS"]

# What is drawn of a profile: field, mark, and its name beside the line.
_LINES = (("inputs", "attention", "into it"), ("outputs", "mlp", "out of it"))


def paint_profile(profile: SpikeProfile, figure: FigureBase) -> None:
    """Draw the largest entry into and out of each down projection, and in the stream after each block."""
    titles = ("Largest entries at the down projections", "Largest entry of the stream")
    left, right = axes(figure, *titles, left=0.95, right=0.75, between=1.55)
    ends = [getattr(profile, name)[-1].value for name, *_ in _LINES]
    reach = max(abs(spike.value) for name, *_ in _LINES for spike in getattr(profile, name))
    close = abs(ends[0] - ends[1]) < 0.15 * reach  # their names would stand on each other
    for (name, mark, label), end in zip(_LINES, ends):
        shift = (8 if end >= max(ends) else -8) if close and ends[0] != ends[1] else 0
        _line(left, [spike.value for spike in getattr(profile, name)], mark, label, shift=shift)
    _line(right, [spike.value for spike in profile.stream], "intact", "stream")
    for ax in (left, right):
        ax.axhline(0, color=RULE, linewidth=1)
        _layers(ax, len(profile.inputs))
        ax.margins(y=0.14)
    _name(left, max(profile.inputs, key=lambda spike: abs(spike.value)))
    _name(left, max(profile.outputs, key=lambda spike: abs(spike.value)))
    _name(right, max(profile.stream, key=lambda spike: abs(spike.value)))
    label_axes(left, x="layer", y="value, signed")
    label_axes(right, x="after block", y="value, signed")


def describe_profile(profile: SpikeProfile) -> str:
    """Return where each of the three kinds of entry is largest."""
    said = []
    for name, what in (("inputs", "into"), ("outputs", "out of")):
        spike = max(getattr(profile, name), key=lambda spike: abs(spike.value))
        said.append(
            f"The largest entry {what} a down projection is {number(spike.value)}, in layer {spike.layer} at token "
            f"{spike.position}, channel {spike.channel}."
        )
    top = max(profile.stream, key=lambda spike: abs(spike.value))
    said.append(
        f"The largest of the stream is {number(top.value)}, after block {top.layer} at token {top.position}, channel "
        f"{top.channel}; the median entry there is {number(profile.stream_medians[top.layer])}."
    )
    return " ".join(said)


def paint_activation(activation: SuperActivation, figure: FigureBase) -> None:
    """Draw the entry after every block, with the weight and without it, above the stream's median."""
    place = f"token {activation.position}, channel {activation.channel}"
    (ax,) = axes(figure, f"The stream's entry at {place}", left=0.95, right=1.95)
    for values, mark, label in (
        (activation.intact, "intact", "intact"),
        (activation.others, "mlp", f"{activation.removed} others at zero"),
        (activation.cut, "cut", "weight at zero"),
    ):
        level = 0.08 * max(map(abs, activation.intact), default=1.0)
        close = mark == "mlp" and abs(values[-1] - activation.intact[-1]) < level  # their names would meet
        _line(ax, values, mark, label, activation.layers, shift=-14 * close)
    ax.plot(activation.layers, activation.medians, color=RULE, linestyle=":", linewidth=1.4)
    ends = [values[-1] for values in (activation.intact, activation.cut, activation.medians)]
    reach = max(map(abs, (*activation.intact, *activation.cut)), default=1.0)
    if all(abs(ends[2] - end) > 0.08 * reach for end in ends[:2]):
        _beside(ax, activation.layers[-1], ends[2], "median entry")
    ax.axhline(0, color=RULE, linewidth=1)
    _layers(ax, 1 + activation.layers[-1], first=activation.layers[0])
    ax.margins(y=0.14)
    label_axes(ax, x="after block", y="value, signed")


def describe_activation(activation: SuperActivation) -> str:
    """Return the entry at its block and at the last one, with the weight and without."""
    first, last = activation.layers[0], activation.layers[-1]
    return (
        f"With {activation.address} in place the stream's entry at token {activation.position}, channel "
        f"{activation.channel} is {number(activation.intact[0])} after block {first} and "
        f"{number(activation.intact[-1])} after block {last}; with the weight at zero it is "
        f"{number(activation.cut[0])} and {number(activation.cut[-1])}; with the {activation.removed} largest other "
        f"weights of its matrix at zero {number(activation.others[0])} and {number(activation.others[-1])}."
    )


def _line(ax, values, mark: str, label: str, layers=None, shift: float = 0) -> None:
    style, layers = MARKS[mark], list(range(len(values)) if layers is None else layers)
    ax.plot(layers, values, style.line, marker=style.marker, color=style.colour, markersize=6)
    _beside(ax, layers[-1], values[-1], label, style.colour, shift)


def _beside(ax, x: float, y: float, text: str, colour: str = INK, shift: float = 0) -> None:
    ax.annotate(
        text, (x, y), xytext=(8, shift), textcoords="offset points", va="center", color=colour, fontsize=SIZES["tick"],
        annotation_clip=False,
    )  # fmt: skip


def _name(ax, spike) -> None:
    """Write the coordinates beside the largest spike."""
    right = spike.layer > 0.5 * sum(ax.get_xlim())
    ax.annotate(
        f"token {spike.position}, channel {spike.channel}", (spike.layer, spike.value),
        xytext=(-7 if right else 9, 13 if spike.value > 0 else -13), textcoords="offset points",
        ha="right" if right else "left", va="center", fontsize=SIZES["note"], color=INK, zorder=9,
        bbox={"boxstyle": "square,pad=0.15", "facecolor": PAPER, "edgecolor": "none"},
    )  # fmt: skip


def _layers(ax, depth: int, first: int = 0) -> None:
    every = max(1, -(-(depth - first) // 12))
    ax.set_xticks(range(first, depth, every))
    ax.set_xlim(first - 0.3, depth - 0.7)


DRAWINGS = {
    "SpikeProfile": Drawing(paint_profile, describe_profile, lambda profile: (8.6, 3.2)),
    "SuperActivation": Drawing(paint_activation, describe_activation, lambda activation: (8.6, 3.0)),
}
