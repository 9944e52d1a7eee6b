"""What falls first, the loss or a skill? Strategies of dropping parts race; a slider says how many are gone.

panel = labkit.RacePanel("lab/deep")
panel.set(gone=4, probe="copying")
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, ClassVar

from labkit.base.numbers import signed
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.measured import MeasuredPanel, between
from labkit.panels.panel import ModelOrName
from labkit.panels.tables import Table

from ..experiments.race_steps import MOST, NAMES, PROBES, QUESTIONS, RaceData, RaceRun, RaceState

__all__ = ["RacePanel"]

ONE_SHOT = ("attention", "mlp", "block", "joint")
SCORED, TRUE = 1, 0  # seeds of the documents that are scored, and of those on which the loss is taken


class RacePanel(MeasuredPanel):
    """Drop attentions, MLPs, blocks, either or any, and watch the loss and four skills.

    The order is one-shot: by `Cosine` on the intact model. n_documents, n_questions (per skill) and n_orders (random
    ones) say how thorough a race on the model itself is; the stored one was run with more.
    """

    question = "What falls first: the loss, or a skill?"
    State = RaceState
    Kind = RaceRun
    size = (8.6, 4.2)
    file = "02_race"
    nothing: ClassVar = {"gone": 0}
    thorough: ClassVar = {"n_documents": 64, "n_questions": 64, "n_orders": 5}

    def __init__(
        self,
        model: ModelOrName = None,
        *,
        n_documents: int = 8,
        n_questions: int = 16,
        n_orders: int = 2,
        **options: Any,
    ):
        self.n_documents, self.n_questions, self.n_orders = n_documents, n_questions, n_orders
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Slider("gone", 0, self._most(), 1, label="Parts gone", help="a whole block counts as one"),
            Choice("probe", PROBES, label="Skill", help="asked for beside the loss"),
        )

    def _most(self) -> int:
        """Return how many parts each strategy can drop."""
        if self.kept is not None:
            return self.kept.counts[-1]
        from labkit.anatomy import anatomy_of

        return min(MOST, anatomy_of(self.model).depth)

    def measure(self) -> Generator[float, None, RaceRun]:
        from ..experiments.race import loss_by_frequency, plans_to_the_end, racing, skill

        plans = plans_to_the_end(self.model, self.stories(SCORED), self._most(), self.n_orders)
        counts, documents = range(self._most() + 1), self.stories(TRUE)
        loss = yield from between(0.0, 0.5, racing(self.model, plans, documents, counts))
        asked, skills = {probe: skill(self.model, probe, self.n_questions) for probe in PROBES.values()}, {}
        for done, (probe, measure) in enumerate(asked.items()):
            steps = racing(self.model, plans, None, counts, measure)
            skills[probe] = yield from between(0.5 + 0.125 * done, 0.625 + 0.125 * done, steps)
        chances = {probe: sum(1 / len(one.options) for one in measure.questions) / self.n_questions
                   for probe, measure in asked.items()}  # fmt: skip
        orders = {name: tuple(f"{e.kind.removeprefix('drop_')} {e.layer}" for e in plan)
                  for name, plan in plans.items() if name != "random"}  # fmt: skip
        return RaceRun.of_races(
            self.model_name, loss, loss_by_frequency(self.model, documents), skills, chances, orders
        )

    def how(self) -> str:
        return (
            f"one-shot order by 1 - cosine on {self.n_documents} held-out stories of seed {SCORED}; loss on as many of "
            f"seed {TRUE}, {self.n_questions} questions of seed 0 a skill, {self.n_orders} random orders (seeds from 0)"
        )

    def view(self, measured: RaceRun, state: RaceState) -> RaceData:
        return RaceData(state.gone, state.probe, measured)

    def presets(self) -> Sequence[RaceState]:
        most = self.controls[0].high
        return [RaceState(gone) for gone in sorted({-(-most // 3), -(-2 * most // 3), most})]

    def code(self, state: RaceState) -> str:
        documents, questions = self.number("n_documents"), self.number("n_questions")
        return "\n".join([
            "import labkit",
            "from labkit import world",
            "from labkit.measurements import ChoiceMeasure, as_questions",
            "from labkit.papers.what_matters import RandomOrder, one_shot, race",
            "",
            f"model, gone = labkit.load({self.model_name!r}), {state.gone}",
            "",
            "def stories(seed):",
            f"    texts = world.documents('stories', {documents}, seed=seed, split='test')",
            "    return [model.encode(one.text) for one in texts]",
            "",
            f"plans = {{part: one_shot(model, stories(1), gone, part) for part in {ONE_SHOT}}}",
            "plans['random'] = one_shot(model, None, gone, 'joint', RandomOrder(0))  # one order of several",
            f"asked = as_questions(model, world.{QUESTIONS[state.probe]}({questions}, 0, 'test'))",
            "losses = race(model, plans, stories(0), [gone])",
            "skills = race(model, plans, None, [gone], ChoiceMeasure(tuple(asked)))",
            "print(losses, *(f'{name} {line[0]}' for name, line in skills.measured.items()), sep='\\n')",
        ])  # fmt: skip

    def table(self, data: RaceData) -> Table:
        rows = []
        for name in data.race.loss:
            loss, skill = data.race.loss[name][data.gone], data.race.probes[data.probe][name][data.gone]
            gone = ", ".join(data.race.orders.get(name, ())[: data.gone]) or "–"
            rows.append((
                NAMES[name], signed(loss.value), f"{signed(loss.low)} to {signed(loss.high)}", f"{skill.value:.2f}",
                f"{skill.low:.2f} to {skill.high:.2f}", gone,
            ))  # fmt: skip
        columns = ("strategy", "change of loss", "95 % interval", data.probe, "95 % interval", "gone")
        n = (data.race.base.n, data.race.intact[data.probe].n)
        return Table(
            f"{data.gone} parts gone; {n[0]} stories (nats a token), {n[1]} questions (share right)", columns, rows
        )
