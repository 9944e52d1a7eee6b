"""What a byte costs: floating-point operations of a forward pass, by equations 13 to 17 and appendix B.

Look-ups (embeddings, hash tables) cost nothing, and neither does the entropy model, which the paper does not count.
"""

from __future__ import annotations

from dataclasses import dataclass

from labkit.base.errors import BadInput

from .model import BLTConfig, FlatConfig
from .relatives import MegaByteConfig

__all__ = ["Cost", "cost", "cost_of_megabyte", "cost_of_tokens", "cross_attention", "transformer"]


def transformer(h: float, layers: int, m: float, vocab: int = 0, ffn: float | None = None) -> float:
    """Return the operations a position costs in `layers` blocks of width h that attend to m places, and its logits.

    Attention 4 l h (m + 1)/2, projections 8 l h², feed-forward 16 l h² (6 l h f for a SwiGLU), logits 2 h V.
    """
    forward = 16 * h * h if ffn is None else 6 * h * ffn
    return layers * (4 * h * (m + 1) / 2 + 8 * h * h + forward) + 2 * h * vocab


def cross_attention(h: float, layers: int, m: float, r: float) -> float:
    """Return the operations a query costs in `layers` cross-attentions over m keys, r keys a query being projected.

    Attention 4 l h (m + 1)/2, projections (2 r + 2) 2 l h².
    """
    return layers * (4 * h * (m + 1) / 2 + (2 * r + 2) * 2 * h * h)


@dataclass(frozen=True)
class Cost:
    """Operations a byte, by part, at a mean patch of `size` bytes."""

    size: float
    latent: float
    encoder: float
    decoder: float
    gather: float
    spread: float

    @property
    def total(self) -> float:
        """Operations a byte."""
        return self.latent + self.encoder + self.decoder + self.gather + self.spread

    @property
    def local_share(self) -> float:
        """The share that is paid at every byte, however long patches are."""
        return (self.encoder + self.decoder) / self.total

    def table(self) -> str:
        """Return one line a part."""
        parts = {name: getattr(self, name) for name in ("latent", "encoder", "decoder", "gather", "spread")}
        lines = [f"{name:8} {value:14,.0f}  {value / self.total:5.1%}" for name, value in parts.items()]
        return "\n".join([*lines, f"{'total':8} {self.total:14,.0f}  a byte, patches of {self.size:g} bytes"])


def cost(config: BLTConfig, size: float, context: int, *, plain: bool = False) -> Cost:
    """Return what a byte costs in a BLT whose patches have `size` bytes (equations 13-17).

    context: bytes in view. plain: feed-forward layers counted as 16 h², as the paper does, whatever ours have.
    """
    if not 1 <= size <= context:
        raise BadInput(f"Patches of {size} bytes in a context of {context}.", expected="from 1 byte to the context")
    c, k = config, config.vectors
    ffn, latent_ffn = (None, None) if plain else (c.ffn, c.latent_ffn)
    near = min(c.window, context)
    return Cost(
        size=size,
        latent=transformer(c.latent_width, c.latent, context / size, 0, latent_ffn) / size,
        encoder=transformer(c.width, c.encoder, near, 0, ffn),
        decoder=transformer(c.width, c.decoder, near, c.vocab, ffn),
        gather=cross_attention(c.width, 1, size, size / k) * k / size if c.cross else 0.0,
        spread=cross_attention(c.width, c.decoder, k, k / size) if c.cross else 0.0,
    )


def cost_of_tokens(config: FlatConfig, size: float, context: int) -> float:
    """Return what a byte costs in a plain model whose tokens have `size` bytes; size 1 for a model of bytes."""
    positions = context / size
    return transformer(config.width, config.depth, positions, config.vocab, config.ffn) / size


def cost_of_megabyte(config: MegaByteConfig, size: float, context: int) -> float:
    """Return what a byte costs in a MegaByte: latent cost by the patch, local model, and the two maps between them."""
    latent = transformer(config.latent_width, config.latent, context / size, 0, config.latent_ffn) / size
    local = transformer(config.width, config.depth, size, config.vocab, config.ffn)
    return latent + local + 4 * config.width * config.latent_width / config.slots
