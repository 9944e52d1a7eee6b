"""First values of the matrices, by their part and by the depth of their block.

Each rule gives the standard deviation of one matrix. All rules scale the same draws, so that models of one seed that
differ in their rule alone start from the same numbers up to those factors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn

from labkit.models.decoder import Decoder

if TYPE_CHECKING:
    from labkit.models.config import DecoderConfig

__all__ = ["INITS", "scale_first_values"]

OUTPUTS = ("o", "down")  # what writes to the stream

# (config, part such as "q" or "down", ℓ = 1 … N, its linear map) -> standard deviation
Rule = Callable[["DecoderConfig", str, int, nn.Linear], float]


def plain(config: DecoderConfig, part: str, number: int, linear: nn.Linear) -> float:
    """Return init_std for every matrix."""
    return config.init_std


def gpt2(config: DecoderConfig, part: str, number: int, linear: nn.Linear) -> float:
    """Return init_std, divided by sqrt(2N) for what writes to the stream (Radford et al. 2019, section 2.3)."""
    return config.init_std / (2 * config.depth) ** 0.5 if part in OUTPUTS else config.init_std


def depth_scaled(config: DecoderConfig, part: str, number: int, linear: nn.Linear) -> float:
    """Return init_std / sqrt(2ℓ) for every matrix of block ℓ."""
    return config.init_std / (2 * number) ** 0.5


def olmo(config: DecoderConfig, part: str, number: int, linear: nn.Linear) -> float:
    """Return 1/sqrt(D), and 1/sqrt(2 D ℓ) for what writes to the stream, whatever init_std says."""
    return (config.width * (2 * number if part in OUTPUTS else 1)) ** -0.5


def zero_output(config: DecoderConfig, part: str, number: int, linear: nn.Linear) -> float:
    """Return 0 for what writes to the stream: every block starts as the identity."""
    return 0.0 if part in OUTPUTS else config.init_std


def deep_norm(config: DecoderConfig, part: str, number: int, linear: nn.Linear) -> float:
    """Return Xavier's sqrt(2 / (in + out)), times (8N)^(-1/4) but for queries and keys (Wang et al. 2022, fig. 2)."""
    gain = 1.0 if part in ("q", "k") else (8 * config.depth) ** -0.25
    return gain * (2 / (linear.in_features + linear.out_features)) ** 0.5


INITS: dict[str, Rule] = {
    "plain": plain,
    "gpt2": gpt2,
    "depth": depth_scaled,
    "olmo": olmo,
    "zero": zero_output,
    "deepnorm": deep_norm,
}


@torch.no_grad()
def scale_first_values(model: Decoder, rule: Rule) -> None:
    """Bring every matrix of the trunk, drawn with init_std, to the standard deviation that `rule` wants."""
    for number, block in enumerate(model.trunk.blocks, start=1):
        for branch in block.branches:
            for name, linear in branch.mixer.named_modules():
                if isinstance(linear, nn.Linear):
                    part = name.rpartition(".")[2]
                    linear.weight.mul_(rule(model.config, part, number, linear) / model.config.init_std)
