"""Decoders some of whose blocks lack their attention, their MLP or both: smaller on disk, in memory and in time.

A shrunk model is a decoder like any other. Its blocks keep their numbers, an empty one passes the stream on, and
its decode cache has entries for the attentions that are left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from labkit.base.errors import BadInput

from .config import DERIVED, DecoderConfig
from .decoder import Decoder
from .trunk import Block

__all__ = ["ShrunkConfig", "shrunk"]


class ShrunkConfig:
    """What the configs of shrunk models have beside the fields of the whole one.

    no_attention, no_mlp: layers whose block lacks that branch, in order.
    """

    depth: int
    no_attention: tuple[int, ...]
    no_mlp: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("no_attention", "no_mlp"):
            layers = tuple(sorted(getattr(self, name)))  # a list when it comes from a file
            object.__setattr__(self, name, layers)
            if len(set(layers)) < len(layers) or any(not 0 <= layer < self.depth for layer in layers):
                raise BadInput(
                    f"{name} = {list(layers)} does not fit {self.depth} blocks.",
                    expected=f"layers from 0 to {self.depth - 1}, each once",
                )

    def block(self, layer: int) -> Block:
        """Make block `layer` without the branches it is to lack."""
        whole = super().block(layer)
        gone = [name for name, layers in self._gone().items() if layer in layers]
        if absent := [name for name in gone if name not in whole.names]:
            raise BadInput(
                f"Block {layer} has no {absent[0]} to leave out.", expected=f"one of {', '.join(whole.names)}"
            )
        return Block(**{name: getattr(whole, name) for name in whole.names if name not in gone})

    def _gone(self) -> dict[str, tuple[int, ...]]:
        return {"attention": self.no_attention, "mlp": self.no_mlp}


@cache
def shrunk_class(whole: Any) -> type[DecoderConfig]:
    """Return the class of configs like `whole` with `no_attention` and `no_mlp`; kind: "shrunk " + its."""
    fields: dict[str, Any] = {"no_attention": (), "no_mlp": ()}
    hints = {"no_attention": tuple[int, ...], "no_mlp": tuple[int, ...]}
    about = {"kind": f"shrunk {whole.kind}", "__module__": whole.__module__, "__annotations__": hints, **fields}
    name = f"Shrunk{whole.__name__}"
    made = type(name, (ShrunkConfig, whole), {**about, "__qualname__": name, "__doc__": ShrunkConfig.__doc__})
    return dataclass(frozen=True, kw_only=True)(made)


DERIVED["shrunk "] = shrunk_class  # type: ignore[assignment]


def shrunk(model: Decoder, *, no_attention: Iterable[int] = (), no_mlp: Iterable[int] = ()) -> Decoder:
    """Return a new model without these branches, with copies of the weights that are left.

    Raises `BadInput` for a layer out of range, named twice, or without that branch.
    """
    config = model.config
    gone = {"no_attention": tuple(no_attention), "no_mlp": tuple(no_mlp)}
    table = {key: value for key, value in config.as_dict().items() if key != "kind"}
    if isinstance(config, ShrunkConfig):  # what is gone stays gone
        gone = {name: (*table[name], *layers) for name, layers in gone.items()}
    cls = type(config) if isinstance(config, ShrunkConfig) else shrunk_class(type(config))  # type: ignore[arg-type]
    with torch.device("meta"):
        small = Decoder(cls(**table | gone))
    small.to_empty(device=model.device)
    weights = model.state_dict()
    small.load_state_dict({name: weights[name] for name in small.state_dict()})
    return small.to(model.dtype).train(model.training)
