"""Does a cut heal? Loss and copying of a cut model while what is left of it is trained on, beside the intact one.

panel = labkit.HealPanel("lab/deep")
panel.set(cut="4 attentions", steps=20)          # panel.recompute(); panel.run() trains here and now
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, ClassVar

from labkit import world
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.jobs import Job, Progress
from labkit.panels.measured import MeasuredPanel, between
from labkit.panels.panel import ModelOrName
from labkit.panels.tables import Table

from ..experiments.healing import CUTS, EVERY, NOTHING, HealCurve, HealData, HealRun, HealState

__all__ = ["HealPanel"]

MOST = 40  # steps of training
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
    file = "02_heal"
    nothing: ClassVar = {"cut": NOTHING, "steps": 0}
    thorough: ClassVar = {"n_documents": 64, "n_questions": 64}

    def __init__(
        self,
        model: ModelOrName = None,
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

    def _curve(self, cut: str) -> Generator[float, None, HealCurve]:
        from ..experiments.healing_curve import healing_curve

        scored, read = (self.stories(seed, HEAD) for seed in (1, 0))
        return healing_curve(self.model, cut, scored, read, self._questions(), self.n_steps)

    def measure(self) -> Generator[float, None, HealRun]:
        curves = {}
        for done, cut in enumerate(CUTS):
            curves[cut] = yield from between(done / len(CUTS), (done + 1) / len(CUTS), self._curve(cut))
        return HealRun(self.model_name, self._chance(), curves)

    def _questions(self) -> list:
        return world.copying_questions(self.n_questions, 0, "test")

    def _chance(self) -> float:
        asked = self._questions()
        return round(sum(1 / len(one.options) for one in asked) / len(asked), 4)

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

    def code(self, state: HealState) -> str:
        part, n = CUTS[state.cut]
        questions = self.number("n_questions")
        return self.script(
            "",
            "def stories(seed):",
            f"    texts = world.documents('stories', {self.number('n_documents')}, seed=seed, split='test')",
            "    return [model.encode(one.text)[:96] for one in texts]",
            "",
            f"plan = one_shot(model, stories(1), {n}, {part!r})  # the lowest scores",
            "before = loss(shrink(model, plan) if len(plan) else model, stories(0))",
            "healed = heal(model, plan, steps=40)  # the panel also shows it on the way",
            "after = loss(healed.model, stories(0))",
            f"print(before, after, choice_accuracy(healed.model, world.copying_questions({questions}, 0, 'test')))",
            needs=(
                "from labkit import world",
                "from labkit.interventions import heal, shrink",
                "from labkit.measurements import choice_accuracy, loss",
                "from labkit.papers.what_matters import one_shot",
            ),
        )

    def table(self, data: HealData) -> Table:
        rows = [
            (cut, str(step), f"{tokens:,}", loss.value, f"{loss.low:.3f} to {loss.high:.3f}", copying.value)
            for cut, curve in data.curves.items()
            for step, tokens, loss, copying in zip(curve.steps, curve.tokens, curve.loss, curve.copying)
        ]
        n = data.curves[data.cut].loss[0].n
        columns = ("cut away", "steps", "tokens", "loss", "95 % interval", "copying")
        return Table(f"Nats a token over {n} stories, share of lists copied", columns, rows)
