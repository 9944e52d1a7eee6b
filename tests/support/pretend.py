"""A pretend GPU, for machines without one: CPU numbers behind tensors that say cuda:0 and refuse to meet the CPU's.

Every operation runs on the CPU tensors inside, so results equal the CPU's to the bit, and what a real GPU would refuse
is refused: operands on two devices, a generator of the other device, `.numpy()`, a kernel that only the CPU has.
It knows nothing of a GPU's rounding, memory or speed, and of missing kernels only the ones named here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

CUDA, CPU, aten = torch.device("cuda", 0), torch.device("cpu"), torch.ops.aten
MOVES = (aten._to_copy.default, aten.copy_.default)
INDEXES = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default)
CPU_ONLY = (aten.histogram.bin_ct, aten.histogram.bins_tensor)


def _dispatched(self: Any, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
    return _run(operation, args, kwargs or {})


class Pretend(Tensor):
    """A tensor on the pretend GPU; `inner` holds its numbers.

    torch itself is told "meta", as its own FakeTensor does: a build for the CPU has no guards for cuda, and aborts.
    """

    __torch_function__, __torch_dispatch__ = torch._C._disabled_torch_function_impl, classmethod(_dispatched)
    device, is_cuda, is_meta = (property(lambda self, value=value: value) for value in (CUDA, True, False))

    @staticmethod
    def __new__(cls, inner: Tensor) -> Pretend:
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        made = Tensor._make_wrapper_subclass(cls, inner.shape, **layout, device="meta")
        made.inner = inner
        return made

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")

    def tolist(self) -> Any:
        return self.detach().cpu().tolist()

    def new_tensor(self, data: Any) -> Tensor:
        return torch.tensor(data, dtype=self.dtype, device=CUDA)

    def data_ptr(self) -> int:
        return self.inner.data_ptr()

    def __getitem__(self, index: Any) -> Tensor:
        return super().__getitem__(_spelt(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(_spelt(index), value)

    def __deepcopy__(self, memo: dict) -> Tensor:
        twin = Pretend(self.inner.clone())
        return nn.Parameter(twin, self.requires_grad) if isinstance(self, nn.Parameter) else twin


class _Everywhere(TorchDispatchMode):
    """Sees what has no tensor on the pretend GPU yet: `torch.zeros(3, device="cuda:0")`, `x.to("cuda:0")`."""

    __torch_dispatch__ = _dispatched


@contextmanager
def pretend_gpu() -> Iterator[None]:
    """Make "cuda:0" a device that works, for the thread that asks."""
    idle = mock.patch.multiple(torch.cuda, _lazy_init=lambda: None, synchronize=lambda device=None: None)
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(data, device=...) then shows its move to the device
    try:
        with idle, _Everywhere():
            yield
    finally:
        torch._C._set_only_lift_cpu_tensors(False)


def moved(model: nn.Module) -> nn.Module:
    """Put a module on the pretend GPU, as `model.to("cuda")` does on a real one: shared weights stay shared."""
    there: dict[int, Tensor] = {}
    for module in model.modules():
        for table in (module._parameters, module._buffers):
            for name, tensor in table.items():
                if tensor is not None and id(tensor) not in there:
                    copy = Pretend(tensor.detach().clone())
                    there[id(tensor)] = nn.Parameter(copy) if isinstance(tensor, nn.Parameter) else copy
                table[name] = there.get(id(tensor))
    return model


def _run(operation: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    given = [*args, *kwargs.values()]
    tensors = [x for one in given for x in (one if isinstance(one, list | tuple) else [one]) if isinstance(x, Tensor)]
    ours = {id(x.inner): x for x in tensors if isinstance(x, Pretend)}
    device = kwargs.get("device")
    on_gpu = bool(ours) if device is None else device.type != "cpu"
    if ours and operation not in MOVES:
        _refuse(operation, args, [x for x in tensors if not isinstance(x, Pretend)])
    if on_gpu and getattr(kwargs.get("generator"), "device", CUDA) == CPU:
        raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
    named = {name: _inside(value) for name, value in kwargs.items()} | ({} if device is None else {"device": CPU})
    try:
        result = operation(*map(_inside, args), **named)
    except IndexError as error:
        raise RuntimeError("CUDA error: device-side assert triggered") if on_gpu else error from None
    if operation is aten.copy_.default:
        return args[0]
    return _outside(result, ours) if on_gpu else result


def _refuse(operation: Any, args: tuple, strangers: list[Tensor]) -> None:
    """Raise what a GPU would: a tensor of the CPU may come along as an index, or as one number in arithmetic."""
    assert not any(x.is_meta for x in strangers), f"{operation}: numbers were lost in the pretence"
    if indexes := operation in INDEXES:
        strangers = [x for x in strangers if not any(x is index for index in args[1])]
    first = args[0][0] if isinstance(args[0], list) else args[0]
    at_home = isinstance(first, Pretend) or not (indexes or operation._schema.is_mutable)
    one_number = indexes or torch.Tag.pointwise in operation.tags
    if not at_home or any(x.dim() > 0 or not one_number for x in strangers):
        raise RuntimeError(f"Expected all tensors to be on the same device, but found two devices: {operation}")
    if operation in CPU_ONLY:
        raise NotImplementedError(f"Could not run {operation} with arguments from the 'CUDA' backend.")


def _spelt(index: Any) -> tuple:
    """Return an index with its lists as tensors: torch would make them on "meta", which keeps no numbers."""
    parts = index if isinstance(index, tuple) else (index,)
    return tuple(
        torch.tensor(list(part), dtype=None if len(part) else torch.long) if isinstance(part, list | range) else part
        for part in parts
    )


def _inside(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_inside, value))
    return value.inner if isinstance(value, Pretend) else value


def _outside(value: Any, ours: dict[int, Pretend]) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_outside(one, ours) for one in value)
    if not isinstance(value, Tensor):
        return value
    return ours[id(value)] if id(value) in ours else Pretend(value)  # what was changed in place is what it was
