"""One cut model while it is trained on, measured on the way."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from labkit.anatomy import anatomy_of
from labkit.interventions import healing, shrink
from labkit.measurements import choice_accuracy, loss
from labkit.panels.jobs import Progress

from ..method.dropping import one_shot
from .healing import CUTS, EVERY, HealCurve

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["healing_curve"]


def healing_curve(
    model: ModelLike, cut: str, scored: Sequence, read: Sequence, asked: Sequence, n_steps: int
) -> Generator[float, None, HealCurve]:
    """Train one copy, measuring it before, every few steps and at the end; yield progress, with the curve so far.

    scored: documents by which the parts are chosen. read, asked: documents and questions of the measurements.
    """
    part, n = CUTS[cut]
    plan = one_shot(model, scored, min(n, anatomy_of(model).depth - 1), part)
    yield 0.02
    gone = tuple(f"{edit.kind.removeprefix('drop_')} {edit.layer}" for edit in plan)

    def look(step: int, tokens: int, now: ModelLike) -> tuple:
        return step, tokens, loss(now, read), choice_accuracy(now, asked)

    seen = [look(0, 0, shrink(model, plan) if len(plan) else model)]
    yield Progress(0.05, HealCurve(gone, *zip(*seen)))
    for healed in healing(model, plan, steps=n_steps):
        step, tokens = healed.log[-1]["step"], healed.log[-1]["tokens"]
        if step % EVERY == 0 or step == n_steps:
            seen.append(look(step, tokens, healed.model))
            yield Progress(step / n_steps, HealCurve(gone, *zip(*seen)))
        else:
            yield step / n_steps
    return HealCurve(gone, *zip(*seen))
