"""How the Transformer grows, for comparison: block padding, cloning, and Net2Wider in the MLP.

Shapes: D old width, W new width, F feed-forward.

Sources: block padding, equation 13 of Wang et al. 2024 (they call it Net2Net); cloning, Samragh et al. 2024
(HyperCloning, arXiv 2409.12903); Net2WiderNet, Chen, Goodfellow and Shlens 2016 (arXiv 1511.05641), section 2.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from labkit.base.errors import BadInput
from labkit.models import Decoder

from .model import TokenFormer, Transformer

__all__ = ["block_pad", "clone_wider", "net2wider"]


def block_pad(model: Decoder, width: int, *, seed: int = 0) -> Decoder:
    """Return a Transformer of `width` whose matrices hold the old ones in their upper left corner (equation 13).

    The other three blocks are drawn as a fresh model draws them. Heads keep their size, so there are more of them;
    the MLP keeps its ratio. The function changes: every norm now sees other channels.

    Raises `BadInput` for a model that is no Transformer of ours, a smaller width, or heads that do not come out whole.
    """
    config = _baseline(model)
    new = _wider(config, width).build(seed)
    with torch.no_grad():
        held = dict(model.named_parameters())
        for name, matrix in new.named_parameters():
            matrix[tuple(slice(size) for size in held[name].shape)] = held[name]
    return new.eval()


def clone_wider(model: Decoder, *, noise: float = 0.0, seed: int = 0) -> Decoder:
    """Return a Transformer twice as wide that computes the same function: [[W, W], [W, W]] / 2, the stream doubled.

    noise: standard deviation, as a share of the weights', of differences [+η, -η] that cancel on a doubled stream;
    without them the halves receive the same gradients and remain equal.

    Raises `BadInput` for a model that is no Transformer of ours.
    """
    config = _baseline(model)
    wider = _wider(config, 2 * config.width)
    new = replace(wider, head_factor=config.head_factor / 2).build()  # the tied head reads the stream twice
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        held = dict(model.named_parameters())
        for name, parameter in new.named_parameters():
            old = held[name]
            if old.dim() == 1:  # gain and bias of a norm that learns
                parameter.copy_(old.repeat(2))
            elif name == "embed.weight":
                parameter.copy_(old.repeat(1, 2))
            else:
                apart = torch.randn(2 * old.shape[0], old.shape[1], generator=generator) * noise * old.std()
                twice = old.repeat(2, 1)
                parameter.copy_(torch.cat((twice + apart, twice - apart), dim=1) / 2)
    return new.eval()


def net2wider(model: Decoder, ffn: int, *, seed: int = 0) -> Decoder:
    """Return a Transformer with `ffn` MLP neurons that computes the same function: neurons copied, outputs shared out.

    New neuron j is a copy of an old one drawn at random; what all copies of one write is divided by their number.
    Raises `BadInput` for a model that is no Transformer of ours or for fewer neurons than it has.
    """
    config = _baseline(model)
    if ffn < config.ffn:
        raise BadInput(f"{ffn} neurons are fewer than the {config.ffn} there are.", expected="as many or more")
    new = replace(config, ffn=ffn).build()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        held = dict(model.named_parameters())
        for name, parameter in new.named_parameters():
            if not name.endswith(("up.weight", "down.weight")):
                parameter.copy_(held[name])
        for old, fresh in zip(model.trunk.blocks, new.trunk.blocks):
            extra = torch.randint(config.ffn, (ffn - config.ffn,), generator=generator)
            source = torch.cat((torch.arange(config.ffn), extra))
            copies = torch.bincount(source, minlength=config.ffn)[source]
            fresh.mlp.mixer.up.weight.copy_(old.mlp.mixer.up.weight[source])
            fresh.mlp.mixer.down.weight.copy_(old.mlp.mixer.down.weight[:, source] / copies)
    return new.eval()


def _baseline(model: Decoder) -> Transformer:
    config = model.config
    if not isinstance(config, Transformer) or isinstance(config, TokenFormer):
        raise BadInput(
            f"A model of kind {config.kind!r} cannot be widened here.",
            expected="the Transformer of this lesson",
            do="a TokenFormer grows by grow()",
        )
    return config


def _wider(config: Transformer, width: int) -> Transformer:
    size = config.width // config.heads
    if width <= config.width or width % size:
        raise BadInput(
            f"A Transformer of width {config.width} with heads of {size} cannot become {width} wide.",
            expected=f"a larger multiple of {size}, so that heads keep their size",
        )
    heads = width // size
    return replace(config, width=width, heads=heads, kv_heads=heads, ffn=config.ffn * width // config.width)
