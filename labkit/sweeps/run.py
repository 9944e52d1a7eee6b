"""`sweep`: many plans, one model, one text; with progress, cancel, resume, and nothing lost on the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from threading import Event
from typing import TYPE_CHECKING

from torch import nn

from labkit.anatomy import in_eval_mode
from labkit.base.errors import BadInput, unknown
from labkit.interventions import Plan
from labkit.measurements.measures import KLMeasure, LossMeasure, Measure
from labkit.measurements.runs import checked_documents

from .engine import Engine
from .in_progress import Step, SweepInProgress, header_of, to_resume
from .keys import plan_key
from .reach import first_touched
from .result import Sweep

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["sweep"]

MEMORY = 256 << 20  # bytes of kept streams
MEASURES: dict[str, type] = {"loss": LossMeasure, "kl": KLMeasure}


def sweep(
    model: ModelLike,
    plans: Iterable,
    documents: Sequence | None = None,
    measure: str | Measure = "loss",
    *,
    path: str | os.PathLike | None = None,
    resume: Sweep | None = None,
    progress: Callable[[Step], None] | None = None,
    cancel: Callable[[], bool] | Event | None = None,
    engine: str = "prefix",
    memory: int = MEMORY,
) -> Sweep:
    """Measure every plan on one model and one text and return the Sweep; the model is left as it was.

    plans: plans, edits, or lists of edits (see `every_sublayer`, `every_block`, `weights`).
    documents: token-id lists, or texts for a handle; a measure of its own documents (multiple choice) needs none.
    measure: "loss", "kl", or a measure (see `labkit.measurements.measures`).
    path: where the sweep is kept. Plans found done there are not measured again; what is done is saved on the way
    and after a cancel, an error or a Ctrl-C. resume: the same from memory, where there is no file yet.
    progress: called with a `Step` after each plan. cancel: an Event, or a function asked between passes.
    engine: "plain" runs every plan from the first block. memory: bytes that kept streams may take.

    Raises `BadInput` when the sweep to resume is of another model, text, measure or list of plans.

    >>> model = labkit.load("lab/tiny")
    >>> found = labkit.sweep(model, [labkit.DropAttention(0), labkit.DropMLP(0)], [labkit.world.story(7).text])
    >>> [(point.label, round(point.change.value, 1)) for point in found]
    [('drop attention of layer 0', 4.1), ('drop MLP of layer 0', 12.8)]
    """
    if engine not in ("prefix", "plain"):
        raise unknown("engine", engine, ("prefix", "plain"))
    measured = _measure(measure)
    planned = _planned(plans)
    if documents is None:  # what multiple choice reads may be one token: it scores the answer, which is not read
        texts = checked_documents(model, getattr(measured, "documents", ()), shortest=1)
    else:
        texts = checked_documents(model, documents)
    cancelled = cancel.is_set if isinstance(cancel, Event) else cancel or _never
    # Resolving every address first: a misspelt one is told before anything has run.
    first = [first_touched(model, plan) for plan in planned]

    def work(module: nn.Module) -> Sweep:
        header = header_of(model, planned, texts, measured)
        old = to_resume(header, resume, path)
        done = {} if old is None else old.values
        todo = [number for key, number in _once(planned).items() if key not in done]
        if old is not None and not todo:
            return old
        runner = Engine(model, texts, measured)
        wanted = (first[number] for number in todo)
        intact = runner.prepare(wanted, header["fingerprint"], memory, plain=engine == "plain")
        making = SweepInProgress(header, old, runner, intact, path)
        try:
            for number in todo:
                scores = runner.scores(planned[number], first[number], cancelled)
                if scores is None:
                    break
                making.add(planned[number], scores, progress)
        finally:
            making.save()
        return making.sweep()

    return in_eval_mode(model, work)


def _measure(measure: str | Measure) -> Measure:
    if not isinstance(measure, str):
        return measure
    if measure not in MEASURES:
        raise unknown("measure", measure, MEASURES)
    return MEASURES[measure]()


def _planned(plans: Iterable) -> list[Plan]:
    planned = [Plan(plan) for plan in plans]
    if not planned:
        raise BadInput("A sweep was asked of no plans.", expected="at least one, for example every_sublayer(model)")
    return planned


def _once(plans: list[Plan]) -> dict[str, int]:
    """Return the place of each plan by its key, the first where plans are equal."""
    places: dict[str, int] = {}
    for place, plan in enumerate(plans):
        places.setdefault(plan_key(plan), place)
    return places


def _never() -> bool:
    return False
