"""Θ: what a Pattention layer does to the scores of its parameter tokens, in the variants the paper and its code name.

Shapes: n parameter tokens; scores A [..., n], one row for each data token. `scale` is a number of tokens t: the L2
forms are scaled by τ = √t, the L1 forms by t. The paper's default is t = n, the number of tokens the layer has *now*.

Source: Wang et al. 2024 (arXiv 2410.23168), equations 6 and 7, table 4; `norm_activation_type` in the official code.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

__all__ = ["THETAS", "gelu_l1", "gelu_l2", "l2_gelu", "softmax", "softmax_n"]


def l2_norm(x: Tensor, eps: float) -> Tensor:
    """Return x / √(Σ x² + eps) over the last axis. eps stands in the sum, so that a zero more changes nothing."""
    return x * (x.square().sum(-1, keepdim=True) + eps).rsqrt()


def l2_gelu(scores: Tensor, scale: float, eps: float) -> Tensor:
    """Return GeLU(√t · A / ‖A‖₂): the paper's Θ (equation 7), the norm first and GeLU after it."""
    return F.gelu(scale**0.5 * l2_norm(scores, eps))


def gelu_l2(scores: Tensor, scale: float, eps: float) -> Tensor:
    """Return √t · GeLU(A) / ‖GeLU(A)‖₂: the other order."""
    return scale**0.5 * l2_norm(F.gelu(scores), eps)


def gelu_l1(scores: Tensor, scale: float, eps: float) -> Tensor:
    """Return t · GeLU(A) / Σ|GeLU(A)|: the second row of table 4."""
    active = F.gelu(scores)
    return scale * active / (active.abs().sum(-1, keepdim=True) + eps)


def softmax(scores: Tensor, scale: float, eps: float) -> Tensor:
    """Return exp(A) / Σ exp(A): rows that add up to 1 (first row of table 4). It knows no scale."""
    return scores.softmax(-1)


def softmax_n(scores: Tensor, scale: float, eps: float) -> Tensor:
    """Return t · softmax(A), as the official code has it: without the factor its author could not train it."""
    return scale * scores.softmax(-1)


THETAS: dict[str, Callable[[Tensor, float, float], Tensor]] = {
    "l2-gelu": l2_gelu,
    "gelu-l2": gelu_l2,
    "gelu-l1": gelu_l1,
    "softmax": softmax,
    "softmax-n": softmax_n,
    "gelu": lambda scores, scale, eps: F.gelu(scores),
    "l2": lambda scores, scale, eps: scale**0.5 * l2_norm(scores, eps),
    "relu": lambda scores, scale, eps: F.relu(scores),
    "identity": lambda scores, scale, eps: scores,
}
