"""What routers read, by three measures: how large an entry is, how much it carries, and what it costs to cut.

An entry's size alone means nothing: a raw head that is ten times as large needs a tenth of the entry. So sizes are
multiplied by the root mean square of what they read. And that is still no evidence of use, which is what cutting shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from labkit.anatomy import module_of
from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.interventions import edit
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.tables import text_table

from ..method import CutRoutes, ForgetPast, SetRoute, SetRouter, routers_of
from ..task import Expressions
from .capture import capture
from .reading import losses

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["EdgeCosts", "Pruning", "RoutingMap", "edge_costs", "entry_costs", "prune", "routing_map"]


SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7)


@dataclass(frozen=True)
class RoutingMap(Result):
    """How layer ℓ divides its reading among the layers up to it: `shares[layer][source]`, each row summing to 1.

    weighted: whether an entry counts times the root mean square of the raw head it reads. `shares[0]` is [1.0].
    """

    shares: tuple[tuple[float, ...], ...]
    weighted: bool

    @property
    def own(self) -> tuple[float, ...]:
        """The share each layer reads of itself."""
        return tuple(row[-1] for row in self.shares)

    @property
    def depth(self) -> tuple[float, ...]:
        """How many layers back each layer reads on average."""
        return tuple(sum(share * (layer - j) for j, share in enumerate(row)) for layer, row in enumerate(self.shares))

    def table(self) -> str:
        """Return one row a layer."""
        layers = [f"layer {layer}" for layer in range(len(self.shares))]
        rows = [[name, *(f"{x:.2f}" for x in row)] for name, row in zip(layers, self.shares)]
        rows = [row + [""] * (len(layers) + 1 - len(row)) for row in rows]
        return text_table(["reads", *layers], rows, title="Share of what is read")


def routing_map(model: ModelLike, rows: Expressions, *, weighted: bool = True) -> RoutingMap:
    """Return the paper's map: |R| averaged over heads, normalised over the layers read (fig. 5).

    weighted: multiply |R| by the root mean square of the raw head, since |R| alone changes when a head is rescaled and
    its entries make up for it. A model without routers reads itself alone.
    """
    depth, routers = len(module_of(model).trunk.blocks), _routers_or_none(model)
    sizes = capture(model, rows).raw_sizes if weighted else None
    shares = []
    for layer in range(depth):
        if layer not in routers:
            shares.append((*[0.0] * layer, 1.0))
            continue
        router = routers[layer]
        read = router.matrix().detach().abs().double().unflatten(1, (-1, router.heads))  # [H, layers, heads]
        if sizes is not None:
            read = read * torch.stack([sizes[j] for j in router.layers])
        held, row = read.sum(2).mean(0), [0.0] * (layer + 1)
        for place, source in enumerate(router.layers):
            row[source] = float(held[place] / held.sum())
        shares.append(tuple(row))
    return RoutingMap(tuple(shares), weighted)


@dataclass(frozen=True)
class EdgeCosts(Result):
    """What it costs to cut single layers off from single earlier ones: `costs[layer, source]`, nats a token.

    past: the cost of cutting every reader of the past at once. intact: the loss before.
    """

    costs: dict[tuple[int, int], Estimate]
    past: Estimate
    intact: Estimate

    @property
    def dearest(self) -> tuple[int, int]:
        """The most expensive cut from an *earlier* layer."""
        return max((edge for edge in self.costs if edge[0] != edge[1]), key=lambda edge: self.costs[edge].value)

    def table(self) -> str:
        """Return one row a cut."""
        named = {f"layer {layer} from layer {source}": one for (layer, source), one in self.costs.items()}
        rows = [
            [name, f"{one.value:+.3f}", f"{one.low:+.3f} to {one.high:+.3f}"]
            for name, one in {**named, "all layers from all before them": self.past}.items()
        ]
        return text_table(["cut off", "cost", "interval"], rows, title="Cost of a cut, nats a token")


def edge_costs(model: ModelLike, rows: Expressions) -> EdgeCosts:
    """Return the rise of the loss over the working when one layer is cut off from one layer (itself included)."""
    intact, _ = losses(model, rows)

    def cost(*edits: Any) -> Estimate:
        with edit(model, *edits):
            return mean_over((losses(model, rows)[0] - intact).tolist(), "expressions", name="cost", unit="nats/token")

    costs = {
        (layer, source): cost(CutRoutes(layer, source))
        for layer, router in routers_of(model).items()
        for source in router.layers
    }
    whole = mean_over(intact.tolist(), "expressions", name="loss", unit="nats/token")
    return EdgeCosts(costs, cost(ForgetPast()), whole)


def entry_costs(model: ModelLike, rows: Expressions, layer: int) -> np.ndarray:
    """Return the cost of zeroing each single entry of a layer's router [H, S], in nats a token."""
    router = routers_of(model)[layer]
    intact = losses(model, rows)[0].mean()
    costs = np.zeros((router.heads, len(router.layers) * router.heads))
    for head in range(router.heads):
        for place, source in enumerate(router.layers):
            for source_head in range(router.heads):
                with edit(model, SetRoute(layer, head, source, source_head, 0.0)):
                    cost = losses(model, rows)[0].mean() - intact
                costs[head, place * router.heads + source_head] = float(cost)
    return costs


