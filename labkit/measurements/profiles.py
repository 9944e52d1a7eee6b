"""A number per layer, with its interval: the shape of most questions about depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labkit.base.results import Result

from .estimate import Estimate, mean_over
from .tables import text_table

__all__ = ["LayerProfile", "profile"]


@dataclass(frozen=True, kw_only=True)
class LayerProfile(Result):
    """`lines[name][k]` is the estimate at layer k; all lines are as long as the model is deep.

    title: what was asked. quantity: what the numbers are. null: where nothing would happen, if there is such a place.
    """

    title: str
    quantity: str
    lines: Mapping[str, tuple[Estimate, ...]]
    null: float | None = None

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(next(iter(self.lines.values())))

    def values(self, line: str | None = None) -> tuple[float, ...]:
        """Return the plain numbers of a line (default: the first)."""
        name = next(iter(self.lines)) if line is None else line
        return tuple(estimate.value for estimate in self.lines[name])

    def table(self) -> str:
        """Return one row per layer."""
        rows = [
            [str(layer), *(f"{self.lines[name][layer].value:.4g}" for name in self.lines)]
            for layer in range(self.depth)
        ]
        first = next(iter(self.lines.values()))[0]
        return text_table(["layer", *self.lines], rows, title=f"{self.title} ({first.n} {first.over})")


def profile(
    title: str,
    quantity: str,
    found: Mapping[str, Sequence[Sequence[float]]],
    *,
    over: str = "documents",
    null: float | None = None,
    seed: int = 0,
) -> LayerProfile:
    """Return the profile of values found[line][layer][unit]."""
    lines = {
        name: tuple(
            mean_over(values, over, seed=seed, name=f"{name}, layer {layer}", null=null)
            for layer, values in enumerate(layers)
        )
        for name, layers in found.items()
    }
    return LayerProfile(title=title, quantity=quantity, lines=lines, null=null)
