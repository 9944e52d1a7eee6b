"""The same question in two dimensions: contexts with one, two and four futures in a plane, learned in seconds.

Here a concept is a point, so everything can be seen: where regression lands, and where the denoiser's samples do.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from labkit.panels.tables import Table
from labkit.training import Fit, fit

from ..method.codec import seeded
from ..method.losses import draw_steps
from ..method.sampling import Knobs, sample
from ..method.schedule import Schedule

__all__ = ["PLANE", "Plane", "PlaneNet", "learn_plane"]

# context -> (points in the plane, their probabilities)
PLANE = {
    "one future": ([[1.6, 0.4]], [1.0]),
    "two futures": ([[-1.4, 1.2], [1.0, -1.4]], [0.5, 0.5]),
    "four futures": ([[1.7, 0.9], [-0.3, 1.6], [-1.6, -0.6], [0.5, -1.7]], [0.4, 0.3, 0.2, 0.1]),
}


@dataclass(frozen=True)
class Plane:
    """What was learned: for each context its futures, the regression's answer, and points drawn by the denoiser."""

    futures: dict[str, tuple[tuple[float, float], ...]]
    probabilities: dict[str, tuple[float, ...]]
    guess: dict[str, tuple[float, float]]
    drawn: dict[str, tuple[tuple[float, float], ...]]

    def shares(self, context: str) -> list[float]:
        """Return the share of drawn points nearest to each future."""
        drawn, futures = torch.tensor(self.drawn[context]), torch.tensor(self.futures[context])
        nearest = torch.cdist(drawn, futures).argmin(1)
        return (torch.bincount(nearest, minlength=len(futures)) / len(drawn)).tolist()

    def from_nearest(self, context: str) -> tuple[float, float]:
        """Return how far the guess, and the median drawn point, are from the nearest future."""
        futures = torch.tensor(self.futures[context])
        guess = torch.cdist(torch.tensor([self.guess[context]]), futures).min()
        drawn = torch.cdist(torch.tensor(self.drawn[context]), futures).min(1).values.median()
        return float(guess), float(drawn)

    def errors(self, context: str) -> dict[str, tuple[float, float]]:
        """Return (mean, root mean square) distance to a future that did happen: "regression" and "samples"."""
        futures, p = torch.tensor(self.futures[context]), torch.tensor(self.probabilities[context])
        found = {}
        for name, points in (("regression", [self.guess[context]]), ("samples", self.drawn[context])):
            away = torch.cdist(torch.tensor(points), futures)
            found[name] = (float((away @ p).mean()), float((away**2 @ p).mean().sqrt()))
        return found

    def table(self) -> Table:
        """Return one row a context."""
        rows = []
        for context in self.futures:
            guess, drawn = self.from_nearest(context)
            errors = self.errors(context)
            rows.append((context, guess, drawn, *errors["regression"], *errors["samples"]))
        columns = [
            "context",
            "guess to nearest",
            "samples to nearest",
            "mean, guess",
            "RMS, guess",
            "mean, samples",
            "RMS, samples",
        ]
        return Table("Distances in the plane", columns, rows)


class PlaneNet(nn.Module):
    """A small MLP from (context, noisy point, noise level) to a point; the regression sees no point and no noise."""

    def __init__(self, contexts: int, width: int = 64):
        super().__init__()
        hidden = [part for _ in range(2) for part in (nn.Linear(width, width), nn.SiLU())]
        self.layers = nn.Sequential(nn.Linear(contexts + 3, width), nn.SiLU(), *hidden, nn.Linear(width, 2))

    def forward(self, context_BK: Tensor, xt_B2: Tensor, level_B1: Tensor) -> Tensor:
        return self.layers(torch.cat([context_BK, xt_B2, level_B1], dim=1))


def learn_plane(steps: int = 1800, seed: int = 0, draws: int = 400) -> Plane:
    """Return what a regression and a denoiser learned of `PLANE` in `steps` steps each."""
    schedule, count = Schedule(), len(PLANE)
    points = [torch.tensor(p) for p, _ in PLANE.values()]

    def batch(step: int) -> tuple[Tensor, Tensor, torch.Generator]:
        g = torch.Generator().manual_seed(100_003 * (seed + 1) + step)
        which = torch.randint(count, (256,), generator=g)
        x_B2 = torch.zeros(256, 2)
        for k, (_, p) in enumerate(PLANE.values()):
            drawn = torch.multinomial(torch.tensor(p), 256, replacement=True, generator=g)
            x_B2 = torch.where((which == k)[:, None], points[k][drawn], x_B2)
        return torch.eye(count)[which], x_B2, g

    def regress(net: nn.Module, step: int) -> Tensor:
        context, x, _ = batch(step)
        return (net(context, torch.zeros(256, 2), torch.zeros(256, 1)) - x).pow(2).mean()

    def denoise(net: nn.Module, step: int) -> Tensor:
        context, x, g = batch(step)
        t = draw_steps((256,), schedule.steps, 0.4, g)
        xt = schedule.noise(x, torch.randn(256, 2, generator=g), t)
        return (net(context, xt, schedule.parts(t)[1]) - x).pow(2).mean()

    nets = [seeded(PlaneNet, count, seed + k) for k in range(2)]
    for net, loss in zip(nets, (regress, denoise)):
        fit(net, loss, Fit(steps=steps, lr=8e-3, warmup=20, last_lr=0.02, weight_decay=0.0))
    guess, drawn = {}, {}
    for k, name in enumerate(PLANE):
        context = torch.eye(count)[k].expand(draws, count)
        with torch.no_grad():
            guess[name] = tuple(nets[0](context[:1], torch.zeros(1, 2), torch.zeros(1, 1))[0].tolist())
        film = sample(
            lambda x, t, seen, context=context: nets[1](context, x, schedule.parts(t)[1]),
            (draws, 2), schedule, Knobs(steps=20), torch.Generator().manual_seed(seed + 7),
        )  # fmt: skip
        drawn[name] = tuple(map(tuple, film.guess_SBC[-1].tolist()))
    futures = {name: tuple(map(tuple, p)) for name, (p, _) in PLANE.items()}
    return Plane(futures, {name: tuple(p) for name, (_, p) in PLANE.items()}, guess, drawn)
