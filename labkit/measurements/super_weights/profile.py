"""Spikes through the layers: the largest entry into and out of every down projection, and in the stream behind it.

One forward pass (Yu et al. 2024, Figs. 3 and 4). Shapes: L tokens, D width, F feed-forward.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from labkit.anatomy import Site, anatomy_of, record

from ..runs import checked_documents, text_hash
from ..tables import text_table

__all__ = ["Passage", "Spike", "SpikeProfile", "passage", "spike_profile"]


_ENOUGH = 4000  # entries that a median is taken of: all of them would cost as much as the pass


@dataclass(frozen=True)
class Spike:
    """The entry of largest size at one place: its layer, token and channel (from 0) and its signed value."""

    layer: int
    position: int
    channel: int
    value: float


@dataclass(frozen=True, kw_only=True)
class SpikeProfile:
    """One spike per layer: `inputs` and `outputs` of its down projection, `stream` after its block.

    medians: the median size of an output entry, of a stream entry, per layer (of evenly spaced ones where there are
    many). text: hash of the token ids.
    """

    inputs: tuple[Spike, ...]
    outputs: tuple[Spike, ...]
    stream: tuple[Spike, ...]
    output_medians: tuple[float, ...]
    stream_medians: tuple[float, ...]
    tokens: int
    text: str = field(repr=False, default="")

    def table(self) -> str:
        """Return one line per layer."""
        rows = [
            [str(layer), *(f"{s.value:.4g} at token {s.position}, channel {s.channel}" for s in spikes)]
            for layer, spikes in enumerate(zip(self.inputs, self.outputs, self.stream))
        ]
        heads = ["layer", "into down", "out of down", "stream after it"]
        return text_table(heads, rows, title=f"Largest entries over {self.tokens} tokens")

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Passage:
    """What one pass showed, by layer: x_LF into and y_LD out of the down projection, h_LD in the stream behind it."""

    x: tuple[Tensor, ...]
    y: tuple[Tensor, ...]
    h: tuple[Tensor, ...]
    text: str


def passage(model: Any, prompt: Any) -> Passage:
    """Run a text (or token ids) through a model once and keep what its down projections read and wrote."""
    anatomy = anatomy_of(model)
    ids = checked_documents(model, [prompt], shortest=1)[0]
    sites: list[Site] = []
    for layer, block in enumerate(anatomy.blocks):
        name = f"layers.{layer}.mlp.down"
        down = anatomy.module(name)
        sites += [Site(f"{name}, in", down, "input"), Site(name, down, "output")]
        sites.append(Site(f"layers.{layer}", block.module, "output"))
    seen = record(model, ids, sites)
    rows = [seen[site.name][0] for site in sites]
    return Passage(tuple(rows[::3]), tuple(rows[1::3]), tuple(rows[2::3]), text_hash([ids]))


def spike_profile(model: Any, prompt: Any) -> SpikeProfile:
    """Return the largest entries on one prompt, a text (when `model` is a handle) or token ids."""
    return profile_of(passage(model, prompt))


def profile_of(seen: Passage) -> SpikeProfile:
    """Return the profile of a pass that has been made."""
    return SpikeProfile(
        inputs=tuple(_largest(layer, x_LF) for layer, x_LF in enumerate(seen.x)),
        outputs=tuple(_largest(layer, y_LD) for layer, y_LD in enumerate(seen.y)),
        stream=tuple(_largest(layer, h_LD) for layer, h_LD in enumerate(seen.h)),
        output_medians=tuple(_median(y_LD) for y_LD in seen.y),
        stream_medians=tuple(_median(h_LD) for h_LD in seen.h),
        tokens=len(seen.x[0]),
        text=seen.text,
    )


def _median(values_LC: Tensor) -> float:
    flat = values_LC.flatten()
    return float(flat[:: (1 + len(flat) // _ENOUGH) | 1].abs().median())


def _largest(layer: int, values_LC: Tensor) -> Spike:
    # In two steps: a quarter of the time of argmax over all.
    position = int(torch.maximum(values_LC.amax(dim=1), -values_LC.amin(dim=1)).argmax())
    channel = int(values_LC[position].abs().argmax())
    return Spike(layer, position, channel, float(values_LC[position, channel]))
