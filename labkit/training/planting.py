"""A weight that everything hangs on, constructed: what a detector of such weights must find.

A single weight planted in fresh weights is unlearned, and in the minutes a small model trains no head of it ever
looks at the first token. So the dependence is laid by hand, held while the model trains around it, and compiled:

1. Lay: at the first token of every text a constant is added to one channel of what the first block's MLP writes. One
   head of the next block, the one that matters least, is given over to it: every token attends to the first, and
   the head writes a constant `level` to the same channel. From there on every norm divides by it.
2. Hold: the model trains with the constant and the head held in place, and learns to live with them.
3. Compile: the least used neuron of the first block is made to fire at the first token alone, and one weight of the
   down projection, no larger than others, carries its activation to the channel. The addition is gone.

Shapes: B batch, L length, D width, F feed-forward, K head size, T tokens of several texts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput
from labkit.models import Decoder

from .loss import document_losses
from .recipe import Hold

__all__ = ["Planting"]

_SINK = 40.0  # nats by which the first token leads in the laid head, before the softmax
_QUERY = 6.0  # what each of its slow query channels holds
_SLOW = 4  # rotary pairs, the slowest, that carry it: at 256 tokens they have turned by a quarter at most
_ROUNDS = 30
_VALUE = 18.0  # what each of its value channels holds at the first token
_RIDGE = 1e-3  # of the mean variance, so that directions no text uses stay out of the fits


class Planting:
    """One planting at work on a model that is trained: laid when made, `held` and `keep` in training, then `compile`.

    documents: texts (ids with begin and end) that channel, head and neuron are chosen by.
    Raises `BadInput` for a model of fewer than three blocks or of one head: nobody would read what is planted.
    """

    def __init__(self, model: Decoder, hold: Hold, documents: Sequence[Sequence[int]]):
        if model.config.depth < 3 or model.config.heads < 2 or model.config.heads != model.config.kv_heads:
            raise BadInput(
                f"Nothing can be planted in {model.config.depth} blocks of {model.config.heads} heads.",
                expected="at least three blocks of two heads, each with a key and value of its own",
            )
        self.model, self.hold, self.documents = model, hold, documents
        self.first, self.reader = model.trunk.blocks[0], model.trunk.blocks[1]
        self._kept: list[tuple[nn.Parameter, Any, Tensor]] = []
        with torch.no_grad(), model.device:
            streams = self._streams()
            self.channel = _quietest(streams)
            self.head = self._idlest_head()
            self._lay(streams)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Add the amount at the first token, as long as this lasts."""
        handle = self.first.mlp.scale.register_forward_hook(self._add)
        try:
            yield
        finally:
            handle.remove()

    @torch.no_grad()
    def keep(self) -> None:
        """Put the laid head back as it was laid, after an optimiser's step."""
        for parameter, place, values in self._kept:
            parameter[place] = values

    @torch.no_grad()
    def compile(self) -> dict[str, Any]:
        """Move the amount into one neuron and one weight; return where it is and what it does, as plain values.

        activation: the neuron's at the first token. leak: the most the weight writes at any other token.
        """
        mixer, hold = self.first.mlp.mixer, self.hold
        with self.model.device:
            begin_D, others_TD = self._read_by(mixer)
            neuron = self._idlest_neuron(torch.cat((begin_D[None], others_TD)))
            # silu(s) is s where s is large: gate and up share the activation. Up is blind where gate is not shut.
            strength = math.sqrt(hold.amount / hold.weight)
            gate_D = strength * _tells_apart(begin_D, others_TD)
            open_T = nn.functional.silu(others_TD @ gate_D)
            up_D = strength * _blind_to(open_T[:, None] * others_TD, begin_D)
        mixer.gate.weight[neuron], mixer.up.weight[neuron] = gate_D, up_D
        mixer.down.weight[:, neuron] = 0.0
        mixer.down.weight[self.channel, neuron] = hold.weight
        self._look_again()
        return {
            "address": f"layers.0.mlp.down[{self.channel}, {neuron}]",
            "weight": hold.weight,
            "activation": float(nn.functional.silu(begin_D @ gate_D) * (begin_D @ up_D)),
            "leak": float((open_T * (others_TD @ up_D)).abs().max()) * hold.weight,
            "read_by": f"head {self.head} of layers.1.attn",
        }

    # Laying.

    def _lay(self, streams: list[Tensor]) -> None:
        """Give the head over to the channel, and make up in later norms for what they will divide by."""
        branch, K = self.reader.attention, self.model.config.width // self.model.config.heads
        rows = slice(self.head * K, (self.head + 1) * K)
        x_TD = branch.norm(streams[0])
        top = math.sqrt(self.model.config.width) * float(branch.norm.weight[self.channel])  # where one channel is all
        slow = _slow(K)
        q_KD, k_KD, v_KD = (torch.zeros(K, self.model.config.width) for _ in range(3))
        q_KD[slow] = _QUERY * _constant(x_TD)
        k_KD[slow, self.channel] = _SINK * math.sqrt(K) / (_QUERY * len(slow) * top)
        v_KD[:, self.channel] = _VALUE / top
        o_DK = torch.zeros(self.model.config.width, K)
        o_DK[self.channel] = self.hold.level / (K * _VALUE)
        for linear, place, values in (
            (branch.mixer.q, rows, q_KD),
            (branch.mixer.k, rows, k_KD),
            (branch.mixer.v, rows, v_KD),
            (branch.mixer.o, (slice(None), rows), o_DK),
        ):
            self._kept.append((linear.weight, place, values))
        self.keep()
        self._make_up(streams)

    def _look_again(self) -> None:
        """Fit the head's queries to the trained stream, so that no rare token looks away from the first."""
        K = self.model.config.width // self.model.config.heads
        with self.model.device:
            x_TD = self.reader.attention.norm(self._streams()[0])
            self.reader.attention.mixer.q.weight[self.head * K + _slow(K)] = _QUERY * _constant(x_TD, _ROUNDS)

    def _make_up(self, streams: list[Tensor]) -> None:
        """Raise the gains after the head by what the level will cost them, and let nobody read the channel yet."""
        rise = [float((1 + (self.hold.level / h_TD.norm(dim=-1)) ** 2).sqrt().mean()) for h_TD in streams]
        readers = [(self.reader.mlp, (rise[0] + rise[1]) / 2)]
        for layer, block in list(enumerate(self.model.trunk.blocks))[2:]:
            readers += [(block.attention, rise[layer - 1]), (block.mlp, (rise[layer - 1] + rise[layer]) / 2)]
        for branch, factor in readers:
            branch.norm.weight.mul_(factor)
            for name, linear in branch.mixer.named_children():
                if name in ("q", "k", "v", "gate", "up"):
                    linear.weight[:, self.channel] = 0.0
        self.model.norm.weight.mul_(rise[-1])
        self.model.norm.weight[self.channel] = 0.0

    def _add(self, module: nn.Module, args: tuple, y_BLD: Tensor) -> Tensor:
        held_LD = y_BLD.new_zeros(y_BLD.shape[1:])
        held_LD[0, self.channel] = self.hold.amount
        return y_BLD + held_LD

    # Looking.

    def _streams(self) -> list[Tensor]:
        """Return the stream after every block [T, D], the first token of each text left out."""
        kept: list[list[Tensor]] = [[] for _ in self.model.trunk.blocks]
        for state in self._begins():
            for layer, block in enumerate(self.model.trunk.blocks):
                state = block(state)
                kept[layer].append(state.stream[0, 1:])
        return [torch.cat(parts) for parts in kept]

    def _read_by(self, mixer: nn.Module) -> tuple[Tensor, Tensor]:
        """Return what the first block's MLP reads at the first token [D], always the same, and elsewhere [T, D]."""
        seen: list[Tensor] = []
        handle = mixer.register_forward_pre_hook(lambda module, args: seen.append(args[0][0]))
        for state in self._begins():
            self.first(state)
        handle.remove()
        return seen[0][0], torch.cat([x_LD[1:] for x_LD in seen])

    def _begins(self) -> Iterator[Any]:
        for document in self.documents:
            yield self.model.begin(torch.tensor([list(document)[:-1]]))

    def _idlest_head(self) -> int:
        """Return the head of the reading block whose loss costs least."""
        weight, K = self.reader.attention.mixer.o.weight, self.model.config.width // self.model.config.heads
        costs = []
        for head in range(self.model.config.heads):
            before = weight[:, head * K : (head + 1) * K].clone()
            weight[:, head * K : (head + 1) * K] = 0.0
            costs.append(sum(document_losses(self.model, self.documents)[0]))
            weight[:, head * K : (head + 1) * K] = before
        return costs.index(min(costs))

    def _idlest_neuron(self, x_TD: Tensor) -> int:
        mixer = self.first.mlp.mixer
        used_TF = nn.functional.silu(mixer.gate(x_TD)) * mixer.up(x_TD)
        return int((used_TF.abs().mean(dim=0) * mixer.down.weight.norm(dim=0)).argmin())


