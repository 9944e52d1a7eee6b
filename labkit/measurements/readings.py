"""What a model makes of one text: the next word, the loss, and how it goes on; and ready texts to ask about.

Shapes: L tokens, V vocabulary. Nothing needs torch before a model is asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import eq
from typing import TYPE_CHECKING, Any

from labkit import world
from labkit.base.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Day", "Reading", "candidates", "day_of", "first_pieces", "read", "readable", "some_days"]

MOST_WORDS = 6  # candidates shown
MOST_PROBABLE = 4  # pieces shown where the text names nobody to choose from
GO_ON = 12  # tokens a model goes on by


@dataclass(frozen=True)
class Day:
    """A ready text: a day in the world up to its question, the words that may answer it, and the one that does."""

    title: str
    text: str
    words: tuple[str, ...]  # each with its space
    right: str


@dataclass(frozen=True)
class Reading:
    """What a model makes of a text: probability of each candidate as the next word, cross-entropy, and how it goes on.

    A word of several pieces counts by its first piece. loss: nats per token, over all tokens but the first.
    """

    probabilities: tuple[float, ...]
    loss: float
    goes_on: str


def candidates(text: str) -> tuple[str, ...]:
    """Return the residents whom a text names, in order; empty when there are fewer than two to choose from."""
    named = dict.fromkeys(name for name in re.findall(r"[A-Z][a-z]+", text) if name in world.canon.NAMES)
    return tuple(f" {name}" for name in named)[:MOST_WORDS] if len(named) > 1 else ()


def some_days(n: int = 3) -> tuple[Day, ...]:
    """Return ready texts for any model: the first days of the test split."""
    return tuple(day_of(question) for question in world.questions(n, seed=0))


def day_of(question: world.Question) -> Day:
    """Return a question about a story as a ready text."""
    names = [option.strip() for option in question.options]
    title = f"a day of {', '.join(names[:-1])} and {names[-1]}"
    return Day(title, question.prompt, question.options, question.options[question.answer])


def first_pieces(handle: Any, text: str, words: Sequence[str]) -> list[int]:
    """Return the first token of each word as it follows `text`."""
    length = len(handle.encode(text))
    return [int(handle.encode(text + word)[length]) for word in words]


def read(handle: Any, ids_L: Tensor, first: Sequence[int], go_on: int = GO_ON, guess: Sequence[int] = ()) -> Reading:
    """Return what the model as it now is makes of a text; `first` holds the first piece of each candidate.

    guess: how it may go on. As far as it does, one pass reads what would otherwise take a pass for each token
    (speculative decoding); what is returned is the same.
    """

    import torch
    from torch.nn import functional

    from labkit.anatomy import in_eval_mode
    from labkit.zoo.finite import tell_not_finite

    def work(module: nn.Module) -> Reading:
        drafted = list(guess)[: max(0, go_on - 1)]
        ids_BL = torch.cat((ids_L, ids_L.new_tensor(drafted)))[None]
        output, length = module(ids_BL, use_cache=True), len(ids_L)
        tell_not_finite(module, ids_BL, output)
        logits_LV = output.logits[0, :length].float()
        loss = functional.cross_entropy(logits_LV[:-1], ids_BL[0, 1:length])
        probabilities = logits_LV[-1].softmax(-1)[list(first)]
        said = handle.decode(_go_on(module, output, drafted, length, handle.end, go_on)).strip()
        return Reading(tuple(probabilities.tolist()), loss.item(), said)

    return in_eval_mode(handle, work)


def _go_on(module: nn.Module, output: Any, drafted: list[int], length: int, end: int | None, most: int) -> list[int]:
    """Return the likeliest next tokens, going on from a text of `length` and a draft that were read with a cache.

    Where the draft goes wrong, what the model expected after that place is the next draft (Jacobi decoding: Santilli
    et al. 2023): one more pass for each loss, not for each token.
    """
    import torch

    likeliest = output.logits[0, length - 1 :].argmax(-1).tolist()
    said, cache = [], output.past_key_values
    while True:
        right = sum(1 for _ in takewhile(bool, map(eq, drafted, likeliest)))
        said += likeliest[: right + 1]
        if end in said or len(said) >= most:
            return said[: said.index(end)] if end in said else said[:most]
        if right < len(drafted):
            cache.crop(length + len(said) - 1)
        drafted = likeliest[right + 1 :]
        fresh_BL = torch.tensor([[said[-1], *drafted]], device=output.logits.device)
        output = module(fresh_BL, past_key_values=cache, use_cache=True)
        likeliest = output.logits[0].argmax(-1).tolist()


def readable(handle: Any, text: str, room: int = GO_ON) -> Tensor:
    """Return a text as token ids [L]; raise `BadInput` when the model cannot read it and go on by `room` tokens."""
    ids_L = handle.encode(text)
    config = handle.model.config
    context = getattr(config, "context", None) or getattr(config, "max_position_embeddings", None)
    if context is not None and len(ids_L) + room > context:
        raise BadInput(
            f"The text has {len(ids_L)} tokens.",
            expected=f"at most {context - room}, so that the model can read it and go on",
            do="shorten it",
        )
    if len(ids_L) < 2:
        raise BadInput("The text is a single token.", expected="at least two", do="write a sentence")
    return ids_L
