"""What the equaliser shows: a band of the spectrum multiplied by a factor, and what is still answered rightly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.anatomy import anatomy_of, module_of
from labkit.interventions import edit

from ..method.learning import answers
from ..method.spectrum import spectrum
from ..task import language, questions
from .grading import TEST_SEED, Grades, grade
from .spectra import band_edits

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["BANDS", "TASKS", "EqualiserData", "EqualiserState", "equalise"]

# Shares of the spectrum, counted from the largest singular value.
BANDS: Mapping[str, tuple[float, float]] = {
    "the top 5 %": (0.0, 0.05),
    "the next 45 %": (0.05, 0.5),
    "the bottom half": (0.5, 1.0),
    "all of them": (0.0, 1.0),
}

TASKS = ("sum", "rev", "max")
SHOWN = "layers.1.mlp.up"  # the matrix whose spectrum is drawn, where it is among those changed


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


def equalise(model: ModelLike, state: EqualiserState, intact: Grades) -> EqualiserData:
    """Return what the model answers with a band changed; `intact` are its grades as it is, of which n is taken."""
    n = len(intact.right[TASKS[0]])
    edits = {one.address: one for one in band_edits(model, *BANDS[state.band], state.factor, state.where)}
    shown = SHOWN if SHOWN in edits else next(iter(edits))
    sigma = spectrum(anatomy_of(model).view(shown).read()).sigma_R.tolist()
    now = tuple(a * b for a, b in zip(edits[shown].z, sigma))
    said = {task: _answer(model, task) for task in TASKS}
    with edit(model, *edits.values()):
        cut = grade(model, TASKS, n)
        example = {task: (asked, before, _answer(model, task)[1]) for task, (asked, before) in said.items()}
    shares = ({task: one[task] for task in TASKS} for one in (intact, cut))
    return EqualiserData(state, tuple(sigma), now, shown, *shares, example)


def _answer(model: ModelLike, task: str) -> tuple[str, str]:
    """Return one question and what the model answers."""
    asked = questions(task, 1, TEST_SEED, "test")
    said = answers(module_of(model), asked)
    return language().decode(asked.prompts_BP[0]), language().decode(said[0])
