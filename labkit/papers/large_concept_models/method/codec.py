"""The concept codec: a sentence in either language to one vector, and a vector back to a sentence in either language.

An encoder and a decoder with nothing between them but the vector, as in SONAR (Duquenne and others 2023): no attention
reaches from the decoder into the encoder. What is trained: translation, and the distance between the vectors of a
sentence and its translation. Shapes: N sentences, L pieces, D width, C numbers in a concept, V pieces of the language.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.base.errors import BadInput
from labkit.models import DecoderConfig, RMSNorm
from labkit.models.state import State

from .. import task
from ..task import LENGTH, PAD

__all__ = ["Codec", "CodecConfig", "codec_loss", "noised"]


@dataclass(frozen=True, kw_only=True)
class CodecConfig:
    """Sizes of a codec: channels, blocks on each side, and how many numbers make a concept."""

    width: int = 64
    depth: int = 2
    heads: int = 4
    ffn: int = 128
    concept: int = 64

    def trunk(self) -> nn.Module:
        """Make the blocks of one side."""
        return sizes(self.width, self.depth, self.heads, self.ffn).trunk()

    def build(self, seed: int = 0) -> Codec:
        """Return a codec whose first weights depend on `seed` alone."""
        return seeded(Codec, self, seed)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)


class Codec(nn.Module):
    """encode(texts) -> c_NC, decode(c_NC, language) -> texts."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        self.config = config
        width, concept, vocab = config.width, config.concept, task.tokenizer().vocab_size
        self.read_piece, self.write_piece = nn.Embedding(vocab, width), nn.Embedding(vocab, width)
        self.encoder, self.decoder = config.trunk(), config.trunk()
        self.read_norm, self.write_norm = RMSNorm(width), RMSNorm(width)
        self.to_concept, self.from_concept = nn.Linear(width, concept), nn.Linear(concept, width)
        self.standard = nn.BatchNorm1d(concept, affine=False, momentum=0.02)  # keeps every number at mean 0, spread 1
        self.language = nn.Embedding(len(task.LANGUAGES), width)
        self.head = nn.Linear(width, vocab, bias=False)

    def encode_pieces(self, pieces_NL: Tensor) -> Tensor:
        """Return the concepts [N, C] of sentences given as pieces [N, L]: blocks, mean over pieces, one linear map."""
        there_NL = pieces_NL != PAD
        state = State(self.read_piece(pieces_NL.clamp(min=0)), _positions(pieces_NL), mask=there_NL[:, None, None])
        h_NLD = self.read_norm(self.encoder(state).stream) * there_NL[..., None]
        return self.standard(self.to_concept(h_NLD.sum(1) / there_NL.sum(1, keepdim=True)))

    def logits(self, c_NC: Tensor, pieces_NL: Tensor, language_N: Tensor) -> Tensor:
        """Return the logits [N, L, V] of each next piece; the concept and the language are added at every place."""
        said_NLD = self.write_piece(pieces_NL.clamp(min=0))
        h_NLD = said_NLD + (self.from_concept(c_NC) + self.language(language_N))[:, None]
        return self.head(self.write_norm(self.decoder(State(h_NLD, _positions(pieces_NL))).stream))

    @torch.no_grad()
    def decode_pieces(self, c_NC: Tensor, language: Tensor | int) -> Tensor:
        """Return the likeliest pieces [N, L], one after the other; PAD after the end."""
        if c_NC.dim() != 2 or c_NC.shape[1] != self.config.concept:
            raise BadInput(
                f"These vectors have the shape {list(c_NC.shape)}.",
                expected=f"[N, {self.config.concept}], the concepts of this codec",
                do="encode and decode with the same codec",
            )
        language_N = torch.as_tensor(language).expand(len(c_NC))
        pieces_NL = torch.full((len(c_NC), 1), task.tokenizer().bos)
        for _ in range(LENGTH):
            best_N = self.logits(c_NC, pieces_NL, language_N)[:, -1].argmax(-1)
            pieces_NL = torch.cat([pieces_NL, best_N[:, None]], dim=1)
        pieces_NL = pieces_NL[:, 1:]
        ended_NL = (pieces_NL == task.tokenizer().eos).long()
        return pieces_NL.masked_fill(ended_NL.cumsum(1) - ended_NL > 0, PAD)

    @torch.no_grad()
    def encode(self, sentences: task.Sentences, language: str | int = 0) -> Tensor:
        """Return the concepts [N, C] of sentences written in a language."""
        if len(sentences) == 0:
            return torch.zeros(0, self.config.concept)
        pieces_NL = task.tokens(sentences, task.language_number(language))
        once_ML, which_N = pieces_NL.unique(dim=0, return_inverse=True)  # many events share their futures
        return self.encode_pieces(once_ML)[which_N]

    def decode(self, c_NC: Tensor, language: str | int = 0) -> list[str]:
        """Return the text that the decoder writes for each concept in a language."""
        pieces_NL = self.decode_pieces(c_NC, task.language_number(language))
        return [task.tokenizer().decode(piece for piece in row if piece != PAD) for row in pieces_NL.tolist()]


def codec_loss(codec: Codec, sentences: task.Sentences, generator: torch.Generator, *, aligned: bool, noise: float):
    """Return the loss on N sentences read in both languages.

    Aligned: cross-entropy into a language drawn at random, plus ‖c_English − c_German‖² / C. Not aligned: each sentence
    back into its own language, and nothing that ties the two. noise: the highest α of `noised` while training.
    """
    n = len(sentences)
    both_NL = torch.cat([task.tokens(sentences, 0), task.tokens(sentences, 1)])
    c_NC = codec.encode_pieces(both_NL)
    language_N, wanted_NL = torch.arange(2).repeat_interleave(n), both_NL
    if aligned:
        language_N = torch.randint(0, 2, (2 * n,), generator=generator)
        wanted_NL = torch.where(language_N[:, None] == 0, both_NL[:n].repeat(2, 1), both_NL[n:].repeat(2, 1))
    alpha_N1 = noise * torch.rand(2 * n, 1, generator=generator)
    before_NL = torch.cat([torch.full((2 * n, 1), task.tokenizer().bos), wanted_NL[:, :-1]], dim=1)
    logits_NLV = codec.logits(noised(c_NC, alpha_N1, generator), before_NL, language_N)
    said = F.cross_entropy(logits_NLV.flatten(0, 1), wanted_NL.flatten(), ignore_index=PAD)
    return said + (c_NC[:n] - c_NC[n:]).pow(2).mean() if aligned else said


def noised(c_NC: Tensor, alpha: Tensor | float, generator: torch.Generator) -> Tensor:
    """Return √(1−α) c + √α ε: how the paper tests, and trains against, fragility (section 4.2)."""
    alpha = torch.as_tensor(alpha)
    return (1 - alpha).sqrt() * c_NC + alpha.sqrt() * torch.randn(c_NC.shape, generator=generator)


def _positions(pieces_NL: Tensor) -> Tensor:
    return torch.arange(pieces_NL.shape[1])[None]


def sizes(width: int, depth: int, heads: int, ffn: int) -> DecoderConfig:
    """Return the baseline's sizes, whose makers give the blocks; the paper's models have no vocabulary."""
    return DecoderConfig(vocab=1, width=width, depth=depth, heads=heads, ffn=ffn, context=64)


def seeded(make: Any, config: Any, seed: int) -> Any:
    """Return make(config) with PyTorch's usual first values, drawn from `seed` without touching global random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make(config)
