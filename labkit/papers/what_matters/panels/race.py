"""What falls first, the loss or a skill? Strategies of dropping parts race; a slider says how many are gone.

panel = labkit.RacePanel("lab/deep")
panel.set(gone=4, probe="copying")
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from labkit import world
from labkit.base.numbers import percent, signed
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.measured import MeasuredPanel, between
from labkit.panels.tables import Table

from ..experiments.race_steps import MOST, NAMES, PROBES, RaceData, RaceRun, RaceState

if TYPE_CHECKING:
    from labkit.interventions import Plan
    from labkit.zoo import ModelLike

__all__ = ["RacePanel"]

SCORED, TRUE = 1, 0  # seeds of the documents that are scored, and of those on which the loss is taken
GUESSED = 500  # stories from which frequencies are taken


class RacePanel(MeasuredPanel):
    """Drop attentions, MLPs, blocks, either or any, and watch the loss and four skills.

    The order is one-shot: by `Cosine` on the intact model. n_documents, n_questions (per skill) and n_orders (random
    ones) say how thorough a race on the model itself is; the stored one was run with more.
    """

    question = "What falls first: the loss, or a skill?"
    State = RaceState
    Kind = RaceRun
    size = (8.6, 4.0)
    file = "02_race"
    thorough: ClassVar = {"n_documents": 64, "n_questions": 64, "n_orders": 5}

    def __init__(
        self,
        model: ModelLike | str = "lab/deep",
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
        from ..experiments.race import racing

        plans, counts = self._plans(), range(self._most() + 1)
        loss = yield from between(0.0, 0.5, racing(self.model, plans, self._documents(TRUE), counts))
        asked, skills = {probe: self._asked(probe) for probe in PROBES.values()}, {}
        for done, (probe, measure) in enumerate(asked.items()):
            steps = racing(self.model, plans, None, counts, measure)
            skills[probe] = yield from between(0.5 + 0.125 * done, 0.625 + 0.125 * done, steps)
        chances = {probe: sum(1 / len(one.options) for one in measure.questions) / self.n_questions
                   for probe, measure in asked.items()}  # fmt: skip
        orders = {name: tuple(f"{e.kind.removeprefix('drop_')} {e.layer}" for e in plan)
                  for name, plan in plans.items() if name != "random"}  # fmt: skip
        return RaceRun.of_races(self.model_name, loss, self._guess(), skills, chances, orders)

    def _plans(self) -> dict[str, Plan | list[Plan]]:
        """Return each strategy's plan to the end; random ones are several."""
        from ..method.dropping import one_shot
        from ..method.metrics import Cosine, RandomOrder

        most, scores = self._most(), Cosine()(self.model, self._documents(SCORED))
        parts = ("attention", "mlp", "block", "joint")
        plans = {part: one_shot(self.model, None, most, part, lambda *_: scores) for part in parts}
        orders = [RandomOrder(seed) for seed in range(self.n_orders)]
        return plans | {"random": [one_shot(self.model, None, most, "joint", order) for order in orders]}

    def _documents(self, seed: int) -> list:
        texts = world.documents("stories", self.n_documents, seed=seed, split="test")
        return [self.model.encode(one.text) for one in texts]

    def _asked(self, probe: str) -> Any:
        from labkit.measurements import ChoiceMeasure, as_questions

        makers = {
            "copying": world.copying_questions,
            "lantern": world.questions,
            "facts": world.facts_questions,
            "recall": world.recall_questions,
        }
        return ChoiceMeasure(tuple(as_questions(self.model, makers[probe](self.n_questions, 0, "test"))))

    def _guess(self) -> float:
        """Return the loss of guessing tokens by their frequency in training stories, one added to each count."""
        texts = world.documents("stories", GUESSED, seed=0, split="train")
        counts = Counter(int(i) for one in texts for i in self.model.encode(one.text)[1:])
        vocabulary = self.model.model.get_input_embeddings().weight.shape[0]
        total = sum(counts.values()) + vocabulary
        scored = [int(i) for ids in self._documents(TRUE) for i in ids[1:]]
        return -sum(math.log((counts[i] + 1) / total) for i in scored) / len(scored)

    def how(self) -> str:
        return (
            f"one-shot order by 1 - cosine on {self.n_documents} held-out stories of seed {SCORED}; loss on as many of "
            f"seed {TRUE}, {self.n_questions} questions of seed 0 a skill, {self.n_orders} random orders (seeds from 0)"
        )

    def view(self, measured: RaceRun, state: RaceState) -> RaceData:
        return RaceData(state.gone, state.probe, measured)

    def presets(self) -> Sequence[RaceState]:
        most = self.controls[0].high
        return [RaceState(gone) for gone in sorted({1, -(-most // 4), -(-2 * most // 3)})]

    def restored(self, state: RaceState) -> RaceState:
        return RaceState(0, state.probe)

    def code(self, state: RaceState) -> str:
        return code_of(self.model_name, state, self.number("n_documents"), self.number("n_questions"))

    def draw(self, data: Any, figure: Any) -> None:
        from ..figures.race_steps import paint

        paint(data, figure)

    def sentence(self, data: Any) -> str:
        return sentence_of(data)

    def table(self, data: Any) -> Table:
        return table_of(data)


def _spoken(probe: str) -> str:
    return next(words for words, name in PROBES.items() if name == probe)


def sentence_of(data: RaceData) -> str:
    """Return what the picture shows, in words."""
    race, whole, k = data.race, data.race.intact[data.probe], data.gone
    start = (
        f"{race.model} intact: loss {race.base.value:.3f} nats a token, {_spoken(data.probe)} {percent(whole.value)}"
    )
    start += f" right (chance {percent(whole.null)}). "
    unknown = "" if whole.excludes(whole.null) else "Even intact this skill cannot be told from chance. "
    if not k:
        return start + unknown + "Nothing is gone yet."
    said = []
    for name in race.loss:
        loss, skill = race.loss[name][k], race.probes[data.probe][name][k]
        said.append(f"{NAMES[name]} {signed(loss.value, 2)} and {percent(skill.value)}")
    says = f"{start}{unknown}With {k} gone, loss and skill: {'; '.join(said)}."
    return says if unknown else says + _first(data)


def _first(data: RaceData) -> str:
    """Say where the skill has lost a larger share of itself than the loss of what was learnt."""
    gaps = {name: data.kept_loss(name) - data.kept_skill(name) for name in data.race.loss}
    name = max(gaps, key=gaps.__getitem__)
    kept, skill = max(0.0, data.kept_loss(name)), max(0.0, data.kept_skill(name))
    if gaps[name] < 0.05:
        return " Nowhere has the skill fallen further than the loss."
    return (
        f" The skill has fallen furthest, compared with the loss, for {NAMES[name]}: {percent(kept)} of what the loss "
        f"had won over guessing by frequency is left, {percent(skill)} of the skill above chance."
    )


def table_of(data: RaceData) -> Table:
    """Return loss and skill of every strategy with their intervals."""
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


def code_of(name: str, state: RaceState, documents: int, questions: int) -> str:
    """Return the lines that race every strategy to `state.gone` parts gone."""
    makers = {"copying": "copying_questions", "lantern": "questions", "facts": "facts_questions",
              "recall": "recall_questions"}  # fmt: skip
    return "\n".join([
        "import labkit",
        "from labkit import world",
        "from labkit.measurements import ChoiceMeasure, as_questions",
        "from labkit.papers.what_matters import RandomOrder, one_shot, race",
        "",
        f"model, gone = labkit.load({name!r}), {state.gone}",
        "",
        "def stories(seed):",
        f"    texts = world.documents('stories', {documents}, seed=seed, split='test')",
        "    return [model.encode(one.text) for one in texts]",
        "",
        "plans = {part: one_shot(model, stories(1), gone, part) for part in ('attention', 'mlp', 'block', 'joint')}",
        "plans['random'] = one_shot(model, None, gone, 'joint', RandomOrder(0))  # one order of several",
        f"asked = as_questions(model, world.{makers[state.probe]}({questions}, 0, 'test'))",
        "losses = race(model, plans, stories(0), [gone])",
        "skills = race(model, plans, None, [gone], ChoiceMeasure(tuple(asked)))",
        "print(losses, *(f'{name} {line[0]}' for name, line in skills.measured.items()), sep='\\n')",
    ])  # fmt: skip
