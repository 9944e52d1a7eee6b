"""What `labkit doctor --budgets` times of this lesson: (name, panel, moves, tokens)."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

__all__ = ["trials"]


def trials() -> Iterator[tuple[str, Any, list[dict[str, Any]], int]]:
    """Yield the grid of layers with one to eight parts gone, and the scores by position of every layer."""
    import labkit

    from .layer_grid import LayerGridPanel
    from .scores_by_position import ScorePanel

    deep = labkit.load("lab/deep")
    drawn, cells = Random(0), [(part, layer) for layer in range(12) for part in ("attention", "mlp")]
    gone = [{"gone": tuple(sorted(drawn.sample(cells, 1 + n % 8), key=lambda cell: cell[::-1]))} for n in range(24)]
    for name, panel, moves in (
        ("grid of layers, lab/deep", LayerGridPanel(deep), gone),
        ("score panel, lab/deep", ScorePanel(deep), [{"layer": layer} for layer in range(12)]),
    ):
        yield name, panel, moves, len(deep.encode(panel.start.text))
