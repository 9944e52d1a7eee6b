"""What the paper and the authors' code decide differently, and what else may cut the patches; one change an arm.

doubled: attention is added to twice its input, as in the released code. raw_sum: the sum of the n-gram embeddings is
not divided, as there. counts: the patches are cut by counts of n-grams instead of a small transformer, both made from
the same pages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from .. import task
from ..method.entropy import ByteEntropies, NGrams
from ..method.model import BLTConfig
from ..method.patching import Entropy, calibrated
from .arms import PAGES, STEPS
from .entropy import SIZE, entropy_model, pool, pool_entropies, threshold
from .rows import byte_rows, entropies_of, mean_size, starts_of
from .short import Data, bits, run

__all__ = ["CHOICES", "Choice", "chosen"]

COUNTED = 3000  # pages that the n-grams are counted in: those that the transformer learned from


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One thing decided otherwise than in the lesson's BLT."""

    about: str
    config: BLTConfig = field(default_factory=BLTConfig)
    counts: bool = False


CHOICES = {
    "entropy": Choice(about="BLT as in the paper"),
    "doubled": Choice(about="attention added to twice its input", config=BLTConfig(residual=2.0)),
    "raw_sum": Choice(about="n-gram embeddings summed and not divided", config=BLTConfig(hash_mean=False)),
    "counts": Choice(about="patches cut by counts of n-grams", counts=True),
}


@cache
def counted() -> Entropy:
    """Return the rule by counts of four bytes, with patches of 4.5 bytes on the pages that the arms are trained on."""
    counts = NGrams([task.byte_ids(page) for page in task.pages(COUNTED, seed=1)], order=4)
    return Entropy(counts, above=calibrated([counts(task.byte_ids(page)) for page in pool()], SIZE))


@cache
def read(counts: bool, split: str) -> Data:
    """Return pages, cut by counts or by the transformer: those of the other runs."""
    rows = byte_rows(pool() if split == "train" else task.pages(PAGES, seed=7, split=split))
    if counts:
        return rows, starts_of(rows, counted())
    h = pool_entropies() if split == "train" else entropies_of(entropy_model(), rows)
    return rows, starts_of(rows, Entropy(ByteEntropies(entropy_model()), above=threshold()), h)


def chosen(name: str, lr: float, seed: int) -> dict[str, Any]:
    """Train a BLT with one thing decided otherwise; return its bits per byte and its patches on unseen pages."""
    choice = CHOICES[name]
    model = choice.config.build(seed)
    found = run(model, read(choice.counts, "train"), lr, seed, STEPS)
    for split in ("valid", "test"):
        rows, starts = read(choice.counts, split)
        found[split] = bits(model, (rows, starts))
        found["size"] = round(mean_size(rows, starts), 3)
    return found
