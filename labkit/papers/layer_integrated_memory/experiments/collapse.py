"""Who collapsed? Matrix entropy of what a layer holds, and whether similar tokens can still be told apart in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.tables import text_table

from ..task import Expressions, tokenizer
from .capture import KINDS, capture

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["ByLayer", "cloud", "matrix_entropy", "near_tokens", "separability", "value_entropy"]


def matrix_entropy(z_NLD: Tensor, alpha: float = 1.0) -> Tensor:
    """Return Rényi's entropy of order alpha of the spectrum of each text's tokens, in nats [N].

    With eigenvalues λ of Z Zᵀ and p = λ / Σλ it is log(Σ p^alpha) / (1 - alpha); alpha 1 is Shannon's -Σ p log p
    (section 5.1; the official code's default alpha is 0.5, the paper names none). 0 when all tokens lie on one line,
    log(rank) when they fill `rank` directions alike. Raises `BadInput` for an alpha that is negative or no number.
    """
    if not 0 <= alpha < float("inf"):
        raise BadInput(f"alpha = {alpha!r} is no order of an entropy.", expected="a number of at least 0")
    z = z_NLD.double()
    gram = z @ z.mT if z.shape[1] <= z.shape[2] else z.mT @ z  # the same eigenvalues but for zeros
    values = torch.linalg.eigvalsh(gram).clamp_min(0)
    values = torch.where(values > 1e-12 * values.amax(-1, keepdim=True), values, 0.0)
    p = values / values.sum(-1, keepdim=True)
    if abs(alpha - 1) < 1e-9:
        return -torch.special.xlogy(p, p).sum(-1)
    powers = torch.where(p > 0, p.clamp_min(1e-300) ** alpha, 0.0)
    return powers.sum(-1).log() / (1 - alpha)


@dataclass(frozen=True)
class ByLayer(Result):
    """One measure for each kind of thing a layer holds: `values[kind][layer]`."""

    name: str
    values: dict[str, tuple[Estimate, ...]]

    def table(self) -> str:
        """Return one row a layer."""
        by_layer = zip(*self.values.values())
        rows = [[f"{layer}", *(f"{one.value:.3f}" for one in held)] for layer, held in enumerate(by_layer)]
        return text_table(["layer", *self.values], rows, title=self.name)


def value_entropy(model: ModelLike, rows: Expressions, *, alpha: float = 1.0, kinds: Sequence[str] = KINDS) -> ByLayer:
    """Return the matrix entropy of hidden states, raw and routed values by layer, averaged over expressions.

    Every channel is first brought to mean 0 and standard deviation 1 over all tokens, as in the official code.
    """
    held = capture(model, rows)

    def entropies(z_NLD: Tensor) -> Estimate:
        z = z_NLD.double()
        z = (z - z.mean((0, 1))) / z.std((0, 1)).clamp_min(1e-12)
        return mean_over(matrix_entropy(z, alpha).tolist(), "expressions", name="matrix entropy", unit="nats")

    values = {kind: tuple(entropies(z) for z in held.of(kind)) for kind in kinds}
    return ByLayer(f"Matrix entropy, order {alpha:g} (nats)", values)


def near_tokens(rows: Expressions, symbols: str = "1234") -> list[np.ndarray]:
    """Return where each symbol stands in the working: pairs (row, place) [n, 2], as many of each, in order."""
    ids = tokenizer().encode(symbols)
    inside = np.arange(rows.ids.shape[1]) > rows.start
    found = [np.argwhere((rows.ids == one) & inside) for one in ids]
    count = min(map(len, found))
    if len(ids) < 2 or count < 10:
        raise BadInput(
            f"There are {count} of the rarest of {symbols!r} in these rows.",
            expected="at least 10, of two symbols",
        )
    return [places[:count] for places in found]


def separability(
    model: ModelLike,
    rows: Expressions,
    *,
    symbols: str = "1234",
    kinds: Sequence[str] = KINDS,
    folds: int = 5,
    seed: int = 0,
) -> ByLayer:
    """Return how well a linear classifier tells similar symbols apart, by layer: accuracy on held-out folds.

    The classifier is least squares to one-hot targets with a small ridge, in closed form; each fold is left out once.
    Chance is one over the number of symbols. Similar means here: digits that differ by one, which play the same part.
    """
    held, places = capture(model, rows), near_tokens(rows, symbols)
    where, label = np.concatenate(places), np.repeat(np.arange(len(places)), [len(one) for one in places])
    order = np.random.default_rng(seed).permutation(len(label))
    where, label = where[order], label[order]

    def accuracy(z_NLD: Tensor) -> Estimate:
        x = z_NLD.double().numpy()[where[:, 0], where[:, 1]]
        right = [_held_out_accuracy(x, label, fold, folds) for fold in range(folds)]
        return mean_over(right, "folds", method="t", name="accuracy", unit="share", null=1 / len(places))

    values = {kind: tuple(accuracy(z) for z in held.of(kind)) for kind in kinds}
    return ByLayer(f"Telling {', '.join(symbols)} apart (share right, chance {1 / len(places):.2f})", values)


def cloud(
    model: ModelLike, rows: Expressions, layer: int, *, kind: str = "raw", symbols: str = "1234"
) -> dict[str, np.ndarray]:
    """Return where similar symbols lie in a layer, by symbol: the first two principal components [n, 2].

    The paper draws t-SNE, which can tear one cloud into two; a plane cannot.
    """
    z, places = capture(model, rows).of(kind)[layer].double().numpy(), near_tokens(rows, symbols)
    x = np.concatenate([z[one[:, 0], one[:, 1]] for one in places])
    plane = np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:2].T
    return {symbol: (z[one[:, 0], one[:, 1]] - x.mean(0)) @ plane for symbol, one in zip(symbols, places)}


def _held_out_accuracy(x: np.ndarray, label: np.ndarray, fold: int, folds: int) -> float:
    out = np.arange(len(label)) % folds == fold
    mean, spread = x[~out].mean(0), x[~out].std(0) + 1e-9
    design = np.concatenate([(x - mean) / spread, np.ones((len(x), 1))], axis=1)
    target = np.eye(label.max() + 1)[label]
    gram = design[~out].T @ design[~out] + 1e-3 * np.eye(design.shape[1])
    weights = np.linalg.solve(gram, design[~out].T @ target[~out])
    return float(((design[out] @ weights).argmax(1) == label[out]).mean())
