"""What the cut panel is asked and what it answers, as values; nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass

from labkit.measurements.readings import Reading

__all__ = ["EDITS", "CutData", "CutState"]

EDITS = {"attention": "DropAttention", "mlp": "DropMLP", "block": "DropBlock"}


@dataclass(frozen=True)
class CutState:
    """What is left out while which text is read; `part` is "nothing", "attention", "mlp" or "block"."""

    story: str = ""
    part: str = "nothing"
    layer: int = 0


@dataclass(frozen=True)
class CutData:
    """Both readings of one text; right: the true next word where it is known; unseen: words the world never says."""

    part: str
    layer: int
    words: tuple[str, ...]
    right: str | None
    tokens: int
    unseen: tuple[str, ...]
    intact: Reading
    cut: Reading


def name_of(part: str, layer: int) -> str:
    """Return a part in words: "the MLP of layer 2"."""
    shown = {"attention": "the attention", "mlp": "the MLP", "block": "the whole block"}
    return "nothing" if part == "nothing" else f"{shown[part]} of layer {layer}"
