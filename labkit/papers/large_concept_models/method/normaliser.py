"""Normalisers: concepts to numbers of mean 0 and spread 1, and back; fitted once, then fixed (section 2.1, PreNet)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput, unknown

__all__ = ["Normaliser"]

_IQR_OF_NORMAL = 1.349  # between the quartiles of a normal distribution of spread 1


class Normaliser(nn.Module):
    """normalise(x) = (x − μ)/σ and its inverse; buffers, not weights.

    `fit` takes mean and standard deviation ("standard"), or median and quartile distance ("robust", as in the paper;
    "clipped" also clips normalised values at ±`clip`). Quartiles are 0.25 and 0.75: the released code hands these
    to a function that reads them as percent, and gets the 0.25th and the 0.75th percentile.
    """

    def __init__(self, concept: int, clip: float = math.inf):
        super().__init__()
        self.register_buffer("centre", torch.zeros(concept))
        self.register_buffer("spread", torch.ones(concept))
        self.register_buffer("clip", torch.tensor(clip))

    @classmethod
    def fit(cls, x_NC: Tensor, kind: str = "robust", clip: float = 3.0) -> Normaliser:
        """Return the normaliser of a sample of concepts; raise `BadInput` where a number never varies."""
        if kind not in ("standard", "robust", "clipped"):
            raise unknown("normaliser", kind, ("standard", "robust", "clipped"))
        made = cls(x_NC.shape[1], clip if kind == "clipped" else math.inf)
        if kind == "standard":
            made.centre, made.spread = x_NC.mean(0), x_NC.std(0)
        else:
            low_C, made.centre, high_C = torch.quantile(x_NC, torch.tensor([0.25, 0.5, 0.75]), dim=0)
            made.spread = (high_C - low_C) / _IQR_OF_NORMAL
        if not (made.spread > 0).all():
            raise BadInput("A number of these concepts never varies.", expected="concepts of different sentences")
        return made

    def normalise(self, x_NC: Tensor) -> Tensor:
        """Return (x − μ)/σ, clipped where that was asked for."""
        return ((x_NC - self.centre) / self.spread).clamp(-self.clip, self.clip)

    def denormalise(self, z_NC: Tensor) -> Tensor:
        """Return μ + σ z."""
        return self.centre + self.spread * z_NC
