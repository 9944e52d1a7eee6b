"""Readers: the contextualisation decoder of lab/deep, its baseline, two checks, and adapters for single levels.

All start from the same blocks and read the same documents for as many steps; what they are given differs (`KINDS`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from labkit import world
from labkit.anatomy import module_of
from labkit.base.errors import unknown
from labkit.models import Decoder, DecoderConfig
from labkit.training import Fit, Fitted, fit
from labkit.zoo import Handle, load

from ..method.contextualiser import Adapter, Contextualiser, windows
from ..method.states import levels as levels_of
from ..method.states import states_of
from ..method.storage import Reader, load_reader

__all__ = [
    "KINDS",
    "READER_FIT",
    "SINGLE_FIT",
    "SINGLE_LEVELS",
    "contextual_loss",
    "draw",
    "new_reader",
    "of_others",
    "shown",
    "story_ids",
    "train_reader",
    "train_single",
    "words_before",
]

SUBJECT = "lab/deep"
BLOCKS = (0, 1, 2, 11)  # of the subject: what the decoder starts from; of the choices tried, they write best together
WINDOW = 16  # words before a token that are to be rebuilt
DOCUMENTS, DOCUMENT_SEED = 4000, 1000
PER_STEP, PER_DOCUMENT = 8, 32  # documents in a batch, tokens looked at in each
READER_FIT = Fit(steps=500, lr=1e-3, warmup=30, weight_decay=0.01, last_lr=0.02)
EMPTY_SHARE = 0.5  # of the baseline's rows get nothing at all, the others their own word
KINDS: dict[str, dict[str, Any]] = {
    "reader": {},
    "own_word": {"given": (0,), "empty": EMPTY_SHARE},
    "nothing": {"given": (0,), "empty": 1.0},
    "shuffled": {"shuffled": True},
}

SINGLE_LEVELS = (0, 3, 6, 12)
SINGLE_FIT = Fit(steps=100, lr=3e-3, warmup=15, weight_decay=0.01, last_lr=0.02)


def new_reader(subject: Handle, levels: int, seed: int = 0, *, blocks: Sequence[int] | None = BLOCKS) -> Contextualiser:
    """Return a fresh reader: adapter at random, decoder from some of the subject's blocks, embedding frozen.

    blocks: which ones; None is the paper's full copy. A subject of another make (from the hub) lends its embedding
    alone: as many blocks are then drawn by `seed`.
    """
    ours, embedding = isinstance(subject.model, Decoder), module_of(subject).get_input_embeddings().weight
    chosen = range(len(levels_of(subject)) - 1) if blocks is None else blocks
    vocab, width = embedding.shape
    if ours:
        shape = {"heads": subject.model.config.heads, "ffn": subject.model.config.ffn}
    else:
        shape = {"heads": math.gcd(width, subject.model.config.num_attention_heads), "ffn": 3 * width}
    config = DecoderConfig(vocab=vocab, width=width, depth=len(chosen), context=WINDOW, **shape)
    reader = Contextualiser.empty(config, levels)
    reader.adapter.initialise(torch.Generator().manual_seed(seed))
    reader.decoder.load_state_dict(config.build(seed).state_dict())
    if ours:
        for mine, block in zip(reader.decoder.trunk.blocks, chosen):
            mine.load_state_dict(subject.model.trunk.blocks[block].state_dict())
        reader.decoder.norm.load_state_dict(subject.model.norm.state_dict())
    with torch.no_grad():
        reader.decoder.embed.weight.copy_(embedding)
    reader.decoder.embed.weight.requires_grad_(False)
    return reader


@cache
def story_ids(subject: Handle, seed: int = DOCUMENT_SEED, n: int = DOCUMENTS, split: str = "train") -> list[list[int]]:
    """Return `n` stories as lists of token ids, begin and end included; kept once they are made."""
    made = world.documents("stories", n, seed, split)
    return [ids.tolist() for ids in subject.encode_documents([one.text for one in made])]


def draw(texts: Sequence[Sequence[int]], seed: int, n: int, per_text: int) -> list[tuple[Tensor, Tensor]]:
    """Return `n` texts, ids [L], each with the positions [P] looked at in it; drawn by `seed` alone."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for number in torch.randint(len(texts), (n,), generator=generator).tolist():
        ids = torch.tensor(texts[number])
        found.append((ids, torch.randperm(len(ids) - 2, generator=generator)[:per_text] + 2))
    return found


