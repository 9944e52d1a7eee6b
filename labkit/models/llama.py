"""To and from Llama of transformers: the same function under other names, which makes it the baseline's oracle."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from torch import Tensor, nn

from labkit.base.errors import BadInput

from .config import DecoderConfig
from .decoder import Decoder
from .parts import Attention, RMSNorm, SwiGLU
from .trunk import Add

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

__all__ = ["from_llama", "to_llama", "to_llama_state_dict"]

_ENDS = {
    "embed.weight": "model.embed_tokens.weight",
    "norm.weight": "model.norm.weight",
    "head.weight": "lm_head.weight",
}
_PARTS = {
    "attention.norm.weight": "input_layernorm.weight",
    **{f"attention.mixer.{p}.weight": f"self_attn.{p}_proj.weight" for p in "qkvo"},
    "mlp.norm.weight": "post_attention_layernorm.weight",
    **{f"mlp.mixer.{p}.weight": f"mlp.{p}_proj.weight" for p in ("gate", "up", "down")},
}
_BASELINE = (RMSNorm, Attention, SwiGLU, nn.Identity, Add)


def to_llama_state_dict(model: Decoder) -> dict[str, Tensor]:
    """Return the baseline's weights under the names of `LlamaForCausalLM`; raise `BadInput` for a variant."""
    weights = {_llama_name(name): tensor for name, tensor in model.state_dict().items()}
    for layer, block in enumerate(model.trunk.blocks):
        for branch in block.branches:
            for part in branch.children():
                if type(part) not in _BASELINE:  # a factor that is no weight would be lost without a word
                    raise BadInput(
                        f"{type(part).__name__} in layer {layer} has no place in a Llama.",
                        expected="the baseline decoder, without a variant's parts",
                        do="labkit.fold(model) takes fixed factors into the weights",
                    )
    return weights


def to_llama(model: Decoder) -> LlamaForCausalLM:
    """Return a `LlamaForCausalLM` that computes what the baseline `model` computes."""
    from transformers import LlamaConfig, LlamaForCausalLM

    c = model.config
    theta = {"rope_type": "default", "rope_theta": c.rope_theta}
    config = LlamaConfig(  # type: ignore[call-arg]  # transformers 4 and 5 name the rope differently
        vocab_size=c.vocab,
        hidden_size=c.width,
        num_hidden_layers=c.depth,
        num_attention_heads=c.heads,
        num_key_value_heads=c.kv_heads,
        intermediate_size=c.ffn,
        max_position_embeddings=c.context,
        rms_norm_eps=c.eps,
        tie_word_embeddings=c.tie,
        rope_theta=c.rope_theta,  # where transformers 4 keeps it
        rope_parameters=theta,  # where transformers 5 does
    )
    llama = LlamaForCausalLM(config)
    llama.load_state_dict(to_llama_state_dict(model))
    return llama.eval()


def from_llama(llama: LlamaForCausalLM) -> Decoder:
    """Return our decoder with the sizes and weights of a Llama without biases or rotary scaling."""
    c = llama.config
    rope = getattr(c, "rope_parameters", None) or {}
    scaling = rope.get("rope_type", "default") != "default" or getattr(c, "rope_scaling", None) not in (None, rope)
    if scaling or getattr(c, "attention_bias", False) or getattr(c, "mlp_bias", False) or c.hidden_act != "silu":
        raise BadInput("This Llama has parts the baseline lacks.", expected="no biases, plain rotary positions, SiLU")
    config = DecoderConfig(
        vocab=c.vocab_size,
        width=c.hidden_size,
        depth=c.num_hidden_layers,
        heads=c.num_attention_heads,
        kv_heads=c.num_key_value_heads,
        ffn=c.intermediate_size,
        context=c.max_position_embeddings,
        rope_theta=float(rope.get("rope_theta", getattr(c, "rope_theta", 10000.0))),
        eps=c.rms_norm_eps,
        tie=c.tie_word_embeddings,
    )
    model = config.build()
    theirs = llama.state_dict()
    model.load_state_dict({name: theirs[_llama_name(name)] for name in model.state_dict()})
    return model.eval()


def _llama_name(name: str) -> str:
    if name in _ENDS:
        return _ENDS[name]
    match = re.fullmatch(r"trunk\.blocks\.(\d+)\.(.+)", name)
    if match is None or match[2] not in _PARTS:
        raise BadInput(f"{name} has no place in a Llama.", expected="the baseline decoder, without a variant's parts")
    return f"model.layers.{match[1]}.{_PARTS[match[2]]}"
