"""A BLT on disk and back: config.json, model.safetensors in half precision, a card, a manifest with their hashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes

from labkit import zoo
from labkit.base import toml
from labkit.base.errors import unknown
from labkit.base.files import write_atomically
from labkit.models import read_tensors

from .model import BLT, BLTConfig

__all__ = ["load_blt", "read_blt", "save_blt"]


def save_blt(model: BLT, card: dict[str, Any]) -> None:
    """Put a model among the shipped ones under its card's name."""
    folder = zoo.folder_of(card["name"])
    tensors = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    write_atomically(folder / "model.safetensors", to_bytes(tensors))
    write_atomically(folder / "config.json", json.dumps({"kind": "blt", **model.config.as_dict()}, indent=2) + "\n")
    params = sum(parameter.numel() for parameter in model.parameters())
    write_atomically(folder / "card.toml", toml.dumps({"params": params, **card}))
    zoo.record(card["name"], params, ["config.json", "model.safetensors", "card.toml"])


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
