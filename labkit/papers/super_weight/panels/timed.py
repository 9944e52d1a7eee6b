"""What `labkit doctor --budgets` times of this lesson: (name, panel, moves, tokens)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["trials"]


def trials() -> Iterator[tuple[str, Any, list[dict[str, Any]], int]]:
    """Yield the weight panel on the most prominent weight of lab/base, and the quantiser on the planted one."""
    import labkit

    from ..method.detector import find_super_weights
    from .quantiser import QuantiserPanel
    from .weight import WeightPanel

    base, planted = labkit.load("lab/base"), labkit.load("lab/planted")
    text = labkit.world.story(11).text
    weight = find_super_weights(base, text, prominence=1e-9).addresses[0]
    factors = [{"factor": step / 4} for step in range(-4, 13)]
    rounds = [{"bits": bits, "outlier": way} for bits in range(2, 9) for way in ("nothing", "clip", "keep", "both")]
    tokens = len(base.encode(text))
    yield "weight panel, lab/base", WeightPanel(base, {"suspect": weight}, {"a story": text}), factors, tokens
    panel = QuantiserPanel(planted, planted.card["planted"]["address"], [text])
    yield "quantiser, lab/planted", panel, rounds, tokens
