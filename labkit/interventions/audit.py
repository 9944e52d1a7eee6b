"""audit: what is being done to a model right now, by us and by others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.anatomy import Skip, hooks_of, module_of
from labkit.anatomy.sites import OnInput, OnOutput

from .activations import Clock
from .use import active_on, applied_to, left_on

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Audit", "audit", "left_behind"]


@dataclass(frozen=True)
class Audit:
    """active: edits in force, oldest first. applied: edits made for good by `apply`.

    left: what an edit of another model left on this one, which was copied or pickled inside of it: nobody takes it
    back. hooks, forwards: hooks and forward overrides that labkit did not put there, by module.
    """

    active: tuple[str, ...]
    applied: tuple[str, ...]
    hooks: tuple[str, ...]
    forwards: tuple[str, ...]
    left: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether the model is as its class and weights say."""
        return not (self.active or self.applied or self.left or self.hooks or self.forwards)

    def __str__(self) -> str:
        if self.clean:
            return "Nothing is edited, and nobody else's hooks or overrides are attached."
        titles = {
            "Active edits, oldest first": self.active,
            "Made for good on this copy": self.applied,
            "Left by an edit on another copy, for good": self.left,
            "Hooks that are not ours": self.hooks,
            "Forward overrides that are not ours": self.forwards,
        }
        return "\n".join(
            f"{title}:\n" + "\n".join(f"  {item}" for item in items) for title, items in titles.items() if items
        )


def audit(model: ModelLike) -> Audit:
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
    applied = tuple(map(str, applied_to(model)))
    return Audit(active, applied, tuple(hooks), tuple(forwards), left_behind(model))


def left_behind(model: ModelLike) -> tuple[str, ...]:
    """Return what an edit of another model left here: the edits, as they were noted, else the stand-ins by place."""
    if noted := left_on(model):
        return noted
    if active_on(model) or applied_to(model):
        return ()
    return tuple(
        f"a stand-in at {name or 'the model'}"
        for name, module in module_of(model).named_modules()
        if isinstance(vars(module).get("forward"), Skip)
        or any(isinstance(hook, OnInput | OnOutput | Clock) for _, _, hook in hooks_of(module))
    )


def _origin(thing: Any) -> str:
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}.{named.__qualname__}"
