"""Fingerprint: a short text that changes when anything about a model does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from labkit.zoo import ModelLike, module_of

from .families import INERT

__all__ = ["HOOK_TABLES", "fingerprint", "fingerprint_parts", "hooks_of"]

# Where torch keeps a module's hooks.
HOOK_TABLES = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)

_PLAIN = frozenset((bool, int, float, str, tuple, type(None)))


def fingerprint(model: ModelLike) -> str:
    """Return 32 hexadecimal digits over parameters, buffers, hooks, forward overrides, settings, config and mode.

    Every bit of every tensor counts. Equal models give equal fingerprints in any process as long as no hooks are
    attached; a hook counts with the order in which it was attached.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, part in fingerprint_parts(model).items():
        digest.update(f"{name}={part}\n".encode())
    return digest.hexdigest()


def fingerprint_parts(model: ModelLike) -> dict[str, str]:
    """Return the parts after `fingerprint` by name; compare two of these to see what differs.

    Names are such as "parameter model.norm.weight", "hooks model.layers.0", "forward ...", "settings ...", "config".
    """
    return dict(_parts(module_of(model)))


def _parts(model: nn.Module) -> Iterator[tuple[str, str]]:
    owners: dict[int, str] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        for kind, tensors in (("parameter", module._parameters), ("buffer", module._buffers)):
            for name, tensor in tensors.items():
                if tensor is not None:
                    yield f"{kind} {path}.{name}".replace(" .", " "), _tensor(tensor, f"{path}.{name}", owners)
        hooks = [f"{table}:{key}:{_name(hook)}" for table, key, hook in hooks_of(module)]
        if hooks:
            yield f"hooks {path}", ", ".join(hooks)
        if "forward" in vars(module):
            yield f"forward {path}", _name(vars(module)["forward"])
        yield f"settings {path}", _settings(module)
    yield "config", _config(getattr(model, "config", None))


def hooks_of(module: nn.Module) -> Iterator[tuple[str, int, Any]]:
    """Yield (table, key, hook) for every hook attached to one module, without those of transformers that do nothing."""
    own = vars(module)
    for table in HOOK_TABLES:
        if hooks := own.get(table):
            for key, hook in hooks.items():
                if getattr(hook, "__module__", None) not in INERT:
                    yield table, key, hook


def _tensor(tensor: Tensor, name: str, owners: dict[int, str]) -> str:
    first = owners.setdefault(id(tensor), name)
    if first != name:
        return f"is {first}"
    head = f"{tensor.dtype} {list(tensor.shape)} {tensor.device} grad={tensor.requires_grad}"
    if tensor.is_meta:
        return head
    flat: Any = tensor.detach().contiguous().reshape(-1).view(torch.uint8).cpu()
    return f"{head} {hashlib.blake2b(flat.numpy(), digest_size=16).hexdigest()}"


def _settings(module: nn.Module) -> str:
    """Return class, mode, submodules and the plain numbers and texts a module keeps (layer_idx, eps, ...)."""
    kept = ", ".join(
        f"{name}={value!r}" for name, value in vars(module).items() if name[0] != "_" and type(value) in _PLAIN
    )
    return f"{type(module).__qualname__}({', '.join(module._modules)}) {kept}"


def _config(config: Any) -> str:
    """Return the config's fields as text; configs inside a config count too."""
    if config is None:
        return "none"
    fields = vars(config)
    return f"{type(config).__name__}: " + ", ".join(
        f"{name}={_config(fields[name]) if hasattr(fields[name], 'to_dict') else repr(fields[name])}"
        for name in sorted(fields)
    )


def _name(thing: Any) -> str:
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}.{named.__qualname__}"
