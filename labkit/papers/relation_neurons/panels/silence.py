"""Switch a relation off: which relation, how many of its neurons, in which modules. Lesson: 11, section 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from matplotlib.figure import FigureBase

from labkit.panels.controls import Choice, Control
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..figures.silenced import paint_silence
from ..task.words import RELATIONS

if TYPE_CHECKING:
    from ..experiments import RelationStudy

__all__ = ["SilenceData", "SilencePanel", "SilenceState"]

SHARES = {
    "none": 0.0,
    "0.36 % (the paper's)": 0.0036,
    "2 %": 0.02,
    "5 %": 0.05,
    "10 %": 0.1,
    "15 %": 0.15,
    "25 %": 0.25,
}
MODULES = {
    "gate, up and down": ("gate", "up", "down"),
    "gate": ("gate",),
    "up": ("up",),
    "down": ("down",),
    "attention": ("q", "k", "v", "o"),
}
ASKED = 20  # questions a relation: an answer within a blink


@dataclass(frozen=True)
class SilenceState:
    """Whose neurons are off, how many of them (a share of the gate, up and down neurons), and of which modules."""

    relation: str = "father"
    share: float = 0.0
    modules: tuple[str, ...] = MODULES["gate, up and down"]


@dataclass(frozen=True)
class SilenceData:
    """Accuracy of each relation: intact, with the relation's neurons off, with as many others of the same modules.

    said: a prompt about the relation with what the model says, intact and cut.
    """

    state: SilenceState
    k: int
    intact: dict[str, float]
    cut: dict[str, float]
    matched: dict[str, float]
    said: tuple[str, str, str]


class SilencePanel(Panel):
    """Switch the neurons of one relation off and ask about all twelve."""

    question = "What does the model still know without a relation's neurons?"
    State = SilenceState
    size = (8.6, 4.4)
    usual = "lab/facts"
    nothing: ClassVar = {"share": 0.0}

    def first(self) -> SilenceState:
        return SilenceState(share=0.1)  # it opens on a cut

    @cached_property
    def study(self) -> RelationStudy:
        """The model with its register and its search, made when first needed."""
        from ..experiments import RelationStudy

        return RelationStudy.of(self.model, most=ASKED)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("relation", tuple(RELATIONS), label="Relation"),
            Choice("share", SHARES, label="Neurons off", help="a share of all gate, up and down neurons"),
            Choice("modules", MODULES, label="Of", help="the search ranks neurons of these modules alone"),
        )

    def compute(self, state: SilenceState) -> SilenceData:
        from labkit.interventions import edit

        from ..experiments import neurons_for
        from ..method import SilenceNeurons

        study = self.study
        k = study.layout.count(state.share)
        quiz, before = study.quiz(), study.before()
        prompt = next(q for q in quiz.questions if q.relation == state.relation).prompt
        found, said = {}, [self.model.generate(prompt, 2)]
        for by in ("top", "matched"):
            neurons = neurons_for(study, state.relation, k, by, modules=state.modules)
            with edit(self.model, SilenceNeurons(neurons)):
                found[by] = quiz.answers()
                said.append(self.model.generate(prompt, 2))
        shares = [{name: one.share(name).value for name in study.relations} for one in (before, *found.values())]
        continued = [text.removeprefix(prompt).strip(" .") for text in said[:2]]
        return SilenceData(state, k, *shares, said=(prompt, *continued))

    def presets(self) -> Sequence[SilenceState]:
        return [SilenceState("sport", 0.0036), SilenceState("sport", 0.1), SilenceState("constellation", 0.1)]

    def draw(self, data: SilenceData, figure: FigureBase) -> None:
        paint_silence(data, figure, ASKED)

    def sentence(self, data: SilenceData) -> str:
        prompt, before, after = data.said
        name = data.state.relation
        others = [other for other in data.cut if other != name]
        left, matched = (sum(part[o] for o in others) / len(others) for part in (data.cut, data.matched))
        if not data.k:
            return f"Nothing is off. “{prompt}” – {before}. Of {name} the model knows {data.intact[name]:.0%}."
        return (
            f"“{prompt}” – {before} before, {after} now. Of {name} {data.cut[name]:.0%} is left, of the other "
            f"relations {left:.0%}; with as many others of the same layers and modules off "
            f"{data.matched[name]:.0%} and {matched:.0%}."
        )

    def table(self, data: SilenceData) -> Table:
        rows = [(name, data.intact[name], data.cut[name], data.matched[name]) for name in data.intact]
        return Table(
            "Share of held-out questions answered correctly", ("", "intact", "its neurons off", "matched"), rows
        )

    def code(self, state: SilenceState) -> str:
        return "\n".join([
            "import labkit",
            "from labkit.papers import relation_neurons as rn",
            "",
            f"study = rn.RelationStudy.of(labkit.load({self.model_name!r}), most={ASKED})",
            f"k = study.layout.count({state.share!r})",
            f"found = rn.damage_map(study, k=k, silenced=[{state.relation!r}], modules={state.modules!r})",
            "print(found.table())",
        ])  # fmt: skip
