"""Adapters: a frozen model and the few numbers that change its matrices, trained as one module.

SVF       W' = U diag(z σ) Vᵀ          one number per singular value       Sun et al. 2025
SVFCode   the same, z from p           what the released code trains       its `utils.py`
LoRA      W' = W + (α/r) B A           r (in + out) numbers                Hu et al. 2021
IA3       W' = diag(l) W               one number per output of k, v, up   Liu et al. 2022

All four stand in for the matrices of the model while it computes; the model itself is never written to.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from labkit.anatomy import Address, anatomy_of, module_of
from labkit.base.errors import BadInput, unknown

from .spectrum import Spectrum, multipliers, rescaled, spectrum

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["IA3", "MODULES", "SVF", "Adapter", "LoRA", "SVFCode", "matrices"]

MODULES = {
    "mlp": ("mlp.gate", "mlp.up", "mlp.down"),
    "q, v": ("attn.q", "attn.v"),
    "attention": ("attn.q", "attn.k", "attn.v", "attn.o"),
    "all": ("attn.q", "attn.k", "attn.v", "attn.o", "mlp.gate", "mlp.up", "mlp.down"),
    "ia3": ("attn.k", "attn.v", "mlp.up"),
}


def matrices(model: ModelLike, modules: str = "all", layers: Sequence[int] | None = None) -> tuple[str, ...]:
    """Return the addresses of the matrices of some modules (a key of `MODULES`), in all layers or in `layers`."""
    if modules not in MODULES:
        raise unknown("choice of modules", modules, list(MODULES))
    anatomy = anatomy_of(model)
    chosen = range(anatomy.depth) if layers is None else layers
    if wrong := [layer for layer in chosen if layer not in range(anatomy.depth)]:
        raise BadInput(f"There is no layer {wrong[0]}.", expected=f"layers from 0 to {anatomy.depth - 1}")
    known = anatomy.addresses()
    found = [name for layer in chosen for part in MODULES[modules] if (name := f"layers.{layer}.{part}") in known]
    if not found:
        raise BadInput(f"This {anatomy.family} model has none of {', '.join(MODULES[modules])}.")
    return tuple(found)


class Adapter(nn.Module):
    """Base: which matrices are changed, how logits and texts come from the changed model.

    A kind has a `changed(address, weight)` that returns W' [out, in], differentiable in the adapter's own numbers.
    """

    modules = "all"

    def __init__(self, model: ModelLike, modules: str | None = None, layers: Sequence[int] | None = None):
        super().__init__()
        base = module_of(model)
        # Lists hide the base from torch: its weights are no parameters of ours.
        self._base, self._twin = [base], [copy.deepcopy(base)]
        names = {id(parameter): name for name, parameter in base.named_parameters()}
        self.names: dict[str, str] = {}
        for address in matrices(model, modules or self.modules, layers):
            view = anatomy_of(model).view(address)
            if view.place.transposed or view.shape != tuple(view.parameter.shape):
                raise BadInput(
                    f"{address} is stored fused or transposed in this model.",
                    expected="a parameter of its own, [out, in]",
                    do="ScaleSpectrum edits work on every model; training an adapter needs separate matrices",
                )
            self.names[address] = names[id(view.parameter)]
        self._frozen = [{name: parameter.detach() for name, parameter in base.named_parameters()}]

    @property
    def base(self) -> nn.Module:
        """The model as it was."""
        return self._base[0]

    @property
    def count(self) -> int:
        """How many numbers the adapter has."""
        return sum(parameter.numel() for parameter in self.parameters())

    def changed(self, address: str, weight_OI: Tensor) -> Tensor:
        """Return W' for the matrix at an address."""
        raise NotImplementedError

    def weights(self) -> dict[str, Tensor]:
        """Return every changed matrix by address."""
        return {address: self.changed(address, self._frozen[0][name]) for address, name in self.names.items()}

    def logits(self, ids_BL: Tensor) -> Tensor:
        """Return logits [B, L, V] of the changed model, differentiable in the adapter's numbers."""
        given = {self.names[address]: weight for address, weight in self.weights().items()}
        return functional_call(self.base, {**self._frozen[0], **given}, (ids_BL,)).logits

    @torch.no_grad()
    def loaded(self) -> nn.Module:
        """Return a twin of the model that holds the changed matrices now: the one to generate with."""
        twin = self._twin[0]
        for address, weight in self.weights().items():
            twin.get_parameter(self.names[address]).copy_(weight)
        return twin.eval()

    def key(self, address: str) -> str:
        """Return an address as a name that torch takes for a parameter."""
        return address.replace(".", "_")