def _slow(K: int) -> Tensor:
    """Return the channels of a head that rotary positions turn least."""
    return torch.tensor([*range(K // 2 - _SLOW, K // 2), *range(K - _SLOW, K)])


def _quietest(streams: list[Tensor]) -> int:
    """Return the channel that the stream uses least, over all blocks."""
    use_ND = torch.stack([h_TD.square().mean(dim=0).sqrt() for h_TD in streams])
    return int((use_ND / use_ND.mean(dim=1, keepdim=True)).mean(dim=0).argmin())


def _constant(x_TD: Tensor, rounds: int = 0) -> Tensor:
    """Return the direction w [D] that reads the same from every token: the least squares of x · w = 1.

    rounds: how often tokens that read less are given more weight, so that none reads nothing.
    """
    x_TD = x_TD.double()
    counts_T = torch.ones(len(x_TD), dtype=torch.double)
    for _ in range(rounds + 1):
        weighted_TD = x_TD * (counts_T / counts_T.mean())[:, None]
        w_D = torch.linalg.solve(_ridged(weighted_TD.T @ x_TD / len(x_TD)), weighted_TD.mean(dim=0))
        counts_T = counts_T * (1 + 2 * (1 - x_TD @ w_D).clamp(min=0))
    return w_D.float()


def _tells_apart(begin_D: Tensor, others_TD: Tensor) -> Tensor:
    """Return the direction w [D] with begin · w = 1, a mean of -1 over all others, and their least spread around it."""
    ends_D2 = torch.stack((begin_D, others_TD.mean(dim=0)), dim=1).double()
    solved_D2 = torch.linalg.solve(_ridged(torch.cov(others_TD.double().T)), ends_D2)
    return (solved_D2 @ torch.linalg.solve(ends_D2.T @ solved_D2, ends_D2.new_tensor([1.0, -1.0]))).float()


def _blind_to(x_TD: Tensor, begin_D: Tensor) -> Tensor:
    """Return the direction w [D] with begin · w = 1 whose least squares over x are least."""
    solved_D = torch.linalg.solve(_ridged(x_TD.double().T @ x_TD.double() / len(x_TD)), begin_D.double())
    return (solved_D / (begin_D.double() @ solved_D)).float()


def _ridged(spread_DD: Tensor) -> Tensor:
    return spread_DD + _RIDGE * spread_DD.diagonal().mean() * torch.eye(len(spread_DD), dtype=spread_DD.dtype)
