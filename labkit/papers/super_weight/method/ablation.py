"""Does the model hang on it? Weights set to zero alone, together and as whole neurons, beside matched nulls.

A null is a weight of the same matrix: the largest others (the paper's own comparison), those nearest in size, or
drawn at random. Zeroing what matters no more than these is no super weight, whatever its activation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from labkit.anatomy import Address, anatomy_of
from labkit.base.errors import BadInput, unknown
from labkit.base.results import Result
from labkit.interventions import Edit, ScaleWeight, ZeroWeight, edit
from labkit.measurements.estimate import Estimate
from labkit.measurements.language import Loss, loss, perplexity_ratio
from labkit.measurements.tables import text_table

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["NULLS", "Ablation", "Cut", "DoseCurve", "ablate", "dose_curve", "matched_nulls", "neuron_of"]

NULLS = ("largest", "comparable", "random")
DOSES = (-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Some addresses at zero. kind: single, joint or neuron, or the kind of null; ratio: of perplexities (null 1)."""

    kind: str
    addresses: tuple[str, ...]
    ratio: Estimate

    @property
    def is_null(self) -> bool:
        """Whether this is a comparison."""
        return self.kind.startswith("null")

    @property
    def name(self) -> str:
        """What was cut, in a few words."""
        shown = self.addresses[0] if len(self.addresses) == 1 else f"{len(self.addresses)} weights"
        return f"{self.kind}: {shown}"


@dataclass(frozen=True, kw_only=True)
class Ablation(Result):
    """Every cut of one trial, on the same documents; the interval of each ratio is over them."""

    intact: Loss
    cuts: tuple[Cut, ...]

    @property
    def tried(self) -> tuple[Cut, ...]:
        """The cuts in question."""
        return tuple(cut for cut in self.cuts if not cut.is_null)

    @property
    def nulls(self) -> tuple[Cut, ...]:
        """The comparisons."""
        return tuple(cut for cut in self.cuts if cut.is_null)

    def stands_out(self, cut: Cut) -> bool:
        """Whether the whole interval of a cut lies above that of every null."""
        return all(cut.ratio.low > max(null.ratio.value, null.ratio.high) for null in self.nulls)

    def table(self) -> str:
        """Return one line per cut, the tried first."""
        rows = [
            [cut.name, f"{cut.ratio.value:.4g}", f"{cut.ratio.low:.4g} to {cut.ratio.high:.4g}"]
            for cut in (*self.tried, *self.nulls)
        ]
        title = f"Perplexity, times the intact one's {self.intact.perplexity:.4g}, over {self.intact.n} documents"
        return text_table(["at zero", "times", "95 % interval"], rows, title=title)


@dataclass(frozen=True, kw_only=True)
class DoseCurve(Result):
    """Perplexity ratio with some weights multiplied by each factor (1 is the intact model, 0 the ablation)."""

    addresses: tuple[str, ...]
    factors: tuple[float, ...]
    ratios: tuple[Estimate, ...]

    def table(self) -> str:
        """Return one line per factor."""
        rows = [[f"{f:g}", f"{r.value:.4g}", f"{r.low:.4g} to {r.high:.4g}"] for f, r in zip(self.factors, self.ratios)]
        title = f"Perplexity, times the intact one's, with {', '.join(self.addresses)} scaled"
        return text_table(["factor", "times", "95 % interval"], rows, title=title)


def ablate(
    model: ModelLike,
    addresses: Sequence[str],
    documents: Sequence,
    *,
    nulls: int = 5,
    neurons: bool = True,
    seed: int = 0,
) -> Ablation:
    """Zero each address alone, all together, and (`neurons`) the column each stands in; beside `nulls` of each kind.

    documents: lists of token ids (or texts, when `model` is a handle). A set of several weights has null sets of as
    many weights, drawn weight by weight from the matrices it lies in. `seed` draws nulls and intervals, nothing else.
    """
    addresses = tuple(str(one_weight(address)) for address in addresses)
    if not addresses:
        raise BadInput("There is no weight to ablate.", expected="at least one address such as layers.1.mlp.down[3, 7]")
    for address in addresses:
        anatomy_of(model).view(address).read()  # one out of range is told here, by name
    plans = [("single", (address,)) for address in addresses]
    if len(addresses) > 1:
        plans.append(("joint", addresses))
    columns = tuple(dict.fromkeys(map(neuron_of, addresses)))
    plans += [("neuron", (column,)) for column in columns] if neurons else []
    plans += _null_plans(model, addresses, columns if neurons else (), nulls, seed)
    intact = loss(model, documents, seed=seed)
    cuts = [
        Cut(kind=kind, addresses=places, ratio=_ratio(model, map(ZeroWeight, places), documents, intact, seed))
        for kind, places in plans
    ]
    return Ablation(intact=intact, cuts=tuple(cuts))


