"""What a model costs by its sizes alone: parameters, FLOPs, bytes of the decode cache; before and after dropping parts.

Shapes: N layers, D width, H query heads, G key and value heads, K head size, F feed-forward, V vocabulary.

attention   2 D H K + 2 D G K weights (4 D² with G = H), its norm D
MLP         3 D F weights with a gate, 2 D F without, its norm D
cache       2 · (attentions left) · G K · tokens · batch numbers: keys and values
FLOPs       two for each weight and token; 4 H K for each pair of a query and a key it may read; head included.
            Norms, softmax, rotary turns and gates, linear in the width, are left out.

Biases are left out too, and windows of attention: there the cache and the FLOPs are upper bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from labkit.anatomy import anatomy_of, module_of
from labkit.anatomy.description import HeadSizes
from labkit.anatomy.families import FAMILIES
from labkit.base.errors import BadInput
from labkit.interventions import dropped
from labkit.models import DecoderConfig

from .tables import text_table

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["PUBLISHED", "CacheRow", "ModelSizes", "cache_table", "degradation_ratio", "sizes_of"]

GIB = 1 << 30


@dataclass(frozen=True, kw_only=True)
class ModelSizes:
    """The numbers that decide what a decoder costs.

    attentions, mlps: how many are left; default: one per layer. gated: whether an MLP has three matrices or two.
    tied: whether head and embedding share their weights.
    """

    depth: int
    width: int
    heads: int
    kv_heads: int
    head_size: int
    ffn: int
    vocab: int
    gated: bool = True
    tied: bool = False
    attentions: int | None = None
    mlps: int | None = None

    def __post_init__(self) -> None:
        for name in ("attentions", "mlps"):
            left = self.depth if getattr(self, name) is None else getattr(self, name)
            if not 0 <= left <= self.depth:
                raise BadInput(f"{name} = {left} of {self.depth} layers.", expected=f"0 to {self.depth}")
            object.__setattr__(self, name, left)

    def without(self, *, attentions: int = 0, mlps: int = 0) -> ModelSizes:
        """Return the sizes with so many attentions and MLPs fewer."""
        return replace(self, attentions=self.attentions - attentions, mlps=self.mlps - mlps)

    @property
    def attention_weights(self) -> int:
        """Weights of one attention's four matrices."""
        return 2 * self.width * self.head_size * (self.heads + self.kv_heads)

    @property
    def mlp_weights(self) -> int:
        """Weights of one MLP's matrices."""
        return (3 if self.gated else 2) * self.width * self.ffn

    @property
    def parameters(self) -> int:
        """All weights: matrices, one gain per channel of each norm, embedding and head."""
        ends = self.vocab * self.width * (1 if self.tied else 2)
        attention = self.attentions * (self.attention_weights + self.width)
        return attention + self.mlps * (self.mlp_weights + self.width) + self.width + ends

    def cache_bytes(self, tokens: int, batch: int = 1, bytes_per_number: int = 2) -> int:
        """Return the size of a decode cache that holds `tokens` of each of `batch` texts."""
        return 2 * self.attentions * self.kv_heads * self.head_size * bytes_per_number * batch * tokens

    def prefill_flops(self, tokens: int, batch: int = 1) -> int:
        """Return the FLOPs of reading `tokens` at once, each token reading those before it and itself."""
        return batch * (2 * tokens * self._multiplied + self._per_pair * tokens * (tokens + 1) // 2)

    def decode_flops(self, past: int, batch: int = 1) -> int:
        """Return the FLOPs of one more token after `past` tokens in the cache."""
        return batch * (2 * self._multiplied + self._per_pair * (past + 1))

    def generation_flops(self, prompt: int, new: int, batch: int = 1) -> int:
        """Return the FLOPs of reading a prompt and writing `new` tokens; the last one written is not read."""
        steps = sum(self.decode_flops(prompt + step, batch) for step in range(new - 1))
        return self.prefill_flops(prompt, batch) + steps

    @property
    def _multiplied(self) -> int:
        """Weights that each token is multiplied by."""
        return self.attentions * self.attention_weights + self.mlps * self.mlp_weights + self.vocab * self.width

    @property
    def _per_pair(self) -> int:
        """FLOPs for each query and each key it reads: q·k, and the weighted sum of values."""
        return 4 * self.attentions * self.heads * self.head_size


def sizes_of(model: ModelLike, plan: Any = ()) -> ModelSizes:
    """Return the sizes of a model, a handle, or a config (ours or one of transformers), after a plan of drops.

    A shrunk model counts as what it is. A plan needs a model, not a config.
    """
    if isinstance(model, DecoderConfig):
        return _of_ours(model)
    if hasattr(model, "model_type"):
        return _of_hub(model)
    module = module_of(model)
    blocks, gone = anatomy_of(module).blocks, dropped(module, plan)
    left = {
        which: sum(getattr(block, which) is not None for block in blocks) - len(gone[which])
        for which in ("attention", "mlp")
    }
    whole = sizes_of(module.config)
    return replace(whole, attentions=left["attention"], mlps=left["mlp"])


def _of_ours(c: DecoderConfig) -> ModelSizes:
    return ModelSizes(
        depth=c.depth, width=c.width, heads=c.heads, kv_heads=c.kv_heads, head_size=c.width // c.heads,
        ffn=c.ffn, vocab=c.vocab, tied=c.tie,
        attentions=c.depth - len(getattr(c, "no_attention", ())), mlps=c.depth - len(getattr(c, "no_mlp", ())),
    )  # fmt: skip


def _of_hub(c: Any) -> ModelSizes:
    family = next((family for family in FAMILIES if c.model_type in family.model_types), None)
    if family is None:
        known = sorted(name for family in FAMILIES for name in family.model_types)
        raise BadInput(f"The sizes of a {c.model_type!r} are not known here.", expected=f"one of {', '.join(known)}")
    sizes = HeadSizes.of(c)
    ffn = getattr(c, "intermediate_size", None) or getattr(c, "n_inner", None) or 4 * c.hidden_size
    return ModelSizes(
        depth=c.num_hidden_layers, width=c.hidden_size, heads=sizes.heads, kv_heads=sizes.kv_heads,
        head_size=sizes.size, ffn=ffn, vocab=c.vocab_size, gated="mlp.gate" in family.weights,
        tied=bool(getattr(c, "tie_word_embeddings", True)),
    )  # fmt: skip


def degradation_ratio(before: float, after: float, speedup: float) -> float:
    """Return γ, the points lost per percent of speed won (the paper's SDR, eq. 9): low is good, negative is a gain.

    before, after: mean scores in points. speedup: such as 1.24.
    """
    if not speedup > 1:
        raise BadInput(f"A speed-up of {speedup} wins nothing.", expected="a number above 1")
    return (before - after) / (100 * (speedup - 1))


# Sizes as published with the models; the paper's Table 4 is about these five.
_LLAMA2_13B = ModelSizes(depth=40, width=5120, heads=40, kv_heads=40, head_size=128, ffn=13824, vocab=32000)
_MISTRAL = ModelSizes(depth=32, width=4096, heads=32, kv_heads=8, head_size=128, ffn=14336, vocab=32000)
_LLAMA2_70B = ModelSizes(depth=80, width=8192, heads=64, kv_heads=8, head_size=128, ffn=28672, vocab=32000)
PUBLISHED: Mapping[str, ModelSizes] = {
    "Llama-2-13B": _LLAMA2_13B,
    "Mistral-7B": _MISTRAL,
    "Llama-2-70B": _LLAMA2_70B,
    "Llama-3-8B": replace(_MISTRAL, vocab=128256),
    "Llama-3-70B": replace(_LLAMA2_70B, vocab=128256),
}


@dataclass(frozen=True, kw_only=True)
class CacheRow:
    """One row of the paper's Table 4: a model with 2048 tokens in the cache, two bytes a number.

    printed: gigabytes before and after in the paper. bytes: by the formula.
    """

    model: str
    batch: int
    dropped: int
    printed: tuple[float, float]
    bytes: tuple[int, int]

    @property
    def gibibytes(self) -> tuple[float, float]:
        """The bytes in units of 2³⁰."""
        return self.bytes[0] / GIB, self.bytes[1] / GIB

    @property
    def exact(self) -> bool:
        """Whether the formula gives what the paper prints."""
        return self.gibibytes == self.printed


def cache_table(tokens: int = 2048) -> tuple[CacheRow, ...]:
    """Return the paper's Table 4 beside the formula: batch, attentions dropped, gigabytes before and after."""
    rows: Sequence[tuple[str, int, int, tuple[float, float]]] = (
        ("Llama-2-13B", 32, 20, (52.0, 26.0)),
        ("Mistral-7B", 64, 12, (16.0, 10.0)),
        ("Llama-2-70B", 32, 40, (20.0, 10.0)),
        ("Llama-3-8B", 64, 12, (16.0, 10.0)),
        ("Llama-3-70B", 32, 40, (20.0, 10.0)),
    )
    found = []
    for name, batch, gone, printed in rows:
        whole = PUBLISHED[name]
        held = (whole.cache_bytes(tokens, batch), whole.without(attentions=gone).cache_bytes(tokens, batch))
        found.append(CacheRow(model=name, batch=batch, dropped=gone, printed=printed, bytes=held))
    return tuple(found)


def cache_text(rows: Sequence[CacheRow]) -> str:
    """Return the table as text."""
    cells = [
        [row.model, str(row.batch), str(row.dropped), *(f"{g:g}" for g in (*row.printed, *row.gibibytes))]
        for row in rows
    ]
    return text_table(["model", "batch", "dropped", "paper", "paper, cut", "GiB", "GiB, cut"], cells)
