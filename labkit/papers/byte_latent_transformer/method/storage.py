"""A BLT on disk and back: config.json, model.safetensors in half precision, a card, a manifest with their hashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes

from labkit import zoo
from labkit.base.errors import unknown
from labkit.models.storage import on_disk, read_tensors

from .model import BLT, BLTConfig

__all__ = ["load_blt", "read_blt", "save_blt"]


def save_blt(model: BLT, card: dict[str, Any]) -> None:
    """Put a model among the shipped ones under its card's name."""
    config = json.dumps({"kind": "blt", **model.config.as_dict()}, indent=2) + "\n"
    weights = to_bytes({name: on_disk(name, tensor) for name, tensor in model.state_dict().items()})
    params = sum(parameter.numel() for parameter in model.parameters())
    zoo.ship_files(card, params, {"config.json": config, "model.safetensors": weights})


def load_blt(name: str = "blt/story") -> BLT:
    """Return a shipped BLT in float32 and evaluation mode; raise `UnknownName` for another name."""
    known = zoo.entries()
    if name not in known:
        raise unknown("BLT", name, [one for one in known if one.startswith("blt/")])
    zoo.verify(known[name])
    return read_blt(zoo.folder_of(name))


def read_blt(folder: Path) -> BLT:
    """Return the BLT saved in `folder`; raise `BrokenFile` where its files are missing or damaged."""
    fields = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    fields.pop("kind")
    with torch.device("meta"):
        model = BLT(BLTConfig(**fields))
    model.to_empty(device="cpu")
    model.load_state_dict(read_tensors(folder / "model.safetensors")[0])
    return model.eval()