@dataclass(frozen=True)
class Pruning(Result):
    """What is left after a share of all router entries is set to 0: loss (nats a token) and share solved, by share.

    smallest: the entries that carry least go first. random: the mean over `draws` random choices of as many entries,
    own heads included, as in the other.
    """

    shares: tuple[float, ...]
    smallest: tuple[tuple[float, float], ...]
    random: tuple[tuple[float, float], ...]
    entries: int

    def table(self) -> str:
        """Return one row a share."""
        rows = [
            [f"{share:.0%}", f"{one:.3f}", f"{solved:.0%}", f"{other:.3f}", f"{also:.0%}"]
            for share, (one, solved), (other, also) in zip(self.shares, self.smallest, self.random)
        ]
        head = ["cut", "loss, smallest", "solved", "loss, random", "solved"]
        return text_table(head, rows, title=f"Cutting router entries, {self.entries} in all")


def prune(
    model: ModelLike,
    rows: Expressions,
    shares: Sequence[float] = SHARES,
    *,
    draws: int = 3,
    seed: int = 0,
) -> Pruning:
    """Return what cutting router entries costs: those that carry least (|R| times the raw head's size), or random ones.

    Raises `BadInput` for a share outside 0 to 1.
    """
    if wrong := [share for share in shares if not 0 <= share <= 1]:
        raise BadInput(f"{wrong[0]!r} is no share of the entries.", expected="numbers from 0 to 1")
    routers, sizes = routers_of(model), capture(model, rows).raw_sizes
    held = {layer: router.matrix().detach() for layer, router in routers.items()}
    carried = {n: held[n].abs() * torch.cat([sizes[j] for j in router.layers]).float() for n, router in routers.items()}
    rng = np.random.default_rng(seed)

    def after(rank: dict[int, torch.Tensor], share: float) -> tuple[float, float]:
        order = torch.cat([rank[layer].flatten() for layer in rank])
        cut = order.argsort()[: round(share * len(order))]
        keep = torch.ones(len(order)).index_fill(0, cut, 0.0)
        parts = keep.split([rank[layer].numel() for layer in rank])
        edits = [SetRouter(n, (held[n] * part.view_as(held[n])).tolist()) for n, part in zip(rank, parts)]
        with edit(model, *edits):
            loss, right = losses(model, rows)
        return float(loss.mean()), float(right.double().mean())

    def at_random(share: float) -> tuple[float, float]:
        drawn = [
            after({n: torch.from_numpy(rng.random(tuple(held[n].shape))) for n in held}, share) for _ in range(draws)
        ]
        return tuple(np.mean(drawn, axis=0).tolist())

    smallest = tuple(after(carried, share) for share in shares)
    random = tuple(at_random(share) for share in shares)
    return Pruning(tuple(shares), smallest, random, sum(matrix.numel() for matrix in held.values()))


def _routers_or_none(model: ModelLike) -> dict[int, Any]:
    try:
        return routers_of(model)
    except BadInput:
        return {}
