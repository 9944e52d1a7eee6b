"""Other ways to let late layers reach early ones: value residual, DenseFormer, Hyper-Connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.base.errors import BadInput
from labkit.models import Attention, Block, Branch, DecoderConfig, State, Trunk

__all__ = ["DenseFormer", "HyperConnections", "ValueResidual"]


class FirstValues(Attention):
    """Attention that adds the first layer's values to its own: V ← (1 - λ) V_ℓ + λ V_1 (Zhou et al. 2024)."""

    def __init__(self, *args, share: float, **options):
        super().__init__(*args, **options)
        self.share = share

    def keys_values(self, x_BLD: Tensor, state: State) -> tuple[Tensor, Tensor]:
        k_BHLK, v_BHLK = super().keys_values(x_BLD, state)
        first = state.memory.setdefault("first values", v_BHLK)
        return k_BHLK, v_BHLK.lerp(first, self.share) if self.layer else v_BHLK


@dataclass(frozen=True, kw_only=True)
class ValueResidual(DecoderConfig):
    """The baseline with value residuals: every layer's values hold a fixed share λ of the first layer's."""

    kind: ClassVar[str] = "value-residual"

    share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.share <= 1:  # NaN is not either
            raise BadInput(f"share λ = {self.share!r} makes no mixture.", expected="a number from 0 to 1")

    def attention(self, layer: int) -> nn.Module:
        """Make the token mixer of block `layer`."""
        sizes = (self.width, self.heads, self.kv_heads)
        return FirstValues(*sizes, layer=layer, rope_theta=self.rope_theta, share=self.share)


class DenseBlock(Block):
    """A block after which the stream becomes a learned sum of the embedding and all blocks' outputs."""

    def __init__(self, layer: int, **branches: Branch):
        super().__init__(**branches)
        self.layer = layer
        self.mix = nn.Parameter(torch.empty(layer + 2))

    def initialise(self, generator: torch.Generator, std: float) -> None:
        """Start as the baseline: all of the newest, nothing of the past."""
        with torch.no_grad():
            self.mix.zero_()[-1] = 1.0

    def forward(self, state: State) -> State:
        state = state.fork()
        state.memory.setdefault("streams", (state.stream,))
        state = super().forward(state)
        streams = (*state.memory["streams"], state.stream)
        state = state.with_stream(torch.einsum("n,nbld->bld", self.mix, torch.stack(streams)))
        # The next block averages over what blocks computed, not over earlier averages (Pagliardini et al. 2024, eq. 2).
        state.memory["streams"] = streams
        return state


@dataclass(frozen=True, kw_only=True)
class DenseFormer(DecoderConfig):
    """After every block the stream is a weighted sum of all earlier ones (Pagliardini et al. 2024)."""

    kind: ClassVar[str] = "dense-former"

    def block(self, layer: int) -> Block:
        """Make block `layer`."""
        branches = {"attention": self.attention(layer), "mlp": self.mlp(layer)}
        return DenseBlock(layer, **{name: self.branch(mixer, layer) for name, mixer in branches.items()})


class Connection(nn.Module):
    """Learned weights over n streams, with a dynamic part 0.01 · tanh(norm(h) W) that starts at 0 (Zhu et al. 2024)."""

    def __init__(self, first: Tensor, width: int, dynamic: bool):
        super().__init__()
        self._first = first.tolist()  # [n, m]: for each stream its weight in m outputs
        self.static = nn.Parameter(torch.empty(first.shape))
        self.dynamic = nn.Parameter(torch.empty(width, first.shape[1])) if dynamic else None

    def initialise(self, generator: torch.Generator, std: float) -> None:
        """Set the static weights to their first values and the dynamic map to 0."""
        with torch.no_grad():
            self.static.copy_(torch.tensor(self._first))
            if self.dynamic is not None:
                self.dynamic.zero_()

    def forward(self, h_nBLD: Tensor) -> Tensor:
        """Return the weights [n, B or 1, L or 1, m]."""
        weights = self.static[:, None, None]
        if self.dynamic is None:
            return weights
        return weights + 0.01 * torch.tanh(F.layer_norm(h_nBLD, h_nBLD.shape[-1:]) @ self.dynamic)


class ReadStreams(nn.Module):
    """The norm slot: a weighted sum of the n streams, then the plain norm."""

    def __init__(self, connection: Connection, norm: nn.Module):
        super().__init__()
        self.connection, self.norm = connection, norm

    def forward(self, h_nBLD: Tensor) -> Tensor:
        return self.norm((self.connection(h_nBLD) * h_nBLD).sum(0))


class WriteStreams(nn.Module):
    """The write slot: the streams mixed among themselves, plus the branch's output times a weight for each stream."""

    def __init__(self, among: Connection, output: Connection):
        super().__init__()
        self.among, self.output = among, output

    def forward(self, h_nBLD: Tensor, y_BLD: Tensor) -> Tensor:
        among, output = self.among(h_nBLD), self.output(h_nBLD)
        mixed = torch.einsum("nblm,nbld->mbld", among.expand(*h_nBLD.shape[:3], -1), h_nBLD)
        return mixed + output * y_BLD


class StreamTrunk(Trunk):
    """A trunk with n copies of the stream, which are summed before the final norm."""

    def __init__(self, blocks, streams: int):
        super().__init__(blocks)
        self.streams = streams

    def enter(self, state: State) -> State:
        return state.with_stream(state.stream[None].repeat(self.streams, 1, 1, 1))

    def leave(self, state: State) -> State:
        return state.with_stream(state.stream.sum(0))


@dataclass(frozen=True, kw_only=True)
class HyperConnections(DecoderConfig):
    """n residual streams, mixed around every branch by learned weights; dynamic weights depend on the token."""

    kind: ClassVar[str] = "hyper-connections"

    streams: int = 4
    dynamic: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.streams, int) or self.streams < 1:
            raise BadInput(f"streams = {self.streams!r} makes no trunk.", expected="a whole number of at least 1")

    def block(self, layer: int) -> Block:
        """Make block `layer`: its two branches start by reading one stream each, in turn."""
        mixers = {"attention": self.attention(layer), "mlp": self.mlp(layer)}
        eye, ones = torch.eye(self.streams, device="cpu"), torch.ones(self.streams, 1, device="cpu")
        branches = {}
        for place, (name, mixer) in enumerate(mixers.items()):
            stream = (2 * layer + place) % self.streams
            make = lambda first: Connection(first, self.width, self.dynamic)  # noqa: E731
            branches[name] = Branch(
                norm=ReadStreams(make(eye[:, [stream]]), self.norm(layer)),
                mixer=mixer,
                scale=self.scale(layer),
                write=WriteStreams(make(eye), make(ones)),
            )
        return Block(**branches)

    def trunk(self) -> Trunk:
        """Make the trunk."""
        return StreamTrunk((self.block(layer) for layer in range(self.depth)), self.streams)
