"""Switch a relation off: which relation, how many of its neurons, in which modules. Lesson: 11, section 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from matplotlib.figure import FigureBase

from labkit.figures.style import MARKS, axes, label_axes, legend, row_names
from labkit.panels.controls import Choice, Control
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..task.words import RELATIONS

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

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

    def __init__(self, model: ModelLike | str = "lab/facts", **options: Any):
        options["start"] = options.get("start") or SilenceState(share=0.1)  # it opens on a cut
        super().__init__(model, **options)

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

    def restored(self, state: SilenceState) -> SilenceState:
        return SilenceState(state.relation, 0.0, state.modules)

    def draw(self, data: SilenceData, figure: FigureBase) -> None:
        (ax,) = axes(figure, f"What is left with {data.k} neurons of {data.state.relation} off", left=1.3, right=2.3)
        for shift, values, look, name in (
            (-0.27, data.intact, "intact", "intact"),
            (0.0, data.cut, "cut", "its neurons off"),
            (0.27, data.matched, "mlp", "as many others off"),
        ):
            places = [row + shift for row in range(len(values))]
            mark = MARKS[look]
            ax.barh(places, list(values.values()), 0.25, color=mark.colour, hatch=mark.hatch, edgecolor="white",
                    linewidth=0, label=name)  # fmt: skip
        row_names(ax, list(data.intact), bold=[data.state.relation])
        ax.set_ylim(len(data.intact) - 0.4, -0.6)
        ax.set_xlim(0, 1)
        label_axes(ax, x=f"share of {ASKED} held-out questions answered correctly")
        legend(ax)

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
        name = self._model if isinstance(self._model, str) else self._model.name
        return "\n".join(
            [
                "import labkit",
                "from labkit.papers import relation_neurons as rn",
                "",
                f"study = rn.RelationStudy.of(labkit.load({name!r}), most={ASKED})",
                f"k = study.layout.count({state.share!r})",
                f"found = rn.damage_map(study, k=k, silenced=[{state.relation!r}], modules={state.modules!r})",
                "print(found.table())",
            ]
        )
