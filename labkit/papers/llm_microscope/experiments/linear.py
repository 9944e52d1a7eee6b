"""How linear is each step of a model, and which tokens make it less so? Chance and held-out scores stand beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from labkit.base.errors import BadInput
from labkit.measurements import Estimate, mean_over
from labkit.measurements.tables import text_table

from ..method.association import partial_correlation, pearson, ranked
from ..method.linearity import chance_score, linearity, procrustes_score
from ..method.nonlinearity import fit_steps, nonlinearity
from ..method.states import Cloud, cloud_of
from .memory import Memory, frequencies

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Association", "LinearityProfile", "associate", "linearity_profile", "token_nonlinearity"]


@dataclass(frozen=True)
class LinearityProfile:
    """Scores of every step: with residual, without, both also held out, and the best orthogonal map for contrast.

    span: how many blocks a step takes. chance: the in-sample score of unrelated clouds of this size.
    """

    model: str
    tokens: int
    width: int
    span: int
    residual: tuple[float, ...]
    no_residual: tuple[float, ...]
    held_out: tuple[float, ...]
    no_residual_held_out: tuple[float, ...]
    orthogonal: tuple[float, ...]

    @property
    def chance(self) -> float:
        """D / (N - 1)."""
        return chance_score(self.tokens, self.width)

    def table(self) -> str:
        """Return one row a step."""
        names = ("residual", "held_out", "no_residual", "no_residual_held_out", "orthogonal")
        rows = [
            [f"{step} → {step + self.span}", *(f"{getattr(self, name)[step]:.3f}" for name in names)]
            for step in range(len(self.residual))
        ]
        title = f"Linearity of {self.model}, {self.tokens:,} tokens; unrelated clouds would score {self.chance:.3f}"
        return text_table(["levels", *(name.replace("_", " ") for name in names)], rows, title=title)


def linearity_profile(
    model: ModelLike,
    documents: Sequence[Any],
    *,
    tokens: int | None = None,
    span: int = 1,
    ridge: float = 0.0,
    seed: int = 0,
) -> LinearityProfile:
    """Return the linearity of each step over the tokens of documents (begin tokens left out).

    tokens: how many of them, drawn at random (default: all). Raises `BadInput` when there are no more than D + 1.
    """
    h_STD = cloud_of(model, documents).h_STD
    total, width = h_STD.shape[1:]
    count = total if tokens is None else tokens
    if not width + 1 < count <= total:
        raise BadInput(
            f"{count} of {total} tokens of width {width} were asked for.",
            expected=f"more than {width + 1}: fewer are fitted exactly, whatever they are",
            do="give more documents",
        )
    if not 1 <= span < len(h_STD):
        raise BadInput(f"A step of {span} blocks.", expected=f"1 to {len(h_STD) - 1}")
    h_STD = h_STD[:, torch.randperm(total, generator=torch.Generator().manual_seed(seed))[:count]]
    pairs = list(zip(h_STD[:-span], h_STD[span:]))
    score = lambda **how: tuple(linearity(x, y, ridge=ridge, **how) for x, y in pairs)  # noqa: E731
    return LinearityProfile(
        model=getattr(model, "name", type(model).__name__),
        tokens=count,
        width=width,
        span=span,
        residual=score(),
        no_residual=score(residual=False),
        held_out=score(held_out=True),
        no_residual_held_out=score(residual=False, held_out=True),
        orthogonal=tuple(procrustes_score(x, y) for x, y in pairs),
    )


def token_nonlinearity(model: ModelLike, documents: Sequence[Any], reference: Cloud, form: str = "raw") -> Tensor:
    """Return E [N, T] of the tokens of documents under maps fitted on a reference cloud, begin tokens left out."""
    return nonlinearity(cloud_of(model, documents).h_STD, fit_steps(reference.h_STD), form)


@dataclass(frozen=True)
class Association:
    """How C goes with the layer-averaged nonlinearity over tokens, one correlation a document and their mean.

    A positive number says: tokens whose past is easy to read move linearly. partial: position, number of words in the
    window and log frequency taken out first. trimmed: the most nonlinear hundredth of the tokens left out.
    """

    pearson: Estimate
    spearman: Estimate
    partial: Estimate
    pooled: float
    trimmed: float
    tokens: int

    def table(self) -> str:
        """Return the correlations, one a line."""
        lines = [str(self.pearson), str(self.spearman), str(self.partial)]
        lines += [
            f"all {self.tokens:,} tokens at once: {self.pooled:.3f}",
            f"without the outermost 1%: {self.trimmed:.3f}",
        ]
        return "\n".join(lines)


def associate(memory: Memory, E_NT: Tensor, quantity: str = "C", *, seed: int = 0) -> Association:
    """Return the correlation of C (or another quantity) with nonlinearity averaged over the steps.

    E_NT: as `token_nonlinearity` gives it for the same documents; its first token of each has no C and is left out.
    Raises `BadInput` when the two are of other documents.
    """
    firsts = len(set(memory.document))
    if E_NT.shape[1] != len(memory.ids) + firsts:
        raise BadInput(
            f"{E_NT.shape[1]} tokens have a nonlinearity, {len(memory.ids)} a C.",
            expected="both of the same documents",
        )
    starts, row = [], 0
    for document in dict.fromkeys(memory.document):
        starts.append(row)
        row += memory.document.count(document) + 1
    keep = torch.ones(E_NT.shape[1], dtype=torch.bool)
    keep[starts] = False
    E, C = E_NT.mean(0)[keep].tolist(), memory.values(quantity)
    counts = frequencies()
    shared = [
        memory.position,
        memory.words,
        [float(torch.tensor(counts[token] + 1.0).log()) for token in memory.ids],
    ]
    per: dict[str, list[float]] = {"pearson": [], "spearman": [], "partial": []}
    for document in dict.fromkeys(memory.document):
        rows = [i for i, one in enumerate(memory.document) if one == document]
        x, y = [E[i] for i in rows], [C[i] for i in rows]
        per["pearson"].append(pearson(x, y))
        per["spearman"].append(pearson(ranked(x), ranked(y)))
        per["partial"].append(partial_correlation(x, y, [[one[i] for i in rows] for one in shared]))
    edge = sorted(E)[max(0, round(0.99 * len(E)) - 1)]
    within = [i for i, one in enumerate(E) if one <= edge]
    return Association(
        **{name: mean_over(values, seed=seed, name=f"{name} r", null=0.0) for name, values in per.items()},
        pooled=pearson(E, C),
        trimmed=pearson([E[i] for i in within], [C[i] for i in within]),
        tokens=len(E),
    )
