"""The mixer: shares of two experts on one model, over the map of all shares and the path of a search. Lesson: 07."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import FigureBase

from labkit.figures.style import INK, MARKS, PAPER, SIZES, axes, bars, inches, label_axes, row_names
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.mixtures import PAIR, TARGETS, MixtureMap, mixture_scores, stored_maps
from ..method.bank import Expert, shipped_bank

__all__ = ["MixerData", "MixerPanel", "MixerState"]

QUESTIONS = 200  # of each task
SIDE = 3.3  # inches for the bars
DARK = 0.55  # above this share a cell is dark, and its number white


@dataclass(frozen=True)
class MixerState:
    """Which target is asked, and the share of each expert's step away from the base."""

    target: str = "half sums, half words"
    first: float = 0.0
    second: float = 0.0


@dataclass(frozen=True)
class MixerData:
    """Shares of right answers by task at the chosen mixture and without experts; the map, where one is stored."""

    state: MixerState
    base: Mapping[str, float]
    now: Mapping[str, float]
    map: MixtureMap | None


class MixerPanel(Panel):
    """Lay two experts on the model, each at a share from 0 to 1.5, and look where a blind search went.

    `bank` holds the experts by name; by default those that come with the model.
    """

    question = "Where does the best mixture lie?"
    State = MixerState
    size = (8.6, 4.2)

    def __init__(self, model: Any = "lab/skills", *, bank: Mapping[str, Expert] | None = None, **options: Any):
        self._bank = bank
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("target", tuple(TARGETS), label="Asked"),
            Slider("first", 0.0, 1.5, 0.25, label=f"z {PAIR[0]}", help="0: none of it, 1: as it was learned"),
            Slider("second", 0.0, 1.5, 0.25, label=f"z {PAIR[1]}", help="0: none of it, 1: as it was learned"),
        )

    @property
    def bank(self) -> Mapping[str, Expert]:
        """The experts by name."""
        if self._bank is None:
            self._bank = shipped_bank()
        return self._bank

    def compute(self, state: MixerState) -> MixerData:
        experts, tasks = [self.bank[name] for name in PAIR], TARGETS[state.target]
        base = mixture_scores(self.model, experts, tasks, (0.0, 0.0), QUESTIONS)
        now = mixture_scores(self.model, experts, tasks, (state.first, state.second), QUESTIONS)
        known = self.stored(state)
        return MixerData(state, base, now, None if known is None else known.map)

    def stored(self, state: MixerState) -> MixerData | None:
        found = stored_maps().get(state.target) if self.model_name == "lab/skills" else None
        if found is None:
            return None
        at = lambda a, b: found.right[found.shares.index(a)][found.shares.index(b)]  # noqa: E731
        named = lambda right: dict(zip(found.tasks, right))  # noqa: E731
        return MixerData(state, named(at(0.0, 0.0)), named(at(state.first, state.second)), found)

    def presets(self) -> Sequence[MixerState]:
        return [MixerState("half sums, half words", 0.5, 0.5), MixerState("more digits", 1.0, 0.0)]

    def restored(self, state: MixerState) -> MixerState:
        return MixerState(state.target, 0.0, 0.0)

    def draw(self, data: MixerData, figure: FigureBase) -> None:
        width, _ = inches(figure)
        left, right = figure.subfigures(1, 2, width_ratios=(width - SIDE, SIDE))
        _map(left, data)
        _shares(right, data)

    def sentence(self, data: MixerData) -> str:
        state = data.state
        told = ", ".join(f"{task} {data.base[task]:.0%} → {data.now[task]:.0%}" for task in data.now)
        here = f"{state.first:g} of z {PAIR[0]} and {state.second:g} of z {PAIR[1]}: {told}."
        if data.map is None:
            return here
        best, (a, b) = data.map.highest()
        found = data.map.best
        return (
            f"{here} The best cell of the map is {best:.0%}, at {a:g} and {b:g}; the search, which saw 20 questions, "
            f"ended at {found[0]:.2f} and {found[1]:.2f}."
        )

    def table(self, data: MixerData) -> Table:
        if data.map is None:
            return Table(
                "Share of right answers", ("task", "base", "now"), [(t, data.base[t], data.now[t]) for t in data.now]
            )
        shares = data.map.shares
        rows = [(f"{a:g}", *(data.map.mean(i, j) for j in range(len(shares)))) for i, a in enumerate(shares)]
        columns = (f"z {PAIR[0]} \\ z {PAIR[1]}", *(f"{b:g}" for b in shares))
        return Table(f"Share of right answers, {', '.join(data.map.tasks)}", columns, rows)

    def code(self, state: MixerState) -> str:
        return "\n".join(
            [
                "import labkit",
                "from labkit.papers.transformer_squared.experiments.mixtures import mixture_scores",
                "from labkit.papers.transformer_squared.method.bank import shipped_bank",
                "",
                f"model, bank = labkit.load({self.model_name!r}), shipped_bank()",
                f"experts = [bank[name] for name in {PAIR!r}]",
                f"tasks, shares = {TARGETS[state.target]!r}, {(state.first, state.second)!r}",
                f"now = mixture_scores(model, experts, tasks, shares, {QUESTIONS})",
                "print(now)",
            ]
        )


