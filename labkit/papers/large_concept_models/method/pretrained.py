"""A second space: the vectors of a sentence encoder trained by others, English only, with a decoder of our own.

all-MiniLM-L6-v2 was trained to put paraphrases side by side, not to be read back: nobody promises that a decoder can
find in its vectors which of two islands was meant. So the gate comes first. Shapes as in `codec`; C is 384.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.base.errors import BadInput

from .. import task
from ..task import PAD
from .codec import Codec, CodecConfig, noised, seeded

__all__ = ["PretrainedCodec", "decoder_loss"]


class PretrainedCodec(Codec):
    """A `Codec` whose encoder is `encoder.embed(texts)`, frozen; only the decoder has weights here.

    The numbers of its vectors are brought to mean 0 and spread 1 over the sentences given to `standardise`.
    Raises `BadInput` for German: the encoder reads English.
    """

    def __init__(self, config: CodecConfig, encoder: Any):
        super().__init__(config)
        for part in ("encoder", "read_piece", "read_norm", "to_concept", "standard"):
            delattr(self, part)
        self.register_buffer("mean_C", torch.zeros(config.concept))
        self.register_buffer("spread_C", torch.ones(config.concept))
        self._embed = encoder.embed

    @classmethod
    def build(cls, encoder: Any, width: int = 64, seed: int = 0) -> PretrainedCodec:
        """Return one whose decoder's first weights depend on `seed` alone."""
        concept = encoder.embed(["A sentence."]).shape[1]
        return seeded(lambda config: cls(config, encoder), CodecConfig(width=width, concept=concept), seed)

    def raw(self, texts: list[str]) -> Tensor:
        """Return the encoder's vectors of texts [N, C], each text read once."""
        once = sorted(set(texts))
        x_MC = torch.cat([self._embed(once[at : at + 128]) for at in range(0, len(once), 128)])
        return x_MC[[once.index(text) for text in texts]]

    def standardise(self, x_NC: Tensor) -> Tensor:
        """Take mean and spread from the vectors of training sentences, and return these as concepts [N, C]."""
        self.mean_C, self.spread_C = x_NC.mean(0), x_NC.std(0)
        return (x_NC - self.mean_C) / self.spread_C

    @torch.no_grad()
    def encode(self, sentences: task.Sentences, language: str | int = 0) -> Tensor:
        if task.language_number(language) != 0:
            raise BadInput("This encoder reads English.", expected="English", do="load_space('aligned') reads both")
        return (self.raw(task.write(sentences)) - self.mean_C) / self.spread_C

    @torch.no_grad()
    def encode_pieces(self, pieces_NL: Tensor) -> Tensor:
        texts = [task.tokenizer().decode(piece for piece in row if piece != PAD) for row in pieces_NL.tolist()]
        return (self.raw(texts) - self.mean_C) / self.spread_C


def decoder_loss(
    codec: Codec, c_NC: Tensor, pieces_NL: Tensor, generator: torch.Generator, noise: float = 0.0
) -> Tensor:
    """Return the cross-entropy of English sentences [N, L] written from their concepts, noised up to `noise`."""
    alpha_N1 = noise * torch.rand(len(c_NC), 1, generator=generator)
    before_NL = torch.cat([torch.full((len(c_NC), 1), task.tokenizer().bos), pieces_NL[:, :-1]], dim=1)
    english_N = torch.zeros(len(c_NC), dtype=torch.long)
    logits_NLV = codec.logits(noised(c_NC, alpha_N1, generator), before_NL, english_N)
    return F.cross_entropy(logits_NLV.flatten(0, 1), pieces_NL.flatten(), ignore_index=PAD)
