"""What a model costs: parameters, FLOPs split into the part that grows with T and the part that grows with T², stages.

T is the length of a text in tokens. A multiplication and an addition are two FLOPs. The paper's table 3 calls 2 N T the
training cost; it is that of a forward pass. Training takes three times as much (forward, and twice that backward).

Source: Wang et al. 2024 (arXiv 2410.23168), table 3, figure 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labkit.base.errors import BadInput

from .model import TokenFormer, Transformer

__all__ = ["ModelCost", "TrainingStage", "cumulative_flops", "matched_tokens", "model_cost"]


@dataclass(frozen=True, kw_only=True)
class ModelCost:
    """The cost of one forward pass over one text of `length` tokens.

    parameters: weights outside the embedding. embedding: those of the (tied) embedding. linear: FLOPs of all weights
    but the head. head: FLOPs of the head. attention: FLOPs of data tokens reading each other, the T² term.
    """

    length: int
    parameters: int
    embedding: int
    linear: int
    head: int
    attention: int

    @property
    def flops(self) -> int:
        """All of it."""
        return self.linear + self.head + self.attention

    @property
    def per_square(self) -> float:
        """FLOPs of the T² term for each T², as in the paper's table 8."""
        return self.attention / self.length**2

    def table(self) -> str:
        """Return the model_cost as lines of text."""
        rows = [
            ("weights outside the embedding", self.parameters),
            ("FLOPs of those weights", self.linear),
            ("FLOPs of the head", self.head),
            (f"FLOPs of {self.length} tokens reading each other", self.attention),
        ]
        return "\n".join(f"{name:<44}{value:>16,}" for name, value in rows)


def model_cost(config: Transformer, length: int = 128) -> ModelCost:
    """Return what a model of this config costs on a text of `length` tokens, without building it (table 3).

    N = 2 L D (n_q + n_k + n_v + n_o + n_ffn) for a TokenFormer, L (4 D² + 2 D F) for the Transformer; 2 N T + 4 L D T².
    Raises `BadInput` for a length below 1.
    """
    if length < 1:
        raise BadInput(f"A text of {length} tokens costs nothing.", expected="at least 1 token")
    depth, width = config.depth, config.width
    if isinstance(config, TokenFormer):
        parameters = 2 * depth * width * (4 * config.tokens + config.ffn)
    else:
        parameters = depth * (4 * width**2 + 2 * width * config.ffn)
    embedding = config.vocab * width
    return ModelCost(
        length=length,
        parameters=parameters,
        embedding=embedding,
        linear=2 * parameters * length,
        head=2 * embedding * length,
        attention=4 * depth * width * length**2,
    )


def matched_tokens(width: int, *, flops: bool = False) -> int:
    """Return how many tokens q, k, v and o need for the weights of a Transformer of this width: 3 D / 4 (the † rows).

    With an MLP of four times as many, a block then has 16 n D = 12 D² weights. FLOPs are matched by the same number,
    since every weight is used once a token; `flops` only says that this is what is asked.
    """
    if width * 3 % 4:
        raise BadInput(f"3/4 of width {width} is no whole number of tokens.", expected="a multiple of 4")
    return width * 3 // 4


@dataclass(frozen=True, kw_only=True)
class TrainingStage:
    """A stretch of training: a model of `config`, `steps` batches of `rows` texts of `length` tokens.

    paid: whether the stage counts as paid already, as the paper counts its 300 billion tokens of source training in
    "cost of this stage".
    """

    config: Transformer
    steps: int
    rows: int
    length: int
    paid: bool = False

    @property
    def tokens(self) -> int:
        """Tokens predicted."""
        return self.steps * self.rows * self.length

    @property
    def flops(self) -> int:
        """Forward and backward: three times the forward pass."""
        return 3 * model_cost(self.config, self.length).flops * self.steps * self.rows


def cumulative_flops(stages: Sequence[TrainingStage], *, source_counted: bool = True) -> int:
    """Return the FLOPs of stages, those already paid counted or not: the two axes of the paper's cost claims."""
    return sum(stage.flops for stage in stages if source_counted or not stage.paid)
