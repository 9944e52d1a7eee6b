"""Two blocks change places: whether what a block does hangs on where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.anatomy import anatomy_of
from labkit.base.errors import BadInput
from labkit.interventions.changes import Change, Forward
from labkit.interventions.edits import Edit

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["SwapBlocks"]


@dataclass(frozen=True)
class SwapBlocks(Edit):
    """Run block `second` in the place of block `first`, and the other way round; blocks are counted from 0.

    A block takes all that is its own along: weights, norms, and the factor that LayerNorm Scaling gave its number.
    Dropping a block asks whether it is needed at all, swapping it whether its place matters (Sun et al. drop only).

    Raises `BadInput` for one block twice, and for a number that the model has not.
    """

    first: int
    second: int

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one forward for each of the two: the other's."""
        blocks = anatomy_of(model).blocks
        for layer in (self.first, self.second):
            if isinstance(layer, bool) or not isinstance(layer, int) or not 0 <= layer < len(blocks):
                raise BadInput(f"This model has no block {layer!r} to swap.", expected=f"0 to {len(blocks) - 1}")
        if self.first == self.second:
            raise BadInput(f"Block {self.first} cannot change places with itself.", expected="two blocks")
        one, other = (blocks[layer].module for layer in (self.first, self.second))
        places = [f"layers.{layer}" for layer in (self.first, self.second)]
        return [Forward(one, other.forward, places[0]), Forward(other, one.forward, places[1])]

    def __str__(self) -> str:
        return f"swap blocks {self.first} and {self.second}"
