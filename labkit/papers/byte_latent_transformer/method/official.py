"""The authors' released form of the model, as `transformers` has it: our weights into theirs, for the oracle.

What differs from the paper: attention is added to twice its input, the sum of n-gram embeddings is not divided, short
n-grams are padded by zeros, cross-attention reads the encoder's last block. Rotary pairs are neighbours there and
halves here, so rows of queries and keys change places.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from labkit.models.trunk import Block

from .blocks import CrossAttention
from .model import BLT, BLTConfig

__all__ = ["as_released", "released"]


def released(**sizes: Any) -> BLTConfig:
    """Return a config with everything as in the authors' code."""
    return BLTConfig(residual=2.0, hash_mean=False, hash_released=True, **sizes)


def as_released(model: BLT) -> nn.Module:
    """Return a `BltForCausalLM` of transformers with the weights of `model` (seconds to import)."""
    from transformers import BltConfig, BltForCausalLM

    c = model.config
    local = {
        "vocab_size": c.vocab,
        "hidden_size": c.width,
        "num_attention_heads": c.heads,
        "num_key_value_heads": c.heads,
        "intermediate_size": c.ffn,
        "rms_norm_eps": c.eps,
        "cross_attn_k": c.vectors,
        "hidden_size_global": c.latent_width,
        "rope_parameters": {"rope_type": "default", "rope_theta": c.rope_theta},
        "sliding_window": c.window,
    }
    config = BltConfig(
        vocab_size=c.vocab,
        patch_in_forward=False,
        local_attention_window_len=c.window,
        cross_attn_k=c.vectors,
        encoder_hash_byte_group_size=list(c.hash_sizes),
        encoder_hash_byte_group_vocab=c.hash_rows,
        encoder_hash_byte_group_nb_functions=c.hash_functions,
        encoder_config={**local, "num_hidden_layers": c.encoder, "cross_attn_all_layers": False},
        decoder_config={**local, "num_hidden_layers": c.decoder, "cross_attn_all_layers": True},
        global_config={
            "hidden_size": c.latent_width,
            "num_attention_heads": c.heads,
            "num_key_value_heads": c.heads,
            "num_hidden_layers": c.latent,
            "intermediate_size": c.latent_ffn,
            "rms_norm_eps": c.eps,
            "rope_parameters": {"rope_type": "default", "rope_theta": c.rope_theta},
            "encoder_cross_output_size": None if c.vectors * c.width == c.latent_width else c.vectors * c.width,
        },
        attn_implementation="eager",
    )
    theirs = BltForCausalLM(config).eval()
    theirs.load_state_dict(translated(model), strict=True)
    return theirs


def translated(model: BLT) -> dict[str, Tensor]:
    """Return the weights of `model` under the names of transformers."""
    heads = model.config.heads
    out = {
        "model.local_encoder.embed_tokens.weight": model.embed.bytes.weight,
        "model.encoder_hash_tok_embedding.weight": torch.cat([table.weight for table in model.embed.tables]),
        "model.local_encoder.patch_embedding_projection.weight": model.to_vectors.weight,
        "model.local_decoder.patch_embedding_projection.weight": model.to_bytes.weight,
        "model.local_decoder.norm.weight": model.norm.weight,
        "lm_head.weight": model.head.weight,
    }
    if isinstance(model.enter, nn.Linear):
        out["model.global_transformer.token_embedding_projection.weight"] = model.enter.weight
    stacks = {"local_encoder": model.encoder, "global_transformer": model.latent, "local_decoder": model.decoder}
    for name, trunk in stacks.items():
        for number, block in enumerate(trunk.blocks):
            out |= _block(f"model.{name}.layers.{number}", block, heads)
    for name, layers in (("local_encoder", [model.gather]), ("local_decoder", model.spread)):
        for number, layer in enumerate(layers):
            out |= _cross(f"model.{name}.cross_attn_layers.{number}", layer)
    return {name: tensor.detach().clone() for name, tensor in out.items()}


def _block(name: str, block: Block, heads: int) -> dict[str, Tensor]:
    mixer, mlp = block.attention.mixer, block.mlp.mixer
    return {
        f"{name}.input_layernorm.weight": block.attention.norm.weight,
        f"{name}.post_attention_layernorm.weight": block.mlp.norm.weight,
        f"{name}.self_attn.q_proj.weight": _neighbours(mixer.q.weight, heads),
        f"{name}.self_attn.k_proj.weight": _neighbours(mixer.k.weight, heads),
        f"{name}.self_attn.v_proj.weight": mixer.v.weight,
        f"{name}.self_attn.o_proj.weight": mixer.o.weight,
        f"{name}.mlp.gate_proj.weight": mlp.gate.weight,
        f"{name}.mlp.up_proj.weight": mlp.up.weight,
        f"{name}.mlp.down_proj.weight": mlp.down.weight,
    }


def _cross(name: str, layer: CrossAttention) -> dict[str, Tensor]:
    parts = {"q_norm": layer.norm_q, "k_norm": layer.norm_kv}
    parts |= {"q_proj": layer.q, "k_proj": layer.k, "v_proj": layer.v, "o_proj": layer.o}
    return {f"{name}.{theirs}.weight": ours.weight for theirs, ours in parts.items()}


def _neighbours(weight: Tensor, heads: int) -> Tensor:
    """Return the rows of each head with pairs (i, i + K/2) as neighbours (2i, 2i + 1)."""
    return weight.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)
