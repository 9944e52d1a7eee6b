"""The residual stream at every block boundary: its size, spread and spikes.

Per document, from the stream h [L, D] (L tokens, D channels):

norm              mean over tokens of the length of h_t
variance          mean over tokens of the variance over channels of h_t (Curse of Depth, Figs. 4 and 9)
largest           the largest |h|
top over median   largest |h| / median |h| (Sun et al. 2024: massive activations exceed about 1,000)
kurtosis          mean_j(s_j⁴) / mean_j(s_j²)² with s_j the root mean square of channel j over tokens
                  (He et al. 2024: 1 without outlier channels, D when one channel holds everything)

The value of each is the mean over documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import anatomy_of, record
from labkit.base.errors import BadInput
from labkit.base.results import Result

from .estimate import Estimate, mean_over
from .runs import batches, checked_documents
from .tables import text_table

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["ResidualStats", "residual_stats"]


@dataclass(frozen=True, kw_only=True)
class ResidualStats(Result):
    """One estimate per boundary and statistic; `boundaries[0]` is "embed", `boundaries[k + 1]` is after block k."""

    boundaries: tuple[str, ...]
    norm: tuple[Estimate, ...]
    variance: tuple[Estimate, ...]
    largest: tuple[Estimate, ...]
    top_over_median: tuple[Estimate, ...]
    kurtosis: tuple[Estimate, ...]

    def table(self) -> str:
        """Return one line per boundary."""
        names = [item.name for item in fields(self)[1:]]
        rows = [
            [boundary, *(f"{getattr(self, name)[number].value:.4g}" for name in names)]
            for number, boundary in enumerate(self.boundaries)
        ]
        n = self.norm[0].n
        title = f"Residual stream, means over {n} document{'s' * (n != 1)}"
        return text_table(["boundary", *(name.replace("_", " ") for name in names)], rows, title=title)


def residual_stats(model: ModelLike, documents: Sequence, *, skip: int = 0, seed: int = 0) -> ResidualStats:
    """Return norm, variance, largest entry, top-1 over median and kurtosis at the embedding and after every block.

    skip: leave out this many first tokens of each document (1: without BOS, where massive activations live).
    """
    if skip < 0:
        raise BadInput(f"skip = {skip} tokens.", expected="0 or more")
    checked = checked_documents(model, documents, shortest=skip + 1)
    names = [item.name for item in fields(ResidualStats)[1:]]
    sites = ["embed", *(f"layers.{layer}" for layer in range(anatomy_of(model).depth))]
    found = {(name, site): [0.0] * len(checked) for name in names for site in sites}
    for batch in batches(model, checked):
        streams = record(model, batch.ids_BL, sites)
        for site in sites:
            for row, place in enumerate(batch.index):
                for name, value in _stats(streams[site][row, skip:]).items():
                    found[name, site][place] = value
    estimates = {
        name: tuple(mean_over(found[name, site], seed=seed, name=f"{name} at {site}") for site in sites)
        for name in names
    }
    return ResidualStats(boundaries=tuple(sites), **estimates)


def _stats(h_LD: Tensor) -> dict[str, float]:
    h_LD = h_LD.cpu().double()
    size_LD, power_D = h_LD.abs(), h_LD.square().mean(dim=0)
    largest, median = float(size_LD.max()), float(size_LD.median())
    return {
        "norm": float(h_LD.norm(dim=-1).mean()),
        "variance": float(h_LD.var(dim=-1, unbiased=False).mean()),
        "largest": largest,
        "top_over_median": largest / median if median else torch.inf,
        "kurtosis": float(power_D.square().mean() / power_D.mean().square()) if largest else 1.0,
    }
