"""Pages as padded matrices of bytes or tokens, their entropies, and who starts a patch.

Shapes: N pages, W places of the longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from labkit import world
from labkit.models.decoder import Decoder

from .. import task
from ..method.entropy import entropy_of
from ..method.model import nats_of
from ..method.patching import Entropy, Patcher

__all__ = [
    "Rows",
    "batch_of",
    "byte_rows",
    "entropies_of",
    "mean_size",
    "page_nats",
    "rows_loss",
    "starts_of",
    "token_rows",
]

_AT_ONCE = 50  # rows in one pass


@dataclass(frozen=True)
class Rows:
    """Pages as ids [N, W], begin and end included; `bytes` of each page, its end counted as one; `lengths` in ids."""

    pages: tuple[str, ...]
    ids: Tensor
    bytes: tuple[int, ...]
    lengths: tuple[int, ...]

    @property
    def targets(self) -> Tensor:
        """Which places are predicted [N, W - 1]: all but the begin and what pads the row."""
        return torch.arange(1, self.ids.shape[1]) < torch.tensor(self.lengths)[:, None]


def _rows(pages: Sequence[str], encoded: list[list[int]], bos: int, eos: int) -> Rows:
    lengths = [len(ids) + 2 for ids in encoded]
    table = torch.full((len(pages), max(lengths)), task.PAD, dtype=torch.long)
    for row, ids in zip(table, encoded):
        row[: len(ids) + 2] = torch.tensor([bos, *ids, eos])
    return Rows(tuple(pages), table, tuple(len(page.encode()) + 1 for page in pages), tuple(lengths))


def byte_rows(pages: Sequence[str]) -> Rows:
    """Return pages as rows of bytes."""
    return _rows(pages, [task.byte_ids(page).tolist() for page in pages], task.BOS, task.EOS)


def token_rows(pages: Sequence[str]) -> Rows:
    """Return pages as rows of the world's BPE tokens."""
    tokenizer = world.tokenizer()
    return _rows(pages, tokenizer.encode_batch(pages), tokenizer.bos, tokenizer.eos)


@torch.no_grad()
def entropies_of(model: nn.Module, rows: Rows) -> np.ndarray:
    """Return the entropy in nats before each place after the begin [N, W], the last one that of the place to come."""
    found = []
    for ids in rows.ids.split(_AT_ONCE):
        out = model(ids)
        found.append(entropy_of(out.logits if isinstance(model, Decoder) else out))
    return torch.cat(found).numpy()


def starts_of(rows: Rows, patcher: Patcher, entropies: np.ndarray | None = None) -> Tensor:
    """Return who starts a patch in each row [N, W]; an entropy patcher may be given entropies made before."""
    starts = torch.zeros(rows.ids.shape, dtype=torch.bool)
    for number, length in enumerate(rows.lengths):
        if entropies is not None and isinstance(patcher, Entropy):
            row = patcher.from_entropies(entropies[number, :length])
        else:
            row = patcher.starts(rows.ids[number, 1:length].numpy())
        starts[number, 0] = True
        starts[number, 1:length] = torch.from_numpy(row[: length - 1])
    return starts


def mean_size(rows: Rows, starts: Tensor | None) -> float:
    """Return the mean bytes a patch, begins left out; without patches the mean bytes a token."""
    pieces = sum(rows.lengths) - len(rows.ids) if starts is None else int(starts[:, 1:].sum())
    return sum(rows.bytes) / pieces


@torch.no_grad()
def page_nats(model: nn.Module, rows: Rows, starts: Tensor | None = None) -> list[float]:
    """Return the summed cross-entropy of each page in nats [N]."""
    found: list[float] = []
    for first in range(0, len(rows.ids), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        ids, wanted = rows.ids[part], rows.targets[part]
        logits = model(ids[:, :-1], None if starts is None else starts[part])
        nats = nats_of(logits.logits if isinstance(model, Decoder) else logits, ids[:, 1:])
        found += (nats * wanted).sum(-1).tolist()
    return found


def batch_of(n: int, step: int, seed: int, size: int = 4) -> Tensor:
    """Return which of n pages step `step` reads, each page once before any comes again."""
    per_epoch = n // size
    epoch, place = divmod(step - 1, per_epoch)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(1000 * seed + epoch))
    return order[place * size : (place + 1) * size]


def rows_loss(model: nn.Module, rows: Rows, index: Tensor, starts: Tensor | None = None) -> Tensor:
    """Return the mean cross-entropy in nats of what is predicted on the pages of `index`, cut after the longest."""
    longest = max(rows.lengths[i] for i in index)
    ids, wanted = rows.ids[index, :longest], rows.targets[index, : longest - 1]
    out = model(ids[:, :-1], starts[index, :longest]) if starts is not None else model(ids[:, :-1])
    return nats_of(getattr(out, "logits", out), ids[:, 1:])[wanted].mean()
