"""How a sub-layer is skipped: forwards that stand in for its modules and write nothing to the stream.

They are put on the instance (`module.forward = ...`), so that the module, its parameters and its hooks stay where
they are. They hold no module, so that a copy of a model takes copies of them along.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

__all__ = ["Absent", "KeepStream", "PassOn", "Skip", "WriteNothing", "cache_in"]


class Skip:
    """A forward that labkit put in place of a module's own."""

    def __repr__(self) -> str:
        return type(self).__name__


class PassOn(Skip):
    """Return the input: for norms and dropouts around what is skipped."""

    def __call__(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return x


class KeepStream(Skip):
    """Return the stream as it was: for the module that would add to it."""

    def __call__(self, h: Tensor, y: Tensor) -> Tensor:
        return h


class WriteNothing(Skip):
    """Return zeros [B, L, D] in the form the module returns, after counting the tokens in the cache, if there is one.

    transformers reads the number of cached tokens from one layer's entry: of the first layer for positions, of the
    first full and the first sliding layer for masks. An entry that stayed empty would tell every other layer that
    decoding starts anew, so a skipped attention stores one number a token. (A static cache has its room already,
    and transformers 4 uses it again later: there the entry has the true shape, `heads` of `size`.) With `layer` None
    nothing is counted.
    """

    def __init__(self, returns: str = "tensor", layer: int | None = 0, heads: int = 1, size: int = 1):
        self.returns, self.layer, self.heads, self.size = returns, layer, heads, size

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor | tuple[Tensor, None]:
        x = args[0] if args else kwargs["hidden_states"]
        nothing_BLD = x.new_zeros(x.shape[-3:])  # a stream may be several; what is written is one
        if self.returns == "tensor":
            return nothing_BLD
        if self.layer is not None and (cache := cache_in(args, kwargs)) is not None:
            self._count(cache, nothing_BLD, kwargs.get("cache_position"))
        return nothing_BLD, None

    def _count(self, cache: Any, nothing_BLD: Tensor, cache_position: Tensor | None) -> None:
        batch, length, _ = nothing_BLD.shape
        heads, size = self._entry_shape(cache)
        # Ones, because the static cache of transformers 4 counts the entries that are not zero.
        mark = nothing_BLD.new_ones(batch, heads, length, size)
        where = {} if cache_position is None else {"cache_position": cache_position}
        cache.update(mark, mark, self.layer, where)

    def _entry_shape(self, cache: Any) -> tuple[int, int]:
        entry = cache.layers[self.layer] if self.layer < len(cache.layers) else None
        held = getattr(entry, "keys", None)
        if held is not None and held.dim() == 4:
            return held.shape[1], held.shape[3]
        return (self.heads, self.size) if hasattr(entry, "max_cache_len") else (1, 1)


class Absent(nn.Module):
    """Stands where a module was removed: no parameters, and a forward that does as the skip does."""

    def __init__(self, skip: Skip):
        super().__init__()
        self.skip = skip

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.skip(*args, **kwargs)

    def extra_repr(self) -> str:
        return repr(self.skip)


def cache_in(args: tuple, kwargs: dict[str, Any]) -> Any:
    """Return the cache of transformers among a call's arguments (its name differs between families), or None."""
    for value in (*args, *kwargs.values()):
        if hasattr(value, "get_seq_length") and hasattr(value, "update"):
            return value
    return None
