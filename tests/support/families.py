"""A tiny random model of every family, built from its own config: width 8, 2 layers unless asked for more."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from labkit.models import DecoderConfig

__all__ = [
    "FAMILY_NAMES",
    "VOCAB",
    "WINDOWED",
    "cached_logits",
    "each_family",
    "ids_of",
    "logits",
    "make",
    "tokenizer",
    "write_hub",
]

VOCAB = 11

# Name -> (class prefix in transformers, config fields beyond the common ones).
_GROUPED = {"num_key_value_heads": 1}
_HEADS = {"head_dim": 4}
_SMALL_WINDOW = {"sliding_window": 4}
_HYBRID = {"layer_types": ("sliding_attention", "full_attention")}
_RECIPES: dict[str, tuple[str, dict]] = {
    "llama": ("Llama", {**_GROUPED, "tie_word_embeddings": True}),
    "smollm": ("Llama", {"num_key_value_heads": 2, "tie_word_embeddings": True}),
    "mistral": ("Mistral", {**_GROUPED, **_SMALL_WINDOW}),
    "qwen2": ("Qwen2", _GROUPED),
    "qwen3": ("Qwen3", {**_GROUPED, **_HEADS}),
    "olmo": ("Olmo", {"clip_qkv": 0.5}),
    "olmo2": ("Olmo2", _GROUPED),
    "smollm3": ("SmolLM3", {**_GROUPED, "no_rope_layer_interval": 2}),
    "phi3": ("Phi3", {**_GROUPED, "tie_word_embeddings": False}),
    "gemma": ("Gemma", {**_GROUPED, **_HEADS}),
    "gemma2": ("Gemma2", {**_GROUPED, **_HEADS, **_SMALL_WINDOW, **_HYBRID}),
    "gemma3": ("Gemma3", {**_GROUPED, **_HEADS, **_SMALL_WINDOW, **_HYBRID}),
    "gpt2": ("GPT2", {}),
    "gpt_neox": ("GPTNeoX", {"use_parallel_residual": True}),
    "gpt_neox_sequential": ("GPTNeoX", {"use_parallel_residual": False}),
    "gptj": ("GPTJ", {}),
    "labkit": ("", {}),
}
FAMILY_NAMES = tuple(_RECIPES)
WINDOWED = ("mistral", "gemma2", "gemma3")

each_family = pytest.mark.parametrize("family", FAMILY_NAMES)


def make(family: str, depth: int = 2, seed: int = 0) -> nn.Module:
    """Return a fresh model in evaluation mode, its weights large enough for every part to matter."""
    prefix, extra = _RECIPES[family]
    if family == "labkit":
        config = DecoderConfig(vocab=VOCAB, width=8, depth=depth, heads=2, kv_heads=1, ffn=12, context=64)
        return _stirred(config.build(seed), seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _classes(prefix)[1](_config(prefix, dict(extra), depth))
    return _stirred(model, seed)


def tokenizer() -> Any:
    """Return a tokenizer of eleven pieces, as these models have."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(["‹none›", "‹begin›", "‹end›", *"abcdefgh"])}
    inner = Tokenizer(models.WordLevel(words, unk_token="‹none›"))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.Whitespace(), decoders.WordPiece(prefix="")
    special = {"unk_token": "‹none›", "bos_token": "‹begin›", "eos_token": "‹end›"}
    return PreTrainedTokenizerFast(tokenizer_object=inner, **special)


def write_hub(place: Path, family: str, depth: int = 2) -> Path:
    """Write a family's model and tokenizer to a folder as the hub would have it, and return the folder."""
    make(family, depth).save_pretrained(place)
    tokenizer().save_pretrained(place)
    return place


def ids_of(length: int = 7, seed: int = 0, batch: int = 1) -> torch.Tensor:
    """Return random token ids [batch, length]."""
    return torch.randint(VOCAB, (batch, length), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def logits(model: nn.Module, ids_BL: torch.Tensor) -> torch.Tensor:
    """Return the logits [B, L, V] of one call."""
    return model(ids_BL, use_cache=False).logits


@torch.no_grad()
def cached_logits(model: nn.Module, ids_BL: torch.Tensor, prompt: int) -> torch.Tensor:
    """Return the logits [B, L, V] of a prompt in one call and then one call a token, through the cache."""
    output = model(ids_BL[:, :prompt], use_cache=True)
    pieces = [output.logits]
    for position in range(prompt, ids_BL.shape[1]):
        output = model(ids_BL[:, position : position + 1], past_key_values=output.past_key_values, use_cache=True)
        pieces.append(output.logits)
    return torch.cat(pieces, dim=1)


@cache
def _classes(prefix: str) -> tuple[type, type]:
    import transformers

    name = "Gemma3Text" if prefix == "Gemma3" else prefix
    model = {"GPT2": "GPT2LMHeadModel"}.get(prefix, f"{prefix}ForCausalLM")
    return getattr(transformers, f"{name}Config"), getattr(transformers, model)


def _config(prefix: str, extra: dict, depth: int):
    if "layer_types" in extra:
        extra["layer_types"] = [extra["layer_types"][layer % 2] for layer in range(depth)]
    sizes = {
        "vocab_size": VOCAB,
        "hidden_size": 8,
        "num_hidden_layers": depth,
        "num_attention_heads": 2,
        "intermediate_size": 12,
        "max_position_embeddings": 64,
        "pad_token_id": None,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    if prefix in ("GPT2", "GPTJ"):
        names = {
            "hidden_size": "n_embd",
            "num_hidden_layers": "n_layer",
            "num_attention_heads": "n_head",
            "intermediate_size": "n_inner",
            "max_position_embeddings": "n_positions",
        }
        sizes = {names.get(name, name): value for name, value in sizes.items()}
        if prefix == "GPTJ":
            extra["rotary_dim"] = 4
    return _classes(prefix)[0](**sizes, **extra)


@torch.no_grad()
def _stirred(model: nn.Module, seed: int) -> nn.Module:
    """Give every weight, bias and gain a random value of its own: nothing may hide behind a zero or a one."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.eval()
