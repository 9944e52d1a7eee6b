"""Steer the next sentence: which event, how much guidance, how much noise to start from. Lesson: 06, section 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from labkit.base.errors import BadInput
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from ..experiments.films import Filmed

__all__ = ["SteerPanel", "SteerState"]

EVENTS = {
    "sold: one future": "Ilo sold the kettle on Sable .",
    "found: two, equally likely": "Ilo found the kettle on Sable .",
    "lent: two, 7 to 3": "Ilo lent the kettle on Sable .",
    "lost: four": "Ilo lost the kettle on Sable .",
}
DRAWS = 64


@dataclass(frozen=True)
class SteerState:
    """What the sampler is told: the event before, guidance γ, and the spread of the noise it starts from."""

    event: str = EVENTS["lost: four"]
    guidance: float = 1.0
    start_noise: float = 1.0


class SteerPanel(Panel):
    """Draw 64 next sentences and count them against the probabilities that the world has.

    `model` is the name of a shipped diffusion model, or a (model, space) pair.
    """

    question = "Does guidance make the next sentence more right, or only less varied?"
    State = SteerState
    size = (8.6, 3.0)

    def __init__(self, model: Any = "two-tower", **options: Any):
        if not isinstance(model, str) and not (isinstance(model, tuple) and len(model) == 2):
            raise BadInput(
                f"This panel samples sentences and cannot use a {type(model).__name__}.",
                expected='the name of a diffusion model, as "two-tower", or a pair (model, space)',
                do='`load_model("two-tower")` and `load_space("aligned")` give such a pair',
            )
        self._asked = model
        super().__init__(None, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("event", EVENTS, label="Before", help="what happened; the verb says how many things can follow"),
            Slider("guidance", 0.0, 5.0, 0.5, label="Guidance", help="1 is none, 0 looks away from the context"),
            Slider(
                "start_noise", 0.2, 1.2, 0.2, label="Start noise", help="1 as in training; the paper found 0.6 best"
            ),
        )

    @cached_property
    def pair(self) -> tuple[Any, Any]:
        """The model and the space it lives in, loaded when first needed."""
        if isinstance(self._asked, tuple):
            return self._asked
        from ..method.store import load_model, load_space

        return load_model(self._asked), load_space("aligned")

    @property
    def loading(self) -> str:
        """The line of code that gives model and space."""
        if isinstance(self._asked, tuple):
            return "model, space = pair  # the pair that this panel was given"
        return f"model, space = lcm.load_model({self._asked!r}), lcm.load_space('aligned')"

    def compute(self, state: SteerState) -> Filmed:
        from ..experiments.films import film
        from ..method.sampling import Knobs

        knobs = Knobs(guidance=state.guidance, start_noise=state.start_noise)
        return film(*self.pair, state.event, knobs=knobs, draws=DRAWS)

    def draw(self, data: Filmed, figure: FigureBase) -> None:
        from ..figures import paint_said

        paint_said(data, figure)

    def sentence(self, data: Filmed) -> str:
        return (
            f"{data.event} {data.impossible[-1]:.0%} of {data.draws} draws say something that cannot follow; "
            f"total variation from the true probabilities {data.total_variation:.2f}. "
            f"One of the draws: “{data.texts[-1].removesuffix(' .')}”."
        )

    def table(self, data: Filmed) -> Table:
        rows = [*zip(data.futures, data.probabilities, data.shares[-1]), ("anything else", 0.0, data.impossible[-1])]
        return Table(f"After “{data.event}”: {data.draws} draws", ["next sentence", "likely", "said"], rows)

    def presets(self) -> Sequence[SteerState]:
        return [SteerState(), SteerState(guidance=3.0), SteerState(guidance=3.0, start_noise=0.6)]

    def code(self, state: SteerState) -> str:
        return "\n".join(
            [
                "from labkit.papers import large_concept_models as lcm",
                "",
                self.loading,
                f"knobs = lcm.Knobs(guidance={state.guidance}, start_noise={state.start_noise})",
                f"print(lcm.film(model, space, {state.event!r}, knobs=knobs, draws={DRAWS}).table())",
            ]
        )
