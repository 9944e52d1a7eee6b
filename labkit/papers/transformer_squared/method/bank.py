"""Experts: the z of every matrix under a name; saved, loaded, mixed, and turned into edits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor

from labkit.anatomy import anatomy_of
from labkit.base.errors import BadInput, BrokenFile
from labkit.base.files import write_atomically
from labkit.models import read_tensors
from labkit.zoo import ModelLike, entries, folder_of, verify

from .adapters import SVF
from .edits import ScaleSpectrum
from .spectrum import digest

__all__ = ["Expert", "load_bank", "mix", "save_bank", "shipped_bank"]

BANK = "experts.safetensors"  # beside the weights of a shipped model


@dataclass(frozen=True)
class Expert:
    """z [r] by the address of its matrix, and the digest of each matrix it was learned for ("": any)."""

    name: str
    z: Mapping[str, Tensor]
    of: Mapping[str, str]

    @classmethod
    def from_adapter(cls, name: str, adapter: SVF) -> Expert:
        """Return what an adapter has learned."""
        z = {address: adapter.multipliers(address).detach().clone() for address in adapter.names}
        return cls(name, z, {a: digest(adapter.base.get_parameter(n)) for a, n in adapter.names.items()})

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return sum(z.numel() for z in self.z.values())

    def edits(self, strength: float = 1.0) -> list[ScaleSpectrum]:
        """Return one edit per matrix; `strength` shortens (or lengthens) the step from 1 to z."""
        return [
            ScaleSpectrum(address, tuple((1 + strength * (z_R - 1)).tolist()), self.of.get(address, ""))
            for address, z_R in self.z.items()
        ]

    def shuffled(self, seed: int) -> Expert:
        """Return the same numbers in another order within every matrix: what is left is their distribution."""
        generator = torch.Generator().manual_seed(seed)
        z = {a: z_R[torch.randperm(len(z_R), generator=generator)] for a, z_R in self.z.items()}
        return Expert(f"{self.name}, shuffled", z, self.of)

    def smoothed(self, width: int = 9) -> Expert:
        """Return the running mean over `width` neighbours in the spectrum: what is left is large against small σ."""
        kernel, reach = torch.ones(1, 1, width) / width, width // 2
        padded = {
            a: torch.nn.functional.pad(z[None, None], (reach, reach), mode="replicate") for a, z in self.z.items()
        }
        z = {a: torch.nn.functional.conv1d(row, kernel)[0, 0] for a, row in padded.items()}
        return Expert(f"{self.name}, smoothed", z, self.of)

    def flattened(self) -> Expert:
        """Return the mean of z in place of every number: what is left is one factor for each matrix."""
        z = {a: torch.full_like(z_R, float(z_R.mean())) for a, z_R in self.z.items()}
        return Expert(f"{self.name}, flattened", z, self.of)

    def for_model(self, model: ModelLike) -> Expert:
        """Return the expert bound to another model's matrices by their addresses: a transplant.

        Raises `BadInput` where the other model lacks an address or has another number of singular values there.
        """
        of = {}
        for address, z_R in self.z.items():
            weight = anatomy_of(model).view(address).read()
            if min(weight.shape) != len(z_R):
                raise BadInput(
                    f"{address} has {min(weight.shape)} singular values here, z has {len(z_R)} numbers.",
                    expected="a model of the same shape",
                )
            of[address] = digest(weight)
        return Expert(self.name, self.z, of)


def mix(
    experts: Sequence[Expert], shares: Sequence[float] | Mapping[str, Sequence[float]], name: str = "mix"
) -> Expert:
    """Return z' = Σ_k α_k z_k (section 3.3): the same α for all matrices, or α [K] by address.

    W' is linear in z, so this is the mixture of the adapted matrices. Shares that do not add up to 1 rescale them.
    Raises `BadInput` for experts of different models, or another number of shares than experts.
    """
    if not experts or any(set(one.z) != set(experts[0].z) or one.of != experts[0].of for one in experts):
        raise BadInput(
            "These experts were learned for different matrices.", expected="experts of one model, at least one"
        )
    made = {}
    for address in experts[0].z:
        alpha = shares[address] if isinstance(shares, Mapping) else shares
        if len(alpha) != len(experts):
            raise BadInput(f"{len(alpha)} shares for {len(experts)} experts.", expected="one share each")
        made[address] = sum(float(a) * one.z[address] for a, one in zip(alpha, experts))
    return Expert(name, made, experts[0].of)


def save_bank(experts: Sequence[Expert], path: str | Path) -> Path:
    """Write experts into one safetensors file, in float32, so that they come back bit for bit."""
    tensors = {f"{one.name}/{address}": z.contiguous().clone() for one in experts for address, z in one.z.items()}
    of = {one.name: dict(one.of) for one in experts}
    return write_atomically(Path(path), to_bytes(tensors, metadata={"format": "pt", "of": json.dumps(of)}))


def load_bank(path: str | Path) -> dict[str, Expert]:
    """Return the experts in a file by name; raise `BrokenFile` when it is damaged or holds something else."""
    tensors, about = read_tensors(path)
    try:
        of = json.loads(about["of"])
        made = {name: Expert(name, {a: tensors[f"{name}/{a}"] for a in places}, places) for name, places in of.items()}
    except (KeyError, ValueError) as error:
        raise BrokenFile(f"{path} holds no bank of experts ({error!r}).", expected="what save_bank wrote") from error
    return made


def shipped_bank(name: str = "lab/skills") -> dict[str, Expert]:
    """Return the experts that come with a shipped model, by name."""
    if name in (shipped := entries()):
        verify(shipped[name])
    return load_bank(folder_of(name) / BANK)
