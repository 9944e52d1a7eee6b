"""A text through three lenses: what tokens hold, how far steps are from linear, what each level would say next.

A view is the names of its rows, its values [rows][tokens] from position 2 on, and the words in its cells or None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from ..method.lens import logit_lens
from ..method.nonlinearity import fit_steps, nonlinearity
from ..method.states import cloud_of, states_of
from ..method.storage import Reader
from .memory import QUANTITIES, read_memory, test_stories

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

    from ..method.linearity import LinearMap

__all__ = ["MicroscopeData", "View", "bent", "common_maps", "held", "said"]

FIRST = 2  # the first position that is looked at; the begin token is 0
REFERENCE, REFERENCE_SEED = 12, 76  # stories on which the linear maps are fitted
View = tuple[tuple[str, ...], tuple[tuple[float, ...], ...], "tuple[tuple[str, ...], ...] | None"]


@dataclass(frozen=True)
class MicroscopeData:
    """The tokens from position 2 on, the rows of the chosen view, and what was rebuilt from the chosen token.

    unknown: words that the model never saw. top: what each level would say next, for the lens.
    """

    tokens: tuple[str, ...]
    view: str
    chosen: int
    rows: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    top: tuple[tuple[str, ...], ...] | None
    token: str
    true: str
    written: str
    right: int
    words: int
    gain: float
    unknown: tuple[str, ...]


def held(readers: tuple[Reader, Reader], ids: Tensor) -> View:
    """Return what each token holds of the words before it, nats a word."""
    memory = read_memory([ids], *readers)
    return QUANTITIES[1:], tuple(tuple(memory.values(name)) for name in QUANTITIES[1:]), None


def common_maps(model: ModelLike) -> list[LinearMap]:
    """Return the linear map of each step, fitted on held-out stories."""
    return fit_steps(cloud_of(model, test_stories(REFERENCE, REFERENCE_SEED, "valid")).h_STD)


def bent(model: ModelLike, maps: list[LinearMap], ids: Tensor) -> View:
    """Return how far each step is from the common linear map, as a share of the step."""
    E_NT = nonlinearity(states_of(model, ids)[:, FIRST:], maps, "relative")
    return tuple(f"into level {n}" for n in range(1, len(E_NT) + 1)), tuple(map(tuple, E_NT.tolist())), None


def said(model: ModelLike, ids: Tensor) -> View:
    """Return what each level would say next, and what the true next word costs there, in nats."""
    lens = logit_lens(model, ids)
    loss_SL = lens.loss[:, FIRST:].tolist()  # of the word after each token; the last token has none
    top = tuple(tuple(model.pieces(row[FIRST:])) for row in lens.top[..., 0].tolist())
    values = tuple((*row, float("nan")) for row in loss_SL)
    return tuple(f"level {level}" for level in range(len(values))), values, top
