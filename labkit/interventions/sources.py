"""Where a replacement for an activation comes from: told by provenance, measured on the intact model when needed."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from labkit.anatomy import anatomy_of, record
from labkit.base.errors import BadInput, unknown
from labkit.models import Decoder
from labkit.zoo import Handle, ModelLike

from .edits import Source, whole_number
from .plan import Plan

__all__ = ["FromRun", "Mean", "Source", "Zero", "encoded"]


@dataclass(frozen=True)
class Zero(Source):
    """Zeros at every position."""

    def values(self, model: ModelLike, site: str) -> Tensor:
        """Return one zero, for all channels."""
        return torch.zeros(1)

    def __str__(self) -> str:
        return "zero"


@dataclass(frozen=True)
class Mean(Source):
    """The mean at the site over all positions of the first `n` documents of a part of the world, such as "stories"."""

    corpus: str
    n: int
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or not isinstance(self.n, int) or self.n < 1:
            raise BadInput(f"n = {self.n!r} documents have no mean.", expected="a whole number from 1 up")
        whole_number("seed", self.seed)

    def values(self, model: ModelLike, site: str) -> Tensor:
        """Return the mean [C]."""
        from labkit import world  # only this source reads it

        if self.corpus not in world.PARTS:
            raise unknown("part of the world", self.corpus, world.PARTS)
        total, count = torch.zeros(1), 0
        for document in world.documents(self.corpus, self.n, self.seed):
            seen = record(model, encoded(model, document.text, document=True), [site])[site]
            total = total + seen.cpu().double().flatten(0, -2).sum(0)
            count += seen[..., 0].numel()
        return (total / count).float()

    def __str__(self) -> str:
        return f"the mean over {self.n} {self.corpus}"


@dataclass(frozen=True)
class FromRun(Source):
    """What is at the site, position by position, while the model runs a text (or token ids) under a plan."""

    text: str | tuple[int, ...]
    plan: Plan = field(default_factory=Plan)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            object.__setattr__(self, "text", tuple(map(int, self.text)))
        object.__setattr__(self, "plan", Plan(self.plan))

    def values(self, model: ModelLike, site: str) -> Tensor:
        """Return what was there [L, C]."""
        from .editing import edit  # an edit may contain a source, and a source a plan of edits

        ids = encoded(model, self.text)
        with edit(model, self.plan):
            return record(model, ids, [site])[site][0]

    def __str__(self) -> str:
        shown = repr(self.text) if isinstance(self.text, str) else f"{len(self.text)} token ids"
        return f"its values on {shown}" + (f" under: {'; '.join(map(str, self.plan))}" if self.plan else "")


def encoded(model: ModelLike, text: str | tuple[int, ...], document: bool = False) -> Tensor:
    """Return the token ids [L] of a text (with its end, if it is a whole document), or ids as they are, checked."""
    rows = anatomy_of(model).embed.weight.shape[0]
    if not isinstance(text, str):
        ids = torch.tensor(text, dtype=torch.long)
    elif document:
        ids = _speaker(model).encode_documents([text])[0]
    else:
        ids = _speaker(model).encode(text)
    if not len(ids) or int(ids.min()) < 0 or int(ids.max()) >= rows:
        raise BadInput(f"{text!r} cannot be run.", expected=f"at least one token id, each from 0 to {rows - 1}")
    return ids


def _speaker(model: ModelLike) -> Handle:
    """Return the handle that can encode for a model: its own, or the world's tokenizer for a bare decoder of ours."""
    if isinstance(model, Handle):
        return model
    from labkit import world

    tokenizer = world.tokenizer()
    if not isinstance(model, Decoder) or model.config.vocab != tokenizer.vocab_size:
        raise BadInput(
            f"A text cannot be encoded for this bare {type(model).__name__}.",
            expected="a model with its own tokenizer, or a decoder of ours that reads the world's pieces",
            do="pass what labkit.load returned, or token ids instead of a text",
        )
    return Handle(type(model).__name__, model, tokenizer)
