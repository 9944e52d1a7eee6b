"""Loss, perplexity ratio and KL: how well a model knows what comes next, before and after a cut.

Shapes: L tokens, V vocabulary. The first token of a document (BOS in ours) is read and never scored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from labkit.anatomy import in_eval_mode
from labkit.base.errors import BadInput

from .estimate import Estimate, mean_over
from .measures import KLMeasure, LossMeasure, divergence, scores
from .runs import batches, checked_documents, forward, text_hash

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Loss", "difference", "kl", "logits", "loss", "perplexity_ratio"]


@dataclass(frozen=True, kw_only=True)
class Loss(Estimate):
    """Mean cross-entropy in nats per token. `per_unit`: each document's mean; `weights`: its scored tokens."""

    text: str = ""  # hash of the documents: two losses are comparable when it is the same

    @property
    def perplexity(self) -> float:
        """exp(loss): how many equally likely tokens would cost as much."""
        return _exp(self.value)

    @property
    def sums(self) -> tuple[float, ...]:
        """Nats of each document as a whole."""
        return tuple(value * tokens for value, tokens in zip(self.per_unit, self.weights))


def loss(model: ModelLike, documents: Sequence, *, seed: int = 0, level: float = 0.95) -> Loss:
    """Return the mean loss over all scored tokens, with the bootstrap interval over documents.

    documents: lists of token ids (or texts, when `model` is a handle). `seed` draws the bootstrap, nothing else.
    Raises `BadInput` for documents that are empty, too short, too long or of another vocabulary.
    """
    checked = checked_documents(model, documents)
    values, tokens = LossMeasure().fold(scores(model, checked, LossMeasure()), [len(ids) for ids in checked])
    mean = mean_over(values, weights=tokens, seed=seed, level=level, name="loss", unit="nats/token")
    return Loss(**asdict(mean), text=text_hash(checked))


def difference(cut: Estimate, intact: Estimate, *, seed: int = 0) -> Estimate:
    """Return cut − intact, paired unit by unit: the interval is over the differences (null 0).

    Raises `BadInput` when the two were not measured on the same units.
    """
    same = cut.weights == intact.weights and cut.n == intact.n and cut.over == intact.over
    if not same or getattr(cut, "text", "") != getattr(intact, "text", ""):
        raise BadInput(
            f"{cut.name} and {intact.name} were not measured on the same {cut.over}.",
            expected="the same documents or questions in the same order",
            do="measure both models on one list",
        )
    paired = [after - before for after, before in zip(cut.per_unit, intact.per_unit)]
    return mean_over(
        paired,
        cut.over,
        weights=cut.weights or None,
        method="t" if cut.method == "t" else "bootstrap",
        seed=seed,
        level=cut.level,
        name=f"change of {cut.name}",
        unit=cut.unit,
        null=0.0,
    )


def perplexity_ratio(cut: Loss, intact: Loss, *, seed: int = 0) -> Estimate:
    """Return perplexity(cut) / perplexity(intact) = exp(loss difference), paired over documents (null 1).

    `per_unit` holds each document's loss difference in nats per token: the value is exp of their weighted mean.
    """
    change = difference(cut, intact, seed=seed)
    fields = asdict(change) | {"name": "perplexity ratio", "unit": "times", "null": 1.0}
    return Estimate(**fields | {end: _exp(getattr(change, end)) for end in ("value", "low", "high")})


def logits(model: ModelLike, documents: Sequence) -> list[Tensor]:
    """Return the logits [L, V] of each document, on the CPU; mind the memory of long texts."""
    checked = checked_documents(model, documents, shortest=1)
    found: list[Tensor] = [torch.empty(0)] * len(checked)

    def work(module: nn.Module) -> None:
        for batch in batches(model, checked):
            for place, logits_LV in zip(batch.index, forward(module, batch.ids_BL).cpu()):
                found[place] = logits_LV

    in_eval_mode(model, work)
    return found


def kl(intact_logits: Sequence[Tensor], cut_logits: Sequence[Tensor], *, seed: int = 0) -> Estimate:
    """Return KL(intact || cut) in nats, the mean over every position, with the interval over documents (null 0).

    Both arguments are what `logits` returns: one [L, V] tensor per document.
    """
    shapes = [[tuple(logits_LV.shape) for logits_LV in side] for side in (intact_logits, cut_logits)]
    if shapes[0] != shapes[1]:
        raise BadInput(
            "The two lists of logits are not of the same documents and vocabulary.",
            expected="logits(model, documents) of both models on one list",
        )
    values = [float(divergence(intact, cut).mean()) for intact, cut in zip(intact_logits, cut_logits)]
    lengths = [shape[0] for shape in shapes[0]]
    return mean_over(values, weights=lengths, seed=seed, name=KLMeasure.name, unit=KLMeasure.unit, null=0.0)


def _exp(nats: float) -> float:
    return math.exp(nats) if not nats > 709 else math.inf
