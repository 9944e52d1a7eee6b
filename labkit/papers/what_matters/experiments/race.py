"""The cost of dropping k parts: a measure after 0, 1, 2, … drops of each plan. Cell, panel, claim and file ask here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labkit import world
from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.interventions import Plan
from labkit.measurements import ChoiceMeasure, as_questions
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.measures import Measure
from labkit.measurements.tables import text_table
from labkit.panels.measured import in_slices

from ..method.dropping import one_shot
from ..method.metrics import Cosine, RandomOrder
from .race_steps import QUESTIONS

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Race", "loss_by_frequency", "plans_to_the_end", "race", "racing", "skill"]

Line = tuple[Estimate, ...]
GUESSED = 500  # stories from which frequencies are taken


@dataclass(frozen=True, kw_only=True)
class Race(Result):
    """`lines[name][i]` is the change of the measure after the first `counts[i]` drops of that strategy's plan, and
    `measured[name][i]` the measure itself.

    A strategy that was given several plans (random orders) has the mean over them, with Student's interval over them.
    base: the measure on the intact model.
    """

    model: str
    measure: str
    unit: str
    counts: tuple[int, ...]
    lines: Mapping[str, Line]
    base: Estimate
    measured: Mapping[str, Line] = field(default_factory=dict, repr=False)

    def table(self) -> str:
        """Return one line per strategy."""
        rows = [[name, *(f"{one.value:+.4g}" for one in line)] for name, line in self.lines.items()]
        title = f"Change of {self.measure} ({self.unit}) by parts dropped; intact {self.base.value:.4g}"
        return text_table(["strategy", *map(str, self.counts)], rows, title=title)


def race(
    model: ModelLike,
    strategies: Mapping[str, Plan | Sequence[Plan]],
    documents: Sequence | None,
    counts: Sequence[int],
    measure: str | Measure = "loss",
) -> Race:
    """Measure each strategy's plan cut short to each of `counts` drops, in one sweep.

    strategies: by name, a plan (from `one_shot`, `iterative`), or several to average over.
    Raises `BadInput` for a plan with fewer drops than asked for.
    """
    running = racing(model, strategies, documents, counts, measure)
    while True:
        try:
            next(running)
        except StopIteration as stop:
            return stop.value


def racing(
    model: ModelLike,
    strategies: Mapping[str, Plan | Sequence[Plan]],
    documents: Sequence | None,
    counts: Sequence[int],
    measure: str | Measure = "loss",
) -> Generator[float, None, Race]:
    """Do what `race` does in slices: yield the share that is done, and return the result; the model is free between."""
    plans = {name: [given] if isinstance(given, Plan) else list(given) for name, given in strategies.items()}
    counts = tuple(sorted(set(counts)))
    shortest = min((len(plan) for several in plans.values() for plan in several), default=0)
    if not plans or not counts or counts[0] < 0 or counts[-1] > shortest:
        raise BadInput(
            f"A race of {len(plans)} strategies to {list(counts)} drops.",
            expected=f"at least one strategy and count, from 0 to {shortest}, the drops of the shortest plan",
        )
    cut = {name: [[Plan(plan.edits[:k]) for plan in several] for k in counts] for name, several in plans.items()}
    asked = dict.fromkeys(plan for line in cut.values() for several in line for plan in several)
    found = yield from in_slices(model, asked, documents, measure, every=12)
    lines, measured = (
        {
            name: tuple(_together([getattr(found[plan], what) for plan in several], name) for several in line)
            for name, line in cut.items()
        }
        for what in ("change", "measured")
    )
    about = {"model": found.model, "measure": found.measure, "unit": found.unit, "base": found.base}
    return Race(counts=counts, lines=lines, measured=measured, **about)


def _together(found: list[Estimate], name: str) -> Estimate:
    if len(found) == 1:
        return found[0]
    first, values = found[0], [one.value for one in found]
    return mean_over(values, "orders", method="t", name=f"{first.name}, {name}", unit=first.unit, null=first.null)


def plans_to_the_end(model: ModelLike, documents: Sequence, most: int, n_orders: int) -> dict[str, Plan | list[Plan]]:
    """Return each strategy's one-shot plan of `most` parts, by `Cosine` on the documents; random ones are several."""
    scores = Cosine()(model, documents)
    parts = ("attention", "mlp", "block", "joint")
    plans = {part: one_shot(model, None, most, part, lambda *_: scores) for part in parts}
    orders = [RandomOrder(seed) for seed in range(n_orders)]
    return plans | {"random": [one_shot(model, None, most, "joint", order) for order in orders]}


def skill(model: ModelLike, probe: str, n: int) -> ChoiceMeasure:
    """Return the share of right answers to `n` questions of a skill, as a measure."""
    return ChoiceMeasure(tuple(as_questions(model, getattr(world, QUESTIONS[probe])(n, 0, "test"))))


def loss_by_frequency(model: ModelLike, documents: Sequence) -> float:
    """Return the loss of guessing tokens by their frequency in training stories, one added to each count."""
    texts = world.documents("stories", GUESSED, seed=0, split="train")
    counts = Counter(int(i) for one in texts for i in model.encode(one.text)[1:])
    total = sum(counts.values()) + model.model.get_input_embeddings().weight.shape[0]
    scored = [int(i) for ids in documents for i in ids[1:]]
    return -sum(math.log((counts[i] + 1) / total) for i in scored) / len(scored)
