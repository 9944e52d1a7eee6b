"""How C and its parts are spread: over values (a histogram), over places in the text, over how frequent a word is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

from labkit.base.errors import BadInput, unknown
from labkit.measurements import Estimate, mean_over
from labkit.measurements.tables import text_table

from .memory import Memory, frequencies

__all__ = ["Spread", "histogram", "spread_over"]

PLACES = (2, 8, 16, 32, 64, 128, 10**9)  # edges, in tokens
LOGS = (0.0, 2.0, 4.0, 6.0, 8.0, 99.0)  # edges, in log(1 + occurrences in a thousand stories)


@dataclass(frozen=True)
class Spread:
    """Mean of a quantity in each bin of another, with intervals over documents; a bin without tokens has None."""

    quantity: str
    over: str
    edges: tuple[float, ...]
    tokens: tuple[int, ...]
    means: tuple[Estimate | None, ...]

    def table(self) -> str:
        """Return one row a bin."""
        rows = [
            [f"{low:g} to {high:g}" if high < max(99, 10**8) else f"{low:g} and more", str(count),
             f"{one.value:.3f}" if one else "", f"{one.low:.3f} to {one.high:.3f}" if one else ""]
            for (low, high), count, one in zip(pairwise(self.edges), self.tokens, self.means)
        ]  # fmt: skip
        return text_table([self.over, "tokens", self.quantity, "interval"], rows, title=f"{self.quantity}, nats a word")


def spread_over(memory: Memory, over: str = "position", quantity: str = "C", *, seed: int = 0) -> Spread:
    """Return the mean of "C", "gain", "own word" or "context" by "position" or "frequency" of the tokens."""
    if over not in ("position", "frequency"):
        raise unknown("spread", over, ("position", "frequency"))
    values, counts = memory.values(quantity), frequencies()
    if over == "position":
        edges, where = PLACES, [float(one) for one in memory.position]
    else:
        edges, where = LOGS, [log(1 + counts[token]) for token in memory.ids]
    means, tokens = [], []
    for number in range(len(edges) - 1):
        rows = [row for row, one in enumerate(where) if bisect_right(edges, one) - 1 == number]
        held: dict[int, list[float]] = {}
        for row in rows:
            held.setdefault(memory.document[row], []).append(values[row])
        weights = [len(one) for one in held.values()]
        means.append(
            mean_over([sum(one) / len(one) for one in held.values()], weights=weights, seed=seed, name=quantity)
            if held
            else None
        )
        tokens.append(len(rows))
    return Spread(quantity, over, tuple(edges), tuple(tokens), tuple(means))


def histogram(memory: Memory, name: str, quantity: str = "C", edges: Sequence[float] | None = None) -> list[int]:
    """Return how many tokens of a class have their value in each bin; values outside the edges fall in the end bins.

    edges: default 0 to 3 nats a word in steps of 0.25.
    """
    edges = [0.25 * step for step in range(13)] if edges is None else list(edges)
    if len(edges) < 2 or any(a >= b for a, b in pairwise(edges)):
        raise BadInput(f"{len(edges)} edges make no histogram.", expected="two or more rising numbers")
    found, values = [0] * (len(edges) - 1), memory.values(quantity)
    for row in memory.of_class(name):
        found[min(max(bisect_right(edges, values[row]) - 1, 0), len(found) - 1)] += 1
    return found
