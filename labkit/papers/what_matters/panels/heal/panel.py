"""The healing panel: a cut model trained on for a minute. Lesson: 02, deeper."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, ClassVar

from labkit import world
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.jobs import Job, Progress
from labkit.panels.measured import MeasuredPanel, between

from .data import CUTS, NOTHING, HealCurve, HealData, HealRun, HealState
from .words import code_of

__all__ = ["HealPanel"]

MOST, EVERY = 40, 10  # steps of training, and steps between two measurements
HEAD = 96  # tokens of each story that are scored


class HealPanel(MeasuredPanel):
    """Cut parts away, train what is left, and see how much of the loss and of the copying comes back.

    On the model itself (`recompute` and `run`) one cut is trained at a time, some minute long. n_documents: stories on
    which the loss is taken, n_questions: lists to copy.
    """

    question = "Does a cut heal?"
    State = HealState
    Kind = HealRun
    size = (8.6, 3.8)
    home = __package__
    file = "02_heal"
    thorough: ClassVar = {"n_documents": 64, "n_questions": 64}

    def __init__(
        self,
        model: Any = "lab/deep",
        *,
        n_documents: int = 16,
        n_questions: int = 32,
        n_steps: int = MOST,
        **options: Any,
    ):
        self.n_documents, self.n_questions, self.n_steps = n_documents, n_questions, n_steps
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("cut", tuple(CUTS), label="Cut away", help="the parts with the lowest score, 1 - cosine"),
            Slider("steps", 0, self.n_steps, min(EVERY, self.n_steps), label="Steps of training"),
        )

    @property
    def is_long(self) -> bool:
        return True  # some cuts always are

    def takes_long(self, state: HealState) -> bool:
        return self.made is None or state.cut not in self.made.curves

    def compute(self, state: HealState) -> HealData:
        if not self.takes_long(state):
            return self.view(self.made, state)
        return Job(self.steps(state)).run()

    def steps(self, state: HealState) -> Generator[float, None, HealData]:
        known = {} if self.made is None else dict(self.made.curves)
        if NOTHING not in known and self.kept is not None:
            known[NOTHING] = self.kept.curves[NOTHING]  # the control need not be trained again
        trained = self._curve(state.cut)
        while True:
            try:
                done = next(trained)
            except StopIteration as stop:
                self.made = HealRun(self.model_name, self._chance(), {**known, state.cut: stop.value})
                return self.view(self.made, state)
            if isinstance(done, Progress):  # the curve so far
                so_far = HealRun(self.model_name, self._chance(), {**known, state.cut: done.data})
                done = Progress(done, self.view(so_far, state))
            yield done

    def measure(self) -> Generator[float, None, HealRun]:
        curves = {}
        for done, cut in enumerate(CUTS):
            curves[cut] = yield from between(done / len(CUTS), (done + 1) / len(CUTS), self._curve(cut))
        return HealRun(self.model_name, self._chance(), curves)

    def _curve(self, cut: str) -> Generator[float, None, HealCurve]:
        """Train one copy, measuring it before, every few steps and at the end."""
        from labkit.interventions import healing, shrink

        plan = self._plan(cut)
        yield 0.02
        gone = tuple(f"{edit.kind.removeprefix('drop_')} {edit.layer}" for edit in plan)
        seen = [(0, 0, *self._look(shrink(self.model, plan) if len(plan) else self.model))]
        yield Progress(0.05, HealCurve(gone, *zip(*seen)))
        for healed in healing(self.model, plan, steps=self.n_steps):
            step, tokens = healed.log[-1]["step"], healed.log[-1]["tokens"]
            if step % EVERY == 0 or step == self.n_steps:
                seen.append((step, tokens, *self._look(healed.model)))
                yield Progress(step / self.n_steps, HealCurve(gone, *zip(*seen)))
            else:
                yield step / self.n_steps
        return HealCurve(gone, *zip(*seen))

    def _plan(self, cut: str) -> Any:
        from labkit.anatomy import anatomy_of

        from ...method.dropping import one_shot

        part, n = CUTS[cut]
        n = min(n, anatomy_of(self.model).depth - 1)
        return one_shot(self.model, self._stories(1), n, part)

    def _stories(self, seed: int) -> list:
        texts = world.documents("stories", self.n_documents, seed=seed, split="test")
        return [self.model.encode(one.text)[:HEAD] for one in texts]

    def _questions(self) -> list:
        return world.copying_questions(self.n_questions, 0, "test")

    def _chance(self) -> float:
        asked = self._questions()
        return round(sum(1 / len(one.options) for one in asked) / len(asked), 4)

    def _look(self, model: Any) -> tuple:
        from labkit.measurements import choice_accuracy, loss

        return loss(model, self._stories(0)), choice_accuracy(model, self._questions())

    def how(self) -> str:
        return (
            f"parts with the lowest 1 - cosine on {self.n_documents} held-out stories of seed 1; {self.n_steps} steps "
            f"of labkit.interventions.heal, seed 0, one run each; loss on the first {HEAD} tokens of "
            f"{self.n_documents} held-out stories of seed 0, {self.n_questions} lists to copy"
        )

    def view(self, measured: HealRun, state: HealState) -> HealData:
        return HealData(measured.model, state.cut, state.steps, measured.chance, measured.curves)

    def presets(self) -> Sequence[HealState]:
        return [HealState(cut, self.n_steps) for cut in ("4 MLPs", "4 blocks", "8 attentions")]

    def restored(self, state: HealState) -> HealState:
        return HealState(NOTHING, 0)

    def code(self, state: HealState) -> str:
        return code_of(self.model_name, state, self.number("n_documents"), self.number("n_questions"))
