"""Noise: how much of it at each of T steps, how it is mixed in, and three things a denoiser may be asked for.

x^t = √ᾱ_t x + √(1−ᾱ_t) ε, with ᾱ from nearly 1 (hardly any noise, t = 0) to exactly 0 (nothing but noise, t = T − 1).
The paper, section 2.3.2, equations 7 to 16; zero terminal SNR after Lin and others (2024). Shapes: B rows, C numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from labkit.base.errors import BadInput, unknown

__all__ = ["SCHEDULES", "Schedule", "clamped_snr", "spaced"]

T = 100


def _cosine(steps: int, s: float = 0.008) -> Tensor:
    """ᾱ_t = f(t)/f(0), f = cos²((t + s)/(1 + s) · π/2), as betas (Nichol and Dhariwal 2021)."""
    at = torch.arange(steps + 1, dtype=torch.float64) / steps
    f = torch.cos((at + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999)


def _quadratic(steps: int, first: float, last: float) -> Tensor:
    """β_t = (√β_0 + (t/T)(√β_1 − √β_0))²: equation 13."""
    return torch.linspace(first**0.5, last**0.5, steps, dtype=torch.float64) ** 2


def _sigmoid(steps: int, scale: float, centre: float) -> Tensor:
    """ᾱ_t = sigmoid(δ − γ logit(t)) with scale γ and centre δ of the log-SNR: equation 14."""
    at = torch.linspace(0, 1, steps + 1, dtype=torch.float64).clamp(1e-8, 1 - 1e-8)
    f = torch.sigmoid(centre - scale * torch.logit(at))
    return (1 - f[1:] / f[:-1]).clamp(max=0.999)


SCHEDULES = {
    "cosine": _cosine,
    "quadratic-1": lambda steps: _quadratic(steps, 0.001, 0.0012),
    "quadratic-2": lambda steps: _quadratic(steps, 0.02, 0.022),
    "sigmoid(1.5,-1)": lambda steps: _sigmoid(steps, 1.5, -1),
    "sigmoid(1.5,-2)": lambda steps: _sigmoid(steps, 1.5, -2),
    "sigmoid(0.8,-1)": lambda steps: _sigmoid(steps, 0.8, -1),
    "sigmoid(3.5,0)": lambda steps: _sigmoid(steps, 3.5, 0),
}


def zero_terminal_snr(abar_T: Tensor) -> Tensor:
    """Return ᾱ with √ᾱ shifted and stretched so that the last is 0 and the first stays (Lin et al., algorithm 1)."""
    root_T = abar_T.sqrt()
    return ((root_T - root_T[-1]) * root_T[0] / (root_T[0] - root_T[-1])) ** 2


@dataclass(frozen=True)
class Schedule:
    """ᾱ of a schedule over T steps, and all that follows from it alone."""

    name: str = "cosine"
    steps: int = T
    abar_T: Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.name not in SCHEDULES:
            raise unknown("schedule", self.name, SCHEDULES)
        abar_T = zero_terminal_snr((1 - SCHEDULES[self.name](self.steps)).cumprod(0))
        object.__setattr__(self, "abar_T", abar_T.float())

    def parts(self, t_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return (√ᾱ, √(1 − ᾱ)) at steps [B], shaped [B, 1]."""
        abar_B1 = self.abar_T[t_B][:, None]
        return abar_B1.sqrt(), (1 - abar_B1).sqrt()

    def noise(self, x_BC: Tensor, eps_BC: Tensor, t_B: Tensor) -> Tensor:
        """Return x^t = √ᾱ x + √(1−ᾱ) ε."""
        alpha, sigma = self.parts(t_B)
        return alpha * x_BC + sigma * eps_BC

    def target(self, kind: str, x_BC: Tensor, eps_BC: Tensor, t_B: Tensor) -> Tensor:
        """Return what the denoiser is asked for: "x0", "eps", or "v" = √ᾱ ε − √(1−ᾱ) x."""
        alpha, sigma = self.parts(t_B)
        targets = {"x0": lambda: x_BC, "eps": lambda: eps_BC, "v": lambda: alpha * eps_BC - sigma * x_BC}
        if kind not in targets:
            raise unknown("target", kind, targets)
        return targets[kind]()

    def clean(self, kind: str, answer_BC: Tensor, xt_BC: Tensor, t_B: Tensor) -> Tensor:
        """Return x from what a denoiser answered; "eps" leaves x open where ᾱ = 0: the result is not finite."""
        alpha, sigma = self.parts(t_B)
        if kind == "x0":
            return answer_BC
        return (xt_BC - sigma * answer_BC) / alpha if kind == "eps" else alpha * xt_BC - sigma * answer_BC

    def eps(self, x_BC: Tensor, xt_BC: Tensor, t_B: Tensor) -> Tensor:
        """Return the ε that leads from x to x^t."""
        alpha, sigma = self.parts(t_B)
        return (xt_BC - alpha * x_BC) / sigma


def clamped_snr(schedule: Schedule, t_B: Tensor, low: float = 0.0, high: float = 10.0) -> Tensor:
    """Return the weights ω(t) = max(min(SNR, high), low) of the loss (section 2.4.3)."""
    abar_B = schedule.abar_T[t_B]
    return (abar_B / (1 - abar_B)).clamp(low, high)


def spaced(steps: int, sample_steps: int, spacing: str = "trailing") -> list[int]:
    """Return the steps of the sampler, from the noisiest down; "trailing" begins at T − 1, where nothing is known.

    The stride stays a fraction until the end. (The released code truncates it: 40 asked, 50 made.)
    Raises `BadInput` for fewer than one step or more than T.
    """
    if not isinstance(sample_steps, int) or not 1 <= sample_steps <= steps:
        raise BadInput(f"{sample_steps!r} sampling steps were asked.", expected=f"a whole number from 1 to {steps}")
    stride = steps / sample_steps
    made = {
        "trailing": lambda: [round(steps - i * stride) - 1 for i in range(sample_steps)],
        "leading": lambda: [int(i * stride) for i in reversed(range(sample_steps))],
        "linspace": lambda: torch.linspace(steps - 1, 0, sample_steps).round().int().tolist(),
    }
    if spacing not in made:
        raise unknown("spacing", spacing, made)
    return made[spacing]()
