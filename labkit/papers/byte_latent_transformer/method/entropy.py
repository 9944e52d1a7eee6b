"""Entropy models: how hard each byte is to foresee (section 2.3), from a transformer, a short convolution, counts.

Each gives `entropies(ids)`: for ids [n] of one text, the entropy in nats before each byte and before the one to come
[n + 1]. Nothing in it depends on the byte itself or on any later one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput
from labkit.models.decoder import Decoder

from ..task import BOS, OFFSET, VOCAB
from .blocks import spread_init

__all__ = ["CNN", "ByteEntropies", "NGrams", "entropy_of"]

NEWLINE = ord("\n") + OFFSET


def entropy_of(logits: Tensor) -> Tensor:
    """Return -sum p log p of each softmax in nats [...], from logits [..., V] (equation 1, with its minus sign)."""
    log_p = logits.float().log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1)


class CNN(nn.Module):
    """A byte model that sees the last two bytes only; its answers could be stored as a table."""

    def __init__(self, width: int = 64, seen: int = 2):
        super().__init__()
        self.seen = seen
        self.embed = nn.Embedding(VOCAB, width)
        self.mix = nn.Linear(seen * width, 2 * width)
        self.head = nn.Linear(2 * width, VOCAB, bias=False)

    @classmethod
    def build(cls, seed: int = 0, **sizes: int) -> CNN:
        """Return one with fresh weights that depend on `seed` alone."""
        model = spread_init(cls(**sizes), seed)
        nn.init.zeros_(model.mix.bias)
        return model

    def forward(self, ids_BL: Tensor) -> Tensor:
        """Return the logits of the next byte [B, L, V]."""
        padded = torch.cat((ids_BL.new_zeros(ids_BL.shape[0], self.seen - 1), ids_BL), dim=1)
        return self.head(self.mix(self.embed(padded.unfold(1, self.seen, 1)).flatten(2)).relu())


class ByteEntropies:
    """Entropies by a network. reset: forget everything before each newline, against drift (section 4.4).

    A text longer than the network's context is read in pieces that overlap by all that its windows can reach, so that
    the answer is the same as in one go.
    """

    def __init__(self, model: nn.Module, *, reset: bool = False):
        self.model, self.reset = model, reset
        config = getattr(model, "config", None)
        self.context = getattr(config, "context", 1024)
        self.reach = getattr(config, "depth", 1) * (getattr(config, "window", 2) - 1)
        if self.reach >= self.context:
            raise BadInput(
                f"This model sees {self.reach} bytes back with a context of {self.context}.",
                expected="windows that end within the context, so that a long text can be read in pieces",
            )

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """Return the entropies [n + 1] of one text."""
        ids = np.asarray(ids)
        if not self.reset:
            return self.read(ids)
        cuts = [0, *(np.flatnonzero(ids == NEWLINE) + 1).tolist(), len(ids)]
        parts = [self.read(ids[start:end]) for start, end in pairwise(cuts)]
        return np.concatenate([part[:-1] for part in parts[:-1]] + [parts[-1]])

    @torch.no_grad()
    def read(self, ids: np.ndarray) -> np.ndarray:
        whole = np.concatenate(([BOS], ids))
        found, done = [], 0
        while done < len(whole):
            start = max(0, done - self.reach)
            piece = torch.from_numpy(whole[start : start + self.context])[None]
            h = entropy_of(self.logits(piece))[0].numpy()[done - start :]
            found.append(h)
            done += len(h)
        return np.concatenate(found)

    def logits(self, ids_BL: Tensor) -> Tensor:
        """Return the network's logits [B, L, V]."""
        out = self.model(ids_BL)
        return out.logits if isinstance(self.model, Decoder) else out


class NGrams:
    """Counts of the next byte after the last `order` bytes, smoothed by those after fewer (Witten and Bell 1991)."""

    def __init__(self, texts: Sequence[np.ndarray], order: int = 3):
        self.order = order
        counts: dict[tuple, Counter] = defaultdict(Counter)
        for ids in texts:
            row = [BOS, *ids.tolist()]
            for place in range(1, len(row)):
                for n in range(min(order, place) + 1):
                    counts[tuple(row[place - n : place])][row[place]] += 1
        self.counts, self.known = dict(counts), {}

    def distribution(self, before: tuple) -> np.ndarray:
        """Return the probabilities of the next id [V] after `before`."""
        if before in self.known:
            return self.known[before]
        p = np.full(VOCAB, 1 / VOCAB) if not before else self.distribution(before[1:])
        if seen := self.counts.get(before):
            total, kinds = sum(seen.values()), len(seen)
            p = p * kinds / (total + kinds)
            p[list(seen)] += np.array(list(seen.values())) / (total + kinds)
        self.known[before] = p
        return p

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """Return the entropies [n + 1] of one text."""
        row = (BOS, *np.asarray(ids).tolist())
        found = []
        for place in range(1, len(row) + 1):
            p = self.distribution(row[max(0, place - self.order) : place])
            found.append(float(-(p[p > 0] * np.log(p[p > 0])).sum()))
        return np.array(found, dtype=np.float32)
