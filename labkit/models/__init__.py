"""Decoders as one trunk with small differences: State, four slots, and the plain baseline."""

from .config import DecoderConfig
from .decoder import Decoder, Output, next_token_loss
from .finite import where_not_finite
from .generation import generate
from .llama import from_llama, to_llama, to_llama_state_dict
from .parts import Attention, RMSNorm, SwiGLU, rotary_tables, rotate
from .shrunk import ShrunkConfig, shrunk
from .state import Cache, State
from .storage import load, read_tensors, save
from .trunk import Add, Block, Branch, Trunk

__all__ = [
    "Add",
    "Attention",
    "Block",
    "Branch",
    "Cache",
    "Decoder",
    "DecoderConfig",
    "Output",
    "RMSNorm",
    "ShrunkConfig",
    "State",
    "SwiGLU",
    "Trunk",
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
    "where_not_finite",
]
