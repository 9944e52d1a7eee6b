"""Addresses: one readable name for every weight, whatever a family calls it.

    embed  head  final_norm  positions  embed_norm
    layers.3.attn.q|k|v|o       layers.3.attn.q_norm|k_norm
    layers.3.mlp.gate|up|down
    layers.3.attn_norm|mlp_norm|attn_post_norm|mlp_post_norm

`.bias` names the bias beside a weight. An index follows in brackets, counted from 0: `[12, 7]` one number,
`[12, :]` a row, `[:, 7]` a column, `[8:16, :]` a range of rows, `[12]` an entry of a vector. Every matrix is written
[out, in], as in y = x Wᵀ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from labkit.base.errors import BadInput, unknown

__all__ = ["ENDS", "LAYER_PARTS", "Address"]

# What a model has once, and what each of its layers has; the tree prints them in this order.
ENDS = ("embed", "positions", "embed_norm", "final_norm", "head")
LAYER_PARTS = (
    "attn_norm",
    "attn.q",
    "attn.k",
    "attn.v",
    "attn.q_norm",
    "attn.k_norm",
    "attn.o",
    "attn_post_norm",
    "mlp_norm",
    "mlp.gate",
    "mlp.up",
    "mlp.down",
    "mlp_post_norm",
)

# One axis of an index: a position, a half-open range, or None for all of it.
Axis = int | tuple[int, int] | None

_FORM = re.compile(r"(?P<name>[^\[\]]+?)(?:\[(?P<index>[^\[\]]*)\])?")
_EXAMPLE = "a form such as layers.3.mlp.down, layers.3.mlp.down[12, 7], [12, :], [:, 7] or final_norm[5]"


@dataclass(frozen=True)
class Address:
    """A parameter and, optionally, a place in it; `Address.parse(str(a)) == a`.

    part: one of `ENDS` or `LAYER_PARTS`. layer: None for the ends. index: one entry per axis, or () for all.
    """

    part: str
    layer: int | None = None
    bias: bool = False
    index: tuple[Axis, ...] = ()

    @classmethod
    def parse(cls, text: str | Address) -> Address:
        """Return the address that `text` spells; raise `BadInput` or `UnknownName` when it spells none."""
        if isinstance(text, Address):
            return text
        match = _FORM.fullmatch(text.replace(" ", "")) if isinstance(text, str) else None
        if match is None:
            raise BadInput(f"{text!r} is not an address.", expected=_EXAMPLE)
        name, bias = match["name"], match["name"].endswith(".bias")
        layer, part = _split(name.removesuffix(".bias"))
        index = () if match["index"] is None else tuple(_axis(axis, text) for axis in match["index"].split(","))
        if len(index) > 2:
            raise BadInput(f"{text!r} has {len(index)} indices.", expected="two for a matrix, one for a vector")
        return cls(part, layer, bias, index)

    @property
    def name(self) -> str:
        """The parameter's name, without the index."""
        stem = self.part if self.layer is None else f"layers.{self.layer}.{self.part}"
        return stem + (".bias" if self.bias else "")

    @property
    def whole(self) -> Address:
        """The same parameter without the index."""
        return Address(self.part, self.layer, self.bias)

    def __str__(self) -> str:
        return self.name + (f"[{', '.join(map(_spell, self.index))}]" if self.index else "")


def _split(name: str) -> tuple[int | None, str]:
    """Return (layer, part) of a name without `.bias`; raise `UnknownName` when no model could have it."""
    match = re.fullmatch(r"layers\.(\d+)\.(.+)", name)
    if match is None:
        if name in ENDS:
            return None, name
        raise unknown("address", name, [*ENDS, *(f"layers.0.{part}" for part in LAYER_PARTS)], do=_EXAMPLE)
    if match[2] not in LAYER_PARTS:
        raise unknown("address", name, [f"layers.{match[1]}.{part}" for part in LAYER_PARTS])
    return int(match[1]), match[2]


def _axis(text: str, whole: str) -> Axis:
    if text == ":":
        return None
    if re.fullmatch(r"\d+", text):
        return int(text)
    if (match := re.fullmatch(r"(\d+):(\d+)", text)) and int(match[1]) < int(match[2]):
        return int(match[1]), int(match[2])
    raise BadInput(f"{text!r} in {whole!r} is not an index.", expected="a number from 0 up, a range such as 8:16, or :")


def _spell(axis: Axis) -> str:
    return ":" if axis is None else str(axis) if isinstance(axis, int) else f"{axis[0]}:{axis[1]}"
