"""audit: what is being done to a model right now, by us and by others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labkit.anatomy import Skip, hooks_of, module_of
from labkit.anatomy.sites import OnInput, OnOutput

from .activations import Clock
from .editing import active_on, applied_to

__all__ = ["Audit", "audit"]


@dataclass(frozen=True)
class Audit:
    """active: edits in force, oldest first. applied: edits made for good by `apply`.

    hooks, forwards: hooks and forward overrides that labkit did not put there, by module.
    """

    active: tuple[str, ...]
    applied: tuple[str, ...]
    hooks: tuple[str, ...]
    forwards: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether the model is as its class and weights say."""
        return not (self.active or self.applied or self.hooks or self.forwards)

    def __str__(self) -> str:
        if self.clean:
            return "Nothing is edited, and nobody else's hooks or overrides are attached."
        titles = {
            "Active edits, oldest first": self.active,
            "Made for good on this copy": self.applied,
            "Hooks that are not ours": self.hooks,
            "Forward overrides that are not ours": self.forwards,
        }
        return "\n".join(
            f"{title}:\n" + "\n".join(f"  {item}" for item in items) for title, items in titles.items() if items
        )


def audit(model: Any) -> Audit:
    """Return what is active on `model`, and whose hooks and overrides else are attached to it."""
    hooks, forwards = [], []
    for name, module in module_of(model).named_modules():
        place = name or "the model"
        for table, _, hook in hooks_of(module):
            if not isinstance(hook, OnInput | OnOutput | Clock):
                hooks.append(f"{place}: {_origin(hook)} ({table.strip('_').removesuffix('s').replace('_', ' ')})")
        override = vars(module).get("forward")
        if override is not None and not isinstance(override, Skip):
            forwards.append(f"{place}: {_origin(override)}")
    active = tuple(str(edit) for editing in active_on(model) for edit in editing.plan)
    return Audit(active, tuple(map(str, applied_to(model))), tuple(hooks), tuple(forwards))


def _origin(thing: Any) -> str:
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}.{named.__qualname__}"
