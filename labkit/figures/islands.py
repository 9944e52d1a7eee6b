"""The one-page map of the world: seven islands, the ferry's round, and whoever has the lantern."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, sin

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.errors import unknown
from labkit.world import map_places
from labkit.world.canon import Place

from .drawing import Drawing
from .style import BAND, INK, RULE, SIZES, SOFT, axes, wrapped

__all__ = ["DRAWINGS", "Islands"]

LANTERN = "#ffd75e"


@dataclass(frozen=True, kw_only=True)
class Islands:
    """The map; `holder` is the resident who has the lantern, `island` where (their home unless said otherwise)."""

    title: str = "Seven islands, one ferry, one lantern"
    holder: str | None = None
    island: str | None = None

    def __post_init__(self) -> None:
        places, _, _ = map_places()
        homes = {resident: place.name for place in places for resident in place.residents}
        if self.holder is not None and self.holder not in homes:
            raise unknown("resident", self.holder, homes)
        if self.island is not None and self.island not in {place.name for place in places}:
            raise unknown("island", self.island, [place.name for place in places])

    @property
    def lantern_at(self) -> str | None:
        """The island where the lantern is, None when nobody is said to have it."""
        if self.island is not None or self.holder is None:
            return self.island
        return next(place.name for place in map_places()[0] if self.holder in place.residents)


def paint(islands: Islands, figure: FigureBase) -> None:
    """Draw islands as circles on the ferry's round, each with its note and residents outside the ring."""
    (ax,) = axes(figure, islands.title, left=0.05, right=0.05, bottom=0.05)
    places, legs, _ = map_places()
    at = {place.name: (place.x, place.y) for place in places}
    for here, there in legs:
        ax.plot(*zip(at[here], at[there]), linestyle=":", color=RULE, linewidth=1.8, zorder=1)
    for place in places:
        lit = place.name == islands.lantern_at
        ax.plot(place.x, place.y, "o", markersize=44, color=LANTERN if lit else BAND, markeredgecolor=INK,
                markeredgewidth=2.2 if lit else 1.2)  # fmt: skip
        ax.annotate(
            place.name, (place.x, place.y), ha="center", va="center", fontsize=SIZES["tick"], color=INK, weight="bold"
        )
        _tell(ax, place)
    ax.annotate(_inside(islands), (0, 0), ha="center", va="center", fontsize=SIZES["label"], color=INK)
    ax.set_xlim(-7.6, 7.6)
    ax.set_ylim(-4.5, 4.9)
    ax.set_aspect("equal")
    ax.set_axis_off()


def describe(islands: Islands) -> str:
    """Return the map in words, and where the lantern is."""
    _, _, alt = map_places()
    lit = f" The lantern is on {islands.lantern_at}" if islands.lantern_at else ""
    return alt + lit + (f", with {islands.holder}." if islands.holder else "." if lit else "")


def _tell(ax: Axes, place: Place) -> None:
    angle = atan2(place.y, place.x)
    side = "center" if abs(cos(angle)) < 0.25 else ("left" if cos(angle) > 0 else "right")
    x, y = place.x + {"left": 0.8, "center": 0.0, "right": -0.8}[side], place.y + 0.85 * sin(angle)
    level = "center" if side != "center" else ("bottom" if y > 0 else "top")
    words = f"{', '.join(place.residents)}\n{wrapped(place.note, 2.2, 'note')}"
    ax.annotate(words, (x, y), ha=side, va=level, fontsize=SIZES["note"], color=SOFT, linespacing=1.35)


def _inside(islands: Islands) -> str:
    if islands.holder:
        return f"✦ {islands.holder}\nhas the lantern,\non {islands.lantern_at}"
    return "Who has\nthe lantern?"


DRAWINGS = {"Islands": Drawing(paint, describe, lambda islands: (8.6, 5.4))}
