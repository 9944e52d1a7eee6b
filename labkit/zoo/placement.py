"""Which device a model's weights go to: a GPU where one is here and has room, or the CPU; said before they are read."""

from __future__ import annotations

import re
from typing import Any

import torch

from labkit.base.errors import BadInput, NotAvailable

__all__ = ["asked_device", "asked_dtype", "home", "see_gpu"]

_FORM = re.compile(r"cpu|cuda(:\d+)?")
_GIB = 2**30
_CPU = torch.device("cpu")
_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def asked_device(device: Any) -> torch.device | None:
    """Return the device that a reader asks for, with its number; None stands for none in particular.

    Raises `BadInput` for what names no device, `NotAvailable` for a GPU that torch does not see.
    """
    if device is None:
        return None
    if not isinstance(device, str | torch.device) or not _FORM.fullmatch(str(device)):
        raise BadInput(
            f"device = {device!r} is no device that labkit computes on.",
            expected='"cpu", "cuda" or "cuda:0"',
            do="leave it out: models of the hub then take a GPU where one is here",
        )
    wanted = torch.device(device)
    if wanted.type == "cpu":
        return _CPU
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (wanted.index or 0) >= count:
        raise NotAvailable(
            f"{device} is not here: torch {torch.__version__} sees {count or 'no'} GPU{'s' * (count > 1)}.",
            expected=f'"cpu"{"".join(f", cuda:{number}" for number in range(count))}',
            do='device="cpu", or a machine with a GPU (Colab: Runtime, Change runtime type) and a torch built for it',
        )
    return wanted if wanted.index is not None else torch.device("cuda", torch.cuda.current_device())


def asked_dtype(dtype: Any) -> torch.dtype:
    """Return the floating type of torch that a reader asks for, itself or by name; raise `BadInput` for others."""
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if found not in _DTYPES:
        raise BadInput(
            f"dtype = {dtype!r} is no type that weights can have.",
            expected=", ".join(f'"{str(one).removeprefix("torch.")}"' for one in _DTYPES),
        )
    return found


def home(name: str, needed: float, asked: torch.device | None) -> torch.device:
    """Return where weights that take `needed` bytes go: as asked, else to the GPU if they fit, else to the CPU.

    Raises `NotAvailable` when the GPU that was asked for has no room for them.
    """
    if asked == _CPU or not torch.cuda.is_available():
        return _CPU
    gpu = asked or torch.device("cuda", torch.cuda.current_device())
    free = _free(gpu)
    if needed <= free:
        return gpu
    if asked is None:
        return _CPU
    raise NotAvailable(
        f"{name} needs about {needed / _GIB:.1f} GiB, and {free / _GIB:.1f} GiB of {gpu} are free.",
        expected="a model that fits on the GPU",
        do='take a smaller model of the family, close other notebooks, or device="cpu"',
    )


def see_gpu() -> str | None:
    """Return the name of the GPU that models of the hub go to; None where torch sees none."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _free(gpu: torch.device) -> int:
    """Return the free bytes of a GPU: the driver's, and those that torch holds from models that are gone."""
    return torch.cuda.mem_get_info(gpu)[0] + torch.cuda.memory_reserved(gpu) - torch.cuda.memory_allocated(gpu)
