"""Steer the next sentence: how much guidance, how many steps, and two futures mixed. Lesson: 06, section 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from labkit.base.errors import BadInput, unknown
from labkit.panels.controls import Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from labkit.zoo import ModelLike

    from ..experiments.steering import Steered

__all__ = ["SteerPanel", "SteerState"]

EVENTS = {verb: f"Ilo {verb} the kettle on Sable ." for verb in ("sold", "found", "lent", "lost")}
DRAWS = 64


@dataclass(frozen=True)
class SteerState:
    """What the sampler is told: guidance γ, steps S; and how much of another future is mixed into each draw."""

    guidance: float = 1.0
    steps: int = 20
    mix: float = 0.0


class SteerPanel(Panel):
    """Draw 64 next sentences after an event and count them against the probabilities that the world has.

    `model` is the name of a shipped diffusion model, or a (model, space) pair; `event` is a verb: "sold" (one thing can
    follow), "found" (two), "lent" (two, 7 to 3) or "lost" (four).
    """

    question = "Does guidance make the next sentence more right, or only less varied?"
    State = SteerState
    size = (8.6, 3.0)

    def __init__(self, model: ModelLike | str = "two-tower", *, event: str = "lost", **options: Any):
        if not isinstance(model, str) and not (isinstance(model, tuple) and len(model) == 2):
            raise BadInput(
                f"This panel samples sentences and cannot use a {type(model).__name__}.",
                expected='the name of a diffusion model, as "two-tower", or a pair (model, space)',
                do='`load_model("two-tower")` and `load_space("aligned")` give such a pair',
            )
        if event not in EVENTS:
            raise unknown("event", event, EVENTS)
        self._asked, self.event = model, EVENTS[event]
        super().__init__(None, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Slider("guidance", 0.0, 5.0, 0.5, label="Guidance", help="1 is none, 0 looks away from the context"),
            Slider("steps", 1, 40, 1, label="Steps", help="how often the sampler asks on its way from noise"),
            Slider("mix", 0.0, 0.5, 0.1, label="Mix", help="0: one draw; 0.5: halfway to a draw that says another"),
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

    def compute(self, state: SteerState) -> Steered:
        from ..experiments.steering import steer
        from ..method.sampling import Knobs

        knobs = Knobs(guidance=state.guidance, steps=state.steps)
        return steer(*self.pair, self.event, knobs=knobs, mix=state.mix, draws=DRAWS)

    def draw(self, data: Steered, figure: FigureBase) -> None:
        from ..figures import paint_said

        paint_said(data, figure)

    def sentence(self, data: Steered) -> str:
        return (
            f"{data.event} {data.impossible:.0%} of {len(data.texts)} draws say something that cannot follow; total "
            f"variation from the true probabilities {data.total_variation:.2f}. The vectors have {data.size:.2f} of "
            f"the size of a true future. One of them says: “{data.texts[-1].removesuffix(' .')}”."
        )

    def table(self, data: Steered) -> Table:
        return data.table()

    def presets(self) -> Sequence[SteerState]:
        return [SteerState(), SteerState(guidance=3.0), SteerState(mix=0.5)]

    def code(self, state: SteerState) -> str:
        return "\n".join(
            [
                "from labkit.papers import large_concept_models as lcm",
                "",
                self.loading,
                f"knobs = lcm.Knobs(guidance={state.guidance}, steps={state.steps})",
                f"said = lcm.steer(model, space, {self.event!r}, knobs=knobs, mix={state.mix}, draws={DRAWS})",
                "print(said.table())",
            ]
        )
