"""One layer's reading of another at several strengths: an edit of a trained router, and what the model then makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.interventions import edit

from ..method.edits import SetRouter, routers_of
from ..task import Expressions
from .reading import Solved, losses

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["RoutesData", "scaled", "scaled_losses"]


@dataclass(frozen=True)
class RoutesData:
    """Loss (nats a token) and share solved at every strength of an edge; one question answered before and after."""

    edge: tuple[int, int]
    strength: float
    curve: tuple[tuple[float, float, float], ...]  # strength, loss, share solved
    now: tuple[float, float]
    intact: tuple[float, float]
    before: Solved
    after: Solved


def scaled(model: ModelLike, edge: tuple[int, int], strength: float) -> SetRouter:
    """Return the edit that multiplies all entries by which the first layer of an edge reads the second."""
    reader, source = edge
    router = routers_of(model)[reader]
    matrix, first = router.weight.detach().clone(), router.layers.index(source) * router.heads
    matrix[:, first : first + router.heads] *= strength
    return SetRouter(reader, matrix.tolist())


def scaled_losses(model: ModelLike, edge: tuple[int, int], strength: float, rows: Expressions) -> tuple[float, float]:
    """Return the loss (nats a token) and the share solved with an edge at a strength."""
    with edit(model, scaled(model, edge, strength)):
        loss_N, right_N = losses(model, rows)
    return float(loss_N.mean()), float(right_N.double().mean())