def contextual_loss(
    subject: Handle,
    seed: int,
    given: Sequence[int] | None = None,
    *,
    empty: float = 0.0,
    shuffled: bool = False,
    texts: Sequence[Sequence[int]] | None = None,
    per_step: int = PER_STEP,
) -> Callable[[Contextualiser, int], Tensor]:
    """Return C per token of a batch, as the loss of a step.

    given: the levels of the subject that the reader is shown (default: all). empty: the share of rows that are shown
    nothing instead: states of 0, of which the adapter makes a constant that is learned (e = 0 itself would leave the
    first word at log V, since nothing in a decoder without biases moves a stream of 0). shuffled: each row is shown a
    token of another document of the batch. texts: token ids to train on (default: stories of the islands).
    """
    texts = story_ids(subject) if texts is None else texts

    def loss_at(reader: Contextualiser, step: int) -> Tensor:
        batch = draw(texts, 10_000 * seed + step, per_step, PER_DOCUMENT)
        shown_BSD = shown(subject, batch, given)
        if shuffled:
            shown_BSD = of_others(shown_BSD)
        if empty:
            empty_B = torch.arange(len(shown_BSD)) % round(1 / empty) == 0
            shown_BSD = shown_BSD.masked_fill(empty_B[:, None, None], 0.0)
        before_BK = words_before(batch)
        return reader.loss(reader.embed(shown_BSD), before_BK).sum() / (before_BK >= 0).sum()

    return loss_at


def shown(subject: Handle, batch: Sequence[tuple[Tensor, Tensor]], given: Sequence[int] | None) -> Tensor:
    """Return the states [B, S, D] of the tokens looked at, at the levels given."""
    which = slice(None) if given is None else list(given)
    return torch.cat([states_of(subject, ids)[which][:, at].transpose(0, 1) for ids, at in batch])


def words_before(batch: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the window [B, K] before each token looked at."""
    return torch.cat([windows(ids, at.tolist(), WINDOW) for ids, at in batch])


def of_others(h_BSD: Tensor) -> Tensor:
    """Return the rows half a batch further on, which are of other documents, and any of their tokens."""
    return h_BSD.roll(len(h_BSD) // 2, 0)


def train_reader(
    kind: str,
    *,
    seed: int = 0,
    settings: Fit = READER_FIT,
    subject: Handle | None = None,
    texts: Sequence[Sequence[int]] | None = None,
    blocks: Sequence[int] | None = BLOCKS,
    watch: Any = None,
) -> tuple[nn.Module, Fitted]:
    """Return a trained reader of one of `KINDS` for a subject (default: lab/deep), and how the fit went.

    texts, blocks: see `contextual_loss` and `new_reader`.
    """
    if kind not in KINDS:
        raise unknown("kind of reader", kind, list(KINDS))
    subject = load(SUBJECT) if subject is None else subject
    levels = len(KINDS[kind].get("given", levels_of(subject)))
    reader = new_reader(subject, levels, seed, blocks=blocks)
    return reader, fit(reader, contextual_loss(subject, seed, texts=texts, **KINDS[kind]), settings, watch=watch)


def train_single(
    given: Sequence[int],
    *,
    seed: int = 0,
    settings: Fit = SINGLE_FIT,
    subject: Handle | None = None,
    texts: Sequence[Sequence[int]] | None = None,
) -> tuple[Reader, Fitted]:
    """Return the shipped reader with an adapter of its own for some levels, its decoder as it was.

    The adapter's two matrices start from the shipped ones, so that what is learned is how to read these levels.
    """
    reader = load_reader("microscope/reader", subject)
    shipped, own = reader.model.adapter, Adapter(len(given), reader.model.decoder.config.width)
    own.initialise(torch.Generator().manual_seed(seed))
    for mine, theirs in ((own.up, shipped.up), (own.down, shipped.down)):
        mine.load_state_dict(theirs.state_dict())
    reader.model.adapter = own
    loss = contextual_loss(reader.subject, seed, given, texts=texts, per_step=PER_STEP // 2)
    return reader, fit(reader.model, loss, settings)
