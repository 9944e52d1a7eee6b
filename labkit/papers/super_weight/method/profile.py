"""Spikes through the layers: the largest entry into and out of every down projection, and in the stream after it.

One forward pass (Yu et al. 2024, Figs. 3 and 4). Shapes: L tokens, D width, F feed-forward.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from labkit.anatomy import Site, anatomy_of, observe
from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.measurements.runs import checked_documents, text_hash
from labkit.measurements.tables import text_table

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Passage", "Spike", "SpikeProfile", "as_array", "spike_profile"]


_ENOUGH = 4000  # entries that a median is taken of: all of them would cost as much as the pass


@dataclass(frozen=True)
class Spike:
    """The entry of largest size at one place: its layer, token and channel (from 0) and its signed value."""

    layer: int
    position: int
    channel: int
    value: float


@dataclass(frozen=True, kw_only=True)
class SpikeProfile(Result):
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


class Passage:
    """One run of a text (or token ids) through a model, watched layer by layer; only numbers are kept of it.

    A subclass that looks for more overrides `mlp` or `stream` and calls this one's first. `profile`: what was seen.
    What is looked at is a numpy array over the tensor itself: on arrays of this size a step takes a fifth of torch's
    time, and a look at a model should cost next to nothing beside the pass.
    """

    def __init__(self, model: ModelLike, prompt: Any):
        self.anatomy = anatomy_of(model)
        ids = checked_documents(model, [prompt], shortest=1)[0]
        self.tokens, self.text = len(ids), text_hash([ids])
        self.inputs: list[Spike] = []
        self.outputs: list[Spike] = []
        self.streams: list[Spike] = []
        self.output_medians: list[float] = []
        self.stream_medians: list[float] = []
        self._x_LF = np.empty(0)
        self._downs = [self.anatomy.view(f"layers.{layer}.mlp.down") for layer in range(self.anatomy.depth)]
        observe(model, ids, [watcher for layer in range(self.anatomy.depth) for watcher in self._watchers(layer)])

    def mlp(self, layer: int, x_LF: np.ndarray, y_LD: np.ndarray) -> None:
        """See what a layer's down projection reads, x, and writes, y."""
        self.inputs.append(_largest(layer, x_LF))
        self.outputs.append(_largest(layer, y_LD))
        self.output_medians.append(_median(y_LD))

    def stream(self, layer: int, h_LD: np.ndarray) -> None:
        """See the stream after a block."""
        self.streams.append(_largest(layer, h_LD))
        self.stream_medians.append(_median(h_LD))

    @property
    def profile(self) -> SpikeProfile:
        """The spikes of the run."""
        return SpikeProfile(
            inputs=tuple(self.inputs),
            outputs=tuple(self.outputs),
            stream=tuple(self.streams),
            output_medians=tuple(self.output_medians),
            stream_medians=tuple(self.stream_medians),
            tokens=self.tokens,
            text=self.text,
        )

    def _watchers(self, layer: int) -> list[tuple[Site, Callable[[Tensor], None]]]:
        name, down, block = (
            f"layers.{layer}.mlp.down",
            self._downs[layer].place.owner,
            self.anatomy.blocks[layer].module,
        )
        return [
            (Site(f"{name}, in", down, "input"), self._reads),
            (Site(name, down, "output"), lambda y_BLD: self.mlp(layer, self._x_LF, as_array(y_BLD[0]))),
            (Site(f"layers.{layer}", block, "output"), lambda h_BLD: self.stream(layer, as_array(h_BLD[0]))),
        ]

    def _reads(self, x_BLF: Tensor) -> None:
        self._x_LF = as_array(x_BLF[0])


def spike_profile(model: ModelLike, prompt: Any) -> SpikeProfile:
    """Return the largest entries on one prompt, a text (when `model` is a handle) or token ids."""
    return Passage(model, prompt).profile


def as_array(values: Tensor) -> np.ndarray:
    """Return a tensor as an array of single precision, which is no copy where it is one on the CPU."""
    return values.detach().float().cpu().numpy()


def _median(values_LC: np.ndarray) -> float:
    flat = values_LC.ravel()
    sizes = np.abs(flat[:: (1 + len(flat) // _ENOUGH) | 1])
    middle = (len(sizes) - 1) // 2
    return float(np.partition(sizes, middle)[middle])


def _largest(layer: int, values_LC: np.ndarray) -> Spike:
    flat = values_LC.ravel()
    if not np.isfinite(flat).all():
        raise BadInput(
            f"What the MLP of layer {layer} writes is no number (NaN or infinite): no spike can be told.",
            expected="finite activations",
            do="look for a weight or an edit that overflows; load the model in float32",
        )
    place = max(int(flat.argmax()), int(flat.argmin()), key=lambda place: abs(flat[place]))
    return Spike(layer, *divmod(place, values_LC.shape[1]), float(flat[place]))
