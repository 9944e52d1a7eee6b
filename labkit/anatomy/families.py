"""What the families of `transformers` call their parts: the only file that knows.

A family is data (see `description.py`): GPT-2 stores its matrices transposed, Phi-3 fuses q, k and v, GPT-NeoX does so
head by head, Gemma stores gain - 1, OLMo has no gains, BERT norms the sum.

To add a family: describe it here, give `tests/support/families.py` a tiny config of it, and the laws of
`tests/labkit/test_anatomy*.py` and `test_interventions*.py` say whether the description is true.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from labkit.base.errors import BadInput
from labkit.models import Decoder

from .description import Family, Stored, Sublayer

__all__ = ["FAMILIES", "INERT", "family_of"]

INERT = ("transformers.utils.output_capturing",)  # whose hooks stay on a model once its states were asked for

_Q_K_V_O = {f"attn.{part}": Stored(f"self_attn.{part}_proj") for part in "qkvo"}
_QK_NORMS = {f"attn.{part}_norm": Stored(f"self_attn.{part}_norm") for part in "qk"}
_NO_GATE = {"mlp.gate": "its MLP is down(gelu(up(x))), without a gate"}
_GATED_MLP = {f"mlp.{part}": Stored(f"mlp.{part}_proj") for part in ("gate", "up", "down")}

_LLAMA = Family(
    name="llama",
    model_types=("llama", "mistral", "qwen2", "smollm3"),
    trunk="model",
    embed="model.embed_tokens",
    blocks="model.layers",
    final_norm="model.norm",
    head="lm_head",
    attn=Sublayer(module="self_attn", norm="input_layernorm", writer="self_attn", returns="tuple"),
    mlp=Sublayer(module="mlp", norm="post_attention_layernorm", writer="mlp"),
    weights=_Q_K_V_O | _GATED_MLP,
)

# Gemma 2 and 3 and OLMo 2 norm what a sub-layer writes; in OLMo 2 nothing is normed before.
_ATTN_POST = Sublayer(
    module="self_attn",
    norm="input_layernorm",
    post_norm="post_attention_layernorm",
    writer="post_attention_layernorm",
    returns="tuple",
)
_MLP_POST = Sublayer(
    module="mlp",
    norm="pre_feedforward_layernorm",
    post_norm="post_feedforward_layernorm",
    writer="post_feedforward_layernorm",
)
_GEMMA2 = replace(_LLAMA, name="gemma2", model_types=("gemma2",), attn=_ATTN_POST, mlp=_MLP_POST, gain_offset=1.0)

_NEOX = Family(
    name="gpt_neox",
    model_types=("gpt_neox",),
    trunk="gpt_neox",
    embed="gpt_neox.embed_in",
    blocks="gpt_neox.layers",
    final_norm="gpt_neox.final_layer_norm",
    # transformers 4 calls the head embed_out.
    head="lm_head|embed_out",
    attn=Sublayer(module="attention", norm="input_layernorm", writer="post_attention_dropout", returns="tuple"),
    mlp=Sublayer(module="mlp", norm="post_attention_layernorm", writer="post_mlp_dropout"),
    weights={
        **{f"attn.{part}": Stored("attention.query_key_value", f"interleaved {part}") for part in "qkv"},
        "attn.o": Stored("attention.dense"),
        "mlp.up": Stored("mlp.dense_h_to_4h"),
        "mlp.down": Stored("mlp.dense_4h_to_h"),
    },
    parallel="use_parallel_residual",
    notes=_NO_GATE,
)

_GPT2 = Family(
    name="gpt2",
    model_types=("gpt2",),
    trunk="transformer",
    embed="transformer.wte",
    positions="transformer.wpe",
    blocks="transformer.h",
    final_norm="transformer.ln_f",
    head="lm_head",
    attn=Sublayer(module="attn", norm="ln_1", writer="attn", returns="tuple"),
    mlp=Sublayer(module="mlp", norm="ln_2", writer="mlp"),
    weights={
        **{f"attn.{part}": Stored("attn.c_attn", f"fused {part}", transposed=True) for part in "qkv"},
        "attn.o": Stored("attn.c_proj", transposed=True),
        "mlp.up": Stored("mlp.c_fc", transposed=True),
        "mlp.down": Stored("mlp.c_proj", transposed=True),
    },
    notes=_NO_GATE,
)

# GPT-J: one norm in front of both sub-layers, which run side by side.
_GPTJ = Family(
    name="gptj",
    model_types=("gptj",),
    trunk="transformer",
    embed="transformer.wte",
    blocks="transformer.h",
    final_norm="transformer.ln_f",
    head="lm_head",
    attn=Sublayer(module="attn", norm="ln_1", writer="attn", returns="tuple"),
    mlp=Sublayer(module="mlp", norm="ln_1", writer="mlp"),
    weights={
        **{f"attn.{part}": Stored(f"attn.{part}_proj") for part in "qkv"},
        "attn.o": Stored("attn.out_proj"),
        "mlp.up": Stored("mlp.fc_in"),
        "mlp.down": Stored("mlp.fc_out"),
    },
    parallel=True,
    notes=_NO_GATE,
)

# The sentence encoder: post-norm, and every sub-layer's last matrix is kept beside the norm that follows the add.
_BERT = Family(
    name="bert",
    model_types=("bert",),
    trunk="encoder",
    embed="embeddings.word_embeddings",
    positions="embeddings.position_embeddings",
    embed_norm="embeddings.LayerNorm",
    blocks="encoder.layer",
    final_norm=None,
    head=None,
    attn=Sublayer(
        module="attention.self",
        norm="attention.output.LayerNorm",
        writer="attention.output.dense",
        returns="tuple",
        norms_sum=True,
    ),
    mlp=Sublayer(module="intermediate", norm="output.LayerNorm", writer="output.dense", norms_sum=True),
    weights={
        **{f"attn.{part[0]}": Stored(f"attention.self.{part}") for part in ("query", "key", "value")},
        "attn.o": Stored("attention.output.dense"),
        "mlp.up": Stored("intermediate.dense"),
        "mlp.down": Stored("output.dense"),
    },
    notes={
        **_NO_GATE,
        "final_norm": "the last thing it norms is the last layer's sum (see mlp_norm)",
        "head": "an encoder predicts no next word",
    },
)

_OURS = Family(
    name="labkit",
    model_types=(),
    trunk="trunk",
    embed="embed",
    blocks="trunk.blocks",
    final_norm="norm",
    head="head",
    attn=Sublayer(module="attention.mixer", norm="attention.norm", writer="attention.scale", write="attention.write"),
    mlp=Sublayer(module="mlp.mixer", norm="mlp.norm", writer="mlp.scale", write="mlp.write"),
    weights={
        **{f"attn.{part}": Stored(f"attention.mixer.{part}") for part in "qkvo"},
        **{f"mlp.{part}": Stored(f"mlp.mixer.{part}") for part in ("gate", "up", "down")},
    },
)

FAMILIES = (
    _OURS,
    _LLAMA,
    replace(_LLAMA, name="qwen3", model_types=("qwen3",), weights=_LLAMA.weights | _QK_NORMS),
    replace(
        _LLAMA,
        name="olmo",
        model_types=("olmo",),
        notes=dict.fromkeys(("attn_norm", "mlp_norm", "final_norm"), "OLMo's LayerNorm has neither gain nor bias"),
    ),
    replace(
        _LLAMA,
        name="olmo2",
        model_types=("olmo2",),
        attn=replace(_ATTN_POST, norm=None),
        mlp=replace(_MLP_POST, norm=None),
        weights=_LLAMA.weights | _QK_NORMS,
        notes={
            "attn_norm": "OLMo 2 norms after the sub-layer, not before it (see attn_post_norm)",
            "mlp_norm": "OLMo 2 norms after the sub-layer, not before it (see mlp_post_norm)",
        },
    ),
    replace(
        _LLAMA,
        name="phi3",
        model_types=("phi3",),
        attn=replace(_LLAMA.attn, writer="resid_attn_dropout"),
        mlp=replace(_LLAMA.mlp, writer="resid_mlp_dropout"),
        weights={
            **{f"attn.{part}": Stored("self_attn.qkv_proj", f"fused {part}") for part in "qkv"},
            "attn.o": Stored("self_attn.o_proj"),
            "mlp.gate": Stored("mlp.gate_up_proj", "half first"),
            "mlp.up": Stored("mlp.gate_up_proj", "half second"),
            "mlp.down": Stored("mlp.down_proj"),
        },
    ),
    replace(_LLAMA, name="gemma", model_types=("gemma",), gain_offset=1.0),
    _GEMMA2,
    replace(_GEMMA2, name="gemma3", model_types=("gemma3_text",), weights=_GEMMA2.weights | _QK_NORMS),
    _NEOX,
    _GPT2,
    _GPTJ,
    _BERT,
)


def family_of(model: nn.Module) -> Family:
    """Return the family of a model; raise `BadInput` for one that is not described here."""
    if isinstance(model, Decoder):
        return _OURS
    kind = getattr(getattr(model, "config", None), "model_type", None)
    for family in FAMILIES:
        if kind in family.model_types:
            return family
    known = sorted(name for family in FAMILIES for name in family.model_types)
    raise BadInput(
        f"{type(model).__name__} (model_type {kind!r}) has no anatomy here.",
        expected=f"our Decoder, or a model of {', '.join(known)}",
        do="operate on model.module, the model inside"
        if isinstance(getattr(model, "module", None), nn.Module)
        else "describe its parts in labkit/anatomy/families.py; some lines of data suffice",
    )
