"""What the denoisers are trained by: guess the clean concept from a noisy one, at a random step, at times unaided.

E_t [ω(t) ‖x − μ_θ(x^t, t)‖²] (equation 16); each sentence of a text draws a step of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .schedule import Schedule, clamped_snr

__all__ = ["denoising_loss", "draw_steps"]

DROP = 0.15  # how often the context is hidden, so that there is an answer without it to guide away from


def draw_steps(shape: tuple[int, ...], steps: int, late: float, generator: torch.Generator) -> Tensor:
    """Return steps t drawn evenly from 0 … T − 1; a share `late` is drawn from the noisier 45 % only.

    Which future it will be is decided there, where hardly anything is left of x; even draws spend little time on it.
    """
    even = torch.randint(0, steps, shape, generator=generator)
    noisy = torch.randint(round(0.55 * steps), steps, shape, generator=generator)
    return torch.where(torch.rand(shape, generator=generator) < late, noisy, even)


def denoising_loss(
    model: nn.Module,
    x_BNC: Tensor,
    schedule: Schedule,
    generator: torch.Generator,
    *,
    drop: float = DROP,
    late: float = 0.0,
    clamp: tuple[float, float] | None = None,
) -> Tensor:
    """Return the loss over every sentence but the first, whose context is nothing.

    drop: how often a position is trained without its context, each on its own (the released code drops a fixed number
    of rows, the same in the whole batch: none in texts of seven sentences or fewer). clamp: (λ_min, λ_max) of ω(t),
    whose mean is then brought back to 1; None is ω = 1, the paper's default.
    """
    t_BN = draw_steps(x_BNC.shape[:2], schedule.steps, late, generator)
    eps_BNC = torch.randn(x_BNC.shape, generator=generator)
    xt_BNC = schedule.noise(x_BNC.flatten(0, 1), eps_BNC.flatten(0, 1), t_BN.flatten()).view_as(x_BNC)
    drop_BN = torch.rand(t_BN.shape, generator=generator) < drop
    guess_BNC = model.all_at_once(x_BNC, xt_BNC, t_BN, drop_BN, start=1)
    error_BN = (guess_BNC - x_BNC[:, 1:]).pow(2).mean(-1)
    if clamp is not None:
        weight_BN = clamped_snr(schedule, t_BN[:, 1:], *clamp)
        error_BN = error_BN * weight_BN / weight_BN.mean()
    return error_BN.mean()
