"""A small random model that reads the world, and a panel that must leave it bit for bit as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import labkit
from labkit import world, zoo
from labkit.models import DecoderConfig

__all__ = ["opened", "toy"]


def toy(width: int = 24, depth: int = 3, *, ffn: int = 32, init_std: float = 0.3, seed: int = 1) -> zoo.Handle:
    """Return a handle called lab/toy, its weights large enough for a cut to be felt."""
    vocab = world.tokenizer().vocab_size
    config = DecoderConfig(vocab=vocab, width=width, depth=depth, heads=2, ffn=ffn, context=320, init_std=init_std)
    return zoo.Handle("lab/toy", config.build(seed=seed).eval(), world.tokenizer(), {})


@contextmanager
def opened(handle: zoo.Handle, panel: Any) -> Iterator[Any]:
    """Yield a panel on `handle`, close it, and hold that the model is what it was."""
    before = labkit.fingerprint(handle)
    yield panel
    panel.close()
    assert labkit.fingerprint(handle) == before
