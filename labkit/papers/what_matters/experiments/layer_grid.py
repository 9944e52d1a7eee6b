"""What the grid of layers is asked and what it answers, as values; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labkit.measurements.estimate import Estimate
from labkit.panels.stored import estimate_of

__all__ = [
    "LONGEST",
    "POOL",
    "Cells",
    "LayerGridData",
    "LayerGridRun",
    "LayerGridState",
    "as_lists",
    "key_of",
    "ready_cuts",
]

Cells = tuple[tuple[str, int], ...]  # (part, layer), in the order of the layers
FEW = 4  # parts in a ready choice
# Of this many stories those of the most common length are read, so that one pass reads them all; short ones, for an
# answer has 0.35 seconds.
POOL, LONGEST = 500, 128


@dataclass(frozen=True)
class LayerGridState:
    """Which parts are left out, and which text the model then goes on from."""

    gone: Cells = ()
    text: str = ""


@dataclass(frozen=True)
class LayerGridData:
    """A model without some of its parts, beside the intact one.

    intact, cut: loss in nats a token, over documents; change: their difference, paired (null 0). goes_on, parameters,
    cache_bytes: intact and cut; the cache is that of one text of `context` tokens, two bytes a number. unseen: words
    of the text that the world never says.
    """

    gone: Cells
    depth: int
    intact: Estimate
    cut: Estimate
    change: Estimate
    goes_on: tuple[str, str]
    parameters: tuple[int, int]
    cache_bytes: tuple[int, int]
    context: int
    unseen: tuple[str, ...] = ()

    @property
    def sublayers(self) -> tuple[int, int]:
        """Attentions and MLPs that are left, and all of them."""
        return 2 * self.depth - len(self.gone), 2 * self.depth


@dataclass(frozen=True)
class LayerGridRun:
    """Stored answers: cuts by key, each with its losses, sizes and how the model goes on from each text.

    texts: by title. ready: choices of parts, by title.
    """

    depth: int
    context: int
    texts: Mapping[str, str]
    ready: Mapping[str, Cells]
    answers: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> LayerGridRun:
        """Return what a file holds."""
        ready = {title: tuple((part, layer) for part, layer in cells) for title, cells in table["ready"].items()}
        answers = {key: kept for key, kept in table.items() if key not in ("depth", "context", "texts", "ready")}
        return cls(table["depth"], table["context"], table["texts"], ready, answers)

    def find(self, state: LayerGridState) -> LayerGridData | None:
        """Return the stored answer to `state`, or None."""
        number = next((i for i, text in enumerate(self.texts.values()) if text == state.text), None)
        whole, kept = self.answers[key_of(())], self.answers.get(key_of(state.gone))
        if number is None or kept is None:
            return None
        return LayerGridData(
            state.gone, self.depth,
            _estimate("loss", whole["loss"]), _estimate("loss", kept["loss"]), _estimate("change", kept["change"]),
            (whole["goes_on"][number], kept["goes_on"][number]),
            (whole["sizes"][0], kept["sizes"][0]), (whole["sizes"][1], kept["sizes"][1]), self.context,
        )  # fmt: skip


def _estimate(name: str, row: list) -> Estimate:
    null = 0.0 if name == "change" else None
    return estimate_of(row, name=name, unit="nats/token", over="documents", null=null)


def key_of(gone: Cells) -> str:
    """Return the name of a cut in the file: "attention 3, mlp 5"."""
    return ", ".join(f"{part} {layer}" for part, layer in gone) or "nothing"


def as_lists(gone: Cells) -> dict[str, list[int]]:
    """Return the layers by part, parts without any left out."""
    lists = {part: [layer for own, layer in gone if own == part] for part in ("attention", "mlp")}
    return {part: layers for part, layers in lists.items() if layers}


def ready_cuts(depth: int, costs: Mapping[str, list[float]] | None = None) -> dict[str, Cells]:
    """Return choices by title: by what losing each part costs, where that is known, else by place alone."""
    few = max(1, min(FEW, depth // 3))
    ready: dict[str, Cells] = {"nothing": ()}
    for part, said in (("attention", "attentions"), ("mlp", "MLPs")):
        if costs is None:
            deepest = range(depth - few, depth)
            ready[f"the {few} deepest {said}"] = tuple((part, layer) for layer in deepest)
            continue
        order = sorted(range(depth), key=costs[part].__getitem__)
        ready[f"the {few} {said} cheapest alone"] = tuple((part, layer) for layer in sorted(order[:few]))
    middle = range(1, depth - 1)
    if len(middle) > few:
        for part, said in (("attention", "attentions"), ("mlp", "MLPs")):
            ready[f"all {len(middle)} middle {said}"] = tuple((part, layer) for layer in middle)
    for layer in (0, depth // 2):
        ready[f"the whole of layer {layer}"] = (("attention", layer), ("mlp", layer))
    return ready
