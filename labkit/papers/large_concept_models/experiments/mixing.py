"""The average of two sentences: what is said on the straight line between two concepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from labkit.panels.tables import Table

from .. import task
from ..method.space import ConceptSpace

__all__ = ["Mixture", "mix"]


@dataclass(frozen=True)
class Mixture:
    """At each weight w: what (1 − w) first + w second says, its norm over that of the ends, and its nearest end.

    from_first, from_second: how many of the slots in which the two differ were taken from each end.
    """

    weights: tuple[float, ...]
    texts: tuple[str, ...]
    norms: tuple[float, ...]
    from_first: tuple[int, ...]
    from_second: tuple[int, ...]
    differ: int

    @property
    def chimeras(self) -> list[bool]:
        """At which weights the sentence takes slots from both."""
        return [a > 0 and b > 0 for a, b in zip(self.from_first, self.from_second)]

    def table(self) -> Table:
        """Return one row a weight."""
        rows = list(zip(self.weights, self.texts, self.norms, self.from_first, self.from_second))
        return Table(
            f"On the way between two concepts that differ in {self.differ} slots",
            ["weight", "what is said", "size", "slots of first", "slots of second"],
            rows,
        )


def mix(
    space: ConceptSpace,
    first: str,
    second: str,
    weights: Sequence[float] = (0, 0.25, 0.5, 0.75, 1),
    language: str | int = 0,
) -> Mixture:
    """Return what is said between two sentences of one kind; raise `BadInput` for a text that is none."""
    ends_2C = space.encode_texts([first, second])
    w_W1 = torch.tensor(weights, dtype=torch.float32)[:, None]
    z_WC = (1 - w_W1) * ends_2C[0] + w_W1 * ends_2C[1]
    slots_2S = task.parse([first, second])[0].slots_NS
    pieces_WL = space.pieces(z_WC, language)
    said, ok_W = task.read(pieces_WL)
    apart_S = slots_2S[0] != slots_2S[1]
    taken = [((said.slots_NS == end_S) & apart_S & ok_W[:, None]).sum(1).tolist() for end_S in slots_2S]
    norms = z_WC.norm(dim=1) / ends_2C.norm(dim=1).mean()
    texts = tuple(space.decode(z_WC, language))
    return Mixture(tuple(weights), texts, tuple(norms.tolist()), *map(tuple, taken), int(apart_S.sum()))
