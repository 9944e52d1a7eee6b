"""Cross-model transfer: z learned on one model, laid on another by its order in the spectrum (section 4.3, table 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from labkit.interventions import edit

from ..method.bank import Expert
from ..task import DOMAINS, UNSEEN
from .grading import Grades, grade
from .waking import Controls

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["transplant"]


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
