"""safetensors files that come out the same each time and tell when they were changed."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

__all__ = ["sealed", "unsealed"]

SEAL = "sha256"  # in the metadata: over names, types, shapes, places, the other metadata and the numbers


def sealed(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return a safetensors file, the same bytes for the same content (its own writer shuffles the metadata)."""
    raw = save(dict(tensors))
    header, numbers = _parts(raw)
    about = dict(sorted(metadata.items()))
    head = {"__metadata__": {**about, SEAL: _seal(header, about, numbers)}, **header}
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + numbers


def unsealed(path: Path) -> bool:
    """Whether a safetensors file that can be read was changed since it was sealed; one without a seal was not."""
    header, numbers = _parts(path.read_bytes())
    about = header.pop("__metadata__", {})
    seal = about.pop(SEAL, None)
    return seal is not None and seal != _seal(header, about, numbers)


def _parts(raw: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


def _seal(header: Mapping, about: Mapping[str, str], numbers: bytes) -> str:
    digest = hashlib.sha256(json.dumps([header, about], sort_keys=True).encode())
    digest.update(numbers)
    return digest.hexdigest()