class SVF(Adapter):
    """z for every matrix, 1 at the start, as the formula is printed."""

    def __init__(self, model: ModelLike, modules: str | None = None, layers: Sequence[int] | None = None):
        super().__init__(model, modules, layers)
        self.parts: dict[str, Spectrum] = {a: spectrum(self._frozen[0][name]) for a, name in self.names.items()}
        self.z = nn.ParameterDict({self.key(a): nn.Parameter(self.first(parts)) for a, parts in self.parts.items()})

    def first(self, parts: Spectrum) -> Tensor:
        """Return the numbers a matrix starts from [r]."""
        return torch.ones_like(parts.sigma_R)

    def multipliers(self, address: str) -> Tensor:
        """Return z [r] of one matrix."""
        return self.z[self.key(address)]

    def changed(self, address: str, weight_OI: Tensor) -> Tensor:
        """Return U diag(z σ) Vᵀ."""
        return rescaled(self.parts[address], self.multipliers(address))


class SVFCode(SVF):
    """p for every matrix, drawn from N(0.1, 0.01²) by `seed`; z = sigmoid(p) · Σσ / Σ(sigmoid(p) σ)."""

    def __init__(
        self, model: ModelLike, modules: str | None = "mlp", layers: Sequence[int] | None = None, seed: int = 0
    ):
        self._generator = torch.Generator().manual_seed(seed)
        super().__init__(model, modules, layers)

    def first(self, parts: Spectrum) -> Tensor:
        """Return p [r]."""
        return 0.1 + 0.01 * torch.randn(parts.sigma_R.shape, generator=self._generator)

    def multipliers(self, address: str) -> Tensor:
        """Return z [r] of one matrix."""
        return multipliers(self.parts[address].sigma_R, self.z[self.key(address)])


class LoRA(Adapter):
    """W + (alpha / rank) · B A, A [rank, in] drawn by `seed`, B [out, rank] zero; on q and v as in the paper."""

    modules = "q, v"

    def __init__(
        self,
        model: ModelLike,
        modules: str | None = None,
        layers: Sequence[int] | None = None,
        *,
        rank: int = 4,
        alpha: float | None = None,
        seed: int = 0,
    ):
        super().__init__(model, modules, layers)
        if rank < 1:
            raise BadInput(f"rank = {rank} adds nothing.", expected="a whole number of at least 1")
        self.factor = (2.0 * rank if alpha is None else alpha) / rank
        generator = torch.Generator().manual_seed(seed)
        self.A, self.B = nn.ParameterDict(), nn.ParameterDict()
        for address, name in self.names.items():
            out, into = self._frozen[0][name].shape
            self.A[self.key(address)] = nn.Parameter(torch.randn(rank, into, generator=generator) * into**-0.5)
            self.B[self.key(address)] = nn.Parameter(torch.zeros(out, rank))

    def changed(self, address: str, weight_OI: Tensor) -> Tensor:
        """Return W + (α/r) B A."""
        return weight_OI + self.factor * self.B[self.key(address)] @ self.A[self.key(address)]


class IA3(Adapter):
    """diag(l) W on keys, values and the MLP's up: one number per output, 1 at the start."""

    modules = "ia3"

    def __init__(self, model: ModelLike, modules: str | None = None, layers: Sequence[int] | None = None):
        super().__init__(model, modules, layers)
        self.l = nn.ParameterDict(
            {self.key(a): nn.Parameter(torch.ones(self._frozen[0][name].shape[0])) for a, name in self.names.items()}
        )

    def changed(self, address: str, weight_OI: Tensor) -> Tensor:
        """Return diag(l) W."""
        return self.l[self.key(address)][:, None] * weight_OI


def part_of(address: str) -> str:
    """Return the part of an address: "mlp.up" of layers.2.mlp.up."""
    return Address.parse(address).part
