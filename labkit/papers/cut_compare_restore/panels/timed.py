"""What `labkit doctor --budgets` times of this lesson: (name, panel, moves, tokens)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["trials"]


def trials() -> Iterator[tuple[str, Any, list[dict[str, Any]], int]]:
    """Yield the cut panel on the smallest model, every part of every layer."""
    import labkit

    from .cut import CutPanel

    tiny = labkit.load("lab/tiny")
    cut = CutPanel(tiny)
    cuts = [{"part": part, "layer": layer} for layer in range(cut.depth) for part in ("attention", "mlp", "block")]
    yield "cut panel, lab/tiny", cut, cuts, len(tiny.encode(cut.start.story))
