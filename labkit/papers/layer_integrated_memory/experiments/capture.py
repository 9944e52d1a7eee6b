"""Hidden states, raw values and routed values of every layer: three things that are easily taken for one another.

The official analysis code stores the *routed* values under the name of the layer's own ("output of the W^V
projection" in the text). Routed values hold those of earlier layers by construction; `raw` is what the layer made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import module_of
from labkit.base.errors import BadInput
from labkit.models import Attention, Decoder

from ..task import Expressions

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["KINDS", "Captured", "capture"]

KINDS = ("hidden", "raw", "routed")


@dataclass(frozen=True)
class Captured:
    """What each layer holds for every token: lists by layer of [N, L, channels].

    hidden: the stream after the layer's block. raw: the values the layer's own projection makes. routed: the values its
    attention uses. In the baseline raw and routed are the same tensor. keys: the raw keys.
    """

    hidden: tuple[Tensor, ...]
    raw: tuple[Tensor, ...]
    routed: tuple[Tensor, ...]
    keys: tuple[Tensor, ...]
    heads: int

    def of(self, kind: str) -> tuple[Tensor, ...]:
        """Return the tensors of one kind, layer by layer; raise `BadInput` for another name."""
        if kind not in KINDS:
            raise BadInput(f"{kind!r} is none of what is captured.", expected=f"one of {', '.join(KINDS)}")
        return getattr(self, kind)

    @property
    def raw_sizes(self) -> tuple[Tensor, ...]:
        """The root mean square of each raw head, keys and values together, by layer [heads]."""
        joint = [torch.stack((k, v), -1) for k, v in zip(self.keys, self.raw)]
        return tuple(x.double().unflatten(2, (self.heads, -1)).square().mean((0, 1, 3, 4)).sqrt() for x in joint)


@torch.no_grad()
def capture(model: ModelLike, rows: Expressions) -> Captured:
    """Run a decoder of ours block by block, and ask every attention for its values once more.

    Raises `BadInput` for a model that is no such decoder.
    """
    module = module_of(model)
    if not isinstance(module, Decoder):
        kind = type(module).__name__
        raise BadInput(f"A {kind} cannot be read block by block.", expected="one of the course's models")
    state, held = module.begin(torch.from_numpy(rows.ids)), {name: [] for name in (*KINDS, "keys")}
    mixer: Attention
    for block in module.trunk.blocks:
        x_BLD, mixer = block.attention.norm(state.stream), block.attention.mixer
        _, routed_BHLK = mixer.keys_values(x_BLD, state.fork())  # a fork: the pass itself must not see it
        held["raw"].append(mixer.v(x_BLD))
        held["keys"].append(mixer.k(x_BLD))
        held["routed"].append(routed_BHLK.transpose(1, 2).flatten(2))
        state = block(state)
        held["hidden"].append(state.stream)
    return Captured(**{name: tuple(parts) for name, parts in held.items()}, heads=mixer.kv_heads)
