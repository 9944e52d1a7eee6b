"""The three ways to change a model, each of which can take itself back: write numbers, replace a forward, add a hook.

A change is made when an edit is entered. `install()` either does all of its work or raises having done none.
`undo()` puts back, bit for bit, what was there, whoever wrote to the place meanwhile, and returns a `ConflictingWrite`
when somebody did. Both may be called again in turn: edits are taken out for a moment while an intact model is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from labkit.anatomy import Site, View
from labkit.anatomy.view import INTEGERS
from labkit.base.errors import BadInput, ModelChanged

__all__ = ["Change", "ConflictingWrite", "Forward", "Hook", "Write", "report", "unrestored"]


@dataclass(frozen=True)
class ConflictingWrite:
    """What an edit found in its place that it had not put there."""

    where: str
    what: str
    found: Any = None


class Change(Protocol):
    """What an edit's `prepare` returns a list of."""

    def install(self) -> None:
        """Change the model, wholly or not at all."""

    def undo(self) -> ConflictingWrite | None:
        """Put back what was there; report what somebody else did to the place."""


class Write:
    """Write `rule(values)` over the values [out, in] that a view shows."""

    def __init__(self, view: View, rule: Callable[[Tensor], Tensor | float]):
        stored = view.parameter
        if not stored.is_floating_point() or stored.is_meta:
            raise BadInput(
                f"{view.address} is kept as {'nothing yet' if stored.is_meta else stored.dtype}.",
                expected="floating-point numbers in memory",
                do="load the model in float32 (not quantised, not on the meta device)",
            )
        self.view, self.rule = view, rule
        if stored.is_inference():
            raise BadInput(
                f"{view.address} was made inside torch.inference_mode(), where nothing can be written for good.",
                expected="a model made outside of it",
                do="load or build the model outside of torch.inference_mode()",
            )
        self._before = self._written = torch.empty(0)
        self._compared: tuple[ConflictingWrite | None] | None = None
        self.unfinished = False  # neither made nor taken back, for want of memory: `undo` tries again

    def install(self) -> None:
        before, old = self.view.read_stored(), self.view.read()
        with torch.no_grad():
            new = torch.as_tensor(self.rule(old), device=old.device, dtype=old.dtype)
        if old.isfinite().all() and not new.to(before.dtype).isfinite().all():
            raise BadInput(
                f"{self.view.address} would become infinite or undefined.",
                expected=f"values within the range of {before.dtype}",
                do="use a smaller factor or value",
            )
        self._before, self._compared = before, None
        try:
            self.view.write(new)
            self._written = self.view.read_stored()
        except BaseException:
            self.unfinished, self._compared = True, (None,)  # what is there is ours
            self.view.write_stored(before)
            self.unfinished = False
            raise

    def undo(self) -> ConflictingWrite | None:
        """Put back what was there, whatever else fails, and see that it is; report what somebody else wrote."""
        try:
            if self._compared is None:  # once: an undo that was cut short goes on
                self._compared = (self._foreign(),)
        finally:
            self.view.write_stored(self._before)
            self._compared = self._compared or (None,)  # an error struck: what is here now is ours
        if not self.view.holds(self._before):
            raise RuntimeError("what was written is not what is there")
        self.unfinished = False
        return self._compared[0]

    def _foreign(self) -> ConflictingWrite | None:
        """Return what is there now if it is not what this edit wrote; only then is there a copy made of it."""
        try:
            if self.view.holds(self._written):
                return None
            found = self.view.read_stored()
        except (MemoryError, RuntimeError):  # no room to look: an error is on its way already, and tells more
            return None
        alien = _bits(found) != _bits(self._written.to(device=found.device, dtype=found.dtype))
        count, first = int(alien.sum()), found[alien][0].item()
        place = str(self.view.address)
        return ConflictingWrite(
            place, f"{place} ({count} of {alien.numel()} numbers, the first is now {first:g})", found
        )


class Forward:
    """Put `forward` on a module in place of its class's own."""

    def __init__(self, module: nn.Module, forward: Callable[..., Any], where: str):
        self.module, self.forward, self.where = module, forward, where
        self._before: tuple[Any, ...] = ()

    def install(self) -> None:
        own = vars(self.module)
        self._before = (own["forward"],) if "forward" in own else ()
        own["forward"] = self.forward

    def undo(self) -> ConflictingWrite | None:
        found = vars(self.module).pop("forward", None)
        if self._before:
            vars(self.module)["forward"] = self._before[0]
        if found is self.forward:
            return None
        return ConflictingWrite(self.where, f"the forward of {self.where} (now {found!r})", found)


class Hook:
    """Attach a hook: `attach()` registers it and returns torch's handle."""

    def __init__(self, attach: Callable[[], Any], where: str):
        self.attach, self.where = attach, where
        self._handle: Any = None

    @classmethod
    def at(cls, site: Site, function: Callable[[Tensor], Tensor | None]) -> Hook:
        """Return the hook that lets `function` replace what is at a site."""
        return cls(lambda: site.hook(function), site.name)

    def install(self) -> None:
        self._handle = self.attach()

    def undo(self) -> ConflictingWrite | None:
        hooks = self._handle.hooks_dict_ref()
        there = hooks is not None and self._handle.id in hooks
        self._handle.remove()
        return None if there else ConflictingWrite(self.where, f"the hook at {self.where} (already removed)")


def _bits(values: Tensor) -> Tensor:
    """Return the numbers as integers, so that NaN equals itself and -0 does not equal 0."""
    return values.view(INTEGERS[values.dtype.itemsize])


def report(foreign: list[ConflictingWrite]) -> None:
    """Raise `ModelChanged` with what was found where something else had written; for nothing do nothing."""
    if not foreign:
        return
    error = ModelChanged(
        f"Something else changed {'; '.join(item.what for item in foreign)} while it was edited.",
        expected="what the edit itself had put there",
        do="the model is back as it was before the edit; error.found holds what was found. "
        "To train an edited model, use labkit.apply, which returns a copy",
    )
    error.found = {item.where: item.found for item in foreign}
    raise error


def unrestored(change: Write, error: Exception) -> ModelChanged:
    """Return the error of a change whose old numbers could not be written back."""
    told = ModelChanged(
        f"{change.view.address} could not be written back ({(str(error) or type(error).__name__).splitlines()[0]}): "
        "the model is still edited.",
        expected="room to write the old numbers, which are kept",
        do="free some memory, then labkit.interventions.undo_all(model)",
    )
    told.found = {}
    return told
