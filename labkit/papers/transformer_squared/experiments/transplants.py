"""Cross-model transfer: z learned on one model, laid on another by its order in the spectrum (section 4.3, table 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from labkit.interventions import edit

from ..method.bank import Expert
from ..task import DOMAINS, UNSEEN
from .grading import Grades, grade
from .strategies import few_shots
from .waking import Controls

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["transplant", "transplant_by_few_shots"]


def transplant(
    model: ModelLike, donors: Mapping[str, Expert], own: Mapping[str, Expert], n: int = 500, seed: int = 1
) -> dict[str, Controls]:
    """Return by domain the grades of a model, of it with its own z, and with a donor's: ordered, shuffled, smoothed.

    donors, own: experts by domain. Each domain is graded on the task its expert was trained on and on the unseen one.
    """
    made = {}
    for domain, donor in donors.items():
        tasks: Sequence[str] = (DOMAINS[domain], UNSEEN[domain])
        there = donor.for_model(model)
        variants = {
            "own z": own[domain],
            "ordered": there,
            "shuffled": there.shuffled(seed),
            "smoothed": there.smoothed(),
        }
        grades: dict[str, Grades] = {"base": grade(model, tasks, n)}
        for name, one in variants.items():
            with edit(model, *one.edits()):
                grades[name] = grade(model, tasks, n)
        made[domain] = Controls(grades)
    return made


def transplant_by_few_shots(
    model: ModelLike,
    donors: Mapping[str, Expert],
    own: Mapping[str, Expert],
    *,
    shots: int = 10,
    rounds: int = 10,
    n: int = 1000,
    seed: int = 0,
) -> Controls:
    """Return grades of a model on the unseen tasks: as it is, with experts laid on it, and with mixtures of them.

    donors, own: experts by domain. Each variant of them comes twice. Alone, an unseen task gets the expert of its own
    domain at full strength. In a mixture, the cross-entropy method finds the shares of all experts on `shots` questions
    of the task. Shuffled and flattened experts tell what the search can do without the order of the spectrum.
    """
    there = {domain: one.for_model(model) for domain, one in donors.items()}
    variants = {
        "own z": own,
        "ordered": there,
        "shuffled": {domain: one.shuffled(seed) for domain, one in there.items()},
        "smoothed": {domain: one.smoothed() for domain, one in there.items()},
        "flattened": {domain: one.flattened() for domain, one in there.items()},
    }
    grades = {"base": grade(model, tuple(UNSEEN.values()), n)}
    for name, bank in variants.items():
        alone, mixed = {}, {}
        for domain, expert in bank.items():
            task = UNSEEN[domain]
            with edit(model, *expert.edits()):
                alone |= grade(model, (task,), n).right
            mixed |= few_shots(model, bank, task, shots=shots, rounds=rounds, n=n, seed=seed).grades.right
        grades |= {name: Grades(alone), f"{name}, mixed": Grades(mixed)}
    return Controls(grades)
