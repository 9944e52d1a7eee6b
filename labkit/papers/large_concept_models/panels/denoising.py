"""The denoising film: stop it at any step and read what is guessed there. Lesson: 06, section 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.panels.controls import Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from .steer import SteerPanel

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from labkit.zoo import ModelLike

    from ..experiments.films import Filmed

__all__ = ["FilmData", "FilmPanel", "FilmState"]

STEPS, DRAWS = 20, 32  # every draw is decoded at every step


@dataclass(frozen=True)
class FilmState:
    """Where the film is stopped (1 … 20), guidance γ, and the spread of the noise it starts from."""

    step: int = 1
    guidance: float = 1.0
    start_noise: float = 1.0


@dataclass(frozen=True)
class FilmData:
    """The whole film, and the step at which it is stopped."""

    filmed: Filmed
    step: int


class FilmPanel(Panel):
    """Watch 32 draws turn from noise into sentences, and read what one of them guesses at each step.

    `model` and `event` as in `SteerPanel`.
    """

    question = "When is it decided which future it will be?"
    State = FilmState
    size = (8.6, 3.2)

    def __init__(self, model: ModelLike | str = "two-tower", *, event: str = "lost", **options: Any):
        self._steer = SteerPanel(model, event=event)  # which knows where model and space are
        self._films: dict[tuple[float, float], Filmed] = {}
        super().__init__(None, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Slider(
                "step", 1, STEPS, 1, label="Stop at step", help="1: nothing but noise has been seen; 20: the answer"
            ),
            Slider("guidance", 0.0, 5.0, 0.5, label="Guidance", help="1 is none, 0 looks away from the context"),
            Slider(
                "start_noise", 0.2, 1.2, 0.2, label="Start noise", help="1 as in training; the paper found 0.6 best"
            ),
        )

    def compute(self, state: FilmState) -> FilmData:
        from ..experiments.films import film
        from ..method.sampling import Knobs

        key = state.guidance, state.start_noise
        if key not in self._films:  # moving the step asks no model
            knobs = Knobs(guidance=state.guidance, start_noise=state.start_noise, steps=STEPS)
            self._films = {key: film(*self._steer.pair, self._steer.event, knobs=knobs, draws=DRAWS)}
        return FilmData(self._films[key], state.step)

    def draw(self, data: FilmData, figure: FigureBase) -> None:
        from ..figures import paint_film

        paint_film(data.filmed, figure, data.step)

    def sentence(self, data: FilmData) -> str:
        film, at = data.filmed, data.step - 1
        can = "can" if film.texts[at] in film.futures else "cannot"
        return (
            f"{film.event} Step {data.step} of {len(film.t)}: the draw that changes its words most often says "
            f"“{film.texts[at].removesuffix(' .')}”, which {can} follow. {1 - film.impossible[at]:.0%} of {film.draws} "
            f"guesses say something that can follow; their size is {film.norm[at]:.2f} of a true future's."
        )

    def table(self, data: FilmData) -> Table:
        return data.filmed.table()

    def presets(self) -> Sequence[FilmState]:
        return [FilmState(), FilmState(step=4), FilmState(step=STEPS, guidance=3.0, start_noise=0.6)]

    def code(self, state: FilmState) -> str:
        return "\n".join(
            [
                "from labkit.papers import large_concept_models as lcm",
                "",
                self._steer.loading,
                f"knobs = lcm.Knobs(guidance={state.guidance}, start_noise={state.start_noise}, steps={STEPS})",
                f"film = lcm.film(model, space, {self._steer.event!r}, knobs=knobs, draws={DRAWS})",
                f"print(film.texts[{state.step - 1}])",
            ]
        )
