"""What measuring functions ask of their subjects: unseen stories, logits, places of weights, and their hash."""

from __future__ import annotations

import torch
from torch import Tensor

from labkit.anatomy import anatomy_of, fingerprint, view
from labkit.world import documents
from labkit.zoo import Handle, entries

__all__ = ["down_projections", "logits", "stories", "weights_hash"]


def stories(handle: Handle, n: int, seed: int) -> list[Tensor]:
    """Return `n` unseen stories as token ids."""
    return handle.encode_documents([story.text for story in documents("stories", n, seed, split="test")])


def down_projections(handle: Handle) -> list[tuple[int, tuple[int, ...]]]:
    """Return layer and shape [out, in] of every MLP's down projection."""
    depth = anatomy_of(handle).depth
    return [(layer, tuple(view(handle, f"layers.{layer}.mlp.down").shape)) for layer in range(depth)]


@torch.no_grad()
def logits(handle: Handle, ids: Tensor) -> Tensor:
    """Return the logits [L, V] of one document."""
    return handle.model(ids[None]).logits[0]


def weights_hash(handle: Handle) -> str:
    """Return the manifest's hash of a shipped model's weights, the fingerprint of any other model."""
    files = entries()[handle.name].files if handle.name in entries() else ()
    return next((file.sha256 for file in files if file.path.endswith(".safetensors")), None) or fingerprint(handle)
