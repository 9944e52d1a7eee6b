"""The mixer: shares of two experts on one model, over the map of all shares and the path of a search. Lesson: 07."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from matplotlib.figure import FigureBase

from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.mixtures import PAIR, TARGETS, MixerData, MixerState, mixture_scores, stored_maps
from ..figures.mixer import paint_mixer
from ..method.bank import Expert, shipped_bank

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["MixerPanel"]

QUESTIONS = 200  # of each task


class MixerPanel(Panel):
    """Lay two experts on the model, each at a share from 0 to 1.5, and look where a blind search went.

    `bank` holds the experts by name; by default those that come with the model.
    """

    question = "Where does the best mixture lie?"
    State = MixerState
    size = (8.6, 4.2)
    nothing: ClassVar = {"first": 0.0, "second": 0.0}

    def __init__(
        self, model: ModelLike | str = "lab/skills", *, bank: Mapping[str, Expert] | None = None, **options: Any
    ):
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

    def draw(self, data: MixerData, figure: FigureBase) -> None:
        paint_mixer(data, figure, QUESTIONS)

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
