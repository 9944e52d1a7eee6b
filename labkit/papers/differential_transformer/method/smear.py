"""A one-token smear: h_t = E[x_t] + W E[x_(t-1)], given to every arm alike. Not of the paper.

One block cannot see that a number follows a city: an induction circuit needs two, and takes far longer to train. The
smear puts the city into the number's key. It stands in the trunk's entrance. Lesson: 04.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.config import DecoderConfig
from labkit.models.decoder import Decoder
from labkit.models.parts import Attention
from labkit.models.state import State
from labkit.models.trunk import Block, Trunk

from ..task import ANSWERS, Batch

__all__ = ["SmearTrunk", "Smeared", "answer_logits", "logits_at"]

_BEFORE = -1  # where a cache keeps the embeddings: before layer 0


class SmearTrunk(Trunk):
    """A trunk whose first block reads each token together with the one before it, within its document."""

    def __init__(self, blocks: Iterable[Block], width: int):
        super().__init__(blocks)
        self.smear = nn.Linear(width, width, bias=False)

    def enter(self, state: State) -> State:
        """Return the State the first block reads."""
        length, seen_BTD = state.stream.shape[1], state.stream
        if state.cache is not None:
            (seen_BTD,) = state.cache.extend(_BEFORE, seen_BTD)
        before_BLD = F.pad(seen_BTD[:, :-1], (0, 0, 1, 0))[:, -length:]
        starts = (state.positions == 0)[..., None]
        return state.with_stream(state.stream + self.smear(before_BLD.masked_fill(starts, 0.0)))


class Smeared(DecoderConfig):
    """Mixed into a config: the smear, an embedding of unit size, and matrices that keep the size of what they read."""

    def trunk(self) -> Trunk:
        """Make the trunk."""
        return SmearTrunk((self.block(layer) for layer in range(self.depth)), self.width)

    @torch.no_grad()
    def initialise(self, model: Decoder, generator: torch.Generator) -> None:
        """Set every weight: N(0, 1/fan-in), what writes to the stream smaller by √(2 · depth), embedding N(0, 1)."""
        super().initialise(model, generator)
        for name, matrix in model.named_parameters():
            if matrix.dim() == 2:
                writes = name.endswith(("mixer.o.weight", "mixer.down.weight"))
                std = 1.0 if name == "embed.weight" else matrix.shape[1] ** -0.5 / ((2 * self.depth) ** 0.5) ** writes
                matrix.mul_(std / self.init_std)


def answer_logits(model: Decoder, batch: Batch, noise_BLD: Tensor | None = None) -> Tensor:
    """Return the logits [B, R, 64] of the numbers at the questions of `batch`: what is asked, and what is trained.

    noise_BLD: added to the embeddings, so that everything that reads a word reads the same noise.

    Among all words of the vocabulary the same model learns far more slowly: it first spends its stream on saying
    "a number", the same for every question.
    """
    stream = _stream_at(model, batch.ids, batch.rows, noise_BLD)
    return F.linear(model.norm(stream), model.head.weight[ANSWERS])


def logits_at(model: Decoder, ids_BL: Tensor, rows_R: Tensor) -> Tensor:
    """Return the logits [B, R, V] that follow the tokens at `rows`: the last block is computed there alone.

    What `model(ids).logits[:, rows]` gives, at a fraction of its work: a text of the task asks at 6 of 64 places.
    """
    return model.head(model.norm(_stream_at(model, ids_BL, rows_R)))


def _stream_at(model: Decoder, ids_BL: Tensor, rows_R: Tensor, noise_BLD: Tensor | None = None) -> Tensor:
    state = model.begin(ids_BL)
    trunk = model.trunk
    if noise_BLD is not None:
        state = state.with_stream(state.stream + noise_BLD)
    state = trunk.enter(state)
    for block in trunk.blocks[:-1]:
        state = block(state)
    attention, mlp = trunk.blocks[-1].attention, trunk.blocks[-1].mlp
    x_BLD, reads = attention.norm(state.stream), attention.mixer
    seen = torch.arange(ids_BL.shape[1]) <= rows_R[:, None]
    here = State(stream=state.stream[:, rows_R], positions=state.positions[:, rows_R], mask=seen[None, None])
    if type(reads).read is not Attention.read or type(reads).forward is not Attention.forward:
        # What is done to the heads afterwards is this variant's own affair: its attention is computed everywhere.
        return mlp(here.with_stream(attention(state).stream[:, rows_R])).stream
    q_BHRK = reads.rotated(reads.split(reads.q(x_BLD[:, rows_R]), reads.heads), here)
    k_BHLK, v_BHLK = reads.keys_values(x_BLD, state)
    y_BHRK = reads.attend(q_BHRK, reads.rotated(k_BHLK, state), v_BHLK, here)
    y_BRD = attention.scale(reads.o(y_BHRK.transpose(1, 2).flatten(2)))
    return mlp(here.with_stream(attention.write(here.stream, y_BRD))).stream
