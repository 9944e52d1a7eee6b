"""Files of this paper's models: a codec with its normaliser, or a concept model; safetensors in half precision.

`labkit.load("concepts/base")` gives a handle on one of them, `load_space` and `load_model` the module itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import nn

from labkit import zoo
from labkit.base.errors import BadInput, BrokenFile
from labkit.base.files import write_atomically

from .codec import CodecConfig
from .models import ConceptConfig
from .normaliser import Normaliser
from .quantise import Books, QuantLCM
from .space import ConceptSpace

__all__ = ["load_model", "load_space", "read", "read_folder", "save", "ship"]

FAMILY, WEIGHTS = "concepts", "model.safetensors"
HOMES = {"base": "aligned", "two-tower": "aligned"}  # the space each shipped concept model was trained in


def save(model: nn.Module, path: str | Path) -> Path:
    """Write a `ConceptSpace`, a concept model or a Quant-LCM to a file, whole or not at all; return its path."""
    about: dict[str, Any] = {"what": type(model).__name__}
    if isinstance(model, ConceptSpace):
        about["config"] = model.codec.config.as_dict()
    else:
        about["config"] = model.config.as_dict()
    if isinstance(model, QuantLCM):
        about |= {"discrete": model.discrete, "books": list(model.books.entries_KUC.shape)}
    tensors = {name: x.half().contiguous() if x.is_floating_point() else x for name, x in model.state_dict().items()}
    if not all(x.isfinite().all() or name.endswith("clip") for name, x in tensors.items()):
        raise BadInput(f"This {about['what']} has weights that are no numbers.", expected="a model that was trained")
    return write_atomically(path, to_bytes(tensors, metadata={"format": "pt", "about": json.dumps(about)}))


def read(path: str | Path) -> Any:
    """Return what `save` wrote, in float32 and evaluation mode; raise `BrokenFile` for another or a damaged file."""
    try:
        with safe_open(str(path), "pt") as file:
            about = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model = _fresh(about)
        model.load_state_dict({name: x.float() if x.is_floating_point() else x for name, x in tensors.items()})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BrokenFile(
            f"{path} holds no model of this paper ({error}).", do="train it again, or git restore it"
        ) from error
    return model.eval()


def _fresh(about: dict[str, Any]) -> nn.Module:
    if about["what"] == "ConceptSpace":
        config = CodecConfig(**about["config"])
        return ConceptSpace(config.build(), Normaliser(config.concept))
    config = ConceptConfig(**about["config"])
    if about["what"] == "QuantLCM":
        return QuantLCM.build(config, Books(torch.zeros(about["books"])), about["discrete"])
    return config.build()


def ship(model: nn.Module, name: str, card: dict[str, Any]) -> Any:
    """Put a model among those that come with the course, as concepts/<name>, with its card; return its entry."""
    name = f"{FAMILY}/{name}"
    save(model, zoo.folder_of(name) / WEIGHTS)
    params = sum(parameter.numel() for parameter in model.parameters())
    card = {"name": name, "tokenizer": "two-languages", **card}
    return zoo.ship_files(card, params, {"config.json": json.dumps({"kind": FAMILY}) + "\n"}, written=[WEIGHTS])


def read_folder(folder: str | Path) -> nn.Module:
    """Return the model in a shipped model's folder."""
    return read(Path(folder) / WEIGHTS)


def load_space(name: str = "aligned") -> ConceptSpace:
    """Return the space of a shipped codec ("aligned", "unaligned"), its files checked against their hashes."""
    return _shipped(name, ConceptSpace)


def load_model(name: str) -> Any:
    """Return a shipped concept model ("base", "two-tower"), its files checked against their hashes."""
    return _shipped(name, nn.Module)


def _shipped(name: str, kind: type) -> Any:
    full, known = f"{FAMILY}/{name}", zoo.entries()
    if full not in known:
        ours = [one.removeprefix(f"{FAMILY}/") for one in known if one.startswith(f"{FAMILY}/")]
        raise BadInput(f"No model called {name!r} comes with this lesson.", expected=f"one of {', '.join(ours)}")
    zoo.verify(known[full])
    model = read_folder(zoo.folder_of(full))
    if not isinstance(model, kind):
        raise BadInput(f"{name!r} is a {type(model).__name__}.", expected=f"a {kind.__name__}")
    model.home = HOMES.get(name, name)
    return model
