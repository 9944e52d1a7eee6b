"""From a context to the next concept, with any of the models, and from a first sentence to the end of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.base.errors import BadInput

from .models import BaseLCM
from .quantise import QuantLCM
from .sampling import PLAIN, Film, Knobs, sample
from .schedule import Schedule
from .space import ConceptSpace

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Told", "film_of", "next_concepts", "tell"]

STOP = 0.9  # s_eot and s_prev: how alike (cosine) a concept must be to the end of a text, or to the one before it


@torch.no_grad()
def next_concepts(
    model: ModelLike, x_BNC: Tensor, generator: torch.Generator, knobs: Knobs = PLAIN, schedule: Schedule | None = None
) -> Tensor:
    """Return one concept after each context [B, C]: Base answers, the others draw."""
    if isinstance(model, BaseLCM):
        with torch.no_grad():
            return model(x_BNC)[:, -1]
    if isinstance(model, QuantLCM):
        return model.sample(x_BNC, generator, guidance=knobs.guidance)
    return film_of(model, x_BNC, generator, knobs, schedule).guess_SBC[-1]


def film_of(
    model: ModelLike, x_BNC: Tensor, generator: torch.Generator, knobs: Knobs = PLAIN, schedule: Schedule | None = None
) -> Film:
    """Return what a diffusion model saw and guessed on its way to one concept after each context."""
    shape = (len(x_BNC), x_BNC.shape[2])
    return sample(lambda x, t, seen: model.next(x_BNC, x, t, seen), shape, schedule or Schedule(), knobs, generator)


@dataclass(frozen=True)
class Told:
    """A text: its sentences with the given ones first, and why it ended ("end of text", "repeats", "long enough")."""

    sentences: tuple[str, ...]
    ended: str

    def table(self) -> str:
        """Return one sentence a line."""
        return "\n".join([*self.sentences, f"({self.ended})"])


def tell(
    model: ModelLike,
    space: ConceptSpace,
    texts: list[str],
    *,
    language: str | int = 0,
    knobs: Knobs = PLAIN,
    seed: int = 0,
    longest: int = 6,
    stop_end: float | None = STOP,
    stop_repeat: float | None = STOP,
) -> Told:
    """Return the text that begins with `texts` and goes on in a language until a stop rule says that it is over.

    What was drawn is what is read next: the concept itself, not its words. Raises `BadInput` for no text at all.
    """
    if not texts:
        raise BadInput(
            "There is nothing to go on from.", expected="at least one sentence", do="give the first sentence"
        )
    space.must_hold(model)
    generator = torch.Generator().manual_seed(seed)
    x_1NC, said = space.encode_texts(texts)[None], list(texts)
    while len(said) < longest:
        z_1C = next_concepts(model, x_1NC, generator, knobs)
        if stop_end is not None and _alike(z_1C[0], space.end_C) > stop_end:
            return Told((*said,), "end of text")
        if stop_repeat is not None and _alike(z_1C[0], x_1NC[0, -1]) > stop_repeat:
            return Told((*said,), "repeats")
        x_1NC = torch.cat([x_1NC, z_1C[None]], dim=1)
        said += space.decode(z_1C, language)
    return Told((*said,), "long enough")


def _alike(a_C: Tensor, b_C: Tensor) -> float:
    return float(F.cosine_similarity(a_C, b_C, dim=0))
