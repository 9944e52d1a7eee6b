"""load: one function and one kind of handle for shipped models, local folders and hub models."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import nn

from labkit import models as decoders
from labkit import world
from labkit.base.errors import BadInput, BrokenFile, unknown
from labkit.base.files import parsed
from labkit.base.papers import bring, brought

from .handle import Handle
from .hub import load_hub, refuse_pickle
from .manifest import card_of, entries, folder_of, verify
from .packaged import NAME as ENCODER
from .placement import asked_device, asked_dtype
from .plain import plain_torch

__all__ = ["load"]

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def load(
    name: str | Path | nn.Module,
    tokenizer: Any = None,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype = torch.float32,
) -> Handle:
    """Return the model called `name`: "lab/tiny", a folder, or an id of the hub such as "HuggingFaceTB/SmolLM2-135M".

    A module in memory becomes a handle with the `tokenizer` given beside it (a decoder of the course reads the world's)
    and is itself not touched: mode, device and type are yours. "minilm" is a sentence encoder, whose package must be
    installed; the error says how.
    Shipped models are checked against their hash and need no network. dtype: of the weights; the numbers of the course
    were measured in float32, and "bfloat16" halves the memory of a large model of the hub. device: "cpu", "cuda" or
    "cuda:0"; None puts models of the hub on a GPU where one is here and has room, and all others on the CPU, where
    the numbers of the course were measured.
    Raises `UnknownName`, `BrokenFile` or `NotAvailable`, each saying which shipped model can stand in where one can.

    >>> labkit.load("lab/tiny")
    Handle('lab/tiny', 949,504 parameters)
    """
    if isinstance(name, nn.Module):
        return _in_memory(name, tokenizer, device, dtype)
    if not isinstance(name, str | Path) or not str(name).strip():
        raise BadInput(f"{name!r} is no name of a model.", expected='a text such as "lab/tiny", or a module')
    if tokenizer is not None:
        raise BadInput(f"{name} brings its own tokenizer.", expected="a tokenizer only beside a module in memory")
    asked, kind = asked_device(device), asked_dtype(dtype)
    with plain_torch():
        handle = _read(name, asked, kind)
    if asked is not None:
        handle.model.to(asked)  # where one of the hub is already, as it is of its type
    if next(handle.model.parameters()).dtype != kind:
        handle.model.to(kind)
    return handle


def _in_memory(module: nn.Module, tokenizer: Any, device: Any, dtype: Any) -> Handle:
    if device is not None or dtype is not torch.float32:
        raise BadInput(
            "A model in memory is taken as it is.",
            expected="no device and no dtype beside it",
            do="move it yourself: model.to(device, dtype)",
        )
    if tokenizer is None and not isinstance(module, decoders.Decoder):
        raise BadInput(
            f"A {type(module).__name__} came without a tokenizer.",
            expected="labkit.load(model, tokenizer)",
            do="functions that take token ids also take the module itself",
        )
    return Handle(type(module).__name__, module, tokenizer or world.tokenizer(), {"source": "memory"})


def _read(name: str | Path, asked: torch.device | None, dtype: torch.dtype) -> Handle:
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
        return _local(path, list(shipped), asked, dtype)
    if text.startswith(("/", ".", "~")) and text.strip("./") not in shipped:
        raise BrokenFile(f"There is no folder {path}.", expected="the folder of a model", do=_nearby(path))
    if text.startswith("lab/") or not _HUB_ID.fullmatch(text) or path.suffix in (".safetensors", ".bin", ".pt"):
        raise unknown("model", text, [*shipped, ENCODER], do="labkit models lists what is here; a path must exist")
    return load_hub(text, shipped, asked, dtype)


def _nearby(path: Path) -> str:
    """Say what lies where a folder was looked for."""
    if not path.parent.is_dir():
        return f"check the path: {path.parent} is not there either"
    folders = [folder.name for folder in path.parent.iterdir() if folder.is_dir()]
    near = get_close_matches(path.name, folders, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"check the path: {path.parent} has no such folder"


def _read_model(folder: Path) -> nn.Module:
    """Return a shipped model: a decoder, or what its paper's loader reads."""
    kind = parsed((folder / "config.json").read_text(encoding="utf-8")).get("kind")
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


def _local(folder: Path, shipped: list[str], asked: torch.device | None, dtype: torch.dtype) -> Handle:
    refuse_pickle(folder)
    config = folder / "config.json"
    try:
        kind = parsed(config.read_text(encoding="utf-8")).get("kind")
    except OSError as error:
        raise BrokenFile(f"{config} is missing.", expected="the folder of a model", do="check the path") from error
    except (ValueError, AttributeError) as error:
        raise BrokenFile(f"{config} is damaged ({error}).", do="save or download the model again") from error
    if kind is None:
        return load_hub(str(folder), shipped, asked, dtype)
    return Handle(str(folder), decoders.load(folder), world.tokenizer(), {"name": str(folder), "source": "folder"})
