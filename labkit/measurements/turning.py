"""How far an edit turns the embedding of a sentence: the question a sweep asks of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .runs import Batch

__all__ = ["TurnMeasure"]


@dataclass(frozen=True)
class TurnMeasure:
    """1 - cosine between a sentence's embedding before and after; the embedding is the mean of the last states.

    Sentences of one length are read together and no padding is needed, so the mean is over real tokens alone.
    """

    name: ClassVar[str] = "turn of the embedding"
    unit: ClassVar[str] = "1 - cosine"
    over: ClassVar[str] = "sentences"
    needs_intact: ClassVar[bool] = True
    of_states: ClassVar[bool] = True  # an encoder's last states, where others ask for logits

    def score(self, states_BLD: Tensor, batch: Batch, intact_BLD: Tensor | None) -> list[float]:
        before_BD, after_BD = intact_BLD.mean(dim=1), states_BLD.mean(dim=1)
        return (1 - torch.cosine_similarity(before_BD, after_BD, dim=-1)).clamp_min(0).tolist()

    def fold(self, scores: Sequence[float], lengths: Sequence[int]) -> tuple[list[float], list[float]]:
        return list(scores), [1] * len(scores)
