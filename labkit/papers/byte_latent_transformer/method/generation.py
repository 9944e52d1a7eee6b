"""Generation with on-line patching: the entropy model looks one byte ahead, the latent model runs once a patch.

Shapes: B = 1, D local width, G latent width.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from labkit.base.errors import BadInput
from labkit.models.state import Cache, State
from labkit.models.trunk import Trunk

from ..task import BOS, EOS, OFFSET, byte_ids, text_of
from .model import BLT
from .patching import Patcher

__all__ = ["OnLine", "generate_bytes", "ready"]


def ready(ids: np.ndarray, patcher: Patcher) -> tuple[Tensor, Tensor]:
    """Return ids [1, L] with the begin in front, and starts [1, L + 1], as a model reads them."""
    starts = np.concatenate(([True], patcher.starts(np.asarray(ids))))
    return torch.from_numpy(np.concatenate(([BOS], ids)))[None], torch.from_numpy(starts)[None]


class OnLine:
    """A BLT that reads one byte at a time and keeps what it needs: three caches, and the bytes of the open patch.

    `latent_calls` counts how often the latent transformer ran.
    """

    def __init__(self, model: BLT):
        if model.config.hash_released:
            raise BadInput("The authors' padding of short n-grams is not kept on line.", expected="hash_released=False")
        self.model, self.latent_calls = model, 0
        self.caches = {name: Cache() for name in ("encoder", "latent", "decoder")}
        self.ids: list[int] = []
        self.open: list[Tensor] = []  # states of the bytes of the patch that is not finished
        self.vectors: Tensor | None = None  # of the last patch that is

    @torch.no_grad()
    def feed(self, byte: int, closes: bool) -> Tensor:
        """Read a byte and return the logits of the next [V]; `closes` says that the next byte starts a patch."""
        m, longest = self.model, max(self.model.config.hash_sizes, default=1)
        self.ids.append(byte)
        recent = torch.tensor([self.ids[-longest:]])
        h_BLD = self.step("encoder", m.encoder, m.embed(recent)[:, -1:])
        self.open.append(h_BLD)
        if closes:
            bytes_BLD = torch.cat(self.open, dim=1)
            mine = torch.ones(1, 1, bytes_BLD.shape[1], dtype=torch.bool)
            o_BPG = self.step("latent", m.latent, m.patches(bytes_BLD, mine))
            self.vectors = m.to_bytes(o_BPG).unflatten(-1, (m.config.vectors, -1)).flatten(1, 2)
            self.open, self.latent_calls = [], self.latent_calls + 1
        if self.vectors is None:
            raise BadInput("No patch is finished yet.", expected="the begin first, and that it closes a patch")
        return m.head(m.norm(self.decode(h_BLD)))[0, 0]

    def step(self, name: str, trunk: Trunk, x_BLD: Tensor) -> Tensor:
        """Return one new place after a stack, whose cache grows by it."""
        cache = self.caches[name]
        out = trunk(State(stream=x_BLD, positions=torch.tensor([[cache.length]]), cache=cache))
        cache.length += 1
        return out.stream

    def decode(self, x_BLD: Tensor) -> Tensor:
        """Return the last state of one byte, which reads the vectors of the last finished patch."""
        m, cache = self.model, self.caches["decoder"]
        if not m.spread:
            return self.step("decoder", m.decoder, x_BLD + self.vectors.mean(1, keepdim=True))
        state = State(stream=x_BLD, positions=torch.tensor([[cache.length]]), cache=cache)
        everything = torch.ones(1, 1, m.config.vectors, dtype=torch.bool)
        for cross, block in zip(m.spread, m.decoder.blocks):
            x = m.config.residual * state.stream + cross(state.stream, self.vectors, everything)
            state = block(state.with_stream(x))
        cache.length += 1
        return state.stream


@torch.no_grad()
def generate_bytes(
    model: BLT,
    patcher: Patcher,
    text: str,
    n: int,
    *,
    temperature: float = 0.0,
    seed: int = 0,
    cached: bool = True,
) -> tuple[str, OnLine | None]:
    """Return `text` continued by up to n bytes, or to the end the model gives it, and the reader that did it.

    temperature: 0 takes the likeliest byte. cached=False reads the whole text again for every byte, as the authors'
    code does. Raises `BadInput` for a patcher that must know the text to come, and for a temperature below 0.
    """
    if not 0 <= temperature < math.inf:
        raise BadInput(f"The temperature is {temperature}.", expected="0 for the likeliest byte, or a number above it")
    if not patcher.incremental:
        raise BadInput(
            f"{type(patcher).__name__} patches need the text that is not yet written.",
            expected="an incremental patcher: strided, space, or entropy with a threshold",
        )
    ids, generator, reader = byte_ids(text), torch.Generator().manual_seed(seed), OnLine(model) if cached else None
    for _ in range(n):
        row, starts = ready(ids, patcher)
        if reader is None:
            logits = model(row, starts)[0, -1]
        else:
            for place in range(len(reader.ids), row.shape[1]):
                logits = reader.feed(int(row[0, place]), bool(starts[0, place + 1]))
        if temperature > 0:
            chosen = int(torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator))
        else:
            chosen = int(logits.argmax())
        if chosen == EOS or chosen < OFFSET:
            break
        ids = np.append(ids, chosen)
    return text_of(ids), reader
