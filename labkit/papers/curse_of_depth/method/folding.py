"""Fixed and learned factors taken into the weights beside them: the same function as a plain pre-norm decoder.

A factor after a norm is a smaller gain, one after a branch is a smaller output projection. What is left has the
shape of the baseline, so that `to_llama(fold(model))` is an ordinary Llama with the same logits.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput
from labkit.models.config import DecoderConfig
from labkit.models.decoder import Decoder
from labkit.models.parts import Attention, RMSNorm, SwiGLU
from labkit.models.trunk import Add, Branch

from .placements import LayerNormScaling, PreNorm
from .slots import LearnedScale, ReLUMLP, Scaled, Times

__all__ = ["fold", "unfold"]


@torch.no_grad()
def fold(model: Decoder) -> Decoder:
    """Return a plain pre-norm decoder that computes what `model` computes, without scaled norms and scaled branches.

    A model of RMSNorm and SwiGLU becomes the baseline. Raises `BadInput` naming the first part that is no factor on a
    norm's output or on a branch's (a norm on the stream, a factor in front of a norm, another mixer).
    """
    for layer, block in enumerate(model.trunk.blocks):
        for name, branch in zip(block.names, block.branches):
            _check(f"layers.{layer}, {name}", branch)
    twin = _empty(_plain_config(model.config), model)
    held = {name: tensor for name, tensor in model.state_dict().items() if not name.endswith("scale.factor")}
    twin.load_state_dict(held)
    for block, plain in zip(model.trunk.blocks, twin.trunk.blocks):
        for branch, target in zip(block.branches, plain.branches):
            for parameter in target.norm.parameters():  # the gain, and LayerNorm's bias
                parameter.mul_(getattr(branch.norm, "after", 1.0))
            if not isinstance(branch.scale, nn.Identity):
                last = target.mixer.o if hasattr(target.mixer, "o") else target.mixer.down
                factor = branch.scale.factor  # a number, or one a channel: a row of what writes to the stream
                last.weight.mul_(factor.reshape(-1, 1) if isinstance(factor, Tensor) else factor)
    return twin.train(model.training)


@torch.no_grad()
def unfold(model: Decoder, exponent: float = 0.5) -> Decoder:
    """Return a decoder with LayerNorm Scaling that computes what the pre-norm `model` computes.

    Its gains are ℓ^exponent times those of `model`: what a trained pre-norm model needs before scaling is switched on.
    """
    plain = fold(model)
    twin = _empty(LayerNormScaling(**_shared_fields(plain.config, PreNorm), exponent=exponent), model)
    twin.load_state_dict(plain.state_dict())
    for layer, block in enumerate(twin.trunk.blocks):
        for branch in block.branches:
            for parameter in branch.norm.parameters():
                parameter.div_(twin.config.factor(layer))
    return twin.train(model.training)


def _check(where: str, branch: Branch) -> None:
    norm, scale, write = branch.norm, branch.scale, branch.write
    if not isinstance(norm, RMSNorm | nn.LayerNorm):
        problem = f"has {type(norm).__name__} before it and {type(write).__name__} after it"
    elif isinstance(norm, Scaled) and norm.before != 1.0:
        problem = "has a factor in front of its norm, which the norm takes out again up to its eps"
    elif not isinstance(scale, nn.Identity | Times | LearnedScale):
        problem = f"is scaled by {type(scale).__name__}, which no weight can hold"
    elif type(write) is not Add:
        problem = f"enters the stream by {type(write).__name__}"
    elif type(branch.mixer) not in (Attention, SwiGLU, ReLUMLP):
        problem = f"is a {type(branch.mixer).__name__}, which a plain decoder lacks"
    else:
        return
    raise BadInput(f"{where} {problem}.", expected="h + factor · f(factor · norm(h))")


def _plain_config(config: DecoderConfig) -> DecoderConfig:
    shared = _shared_fields(config, PreNorm if isinstance(config, PreNorm) else DecoderConfig)
    if (shared.get("norm_type", "rms"), shared.get("mlp_type", "swiglu")) == ("rms", "swiglu"):
        return DecoderConfig(**_shared_fields(config, DecoderConfig))
    return PreNorm(**shared)


def _shared_fields(config: DecoderConfig, kind: type[DecoderConfig]) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in fields(kind) if hasattr(config, field.name)}


def _empty(config: DecoderConfig, like: Decoder) -> Decoder:
    with torch.device("meta"):
        model = Decoder(config)
    return model.to_empty(device=like.device).to(like.dtype)
