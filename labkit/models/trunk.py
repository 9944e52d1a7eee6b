"""Trunk, Block and Branch: h ← write(h, scale(mixer(norm(h), state))), twice per block.

The four slots are where papers differ. Each slot holds a module; a paper's change is another module in it.

norm(h) -> x_BLD                 what the mixer reads of the stream (of all n streams, if there are several)
mixer(x_BLD, state) -> y_BLD     mixes tokens (attention) or channels (MLP); may read and write `state.memory`
scale(y_BLD) -> y_BLD            a factor, a second norm, nothing
write(h, y_BLD) -> h             how the result enters the stream: added, or added and normed
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from .state import State

__all__ = ["Add", "Block", "Branch", "Trunk"]


class Add(nn.Module):
    """The plain residual write: h + y."""

    def forward(self, h_BLD: Tensor, y_BLD: Tensor) -> Tensor:
        return h_BLD + y_BLD


class Branch(nn.Module):
    """One sub-layer: four slots around the residual stream."""

    def __init__(self, *, norm: nn.Module, mixer: nn.Module, scale: nn.Module, write: nn.Module):
        super().__init__()
        self.norm, self.mixer, self.scale, self.write = norm, mixer, scale, write

    def forward(self, state: State) -> State:
        y_BLD = self.scale(self.mixer(self.norm(state.stream), state))
        return state.with_stream(self.write(state.stream, y_BLD))


class Block(nn.Module):
    """Branches run one after the other, each reachable by its name: `block.attention`, `block.mlp`."""

    def __init__(self, **branches: Branch):
        super().__init__()
        self.names = tuple(branches)
        for name, branch in branches.items():
            self.add_module(name, branch)

    @property
    def branches(self) -> list[Branch]:
        """The branches in the order in which they run."""
        return [getattr(self, name) for name in self.names]

    def forward(self, state: State) -> State:
        state = state.fork()
        for name in self.names:
            state = getattr(self, name)(state)
        return state


class Trunk(nn.Module):
    """Blocks in a row, from State to State.

    A trunk of several residual streams overrides `enter` (one stream becomes n) and `leave` (n become one).
    """

    def __init__(self, blocks: Iterable[Block]):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def enter(self, state: State) -> State:
        """Return the State the first block reads."""
        return state

    def leave(self, state: State) -> State:
        """Return the State the final norm reads."""
        return state

    def forward(self, state: State, start: int = 0) -> State:
        """Run the blocks from `start` on; with `start` > 0 the State is one that block `start - 1` returned."""
        if start == 0:
            state = self.enter(state)
        for layer in range(start, len(self.blocks)):
            state = self.blocks[layer](state)
        return self.leave(state)
