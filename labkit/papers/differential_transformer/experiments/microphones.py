"""Two microphones: what a difference cancels and what it adds; the paper's analogy in numbers. Lesson: 04."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from labkit.base.errors import BadInput

__all__ = ["Microphones", "best_lambda", "noise_left", "two_microphones"]


@dataclass(frozen=True)
class Microphones:
    """Two recordings and their difference, sample by sample. The first hears the signal, both hear noise."""

    signal: np.ndarray
    first: np.ndarray
    second: np.ndarray
    lam: float

    @property
    def difference(self) -> np.ndarray:
        """first − λ second."""
        return self.first - self.lam * self.second

    @property
    def noise(self) -> float:
        """Root mean square of what is not the signal in the difference."""
        return float(np.sqrt(np.mean((self.difference - self.signal) ** 2)))


def two_microphones(
    *, shared: float, own: float, lam: float, heard: float = 1.0, samples: int = 2000, seed: int = 0
) -> Microphones:
    """Return two recordings of `samples` values: a pulse in the first, noise in both.

    shared: size of the noise both hear (standard deviation); the second hears it `heard` times as loud. own: size of
    the noise each has for itself. Raises `BadInput` for a negative size or a λ that is no finite number.
    """
    if shared < 0 or own < 0 or not math.isfinite(lam):
        raise BadInput(f"shared = {shared}, own = {own}, λ = {lam}.", expected="sizes from 0 up, a finite λ")
    random = np.random.default_rng(seed)
    common, noise_1, noise_2 = random.standard_normal((3, samples))
    signal = np.where(np.abs(np.arange(samples) - samples / 2) < samples / 50, 2.0, 0.0)
    first = signal + shared * common + own * noise_1
    second = heard * shared * common + own * noise_2
    return Microphones(signal, first, second, lam)


def noise_left(*, shared: float, own: float, lam: float, heard: float = 1.0) -> float:
    """Return the expected size of the noise in the difference: √((1 − λ·heard)² shared² + (1 + λ²) own²)."""
    return math.sqrt((1 - lam * heard) ** 2 * shared**2 + (1 + lam**2) * own**2)


def best_lambda(*, shared: float, own: float, heard: float = 1.0) -> float:
    """Return the λ with the least noise: heard · shared² / (heard² shared² + own²)."""
    return heard * shared**2 / (heard**2 * shared**2 + own**2)
