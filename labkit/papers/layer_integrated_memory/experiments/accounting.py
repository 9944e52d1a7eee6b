"""What routing costs: numbers to learn, multiply-adds, cache, buffers in flight, and seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.tables import text_table
from labkit.models import DecoderConfig

from ..method import LIMe, readable_layers

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Bill", "bill", "step_seconds"]


@dataclass(frozen=True)
class Bill:
    """Costs of one model: parameters; multiply-adds a token of a forward pass over `length` tokens; numbers kept.

    cache: numbers kept for each past token while decoding. flight: raw keys and values held for each token of a pass.
    all_layers: what a cache of raw keys and values would hold if every layer kept those of all layers it reads.
    """

    name: str
    length: int
    parameters: int
    macs: float
    cache: int
    flight: int
    all_layers: int

    def table(self, other: Bill) -> str:
        """Return both bills side by side, `other` first."""
        rows = [
            [
                label,
                f"{getattr(other, name):,.0f}",
                f"{getattr(self, name):,.0f}",
                f"{self.ratio(other, name) - 1:+.2%}",
            ]
            for name, label in _LABELS.items()
        ]
        return text_table(["", other.name, self.name, "more"], rows, title=f"The bill, {self.length} tokens")

    def ratio(self, other: Bill, name: str) -> float:
        """Return how many times another model's cost this one's is."""
        return getattr(self, name) / getattr(other, name)


_LABELS = {
    "parameters": "numbers to learn",
    "macs": "multiply-adds a token",
    "cache": "numbers cached a token",
    "flight": "raw numbers in flight a token",
    "all_layers": "cache, if each layer kept all it reads",
}


def bill(config: DecoderConfig, name: str, length: int) -> Bill:
    """Return the costs of a model by its config; nothing is built, so a billion parameters are no matter.

    Counted are matrix products: projections, attention over the (length + 1) / 2 tokens read on average, MLP, head,
    and for LIMe the product of router and buffers, twice the head size for each entry.
    """
    size = config.width // config.heads
    attention = 2 * config.width**2 + 2 * config.width * config.kv_heads * size
    block = attention + 3 * config.width * config.ffn
    tokens = config.vocab * config.width
    reading = 2 * config.width * (length + 1) / 2
    learned, products, held = 0, 0, [1] * config.depth
    if isinstance(config, LIMe):
        held = [len(readable_layers(layer, config.reach)) for layer in range(config.depth)]
        across = config.kv_heads if config.router == "heads" else 1  # raw heads of a layer that a routed head reads
        products = sum(layers * config.kv_heads * across for layers in held[1:])
        learned = products * {"heads": 1, "same-head": 1, "channel": 2 * size, "average": 0}[config.router]
        learned, products = (count * (2 if config.routes == "separate" else 1) for count in (learned, products))
    each = 2 * config.kv_heads * size  # keys and values of one layer
    routed = size if getattr(config, "routes", "shared") != "shared" else 2 * size
    norms = (2 * config.depth + 1) * config.width
    return Bill(
        name=name,
        length=length,
        parameters=config.depth * block + tokens * (1 if config.tie else 2) + norms + learned,
        macs=config.depth * (block + reading) + tokens + products * routed,
        cache=config.depth * each,
        flight=config.depth * each if products else each,
        all_layers=sum(held) * each,
    )


def step_seconds(first: Any, second: Any, ids_BL: torch.Tensor, *, pairs: int = 20) -> tuple[Estimate, Estimate]:
    """Return the processor seconds of a training step of two models, measured in turn so that both meet the same load.

    Medians of three steps a pair; the second estimate is the ratio, second over first, over pairs.
    """

    def seconds(model: ModelLike) -> float:
        times = []
        for _ in range(3):
            begun = time.process_time()
            model(ids_BL, labels=ids_BL).loss.backward()
            times.append(time.process_time() - begun)
            model.zero_grad(set_to_none=True)
        return sorted(times)[1]

    seconds(first), seconds(second)  # the first steps pay for memory
    held = [(seconds(first), seconds(second)) for _ in range(pairs)]
    one = mean_over([a for a, _ in held], "pairs", name="a step", unit="s")
    return one, mean_over([b / a for a, b in held], "pairs", name="second over first", unit="times", null=1.0)
