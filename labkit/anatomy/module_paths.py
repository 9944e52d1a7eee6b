"""Finding the modules of a model by their paths."""

from __future__ import annotations

from typing import Any

from torch import nn

from labkit.base.errors import BadInput

from .reach import unwrapping

__all__ = ["ModulePaths"]


class ModulePaths:
    """Finds modules by their paths, and remembers each step, so as to notice when a part was exchanged."""

    def __init__(self) -> None:
        self._steps: dict[tuple[int, str], tuple[dict[str, Any], str, nn.Module]] = {}  # each once: paths share steps

    def find(self, root: nn.Module, path: str | None) -> nn.Module | None:
        """Return the module at the first path of "a.b|c" that leads to one, or None."""
        for choice in (path or "").split("|"):
            steps, here = [], root
            for name in choice.split("."):
                child = here._modules.get(name)
                if child is None:
                    break
                steps.append(((id(here._modules), name), (here._modules, name, child)))
                here = child
            else:
                self._steps.update(steps)
                return here
        return None

    def need(self, root: nn.Module, path: str) -> nn.Module:
        """Return the module at a path; raise `BadInput` when the model has none."""
        found = self.find(root, path)
        if found is None:
            raise BadInput(
                f"{type(root).__name__} has no {path}.",
                expected="a causal language model with its head",
                do=unwrapping(root),
            )
        return found

    @property
    def unchanged(self) -> bool:
        """Whether every step still leads where it led."""
        return all(modules.get(name) is child for modules, name, child in self._steps.values())
