"""Save and load a decoder: config.json and model.safetensors, nothing that could run code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from labkit.base.errors import BadInput, BrokenFile
from labkit.base.files import parsed, write_atomically
from labkit.base.hooks import refuse_hooked

from .config import DecoderConfig
from .decoder import Decoder
from .sealing import sealed, unsealed

__all__ = ["load", "read_tensors", "save"]

_CONFIG, _WEIGHTS = "config.json", "model.safetensors"


def save(model: Decoder, folder: str | Path, *, half: bool = False) -> Path:
    """Write config.json and model.safetensors into `folder`; with `half`, weights take two bytes each.

    The config is also inside the weights file, so that a save cut short between the two is noticed by `load`.
    Raises `BadInput` when a weight is not finite or does not fit half precision, for what is no decoder of ours, and
    for one that is edited.
    """
    folder = Path(folder)
    if not isinstance(model, Decoder):
        raise BadInput(
            f"A {type(model).__name__} is not written by this function.",
            expected="a decoder of the course; of a handle, handle.model",
            do="models of transformers write themselves: model.save_pretrained(folder)",
        )
    if left := vars(model).get("_labkit_edited") or vars(model).get("_labkit_left"):
        raise BadInput(
            f"The model is edited, or was copied while it was ({left[0]}), and a file of weights cannot say so.",
            expected="an intact model, or a copy made by labkit.apply",
            do="leave the edit first; save labkit.shrink(model, plan); or save the plan: plan.save(path)",
        )
    if replaced := [name for name, module in model.named_modules() if "forward" in vars(module)]:
        raise BadInput(
            f"{replaced[0]} of this model does not run its class's own forward, and a file of weights cannot say so.",
            expected="a model whose parts are all its own",
            do="save labkit.shrink(model, plan), which leaves dropped parts out; or save the plan: plan.save(path)",
        )
    refuse_hooked(model)
    config = json.dumps(model.config.as_dict(), indent=2)
    tensors = {name: on_disk(name, tensor, half) for name, tensor in model.state_dict().items()}
    if model.config.tie:
        tensors.pop("head.weight")
    write_atomically(folder / _WEIGHTS, sealed(tensors, {"format": "pt", "config": config}))
    write_atomically(folder / _CONFIG, config + "\n")
    return folder


def load(folder: str | Path) -> Decoder:
    """Return the model saved in `folder`, in float32 and evaluation mode.

    Raises `BrokenFile` for files that are missing, truncated, corrupt or do not belong together.
    """
    folder = Path(folder)
    table = _read_config(folder / _CONFIG)
    tensors, metadata = read_tensors(folder / _WEIGHTS)
    if "config" in metadata and json.loads(metadata["config"]) != table:
        raise BrokenFile(
            f"{folder / _CONFIG} describes another model than {folder / _WEIGHTS}.",
            expected="two files of one save",
            do="save the model again; the last save was cut short or one file was changed by hand",
        )
    config = DecoderConfig.from_dict(table)
    with torch.device("meta"):
        model = Decoder(config)
    model.to_empty(device="cpu")
    if config.tie and "embed.weight" in tensors:
        tensors["head.weight"] = tensors["embed.weight"]
    _check_shapes(folder / _WEIGHTS, model.state_dict(), tensors)
    model.load_state_dict(tensors)
    return model.eval()


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors (floating ones as float32) and metadata of a safetensors file.

    Raises `BrokenFile` for one that is not whole, or that was changed since it was saved.
    """
    if not Path(path).is_file():
        raise BrokenFile(f"{path} is missing.", expected="a safetensors file", do="save or download the model again")
    try:
        with safe_open(str(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            metadata = file.metadata() or {}
        changed = unsealed(Path(path))
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise BrokenFile(
            f"{path} is not a whole safetensors file ({error}).",
            expected="the file as it was saved",
            do="save or download it again",
        ) from error
    if changed:
        raise BrokenFile(
            f"{path} was changed after it was saved (its SHA-256 is another).",
            expected="the file as it was saved",
            do="save, train or download it again",
        )
    return {n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}, metadata


def _read_config(path: Path) -> dict[str, Any]:
    try:
        table = parsed(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BrokenFile(f"{path} is missing.", expected="the folder of a saved model", do="check the path") from error
    except ValueError as error:
        raise BrokenFile(f"{path} is not valid JSON ({error}).", do="save the model again") from error
    if not isinstance(table, dict):
        raise BrokenFile(f"{path} holds no table of fields.", do="save the model again")
    return table


def on_disk(name: str, tensor: Tensor, half: bool = True) -> Tensor:
    """Return a weight as it is stored, in half or single precision; raise `BadInput` for values that cannot be."""
    if not tensor.is_floating_point():
        return tensor.contiguous()
    if not torch.isfinite(tensor).all():
        raise BadInput(f"{name} holds values that are not numbers; the model was not saved.", do="train it again")
    stored = tensor.detach().to(torch.float16 if half else torch.float32).contiguous()
    if half and not torch.isfinite(stored).all():
        raise BadInput(
            f"{name} holds {float(tensor.abs().max()):.3g}, too large for half precision.",
            expected="values up to 65504",
            do="save with half=False",
        )
    return stored


def _check_shapes(path: Path, wanted: dict[str, Tensor], held: dict[str, Tensor]) -> None:
    missing, extra = sorted(set(wanted) - set(held)), sorted(set(held) - set(wanted))
    if missing or extra:
        raise BrokenFile(
            f"{path} does not fit its config: missing {missing[:3]}, not expected {extra[:3]}.",
            expected="the weights this config describes",
        )
    for name, tensor in wanted.items():
        if tensor.shape != held[name].shape:
            raise BrokenFile(
                f"{path}: {name} has shape {list(held[name].shape)}.", expected=f"{list(tensor.shape)} by its config"
            )
        if tensor.is_floating_point() and not held[name].is_floating_point():
            raise BrokenFile(
                f"{path}: {name} is stored as {held[name].dtype}.",
                expected="floating-point numbers",
                do="save it again",
            )
