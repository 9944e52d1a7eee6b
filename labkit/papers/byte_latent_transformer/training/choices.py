"""What the paper and the authors' code decide differently, and what else may stand there; one change an arm.

doubled: attention is added to twice its input, as in the released code. raw_sum: the sum of the n-gram embeddings is
not divided, as there. counts, cnn: the patches are cut by counts of n-grams, or by a convolution over two bytes,
instead of a small transformer; all three were made from the same pages. frequent: the tables hold the most frequent
n-grams of the pages, as many as the hashes have rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from labkit.base.files import write_atomically
from labkit.training import Fit, fit, sharing

from .. import task
from ..method.blocks import spread_init
from ..method.entropy import CNN, ByteEntropies, NGrams
from ..method.hashing import FrequentEmbedding
from ..method.model import BLT, BLTConfig
from ..method.patching import Entropy, calibrated
from .arms import PAGES, RATES, STEPS
from .entropy import CACHE, SIZE, entropy_model, pool, pool_entropies, threshold
from .rows import Rows, batch_of, byte_rows, entropies_of, mean_size, rows_loss, starts_of
from .short import Data, bits, run

__all__ = ["CHOICES", "Choice", "chosen", "small_cnn"]

SEEN = 3000  # pages that the n-grams are counted in and the convolution learns from: those of the transformer
CNN_STEPS = 1000  # as many as the transformer was trained for


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One thing decided otherwise than in the lesson's BLT; `cuts`: whose entropies cut the patches."""

    about: str
    config: BLTConfig = field(default_factory=BLTConfig)
    cuts: str = "transformer"
    frequent: bool = False

    def build(self, seed: int) -> BLT:
        """Return a model with fresh weights that depend on `seed` alone: those of every choice of its shape."""
        model = self.config.build(seed)
        if self.frequent:
            c = self.config
            model.embed = FrequentEmbedding(c.vocab, c.width, c.hash_sizes, c.hash_rows, running(byte_rows(pool())))
            spread_init(model, seed)
        return model


CHOICES = {
    "entropy": Choice(about="BLT as in the paper"),
    "doubled": Choice(about="attention added to twice its input", config=BLTConfig(residual=2.0)),
    "raw_sum": Choice(about="n-gram embeddings summed and not divided", config=BLTConfig(hash_mean=False)),
    "counts": Choice(about="patches cut by counts of n-grams", cuts="counts"),
    "cnn": Choice(about="patches cut by a small convolution", cuts="cnn"),
    "frequent": Choice(about="tables of the most frequent n-grams", frequent=True),
}


def running(rows: Rows) -> Tensor:
    """Return pages one after the other, begins and ends included, as one row [1, all their ids]."""
    return torch.cat([ids[:length] for ids, length in zip(rows.ids, rows.lengths)])[None]


@cache
def small_cnn() -> CNN:
    """Return the convolution over two bytes at the best of its rates on pages of valid, trained unless it is kept."""
    model, path = CNN.build(0), CACHE / "cnn.safetensors"
    if not path.is_file():
        rows, unseen = byte_rows(task.pages(SEEN, seed=1)), byte_rows(task.pages(PAGES, seed=7, split="valid"))
        made: dict[float, CNN] = {}
        tried: list[dict[str, Any]] = []
        while (lr := sharing.next_rate(tried, RATES, "valid")) is not None:
            made[lr] = fit_bytes(CNN.build(0), rows, lr)
            with torch.no_grad():
                nats = rows_loss(made[lr], unseen, torch.arange(PAGES)).item()
            tried.append({"lr": lr, "valid": nats})
            print("cnn", tried[-1], flush=True)
        best = made[sharing.best_rate(tried, "valid")]
        write_atomically(path, to_bytes({name: w.contiguous() for name, w in best.state_dict().items()}))
    model.load_state_dict(load_file(path))
    return model.eval().requires_grad_(False)


def fit_bytes(model: CNN, rows: Rows, lr: float) -> CNN:
    """Return a model of bytes trained on rows as the transformer of the patches was."""

    def loss_at(model: nn.Module, step: int) -> Tensor:
        return rows_loss(model, rows, batch_of(len(rows.ids), step, 0))

    fit(model, loss_at, Fit(steps=CNN_STEPS, lr=lr, warmup=40))
    return model


def sized(entropies: Callable[[np.ndarray], np.ndarray]) -> Entropy:
    """Return the rule by these entropies, with patches of 4.5 bytes on the pages that the arms are trained on."""
    return Entropy(entropies, above=calibrated([entropies(task.byte_ids(page)) for page in pool()], SIZE))


@cache
def patcher(cuts: str) -> Entropy:
    """Return the rule by counts of four bytes, by the convolution or by the transformer."""
    if cuts == "counts":
        return sized(NGrams([task.byte_ids(page) for page in task.pages(SEEN, seed=1)], order=4))
    if cuts == "cnn":
        return sized(ByteEntropies(small_cnn()))
    return Entropy(ByteEntropies(entropy_model()), above=threshold())


@cache
def read(cuts: str, split: str) -> Data:
    """Return pages as they are cut by `cuts`: those of the other runs."""
    rows = byte_rows(pool() if split == "train" else task.pages(PAGES, seed=7, split=split))
    if cuts != "transformer":
        return rows, starts_of(rows, patcher(cuts))
    h = pool_entropies() if split == "train" else entropies_of(entropy_model(), rows)
    return rows, starts_of(rows, patcher(cuts), h)


def chosen(name: str, lr: float, seed: int) -> dict[str, Any]:
    """Train a BLT with one thing decided otherwise; return its bits per byte and its patches on unseen pages."""
    choice = CHOICES[name]
    model = choice.build(seed)
    found = run(model, read(choice.cuts, "train"), lr, seed, STEPS)
    for split in ("valid", "test"):
        rows, starts = read(choice.cuts, split)
        found[split] = bits(model, (rows, starts))
        found["size"] = round(mean_size(rows, starts), 3)
    return found
