"""Schedules, targets and the sampler: golden values, inversions, and an oracle that is followed exactly."""

import math

import pytest
import torch

from labkit.base.errors import BadInput, UnknownName
from labkit.papers.large_concept_models.method.generation import film_of
from labkit.papers.large_concept_models.method.losses import Cleaned, denoising_loss
from labkit.papers.large_concept_models.method.sampling import PAPER_KNOBS, Knobs, guided, sample
from labkit.papers.large_concept_models.method.schedule import SCHEDULES, Schedule, clamped_snr, spaced

AT = [0, 10, 25, 50, 75, 90, 98, 99]
GOLDEN = {  # the released scheduler's alphas_cumprod at AT, T = 100
    "cosine": [0.99937, 0.9667, 0.83554, 0.47805, 0.13327, 0.01943, 0.00023, 0],
    "sigmoid(3.5,0)": [1, 0.99934, 0.97493, 0.46505, 0.01739, 0.0003, 0, 0],
    "sigmoid(1.5,-1)": [0.99725, 0.8943, 0.63833, 0.257, 0.06106, 0.0112, 0.00035, 0],
    "sigmoid(0.8,-1)": [0.9356, 0.6613, 0.45805, 0.26123, 0.12625, 0.05356, 0.00871, 0],
    "quadratic-1": [0.999, 0.81793, 0.57642, 0.26077, 0.06449, 0.00923, 0.00012, 0],
    "quadratic-2": [0.98, 0.71053, 0.41776, 0.14025, 0.02588, 0.00312, 0.00004, 0],
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_noise_only_grows_and_ends_in_nothing_but_noise(name):
    abar = Schedule(name).abar_T
    assert (abar[1:] < abar[:-1]).all() or name == "sigmoid(3.5,0)"  # whose first two are 1 in float32
    assert abar[-1] <= 1e-7
    assert abar[0] == pytest.approx(float((1 - SCHEDULES[name](100)).cumprod(0)[0]), abs=1e-6)


@pytest.mark.parametrize("name", GOLDEN)
def test_schedules_are_those_of_the_released_code(name):
    assert torch.allclose(Schedule(name).abar_T[AT], torch.tensor(GOLDEN[name], dtype=torch.float32), atol=1e-4)


def test_targets_invert_and_noise_has_its_variance():
    g, schedule = torch.Generator().manual_seed(0), Schedule()
    x, eps = 2 * torch.randn(20000, 4, generator=g), torch.randn(20000, 4, generator=g)
    for t in (1, 30, 60, 97):
        t_B = torch.full((len(x),), t)
        xt = schedule.noise(x, eps, t_B)
        abar = float(schedule.abar_T[t])
        assert xt.var() == pytest.approx(4 * abar + 1 - abar, rel=0.05)
        for kind in ("x0", "eps", "v"):
            back = schedule.clean(kind, schedule.target(kind, x, eps, t_B), xt, t_B)
            assert torch.allclose(back, x, atol=1e-4 / math.sqrt(abar))
        assert torch.allclose(schedule.eps(x, xt, t_B), eps, atol=2e-3)


@pytest.mark.parametrize("steps", [1, 3, 7, 20, 30, 40, 100])
@pytest.mark.parametrize("spacing", ["trailing", "leading", "linspace"])
def test_as_many_steps_are_made_as_were_asked(steps, spacing):
    times = spaced(100, steps, spacing)
    assert len(times) == steps == len(set(times))
    assert times == sorted(times, reverse=True) and times[-1] >= 0 and times[0] <= 99
    assert spacing == "leading" or times[0] == 99
    assert times[-1] <= 100 / steps  # the last step is near the clean end, whatever the stride


@pytest.mark.parametrize("knobs", [Knobs(), Knobs(steps=7), Knobs(steps=33, start_noise=0.6), Knobs(start_noise=0.0)])
def test_an_oracle_is_followed_exactly(knobs):
    wanted = torch.randn(5, 6, generator=torch.Generator().manual_seed(1))
    film = sample(lambda x, t, seen: wanted, (5, 6), Schedule(), knobs, torch.Generator().manual_seed(2))
    assert torch.equal(film.guess_SBC[-1], wanted)
    assert len(film.t) == knobs.steps == len(film.noisy_SBC)


def test_two_equal_futures_are_both_reached_by_the_exact_denoiser():
    """E[x | x^t] of a mixture of two points, written out: the sampler ends on one of them, half the time on each."""
    points, schedule = torch.tensor([[2.0, 0.0], [0.0, 2.0]]), Schedule()

    def exact(x_BC, t_B, seen):
        alpha, sigma = schedule.parts(t_B)
        weight = (-((x_BC[:, None] - alpha[:, None] * points) ** 2).sum(2) / (2 * sigma**2)).softmax(1)
        return weight @ points

    film = sample(exact, (2000, 2), schedule, Knobs(steps=20), torch.Generator().manual_seed(3))
    nearest = torch.cdist(film.guess_SBC[-1], points)
    assert nearest.min(1).values.max() < 0.2
    assert nearest.argmin(1).float().mean() == pytest.approx(0.5, abs=0.04)
    assert torch.allclose(film.guess_SBC[0], points.mean(0).expand(2000, 2))  # the first guess is the average


def test_guidance():
    g = torch.Generator().manual_seed(0)
    a, b = torch.randn(4, 32, generator=g), torch.randn(4, 32, generator=g)
    assert torch.allclose(guided(a, b, 1.0, 0.0), a, atol=1e-6)
    assert torch.equal(guided(a, b, 0.0, 0.0), b)
    assert torch.allclose(guided(a, b, 3.0, 1.0).std(dim=1), a.std(dim=1), atol=1e-5)
    seen = []

    def denoiser(x, t, with_context):
        seen.append(with_context)
        return a if with_context else b

    sample(denoiser, (4, 32), Schedule(), Knobs(steps=4), g)
    assert seen == [True] * 4  # no guidance: the answer without a context is never asked for
    film = sample(denoiser, (4, 32), Schedule(), Knobs(steps=4, guidance=0.0), g)
    assert torch.allclose(film.guess_SBC[-1], b, atol=1e-3)
    assert torch.equal(film.guess_SBC[0], a)  # nothing but noise is left there: not guided


def test_scaling_epsilon_by_one_and_eta_zero_change_nothing():
    net = torch.nn.Linear(6, 6)
    run = lambda **k: sample(lambda x, t, s: net(x), (3, 6), Schedule(), Knobs(**k), torch.Generator().manual_seed(4))  # noqa: E731
    assert torch.equal(run().guess_SBC, run(epsilon_scale=1.0, eta=0.0).guess_SBC)
    assert not torch.equal(run().guess_SBC[-1], run(eta=1.0).guess_SBC[-1])
    assert not torch.equal(run().guess_SBC[-1], run(epsilon_scale=1.05).guess_SBC[-1])


def test_weights_of_the_loss():
    weights = clamped_snr(Schedule(), torch.arange(100), 0.001, 5)
    assert weights.max() == 5 and weights.min() == pytest.approx(0.001) and (weights[1:] <= weights[:-1]).all()


@pytest.mark.parametrize(
    "fields",
    [
        {"guidance": math.inf},
        {"guidance": -1.0},
        {"guidance": math.nan},
        {"rescale": 2.0},
        {"start_noise": math.inf},
        {"epsilon_scale": 0.0},
        {"eta": -0.1},
    ],
)
def test_knobs_that_cannot_be_are_refused(fields):
    with pytest.raises(BadInput):
        Knobs(**fields)
    assert PAPER_KNOBS.guidance == 3


def test_bad_steps_and_names_are_refused():
    for steps in (0, 101, 2.5):
        with pytest.raises(BadInput):
            spaced(100, steps)
    with pytest.raises(UnknownName):
        spaced(100, 10, "random")
    with pytest.raises(UnknownName):
        Schedule("linear")
    with pytest.raises(UnknownName):
        Schedule().target("score", torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, dtype=torch.long))


