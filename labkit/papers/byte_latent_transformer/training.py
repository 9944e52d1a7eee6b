"""What is trained: the entropy models first, then the arms, one run a line in a table.

Every arm reads the same pages in the same order; it differs in what its entry in `ARMS` says. Learning rates are
chosen on seed 0, which no claim uses. `python -m labkit.papers.byte_latent_transformer.training` trains what is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labkit import world
from labkit.models.decoder import Decoder
from labkit.training import Fit, fit

from . import task
from .method.blocks import ByteWindow, spread_init
from .method.entropy import CNN, entropy_of
from .method.model import BLTConfig, FlatConfig, nats_of
from .method.patching import Entropy, Patcher, Space, Strided, calibrated

__all__ = ["ARMS", "Arm", "Rows", "byte_rows", "entropy_model", "starts_of", "token_rows", "train_arm"]

POOL, STEPS, BATCH = 2400, 200, 8
SIZE = 4.5  # bytes a patch, on average, where nothing else is said
CACHE = Path("runs/05")


# Rows: pages as padded matrices.


@dataclass(frozen=True)
class Rows:
    """Pages as ids [N, W], begin and end included, with the bytes of each page (its end counts as one)."""

    pages: tuple[str, ...]
    ids: Tensor
    bytes: tuple[int, ...]
    lengths: tuple[int, ...]


def _rows(pages: list[str], encoded: list[list[int]], bos: int, eos: int) -> Rows:
    lengths = [len(ids) + 2 for ids in encoded]
    table = torch.full((len(pages), max(lengths)), task.PAD, dtype=torch.long)
    for row, ids in zip(table, encoded):
        row[: len(ids) + 2] = torch.tensor([bos, *ids, eos])
    return Rows(tuple(pages), table, tuple(len(page.encode()) + 1 for page in pages), tuple(lengths))


def byte_rows(pages: list[str]) -> Rows:
    """Return pages as rows of bytes."""
    return _rows(pages, [task.byte_ids(page).tolist() for page in pages], task.BOS, task.EOS)


def token_rows(pages: list[str]) -> Rows:
    """Return pages as rows of the world's BPE tokens."""
    tokenizer = world.tokenizer()
    return _rows(pages, tokenizer.encode_batch(pages), tokenizer.bos, tokenizer.eos)


@torch.no_grad()
def entropies_of(model: nn.Module, rows: Rows) -> np.ndarray:
    """Return the entropy before each place of each row [N, W + 1], the begin's own as nan."""
    found = []
    for ids in rows.ids.split(64):
        out = model(ids)
        found.append(entropy_of(out.logits if isinstance(model, Decoder) else out))
    h = torch.cat(found).numpy()
    return np.concatenate((np.full((len(h), 1), np.nan, dtype=h.dtype), h), axis=1)


def starts_of(rows: Rows, patcher: Patcher, entropies: np.ndarray | None = None) -> Tensor:
    """Return who starts a patch in each row [N, W]; an entropy patcher may be given entropies made before."""
    starts = torch.zeros(rows.ids.shape, dtype=torch.bool)
    for number, length in enumerate(rows.lengths):
        if entropies is not None and isinstance(patcher, Entropy):
            row = patcher.from_entropies(entropies[number, 1 : length + 1])
        else:
            row = patcher.starts(rows.ids[number, 1:length].numpy())
        starts[number, 0] = True
        starts[number, 1:length] = torch.from_numpy(row[: length - 1])
    return starts