def _map(figure: FigureBase, data: MixerData) -> None:
    """Draw the map as numbered cells, the first and the last population of the search on it, and the chosen place."""
    (ax,) = axes(figure, "Right answers, percent, by the two shares", left=0.75, right=0.25, bottom=0.9)
    ends = (-0.125, 1.625)
    ax.set_xlim(*ends)
    ax.set_ylim(*ends)
    if data.map is not None:
        known = data.map
        means = [[known.mean(i, j) for i in range(len(known.shares))] for j in range(len(known.shares))]
        ax.imshow(means, origin="lower", extent=(*ends, *ends), cmap="Blues", vmin=0, vmax=1.2, aspect="auto", zorder=0)
        for i, a in enumerate(known.shares):
            for j, b in enumerate(known.shares):
                colour = PAPER if known.mean(i, j) > DARK else INK
                ax.text(
                    a, b + 0.05, f"{known.mean(i, j):.0%}"[:-1], ha="center", va="bottom", color=colour, fontsize=8.5
                )
        for members, filled in ((known.rounds[0], False), (known.rounds[-1], True)):
            ax.plot(
                *zip(*members), "s", color=MARKS["cut"].colour if filled else "none", markersize=7, zorder=3 + filled,
                markeredgecolor=PAPER if filled else MARKS["cut"].colour, markeredgewidth=0.6 if filled else 1.6,
            )  # fmt: skip
    ax.plot(
        [data.state.first], [data.state.second], "o", color="none", markeredgecolor=INK, markersize=17,
        markeredgewidth=2.2, zorder=6,
    )  # fmt: skip
    ticks = [0, 0.5, 1, 1.5]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    label_axes(ax, x=f"share of z {PAIR[0]}", y=f"share of z {PAIR[1]}")
    told = "○ your shares" + ("" if data.map is None else "     □ first round of the search     ■ last round")
    figure.text(0.75 / inches(figure)[0], 0.03, told, fontsize=SIZES["label"], color=INK)


def _shares(figure: FigureBase, data: MixerData) -> None:
    (ax,) = axes(figure, "Base (plain), now (hatched)", left=0.6, right=0.55)
    tasks = tuple(data.now)
    for offset, name, values in ((-0.19, "intact", data.base), (0.19, "cut", data.now)):
        places = [row + offset for row in range(len(tasks))]
        bars(ax, places, [values[task] for task in tasks], MARKS[name], 0.34, across=True)
        for place, task in zip(places, tasks):
            ax.annotate(
                f"{values[task]:.0%}", (values[task], place), xytext=(4, 0), textcoords="offset points", va="center",
                fontsize=SIZES["note"], color=INK,
            )  # fmt: skip
    row_names(ax, tasks)
    ax.set_ylim(1.6, -0.6)
    ax.set_xlim(0, 1.0)
    ax.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    label_axes(ax, x=f"of {QUESTIONS} questions each")