@pytest.mark.parametrize("target", ["x0", "eps", "v"])
def test_a_model_asked_for_another_target_is_trained_and_sampled(target):
    """A stand-in that always knows the answer: its loss is 0, and wrapped in `Cleaned` it leads to the clean vector."""
    x, schedule, seen = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0)), Schedule(), {}

    class Knows(torch.nn.Module):
        def all_at_once(self, x_BNC, xt_BNC, t_BN, drop_BN, start):
            seen["loss"] = True
            flat = [one[:, start:].flatten(0, 1) for one in (x_BNC, xt_BNC, t_BN)]
            return self.answer(*flat).unflatten(0, (3, 1))

        def answer(self, x_BC, xt_BC, t_B):
            return schedule.target(target, x_BC, schedule.eps(x_BC, xt_BC, t_B), t_B)

        def next(self, x_BNC, xt_BC, t_B, seen=True):
            return self.answer(x[:, 1], xt_BC, t_B)

    model = Knows()
    loss = denoising_loss(model, x, schedule, torch.Generator().manual_seed(1), target=target)
    assert seen["loss"] and loss == pytest.approx(0, abs=1e-6)
    if target != "x0":
        assert denoising_loss(model, x, schedule, torch.Generator().manual_seed(1)) > 0.1
    spacing = "leading" if target == "eps" else "trailing"
    run = lambda knobs: film_of(Cleaned(model, target, schedule), x[:, :1], torch.Generator(), knobs)  # noqa: E731
    assert torch.allclose(run(Knobs(spacing=spacing)).guess_SBC[-1], x[:, 1], atol=1e-3)
    if target == "eps":
        with pytest.raises(BadInput, match="noise alone"):
            run(Knobs())
