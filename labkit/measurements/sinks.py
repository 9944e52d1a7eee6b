"""Attention sinks: heads that look at the first token whatever it says, and the peak the stream has there.

alpha      mean over the queries i >= k of the attention A[i, k] that token k receives in one head
sink       share of all heads of all layers whose alpha exceeds 0.3, on the first 64 tokens (Gu et al. 2025)
peak       length of the stream at that token over the mean length at the others, by block (Guo et al. 2024)

Uniform causal attention gives the first of T tokens alpha = (1 + 1/2 + ... + 1/T) / T: 0.074 for 64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import anatomy_of, attention_weights, record
from labkit.base.errors import BadInput
from labkit.base.results import Result

from .estimate import Estimate, mean_over
from .runs import checked_documents
from .tables import text_table

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["AttentionSinks", "attention_received", "attention_sinks"]


@dataclass(frozen=True, kw_only=True)
class AttentionSinks(Result):
    """What one token receives. by_layer: mean alpha of a layer's heads; share: of heads above `threshold`; peak."""

    token: int
    tokens: int
    threshold: float
    uniform: float
    share: Estimate
    by_layer: tuple[Estimate, ...]
    peak: tuple[Estimate, ...]

    def table(self) -> str:
        """Return one line per layer, and the share of heads."""
        rows = [[str(n), f"{a.value:.3f}", f"{p.value:.3g}"] for n, (a, p) in enumerate(zip(self.by_layer, self.peak))]
        title = (
            f"Token {self.token} of {self.tokens}, means over {self.share.n} documents: {self.share.value:.0%} of the "
            f"heads give it more than {self.threshold:g} (uniform attention would give {self.uniform:.3f})"
        )
        return text_table(["layer", "attention received", "stream, times the others'"], rows, title=title)


def attention_received(weights_HLL: Tensor, token: int = 0) -> Tensor:
    """Return alpha of one token in every head [..., H] of attention weights [..., H, L, L]."""
    if not 0 <= token < weights_HLL.shape[-1]:
        raise BadInput(f"There is no token {token}.", expected=f"0 to {weights_HLL.shape[-1] - 1}")
    return weights_HLL[..., token:, token].mean(-1)


def attention_sinks(
    model: ModelLike, documents: Sequence, *, token: int = 0, tokens: int = 64, threshold: float = 0.3, seed: int = 0
) -> AttentionSinks:
    """Return how much attention one token gets on the first `tokens` of each document, over documents.

    documents: lists of token ids (or texts, when `model` is a handle), none shorter than `tokens`.
    """
    if not 0 <= token < tokens - 1:
        raise BadInput(f"Token {token} of {tokens} has no token after it.", expected=f"0 to {tokens - 2}")
    checked = [ids[:tokens] for ids in checked_documents(model, documents, shortest=tokens)]
    sites = [f"layers.{layer}" for layer in range(anatomy_of(model).depth)]
    received, peaks = [], []
    for ids in checked:
        received.append(
            torch.stack([attention_received(weights[0], token).cpu() for weights in attention_weights(model, ids)])
        )
        lengths_NL = torch.stack([h_BLD[0].norm(dim=-1).cpu() for h_BLD in record(model, ids, sites).values()])
        others = torch.cat((lengths_NL[:, :token], lengths_NL[:, token + 1 :]), dim=1)
        peaks.append(lengths_NL[:, token] / others.mean(dim=1))

    def over(values: Tensor, name: str) -> Estimate:
        return mean_over(values.tolist(), seed=seed, name=name)

    share = torch.stack([(alpha_NH > threshold).float().mean() for alpha_NH in received])
    alpha_SN, peak_SN = torch.stack([alpha_NH.mean(dim=1) for alpha_NH in received]), torch.stack(peaks)
    return AttentionSinks(
        token=token,
        tokens=tokens,
        threshold=threshold,
        uniform=sum(1 / (query + 1) for query in range(token, tokens)) / (tokens - token),
        share=over(share, "share of heads that are sinks"),
        by_layer=tuple(over(alpha_SN[:, n], f"attention received in layer {n}") for n in range(len(sites))),
        peak=tuple(over(peak_SN[:, n], f"peak after block {n}") for n in range(len(sites))),
    )
