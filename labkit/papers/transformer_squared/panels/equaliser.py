"""The spectral equaliser: a band of the singular values multiplied by a factor. Lesson: 07."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.figure import FigureBase

from labkit.figures.style import BAND, INK, MARKS, SIZES, axes, bars, inches, label_axes, row_names
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

if TYPE_CHECKING:
    from ..experiments import Grades

__all__ = ["BANDS", "EqualiserData", "EqualiserPanel", "EqualiserState"]

# Shares of the spectrum, counted from the largest singular value.
BANDS: Mapping[str, tuple[float, float]] = {
    "the top 5 %": (0.0, 0.05),
    "the next 45 %": (0.05, 0.5),
    "the bottom half": (0.5, 1.0),
    "all of them": (0.0, 1.0),
}
WHERE = {"all 21 matrices": "all", "the MLPs": "mlp", "the attentions": "attention"}
TASKS = ("sum", "rev", "max")
QUESTIONS, SHOWN = 40, "layers.1.mlp.up"  # of each task; the matrix whose spectrum is drawn


@dataclass(frozen=True)
class EqualiserState:
    """Which band is multiplied by what, and in which matrices (a key of `MODULES`, or an address)."""

    band: str = "the top 5 %"
    factor: float = 1.0
    where: str = "all"


@dataclass(frozen=True)
class EqualiserData:
    """Shares of right answers as the model is and as it is now, the spectrum of one matrix, and one answer of each."""

    state: EqualiserState
    sigma: tuple[float, ...]
    now: tuple[float, ...]
    shown: str
    intact: Mapping[str, float]
    cut: Mapping[str, float]
    example: Mapping[str, tuple[str, str, str]]  # task -> question, answer before, answer now


class EqualiserPanel(Panel):
    """Multiply a band of the singular values by 0 to 2 and see what the model still answers.

    To answer at once the panel asks forty questions of each task: a share moves by what another forty would say.
    """

    question = "Which singular values carry the skill?"
    State = EqualiserState
    size = (8.6, 3.6)

    def __init__(self, model: Any = "lab/skills", **options: Any):
        self._intact: tuple[str, Grades] | None = None
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("band", tuple(BANDS), label="Singular values", help="counted from the largest"),
            Slider("factor", 0.0, 2.0, 0.25, label="times", help="0 removes them, 1 leaves them as they are"),
            Choice("where", WHERE | {SHOWN: SHOWN}, label="of"),
        )

    def compute(self, state: EqualiserState) -> EqualiserData:
        from labkit.anatomy import anatomy_of, fingerprint
        from labkit.interventions import edit

        from ..experiments import band_edits, grade
        from ..method.spectrum import spectrum

        known = fingerprint(self.model)
        if self._intact is None or self._intact[0] != known:
            self._intact = (known, grade(self.model, TASKS, QUESTIONS))
        intact = self._intact[1]
        edits = band_edits(self.model, *BANDS[state.band], state.factor, state.where)
        address = edits[0].address if SHOWN not in [one.address for one in edits] else SHOWN
        sigma = spectrum(anatomy_of(self.model).view(address).read()).sigma_R.tolist()
        z = next(one.z for one in edits if one.address == address)
        said = {task: self._answer(task) for task in TASKS}
        with edit(self.model, *edits):
            cut = grade(self.model, TASKS, QUESTIONS)
            example = {task: (asked, before, self._answer(task)[1]) for task, (asked, before) in said.items()}
        shares = ({task: one[task] for task in TASKS} for one in (intact, cut))
        return EqualiserData(state, tuple(sigma), tuple(a * b for a, b in zip(z, sigma)), address, *shares, example)

    def _answer(self, task: str) -> tuple[str, str]:
        from labkit.anatomy import module_of

        from ..experiments.grading import TEST_SEED
        from ..method.learning import answers
        from ..task import language, questions

        asked = questions(task, 1, TEST_SEED, "test")
        said = answers(module_of(self.model), asked)
        return language().decode(asked.prompts_BP[0]), language().decode(said[0])

    def presets(self) -> Sequence[EqualiserState]:
        return [
            EqualiserState("the top 5 %", 0.0),
            EqualiserState("the bottom half", 0.0),
            EqualiserState("the bottom half", 2.0),
        ]

    def restored(self, state: EqualiserState) -> EqualiserState:
        return EqualiserState(state.band, 1.0, state.where)

    def draw(self, data: EqualiserData, figure: FigureBase) -> None:
        width, _ = inches(figure)
        left, right = figure.subfigures(1, 2, width_ratios=(4.2, width - 4.2))
        _spectrum(left, data)
        _shares(right, data)

    def sentence(self, data: EqualiserData) -> str:
        state = data.state
        told = ", ".join(f"{task} {data.intact[task]:.0%} → {data.cut[task]:.0%}" for task in TASKS)
        where = next((words for words, kept in WHERE.items() if kept == state.where), state.where)
        asked, before, now = data.example["sum"]
        if state.factor == 1:
            return f"Nothing is changed. Right answers: {told}. “{asked}” is answered “{before}”."
        return (
            f"{state.band[0].upper()}{state.band[1:]} of {where} times {state.factor:g}. Right answers: {told}. "
            f"“{asked}” was answered “{before}”, now “{now}”."
        )

    def table(self, data: EqualiserData) -> Table:
        rows = [(task, data.intact[task], data.cut[task], *data.example[task]) for task in TASKS]
        caption = f"Share of {QUESTIONS} questions answered rightly, and one of them"
        return Table(caption, ("task", "intact", "now", "question", "answer before", "answer now"), rows)

    def code(self, state: EqualiserState) -> str:
        low, high = BANDS[state.band]
        return "\n".join(
            [
                "import labkit",
                "from labkit.papers.transformer_squared.experiments import band_edits, grade",
                "",
                f"model = labkit.load({self.model_name!r})",
                f"edits = band_edits(model, {low}, {high}, {state.factor}, {state.where!r})",
                "with labkit.edit(model, *edits):",
                f"    now = grade(model, {TASKS!r}, {QUESTIONS})",
                "print(now)",
            ]
        )


def _spectrum(figure: FigureBase, data: EqualiserData) -> None:
    """Draw the singular values of one matrix, as they are and as they are now, the chosen band shaded."""
    (ax,) = axes(figure, f"Singular values, {data.shown}", left=0.75, right=0.2, bottom=0.95)
    places, (low, high) = range(1, len(data.sigma) + 1), BANDS[data.state.band]
    ax.axvspan(0.5 + round(low * len(places)), 0.5 + round(high * len(places)), color=BAND, zorder=0)
    for name, values in (("intact", data.sigma), ("cut", data.now)):
        mark = MARKS[name]
        label = "intact" if name == "intact" else "now"
        ax.plot(
            places, values, mark.line, color=mark.colour, marker=mark.marker, markersize=4, markevery=8, label=label
        )
    ax.set_ylim(0, 2.1 * max(data.sigma))
    label_axes(ax, x="number, from the largest", y="σ")
    width, _ = inches(figure)
    figure.legend(
        *ax.get_legend_handles_labels(), loc="lower left", bbox_to_anchor=(0.6 / width, 0.0), ncols=2, frameon=False,
        fontsize=SIZES["label"], labelcolor=INK,
    )  # fmt: skip


def _shares(figure: FigureBase, data: EqualiserData) -> None:
    (ax,) = axes(figure, "Right: intact (plain), now (hatched)", left=0.6, right=0.55)
    for offset, name, values in ((-0.19, "intact", data.intact), (0.19, "cut", data.cut)):
        places = [row + offset for row in range(len(TASKS))]
        bars(ax, places, [values[task] for task in TASKS], MARKS[name], 0.34, across=True)
        for place, task in zip(places, TASKS):
            ax.annotate(
                f"{values[task]:.0%}", (values[task], place), xytext=(4, 0), textcoords="offset points", va="center",
                fontsize=SIZES["note"], color=INK,
            )  # fmt: skip
    row_names(ax, TASKS)
    ax.set_ylim(len(TASKS) - 0.4, -0.6)
    ax.set_xlim(0, 1.0)
    ax.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    label_axes(ax, x=f"of {QUESTIONS} questions each")
