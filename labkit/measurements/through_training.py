"""A measurement repeated on the checkpoints that a run kept: the same question by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from labkit.base.errors import BadInput
from labkit.models import Decoder, load

from .estimate import Estimate
from .profiles import LayerProfile
from .residuals import residual_stats

__all__ = ["by_step", "kept_models", "variance_by_step"]


def kept_models(folder: str | Path) -> Iterator[tuple[str, Decoder]]:
    """Yield ("step 50", model), … , ("end", model) for the checkpoints in a run's folder, one in memory at a time.

    Raises `BadInput` for a folder without any.
    """
    folder = Path(folder)
    found = {f"step {int(path.name)}": path for path in sorted(folder.glob("steps/*")) if path.name.isdecimal()}
    if (folder / "final").is_dir():
        found["end"] = folder / "final"
    if not found:
        raise BadInput(
            f"{folder} keeps no checkpoint.",
            expected="a run whose recipe keeps some steps, or that has finished",
            do="list steps under keep in the recipe",
        )
    for name, path in found.items():
        yield name, load(path)


def by_step(
    folder: str | Path, measure: Callable[[Decoder], Sequence[Estimate]], title: str, quantity: str
) -> LayerProfile:
    """Return one line per kept checkpoint: what `measure(model)` gives for each layer."""
    lines = {name: tuple(measure(model)) for name, model in kept_models(folder)}
    return LayerProfile(title=title, quantity=quantity, lines=lines)


def variance_by_step(folder: str | Path, documents: Sequence[Any], *, skip: int = 0) -> LayerProfile:
    """Return the variance of the stream after every block, one line per kept checkpoint (Curse of Depth, Fig. 4)."""

    def measure(model: Decoder) -> Sequence[Estimate]:
        return residual_stats(model, documents, skip=skip).variance[1:]

    return by_step(folder, measure, "How does the variance of the stream grow while training?", "variance")
