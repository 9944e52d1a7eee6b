"""The contextualisation score: how much of the text before a token can be read out of that token's states.

C_i = -log P(w_{i-k} … w_{i-1} | e_i),  e_i = g(f(h_i^0 … h_i^N))   (LLM-Microscope, section 3.2)

f pools the N + 1 levels of a frozen subject with one weight each, g is an MLP, and a small decoder that starts with e_i
in place of a first token must write the k words before token i. Low C: much of the past can be read from this token.

Shapes: B tokens looked at, S = N + 1 levels, D width, K window, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.base.errors import BadInput
from labkit.models import Decoder, DecoderConfig
from labkit.models.state import State

__all__ = ["PAD", "Adapter", "Contextualiser", "LayerPooling", "one_hot", "windows"]

PAD = -100  # a target that is not scored: what F.cross_entropy leaves out


class LayerPooling(nn.Module):
    """f: Σ_l α_l h^l, with α the softmax of one free number a level: one vector from S."""

    def __init__(self, levels: int):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(levels))

    @property
    def weights_S(self) -> Tensor:
        """The weight of each level; they are positive and sum to 1."""
        return self.logits.softmax(0)

    def forward(self, h_BSD: Tensor, weights_S: Tensor | None = None) -> Tensor:
        weights_S = self.weights_S if weights_S is None else weights_S
        return torch.einsum("bsd,s->bd", h_BSD, weights_S)


class Adapter(nn.Module):
    """g: D → 2D → D with a GELU between. Each level's size is divided out first, so that no level drowns the others."""

    def __init__(self, levels: int, width: int):
        super().__init__()
        self.pool = LayerPooling(levels)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def initialise(self, generator: torch.Generator) -> None:
        """Set the weights: equal weights of levels, N(0, 1 / inputs) matrices, no biases."""
        nn.init.zeros_(self.pool.logits)
        for linear in (self.up, self.down):
            nn.init.normal_(linear.weight, std=linear.in_features**-0.5, generator=generator)
            nn.init.zeros_(linear.bias)

    def forward(self, h_BSD: Tensor, weights_S: Tensor | None = None) -> Tensor:
        h_BSD = F.rms_norm(h_BSD, h_BSD.shape[-1:])
        return self.down(F.gelu(self.up(self.pool(h_BSD, weights_S))))


class Contextualiser(nn.Module):
    """Adapter and decoder: from a token's states to the probability of the words before it.

    Its `loss` is C, token by token of the window; `write` lets it speak.
    """

    def __init__(self, config: DecoderConfig, levels: int):
        super().__init__()
        self.adapter = Adapter(levels, config.width)
        self.decoder = Decoder(config)

    @classmethod
    def empty(cls, config: DecoderConfig, levels: int) -> Contextualiser:
        """Return one whose weights are not set yet; nothing is drawn for them."""
        with torch.device("meta"):
            model = cls(config, levels)
        return model.to_empty(device="cpu")

    def embed(self, h_BSD: Tensor, weights_S: Tensor | None = None) -> Tensor:
        """Return e [B, D]; `weights_S` replaces the learned weights of the levels (see `one_hot`)."""
        return self.adapter(h_BSD, weights_S)

    def logits(self, e_BD: Tensor, before_BK: Tensor) -> Tensor:
        """Return the logits [B, K, V] of each word of the window from e and the words of the window before it."""
        given_BK = before_BK[:, :-1].clamp_min(0)  # what stands in for a missing word is never scored nor read by one
        stream = torch.cat((e_BD[:, None], self.decoder.embed(given_BK)), dim=1)
        positions = torch.arange(stream.shape[1], device=stream.device)[None]
        return self.decoder.finish(self.decoder.trunk(State(stream=stream, positions=positions)))

    def loss(self, e_BD: Tensor, before_BK: Tensor) -> Tensor:
        """Return -log P of each word of the window [B, K], 0 where the window holds `PAD`."""
        logits_BKV = self.logits(e_BD, before_BK)
        nats = F.cross_entropy(logits_BKV.flatten(0, 1), before_BK.flatten(), ignore_index=PAD, reduction="none")
        return nats.view(before_BK.shape)

    @torch.no_grad()
    def write(self, e_BD: Tensor, length: int) -> Tensor:
        """Return the words [B, length] it thinks came before, the most likely one at each step."""
        words_BK = e_BD.new_zeros((e_BD.shape[0], 0), dtype=torch.long)
        for _ in range(length):
            asked_BK = torch.cat((words_BK, words_BK.new_zeros((e_BD.shape[0], 1))), dim=1)
            words_BK = torch.cat((words_BK, self.logits(e_BD, asked_BK)[:, -1:].argmax(-1)), dim=1)
        return words_BK


def one_hot(level: int, levels: int) -> Tensor:
    """Return weights [S] that read one level alone: with them, C is the single-layer C."""
    if not 0 <= level < levels:
        raise BadInput(f"There is no level {level}.", expected=f"a level from 0 (embeddings) to {levels - 1}")
    return F.one_hot(torch.tensor(level), levels).float()


def windows(ids: Sequence[int] | Tensor, positions: Sequence[int], k: int) -> Tensor:
    """Return the up to `k` tokens before each position [B, K], begin token left out, filled up with `PAD` at the end.

    Raises `BadInput` for a position with nothing before it: C of an empty prefix is not defined.
    """
    ids = torch.as_tensor(ids)
    before_BK = torch.full((len(positions), k), PAD, dtype=torch.long)
    for row, position in enumerate(positions):
        if not 2 <= position < len(ids):
            raise BadInput(
                f"Token {position} of {len(ids)} has no text before it.",
                expected="a position from 2 (after the begin token and one word) to the last",
            )
        start = max(1, position - k)
        before_BK[row, : position - start] = ids[start:position]
    return before_BK
