"""What travels through a trunk: the residual stream, what later blocks may read, and the decode cache.

Shapes: B batch, L length (tokens in this call), T tokens readable (cached + L), D model width, H heads, K head size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from labkit.base.errors import BadInput, ModelChanged

__all__ = ["Cache", "State", "causal_mask", "segment_positions"]


class Cache:
    """Keys and values of past tokens, by layer. Its length is its own: no layer's entry stands for the others'.

    A layer whose attention is dropped leaves no entry and disturbs nobody. `length` moves once per call of the
    decoder, after all blocks, so that an interrupted call leaves a cache that can be used again.
    """

    def __init__(self) -> None:
        self.length = 0
        self.layers: dict[int, tuple[Tensor, ...]] = {}
        self._rooms: dict[tuple[int, int], Tensor] = {}

    def extend(self, layer: int, *new: Tensor) -> tuple[Tensor, ...]:
        """Return the past of `layer` joined with `new` (each [..., L, K]) and keep the result."""
        past = self.layers.get(layer)
        if self.length:
            held = 0 if past is None else past[0].shape[-2]
            if past is None or held < self.length:
                raise ModelChanged(
                    f"The cache of layer {layer} holds {held} of {self.length} tokens.",
                    expected="the same edits while a cache is filled and while it is used",
                    do="start again with a new cache (past_key_values=None)",
                )
            new = tuple(self._joined((layer, place), *pair) for place, pair in enumerate(zip(past, new)))
        self.layers[layer] = new
        return new

    def crop(self, length: int) -> None:
        """Forget all tokens but the first `length`."""
        self.length = min(self.length, length)  # what lies after is written over

    def _joined(self, key: tuple[int, int], old: Tensor, fresh: Tensor) -> Tensor:
        """Return the past with `fresh` after it, in a room kept for more, so that not every token copies the past."""
        end = self.length + fresh.shape[-2]
        if torch.is_grad_enabled():  # nothing may be written over that a gradient needs
            return torch.cat((old[..., : self.length, :], fresh), dim=-2)
        room = self._rooms.get(key)
        closed = old.is_inference() and not torch.is_inference_mode_enabled()  # made inside, it is read only outside
        if room is None or room.shape[-2] < end or room.data_ptr() != old.data_ptr() or closed:
            room = self._rooms[key] = old.new_empty(*old.shape[:-2], 2 * end, old.shape[-1])
            room[..., : self.length, :] = old[..., : self.length, :]
        room[..., self.length : end, :] = fresh
        return room[..., :end, :]


@dataclass(frozen=True)
class State:
    """One moment of a forward pass, between two blocks.

    Blocks take a State and return a new one; they never change the one they were given, so a State kept at a
    boundary can be continued from there as often as one likes.

    stream: h_BLD, or h_nBLD when a trunk carries n residual streams.
    memory: what blocks left for later blocks, by layer (for example raw keys and values).
    positions: integers [1, L] or [B, L], counted from the start of each token's document.
    mask: True where a query may read a key [B or 1, 1, L, T]; None means every earlier token and itself.
    cache: keys and values of past tokens while decoding, else None.
    tables: what is worth computing once per pass (rotary tables), filled on first use.
    """

    stream: Tensor
    positions: Tensor
    mask: Tensor | None = None
    cache: Cache | None = None
    memory: dict[int, Any] = field(default_factory=dict)
    tables: dict[Any, Any] = field(default_factory=dict, repr=False)

    def with_stream(self, stream: Tensor) -> State:
        """Return the same moment with another residual stream."""
        return self._but(stream=stream)

    def fork(self) -> State:
        """Return a State whose memory can be written to without changing this one's."""
        return self._but(memory=dict(self.memory))

    def _but(self, **changed: Any) -> State:
        # What dataclasses.replace does, in a third of its time: a token passes here three times a block.
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, **changed)
        return other

    def table(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return `make()`, computed at the first call with this key in this pass."""
        if key not in self.tables:
            self.tables[key] = make()
        return self.tables[key]

    @property
    def causal(self) -> bool:
        """Whether the plain causal mask is wanted (a single new token may read everything)."""
        return self.mask is None and self.positions.shape[-1] > 1


def segment_positions(segments_BL: Tensor) -> Tensor:
    """Return positions that restart at 0 with every new document of a packed row [B, L]."""
    index = torch.arange(segments_BL.shape[1], device=segments_BL.device).expand_as(segments_BL)
    starts = torch.zeros_like(index)
    new = segments_BL[:, 1:] != segments_BL[:, :-1]
    starts[:, 1:] = torch.where(new, index[:, 1:], 0)
    return index - starts.cummax(dim=1).values


def causal_mask(
    length: int, past: int, device: torch.device, attention_mask: Tensor | None = None, segments: Tensor | None = None
) -> Tensor | None:
    """Return the boolean mask [B or 1, 1, L, past + L] of who may read whom, or None when plain causal does.

    attention_mask [B, past + L] is 0 on padding; segments [B, L] numbers the documents of a packed row.
    A padding token reads itself, so that no row of a softmax is empty.
    """
    total = past + length
    if attention_mask is not None and attention_mask.shape[-1] != total:
        raise BadInput(
            f"attention_mask covers {attention_mask.shape[-1]} tokens.",
            expected=f"{total} ({past} in the cache and {length} new)",
        )
    padded = attention_mask is not None and not bool(attention_mask.bool().all())
    if segments is not None and past:
        raise BadInput("segments cannot be continued from a cache.", do="pass the packed row in one call")
    if not padded and segments is None and (past == 0 or length == 1):
        return None
    queries = torch.arange(past, total, device=device)[:, None]
    keys = torch.arange(total, device=device)[None, :]
    mask = (keys <= queries)[None, None]
    if segments is not None:
        mask = mask & (segments[:, None, :, None] == segments[:, None, None, :])
    if padded:
        mask = mask & attention_mask.bool()[:, None, None, :] | (keys == queries)[None, None]
    return mask
