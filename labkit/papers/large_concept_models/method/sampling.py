"""DDIM with classifier-free guidance: from noise to one concept, in S steps.

The sampler asks a denoiser for the clean vector, moves to the next, less noisy step, and asks again. Guidance asks
twice, with and without the context, and exaggerates the difference (the paper, section 2.3.3, equation 17 and after).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.base.errors import BadInput

from .schedule import Schedule, spaced

__all__ = ["PAPER_KNOBS", "PLAIN", "Film", "Knobs", "guided", "sample"]

# (x^t [B, C], t [B], whether the context may be seen) -> the clean vector that is guessed [B, C]
Denoiser = Callable[[Tensor, Tensor, bool], Tensor]


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """What the sampler can be told.

    steps S; guidance γ (1: none, 0: context ignored); rescale φ brings the spread of a guided answer back;
    start_noise σ_init; eta: how much fresh noise each step adds (0: none); epsilon_scale λ divides ε.
    Raises `BadInput` for a guidance that is not finite or below 0, and other numbers that cannot be.
    """

    steps: int = 20
    guidance: float = 1.0
    rescale: float = 0.0
    start_noise: float = 1.0
    eta: float = 0.0
    epsilon_scale: float = 1.0
    spacing: str = "trailing"

    def __post_init__(self) -> None:
        if not 0 <= self.guidance < math.inf:
            raise BadInput(f"guidance = {self.guidance}.", expected="a finite number from 0; 1 is no guidance")
        if not (0 <= self.rescale <= 1 and 0 <= self.eta <= 1):
            raise BadInput(f"rescale = {self.rescale}, eta = {self.eta}.", expected="both from 0 to 1")
        if not (0 <= self.start_noise < math.inf and 0 < self.epsilon_scale < math.inf):
            raise BadInput(
                f"start_noise = {self.start_noise}, epsilon_scale = {self.epsilon_scale}.",
                expected="finite, the first at least 0, the second above 0",
            )


PLAIN = Knobs()  # no guidance, noise as in training
PAPER_KNOBS = Knobs(steps=20, guidance=3.0, rescale=0.7, start_noise=0.6, epsilon_scale=1.00045)  # the paper: S = 40


@dataclass(frozen=True)
class Film:
    """What the sampler saw: steps t, the noisy vectors and the clean ones it guessed, each [S, B, C]."""

    t: tuple[int, ...]
    noisy_SBC: Tensor
    guess_SBC: Tensor


def guided(with_BC: Tensor, without_BC: Tensor, guidance: float, rescale: float) -> Tensor:
    """Return without + γ (with − without), its spread over the numbers brought back by a share φ to that of `with`."""
    mixed_BC = without_BC + guidance * (with_BC - without_BC)
    if rescale == 0:
        return mixed_BC
    spread = with_BC.std(dim=1, keepdim=True) / mixed_BC.std(dim=1, keepdim=True).clamp(min=1e-8)
    return rescale * spread * mixed_BC + (1 - rescale) * mixed_BC


@torch.no_grad()
def sample(
    denoiser: Denoiser, shape: tuple[int, int], schedule: Schedule, knobs: Knobs, generator: torch.Generator
) -> Film:
    """Return the film of one sampling [B, C] = shape; the last guess is the sample."""
    x_BC = knobs.start_noise * torch.randn(shape, generator=generator)
    times, noisy, guesses = spaced(schedule.steps, knobs.steps, knobs.spacing), [], []
    for t, following in zip(times, [*times[1:], None]):
        t_B = torch.full((shape[0],), t)
        guess_BC = _guess(denoiser, x_BC, t_B, schedule, knobs)
        noisy.append(x_BC)
        guesses.append(guess_BC)
        if following is not None:
            x_BC = _step(x_BC, guess_BC, t_B, following, schedule, knobs, generator)
    return Film(tuple(times), torch.stack(noisy), torch.stack(guesses))


def _guess(denoiser: Denoiser, x_BC: Tensor, t_B: Tensor, schedule: Schedule, knobs: Knobs) -> Tensor:
    """Return the clean vector, guided; where nothing but noise is left (ᾱ = 0) ε says nothing and is not guided."""
    with_BC = denoiser(x_BC, t_B, True)
    if knobs.guidance == 1 or float(schedule.abar_T[t_B[0]]) == 0:
        return with_BC
    eps_with, eps_without = (schedule.eps(x, x_BC, t_B) for x in (with_BC, denoiser(x_BC, t_B, False)))
    return schedule.clean("eps", guided(eps_with, eps_without, knobs.guidance, knobs.rescale), x_BC, t_B)


def _step(
    x_BC: Tensor,
    guess_BC: Tensor,
    t_B: Tensor,
    following: int,
    schedule: Schedule,
    knobs: Knobs,
    generator: torch.Generator,
) -> Tensor:
    """Return the vector of the next, less noisy step (Song and others 2021, equation 12)."""
    now, then = float(schedule.abar_T[t_B[0]]), float(schedule.abar_T[following])
    eps_BC = schedule.eps(guess_BC, x_BC, t_B) / knobs.epsilon_scale
    fresh = knobs.eta * ((1 - then) / (1 - now) * (1 - now / then)) ** 0.5
    moved_BC = then**0.5 * guess_BC + max(0.0, 1 - then - fresh**2) ** 0.5 * eps_BC
    return moved_BC + fresh * torch.randn(x_BC.shape, generator=generator) if fresh else moved_BC
