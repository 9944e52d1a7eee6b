"""Which families of the hub have an anatomy here: asked of a model's config, before its weights are fetched."""

from __future__ import annotations

from typing import Any

from labkit.base.errors import NotAvailable

__all__ = ["DESCRIBED", "check_described"]

# The model types that labkit/anatomy/families.py describes; a test holds the two together.
DESCRIBED = (
    "bert",
    "gemma",
    "gemma2",
    "gemma3_text",
    "gpt2",
    "gpt_neox",
    "gptj",
    "llama",
    "mistral",
    "olmo",
    "olmo2",
    "phi3",
    "qwen2",
    "qwen3",
    "smollm3",
)


def check_described(name: str, config: Any) -> None:
    """Raise `NotAvailable` when the model that a config of transformers describes has no anatomy here."""
    kind = getattr(config, "model_type", None)
    if kind in DESCRIBED or kind is None:
        return
    inner = getattr(getattr(config, "text_config", None), "model_type", None)
    alone = f"a model of {inner} alone (of Gemma 3 the 270M and the 1B), or " if inner in DESCRIBED else ""
    raise NotAvailable(
        f"{name} is of the family {kind!r}, which has no anatomy here; its weights were not fetched.",
        expected=f"{alone}a model of {', '.join(DESCRIBED)}",
        do="describe its parts in labkit/anatomy/families.py; some lines of data suffice",
    )
