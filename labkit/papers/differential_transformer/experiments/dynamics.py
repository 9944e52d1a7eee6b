"""Sizes inside the attention: gradients by map, what heads read before their norm, speed. Lesson: 04."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from labkit.anatomy import module_of

from ..method.attention import DiffAttention
from ..method.naive import flash_1, flash_2, naive
from ..task import Batch
from ..training import answer_loss

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["ContextSize", "context_size", "head_sizes", "map_gradients", "throughput"]


def map_gradients(model: ModelLike, batch: Batch) -> dict[str, float]:
    """Return the norms of the gradient of the answers' loss, by part of the last attention: q1, q2, k1, k2, v, o.

    Everything that reaches q2 and k2 carries a factor λ. A softmax model has q and k instead.
    """
    whole = module_of(model)
    mixer = whole.trunk.blocks[-1].attention.mixer
    names = ("q", "k", "v", "o")
    weights = [getattr(mixer, name).weight for name in names]
    found = dict(zip(names, torch.autograd.grad(answer_loss(whole, batch), weights)))
    norms = {}
    for name in names:
        if isinstance(mixer, DiffAttention) and name in "qk":
            pairs = found[name].unflatten(0, (-1, 2, mixer.head_size))
            norms |= {f"{name}{number + 1}": float(pairs[:, number].norm()) for number in (0, 1)}
        else:
            norms[name] = float(found[name].norm())
    return norms


@dataclass(frozen=True)
class ContextSize:
    """Root mean square of what a head reads, before its norm, by how many words it may read; values of size 1."""

    lengths: tuple[int, ...]
    softmax: tuple[float, ...]
    difference: tuple[float, ...]

    @property
    def amplified(self) -> tuple[float, ...]:
        """By how much a norm that brings the difference to size 1 multiplies it."""
        return tuple(1 / size for size in self.difference)

    def table(self) -> str:
        """Return it as text."""
        rows = zip(self.lengths, self.softmax, self.difference, self.amplified)
        return "\n".join(
            [f"{'words':>7} {'softmax':>8} {'DIFF':>8} {'norm ×':>8}"]
            + [f"{n:7} {one:8.3f} {two:8.3f} {times:8.1f}" for n, one, two, times in rows]
        )


def context_size(lengths: Sequence[int] = (16, 64, 256, 1024), *, lam: float = 0.8, seed: int = 0) -> ContextSize:
    """Return the size of what a head reads that looks at nothing in particular: it shrinks with 1/√n.

    Scores are random (standard deviation 1), each map has its own. A softmax then reads √(e / n), a difference
    √(((1 − λ)² + (e − 1)(1 + λ²)) / n): the norm multiplies both by ever more, which is why version 2 dropped it.
    """
    random, rows = torch.Generator().manual_seed(seed), []
    for length in lengths:
        first, second = torch.randn(2, 64, length, generator=random).softmax(-1)
        values = torch.randn(length, 64, generator=random)
        rows.append([float((one @ values).pow(2).mean().sqrt()) for one in (first, first - lam * second)])
    softmax, difference = zip(*rows)
    return ContextSize(tuple(lengths), softmax, difference)


def throughput(
    *, length: int = 256, heads: int = 4, size: int = 16, repeats: int = 5, seed: int = 0
) -> dict[str, float]:
    """Return milliseconds of each form of one DIFF attention and of the baseline, the least of `repeats`.

    The baseline has twice the heads of the same size. Times are this machine's alone.
    """
    random = torch.Generator().manual_seed(seed)
    q, k = (torch.randn(4, 2 * heads, length, size, generator=random) for _ in range(2))
    v = torch.randn(4, heads, length, 2 * size, generator=random)
    own = torch.randn(4, 2 * heads, length, size, generator=random)
    seen = torch.ones(length, length, dtype=torch.bool).tril()[None, None]
    plain = torch.nn.functional.scaled_dot_product_attention
    forms = {
        "softmax": lambda: plain(q, k, own, attn_mask=seen),
        "naive": lambda: naive(q, k, v, 0.5, seen),
        "two fused": lambda: flash_1(q, k, v, 0.5, seen),
        "four fused": lambda: flash_2(q, k, v, 0.5, seen),
    }
    found = {}
    for name, form in forms.items():
        times = []
        for _ in range(repeats + 1):
            start = time.perf_counter()
            form()
            times.append(1e3 * (time.perf_counter() - start))
        found[name] = min(times[1:])
    return found


def head_sizes(model: ModelLike, batch: Batch) -> tuple[float, ...]:
    """Return the size of what each head of the last DIFF attention reads, before its norm, at the questions."""
    whole = module_of(model)
    mixer = whole.trunk.blocks[-1].attention.mixer
    kept: list[torch.Tensor] = []
    hook = mixer.norm.register_forward_pre_hook(lambda module, given: kept.append(given[0]))
    try:
        with torch.no_grad():
            answer_loss(whole, batch)
    finally:
        hook.remove()
    return tuple(kept[0].pow(2).mean((0, 2, 3)).sqrt().tolist())
