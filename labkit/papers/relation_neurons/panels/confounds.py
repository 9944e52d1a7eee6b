"""The confound lab: search with one wording, ask in another, pool in two ways. Lesson: 11, section 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from matplotlib.figure import FigureBase

from labkit.panels.controls import Choice, Control
from labkit.panels.panel import ModelOrName, Panel
from labkit.panels.tables import Table

from ..figures.silenced import paint_confounds

if TYPE_CHECKING:
    from ..experiments import RelationStudy

__all__ = ["ConfoundData", "ConfoundPanel", "ConfoundState"]

SEARCHED = {
    "words of the relation": "named",
    "other words of the relation": "reworded",
    "words that relations share": "coded",
}
POOLS = {"mean over the prompt": "mean", "last token": "last"}
SHARE, ASKED = 0.05, 20
SILENCED = ("father", "sport", "director", "maker", "parish", "constellation")  # half of them: an answer at once


@dataclass(frozen=True)
class ConfoundState:
    """Which prompts the search saw, how outputs were pooled, and in which wording the questions are asked."""

    searched: str = "named"
    pool: str = "mean"
    asked: str = "named"


@dataclass(frozen=True)
class ConfoundData:
    """Means over relations: AP of the 77 chosen neurons, drop of the own relation and of the others.

    same: how many of the chosen neurons the paper's settings choose too. usual: the other three, for these settings.
    """

    state: ConfoundState
    ap: float
    own: float
    others: float
    same: float
    k: int
    usual: tuple[float, float, float]


class ConfoundPanel(Panel):
    """Compare what makes a good classifier with what does damage."""

    question = "Do the chosen neurons know the relation, or its words?"
    State = ConfoundState
    size = (8.6, 3.2)
    usual = "lab/facts"

    def __init__(self, model: ModelOrName = None, **options: Any):
        self._usual: dict[str, tuple[float, float, float]] = {}  # by the wording of the questions
        super().__init__(model, **options)

    def first(self) -> ConfoundState:
        return ConfoundState(pool="last")  # it opens on a difference

    @cached_property
    def study(self) -> RelationStudy:
        """The model with its register, made when first needed."""
        from ..experiments import RelationStudy

        return RelationStudy.of(self.model, most=ASKED)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("searched", SEARCHED, label="Search with", help="the prompts among which neurons are ranked"),
            Choice("pool", POOLS, label="Pool", help="how a neuron's outputs over a prompt become one number"),
            Choice("asked", SEARCHED, label="Ask with", help="the wording of the held-out questions"),
        )

    def compute(self, state: ConfoundState) -> ConfoundData:
        k = self.study.layout.count(SHARE)
        if state.asked not in self._usual:
            self._usual[state.asked] = self._measure(ConfoundState(asked=state.asked), k)
        chosen = self.study.searching(searched=state.searched, pool=state.pool)
        usual = self.study.searching(searched="named", pool="mean")
        same = [len(set(chosen.of(n).top(k)) & set(usual.of(n).top(k))) for n in SILENCED]
        here = self._measure(state, k)
        return ConfoundData(state, *here, sum(same) / len(same), k, self._usual[state.asked])

    def _measure(self, state: ConfoundState, k: int) -> tuple[float, float, float]:
        from ..experiments import damage_map

        options = {"searched": state.searched, "pool": state.pool}
        found = damage_map(self.study, k=k, wording=state.asked, silenced=SILENCED, **options)
        search = self.study.searching(**options)
        ap = sum(float(search.of(n).ap[search.of(n).top(k)].mean()) for n in SILENCED) / len(SILENCED)
        return ap, found.own().value, found.others().value

    def presets(self) -> Sequence[ConfoundState]:
        return [ConfoundState(), ConfoundState(pool="last"), ConfoundState("coded", "mean", "coded"),
                ConfoundState("coded", "last", "named")]  # fmt: skip

    def draw(self, data: ConfoundData, figure: FigureBase) -> None:
        paint_confounds(data, figure)

    def sentence(self, data: ConfoundData) -> str:
        if data.state == ConfoundState(asked=data.state.asked):
            return (
                f"The paper's settings: {data.k} neurons with a mean average precision of {data.ap:.2f}; without them "
                f"the relation loses {data.own:.0%} of its answers and the others {data.others:.0%}."
            )
        return (
            f"These settings choose {data.k} neurons, {data.same:.0f} of them as the paper's do. Average precision "
            f"{data.ap:.2f} (the paper's settings: {data.usual[0]:.2f}); the relation loses {data.own:.0%} of its "
            f"answers ({data.usual[1]:.0%}), the others {data.others:.0%} ({data.usual[2]:.0%})."
        )

    def table(self, data: ConfoundData) -> Table:
        names = ("average precision", "drop, own relation", "drop, other relations")
        rows = list(zip(names, data.usual, (data.ap, data.own, data.others)))
        return Table(
            f"Means over {len(SILENCED)} relations, {data.k} neurons off", ("", "paper's settings", "now"), rows
        )

    def code(self, state: ConfoundState) -> str:
        return "\n".join([
            "import labkit",
            "from labkit.papers import relation_neurons as rn",
            "",
            f"study = rn.RelationStudy.of(labkit.load({self.model_name!r}), most={ASKED})",
            f"found = rn.damage_map(study, {SHARE}, wording={state.asked!r}, silenced={SILENCED!r},",
            f"                      searched={state.searched!r}, pool={state.pool!r})",
            "print(found.own(), found.others(), sep='\\n')",
        ])  # fmt: skip
