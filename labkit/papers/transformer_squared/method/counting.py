"""How many numbers each method learns, by formula: for models of any size, without building one.

SVF counts min(out, in) per matrix, LoRA r (out + in), IA3 out (of keys, values and up), DoRA as LoRA and one
magnitude per input of each matrix more.
"""

from __future__ import annotations

from dataclasses import dataclass

from labkit.base.errors import unknown

__all__ = ["LLAMA_3_8B", "Shapes", "count"]


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """The sizes of a decoder whose matrices are counted: model width, key and value width, MLP width, layers."""

    width: int
    kv_width: int
    ffn: int
    depth: int

    def of(self, part: str) -> tuple[int, int]:
        """Return (out, in) of a part such as "attn.q"."""
        known = {
            "attn.q": (self.width, self.width),
            "attn.k": (self.kv_width, self.width),
            "attn.v": (self.kv_width, self.width),
            "attn.o": (self.width, self.width),
            "mlp.gate": (self.ffn, self.width),
            "mlp.up": (self.ffn, self.width),
            "mlp.down": (self.width, self.ffn),
        }
        if part not in known:
            raise unknown("part", part, list(known))
        return known[part]


LLAMA_3_8B = Shapes(width=4096, kv_width=1024, ffn=14336, depth=32)


def count(method: str, shapes: Shapes, parts: tuple[str, ...], rank: int = 16) -> int:
    """Return the numbers that "svf", "lora", "dora" or "ia3" learns on `parts` of every layer."""
    formulas = {
        "svf": lambda out, into: min(out, into),
        "lora": lambda out, into: rank * (out + into),
        "dora": lambda out, into: rank * (out + into) + into,
        "ia3": lambda out, into: out,
    }
    if method not in formulas:
        raise unknown("method", method, list(formulas))
    return shapes.depth * sum(formulas[method](*shapes.of(part)) for part in parts)
