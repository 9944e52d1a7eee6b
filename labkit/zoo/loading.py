"""load: one function and one kind of handle for shipped models, local folders and hub models."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit import models as decoders
from labkit import world
from labkit.base.errors import BadInput, BrokenFile, unknown
from labkit.base.papers import bring, brought

from .handle import Handle
from .hub import load_hub, refuse_pickle
from .manifest import card_of, entries, folder_of, verify
from .packaged import NAME as ENCODER
from .placement import asked_device

if TYPE_CHECKING:
    import torch

__all__ = ["load"]

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def load(name: str | Path, *, device: str | torch.device | None = None) -> Handle:
    """Return the model called `name`: "lab/tiny", a folder, or an id of the hub such as "HuggingFaceTB/SmolLM2-135M".

    "minilm" is a sentence encoder, whose package must be installed; the error says how.
    Shipped models are checked against their hash and need no network. Weights are float32. device: "cpu", "cuda" or
    "cuda:0"; None puts models of the hub on a GPU where one is here and has room, and all others on the CPU, where
    the numbers of the course were measured.
    Raises `UnknownName`, `BrokenFile` or `NotAvailable`, each saying which shipped model can stand in where one can.
    """
    if not isinstance(name, str | Path) or not str(name).strip():
        raise BadInput(f"{name!r} is no name of a model.", expected='a text such as "lab/tiny"')
    asked = asked_device(device)
    handle = _read(name, asked)
    if asked is not None:
        handle.model.to(asked)  # where one of the hub is already
    return handle


def _read(name: str | Path, asked: torch.device | None) -> Handle:
    shipped, text = entries(), str(name)
    if text in shipped:
        verify(shipped[text])
        card = card_of(text)
        return Handle(text, _read_model(folder_of(text)), _tokenizer(card), card)
    if text == ENCODER:
        from .encoder import load_encoder

        return load_encoder()
    path = Path(name).expanduser()
    if path.is_file():
        refuse_pickle(path)
        raise BadInput(f"{path} is a file.", expected="the folder of a model", do=f"labkit.load({str(path.parent)!r})")
    if path.is_dir():
        return _local(path, list(shipped), asked)
    if text.startswith("lab/") or not _HUB_ID.fullmatch(text) or path.suffix in (".safetensors", ".bin", ".pt"):
        raise unknown("model", text, [*shipped, ENCODER], do="labkit models lists what is here; a path must exist")
    return load_hub(text, shipped, asked)


def _read_model(folder: Path) -> torch.nn.Module:
    """Return a shipped model: a decoder, or what its paper's loader reads."""
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("kind")
    read = bring("loaders", kind) or decoders.load
    return read(folder)


def _tokenizer(card: dict[str, Any]) -> Any:
    """Return the tokenizer that a card names, the world's by default."""
    name = card.get("tokenizer")
    if name is None:
        return world.tokenizer()
    if (make := bring("tokenizers", name)) is None:
        raise unknown("tokenizer", name, brought("tokenizers"), do="install the labkit this model came with")
    return make()


def _local(folder: Path, shipped: list[str], asked: torch.device | None) -> Handle:
    refuse_pickle(folder)
    config = folder / "config.json"
    try:
        kind = json.loads(config.read_text(encoding="utf-8")).get("kind")
    except OSError as error:
        raise BrokenFile(f"{config} is missing.", expected="the folder of a model", do="check the path") from error
    except (ValueError, AttributeError) as error:
        raise BrokenFile(f"{config} is damaged ({error}).", do="save or download the model again") from error
    if kind is None:
        return load_hub(str(folder), shipped, asked)
    return Handle(str(folder), decoders.load(folder), world.tokenizer(), {"name": str(folder), "source": "folder"})