def dose_curve(
    model: ModelLike, addresses: Sequence[str], documents: Sequence, factors: Sequence[float] = DOSES, *, seed: int = 0
) -> DoseCurve:
    """Return the perplexity ratio at each factor that all addresses are multiplied by (the paper's Fig. 6)."""
    intact = loss(model, documents, seed=seed)
    ratios = [
        _ratio(model, [ScaleWeight(address, factor) for address in addresses], documents, intact, seed)
        for factor in factors
    ]
    return DoseCurve(addresses=tuple(addresses), factors=tuple(map(float, factors)), ratios=tuple(ratios))


def matched_nulls(
    model: ModelLike, address: str, n: int = 5, kind: str = "largest", *, seed: int = 0
) -> tuple[str, ...]:
    """Return `n` other weights of the matrix (or the vector of gains) that `address` lies in, or as many as there are.

    kind: "largest", "comparable" (nearest in size) or "random"; `seed` draws the random ones. Of a matrix, what stands
    in the same column reads the same activation and is left out.
    """
    if kind not in NULLS:
        raise unknown("kind of null", kind, NULLS)
    place = _one_number(address)
    values = anatomy_of(model).view(place.whole).read().float()
    size = values.abs()
    allowed = torch.ones_like(size, dtype=torch.bool)
    allowed[..., place.index[-1]] = False
    n = min(n, int(allowed.sum()))
    if kind == "largest":
        order = size.masked_fill(~allowed, -1.0).flatten().topk(n).indices
    elif kind == "comparable":
        order = (
            (size - size[place.index]).abs().masked_fill(~allowed, torch.inf).flatten().topk(n, largest=False).indices
        )
    else:
        order = torch.randperm(size.numel(), generator=torch.Generator().manual_seed(seed))
        order = order[allowed.flatten().cpu()[order]][:n]
    width = values.shape[-1]
    spelt = [str(i) if values.dim() == 1 else f"{i // width}, {i % width}" for i in order.tolist()]
    return tuple(f"{place.name}[{index}]" for index in spelt)


def neuron_of(address: str) -> str:
    """Return the column that a weight stands in: all that its neuron writes."""
    place = one_weight(address)
    return f"{place.name}[:, {place.index[1]}]"


def _null_plans(
    model: ModelLike, addresses: tuple[str, ...], columns: tuple[str, ...], n: int, seed: int
) -> list[tuple[str, tuple[str, ...]]]:
    """Return (kind, places) of the nulls: of each kind, the n-th null of every address together."""
    plans = []
    for kind in NULLS:
        enough = 2 * n + len(addresses)  # some will be addresses themselves, or another's null
        found = [matched_nulls(model, address, enough, kind, seed=seed) for address in addresses]
        for number in range(n):
            taken: list[str] = []
            for choices in found:  # weights of one matrix have the same nulls: each takes one that is free
                taken.append(next(c for c in (*choices[number:], *choices) if c not in taken and c not in addresses))
            plans.append((f"null, {kind}", tuple(taken)))
    if columns:
        place = one_weight(addresses[0])
        width = anatomy_of(model).view(place.whole).shape[1]
        drawn = torch.randperm(width, generator=torch.Generator().manual_seed(seed)).tolist()
        others = [f"{place.name}[:, {neuron}]" for neuron in drawn]
        plans += [("null, neuron", (other,)) for other in [o for o in others if o not in columns][:n]]
    return plans


def _ratio(model: ModelLike, edits: Any, documents: Sequence, intact: Loss, seed: int) -> Estimate:
    edits: list[Edit] = list(edits)
    with edit(model, *edits):
        return perplexity_ratio(loss(model, documents, seed=seed), intact, seed=seed)


def _one_number(address: str | Address) -> Address:
    place = Address.parse(address)
    if not place.index or not all(isinstance(axis, int) for axis in place.index):
        raise BadInput(
            f"{place} is not one number.",
            expected="an address such as layers.1.mlp.down[3, 7] or layers.1.mlp_norm[99]",
        )
    return place


def one_weight(address: str | Address) -> Address:
    place = Address.parse(address)
    if len(place.index) != 2 or not all(isinstance(axis, int) for axis in place.index):
        raise BadInput(f"{place} is not one weight of a matrix.", expected="an address such as layers.1.mlp.down[3, 7]")
    return place
