"""The denoising film: stop it at any step and read what is guessed there. Lesson: 06, section 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from .steer import DRAWS, EVENTS, SteerPanel

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from ..experiments.films import Filmed

__all__ = ["FilmData", "FilmPanel", "FilmState"]

STEPS = 20


@dataclass(frozen=True)
class FilmState:
    """The event before, where the film is stopped (1 … 20), and guidance γ."""

    event: str = EVENTS["found: two, equally likely"]
    step: int = 1
    guidance: float = 1.0


@dataclass(frozen=True)
class FilmData:
    """The whole film, and the step at which it is stopped."""

    filmed: Filmed
    step: int


class FilmPanel(Panel):
    """Watch 64 draws turn from noise into sentences, and read the first one's guess at each step."""

    question = "When is it decided which future it will be?"
    State = FilmState
    size = (8.6, 3.2)

    def __init__(self, model: Any = "two-tower", **options: Any):
        self._steer = SteerPanel(model)  # which knows where model and space are
        self._films: dict[tuple[str, float], Filmed] = {}
        super().__init__(None, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("event", EVENTS, label="Before", help="what happened; the verb says how many things can follow"),
            Slider(
                "step", 1, STEPS, 1, label="Stop at step", help="1: nothing but noise has been seen; 20: the answer"
            ),
            Slider("guidance", 0.0, 5.0, 0.5, label="Guidance", help="1 is none"),
        )

    def compute(self, state: FilmState) -> FilmData:
        from ..experiments.films import film
        from ..method.sampling import Knobs

        key = state.event, state.guidance
        if key not in self._films:
            knobs = Knobs(guidance=state.guidance, steps=STEPS)
            self._films = {key: film(*self._steer.pair, state.event, knobs=knobs, draws=DRAWS)}
        return FilmData(self._films[key], state.step)

    def draw(self, data: FilmData, figure: FigureBase) -> None:
        from ..figures import paint_film

        paint_film(data.filmed, figure, data.step)

    def sentence(self, data: FilmData) -> str:
        film, at = data.filmed, data.step - 1
        return (
            f"Step {data.step} of {len(film.t)}: the first draw's guess says “{film.texts[at].removesuffix(' .')}”. "
            f"{1 - film.impossible[at]:.0%} of {film.draws} guesses say something that can follow; "
            f"their size is {film.norm[at]:.2f} of a true future's."
        )

    def table(self, data: FilmData) -> Table:
        return data.filmed.table()

    def presets(self) -> Sequence[FilmState]:
        four = EVENTS["lost: four"]
        return [FilmState(), FilmState(four, 3), FilmState(four, STEPS)]

    def code(self, state: FilmState) -> str:
        return "\n".join(
            [
                "from labkit.papers import large_concept_models as lcm",
                "",
                self._steer.loading,
                f"knobs = lcm.Knobs(guidance={state.guidance}, steps={STEPS})",
                f"film = lcm.film(model, space, {state.event!r}, knobs=knobs, draws={DRAWS})",
                f"print(film.texts[{state.step - 1}])",
            ]
        )
