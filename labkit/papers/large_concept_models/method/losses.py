"""What the denoisers are trained by: guess the clean concept from a noisy one, at a random step, at times unaided.

E_t [ω(t) ‖x − μ_θ(x^t, t)‖²] (equation 16); each sentence of a text draws a step of its own. Asked for ε or v instead
of x, a model is wrapped in `Cleaned` before it is sampled from.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput

from .schedule import Schedule, clamped_snr

__all__ = ["Cleaned", "denoising_loss", "draw_steps"]

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
    target: str = "x0",
) -> Tensor:
    """Return the loss over every sentence but the first, whose context is nothing.

    drop: how often a position is trained without its context, each on its own (the released code drops a fixed number
    of rows, the same in the whole batch: none in texts of seven sentences or fewer). clamp: (λ_min, λ_max) of ω(t),
    whose mean is then brought back to 1; None is ω = 1, the paper's default. target: what is guessed, "x0" as in the
    paper, "eps" or "v" (both in the released code).
    """
    t_BN = draw_steps(x_BNC.shape[:2], schedule.steps, late, generator)
    eps_BNC = torch.randn(x_BNC.shape, generator=generator)
    flat = x_BNC.flatten(0, 1), eps_BNC.flatten(0, 1), t_BN.flatten()
    xt_BNC, aim_BNC = schedule.noise(*flat).view_as(x_BNC), schedule.target(target, *flat).view_as(x_BNC)
    drop_BN = torch.rand(t_BN.shape, generator=generator) < drop
    guess_BNC = model.all_at_once(x_BNC, xt_BNC, t_BN, drop_BN, start=1)
    error_BN = (guess_BNC - aim_BNC[:, 1:]).pow(2).mean(-1)
    if clamp is not None:
        weight_BN = clamped_snr(schedule, t_BN[:, 1:], *clamp)
        error_BN = error_BN * weight_BN / weight_BN.mean()
    return error_BN.mean()


class Cleaned(nn.Module):
    """A denoiser that guesses "eps" or "v", made one that guesses the clean vector: what the sampler asks for.

    From noise alone (ᾱ = 0) ε says nothing about x: `BadInput`; spacing "leading" begins before that.
    """

    def __init__(self, model: nn.Module, target: str, schedule: Schedule):
        super().__init__()
        self.model, self.target, self.schedule = model, target, schedule

    def next(self, x_BNC: Tensor, xt_BC: Tensor, t_B: Tensor, seen: bool = True) -> Tensor:
        """Return the guess for the one concept after x_BNC [B, C]."""
        if self.target == "eps" and (self.schedule.abar_T[t_B] == 0).any():
            raise BadInput(
                "A model that guesses ε was given noise alone.",
                expected="a step at which some of x is left",
                do='sample with Knobs(spacing="leading")',
            )
        return self.schedule.clean(self.target, self.model.next(x_BNC, xt_BC, t_B, seen), xt_BC, t_B)
