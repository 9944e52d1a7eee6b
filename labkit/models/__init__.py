"""Decoders as one trunk with small differences: State, four slots, and the plain baseline."""

from .config import DecoderConfig
from .decoder import Decoder, Output, next_token_loss
from .folding import fold, unfold
from .generation import generate
from .kv_bias import BiasedAttention, KeyValueBias
from .llama import from_llama, to_llama, to_llama_state_dict
from .parts import Attention, RMSNorm, SwiGLU, rotary_tables, rotate
from .placements import (
    DeepNorm,
    LayerNormScaling,
    LayerScale,
    MixNorm,
    PostNorm,
    PreNorm,
    ReZero,
    Sandwich,
    ScalingAt,
    SkipInit,
)
from .shrinking import ShrunkConfig, shrunk
from .state import Cache, State
from .storage import load, read_tensors, save
from .trunk import Add, Block, Branch, Trunk

__all__ = [
    "Add",
    "Attention",
    "BiasedAttention",
    "Block",
    "Branch",
    "Cache",
    "Decoder",
    "DecoderConfig",
    "DeepNorm",
    "KeyValueBias",
    "LayerNormScaling",
    "LayerScale",
    "MixNorm",
    "Output",
    "PostNorm",
    "PreNorm",
    "RMSNorm",
    "ReZero",
    "Sandwich",
    "ScalingAt",
    "ShrunkConfig",
    "SkipInit",
    "State",
    "SwiGLU",
    "Trunk",
    "fold",
    "from_llama",
    "generate",
    "load",
    "next_token_loss",
    "read_tensors",
    "rotary_tables",
    "rotate",
    "save",
    "shrunk",
    "to_llama",
    "to_llama_state_dict",
    "unfold",
]
