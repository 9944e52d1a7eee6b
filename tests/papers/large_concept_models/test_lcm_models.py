"""Base, One-Tower, Two-Tower and Quant-LCM: who sees what, and that training and sampling see the same."""

from itertools import pairwise

import pytest
import torch

from labkit.base.errors import BadInput, UnknownName
from labkit.papers.large_concept_models.method.losses import denoising_loss, draw_steps
from labkit.papers.large_concept_models.method.models import ConceptConfig
from labkit.papers.large_concept_models.method.quantise import Books, QuantLCM, fit_books, read_again
from labkit.papers.large_concept_models.method.schedule import Schedule

SMALL = {"concept": 8, "width": 16, "depth": 3, "heads": 2, "ffn": 24}
B, N, C = 3, 5, 8


def made(kind, seed=0):
    """Return a small model none of whose weights is 0, so that whatever can be seen shows."""
    model = ConceptConfig(kind=kind, **SMALL).build(seed)
    g = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=g)
    return model.eval()


@pytest.fixture
def texts():
    g = torch.Generator().manual_seed(7)
    x, xt = torch.randn(B, N, C, generator=g), torch.randn(B, N, C, generator=g)
    return x, xt, torch.randint(0, 100, (B, N), generator=g)


def changed(answer, other):
    """Return which positions moved [N]."""
    return (answer - other).abs().amax(dim=(0, 2)) > 1e-5


def test_base_is_causal(texts):
    x, model = texts[0], made("base")
    y = x.clone()
    y[:, 2] += 1
    assert changed(model(x), model(y)).tolist() == [False, False, True, True, True]


@pytest.mark.parametrize("kind", ["one-tower", "two-tower"])
def test_a_denoiser_sees_earlier_clean_concepts_and_its_own_noisy_one(kind, texts):
    x, xt, t = texts
    model = made(kind)
    answer = model.all_at_once(x, xt, t)
    clean, noisy, time = x.clone(), xt.clone(), t.clone()
    clean[:, 2] += 1
    assert changed(answer, model.all_at_once(clean, xt, t)).tolist() == [False, False, False, True, True]
    clean[:, 0] += 1  # the first position sees nothing but its own noise
    assert changed(answer, model.all_at_once(clean, xt, t)).tolist() == [False, True, True, True, True]
    noisy[:, 2] += 1
    assert changed(answer, model.all_at_once(x, noisy, t)).tolist() == [False, False, True, False, False]
    time[:, 2] = (time[:, 2] + 50) % 100
    assert changed(answer, model.all_at_once(x, xt, time)).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("kind", ["one-tower", "two-tower"])
def test_training_and_sampling_agree(kind, texts):
    x, xt, t = texts
    model = made(kind)
    answer = model.all_at_once(x, xt, t)
    assert torch.allclose(model.all_at_once(x, xt, t, start=2), answer[:, 2:], atol=1e-5)
    for n in range(1, N):
        assert torch.allclose(model.next(x[:, :n], xt[:, n], t[:, n]), answer[:, n], atol=1e-5)


@pytest.mark.parametrize("kind", ["one-tower", "two-tower"])
def test_a_dropped_context_is_no_context(kind, texts):
    x, xt, t = texts
    model, drop = made(kind), torch.zeros(B, N, dtype=torch.bool)
    drop[:, 3] = True
    answer = model.all_at_once(x, xt, t, drop)
    assert torch.allclose(answer[:, 3], model.next(x[:, :3], xt[:, 3], t[:, 3], seen=False), atol=1e-5)
    assert torch.allclose(answer[:, 2], model.all_at_once(x, xt, t)[:, 2], atol=1e-5)
    other = model.next(torch.randn(B, 3, C), xt[:, 3], t[:, 3], seen=False)
    assert torch.allclose(answer[:, 3], other, atol=1e-5)
    if kind == "two-tower":  # the same as a text that is only beginning
        assert torch.allclose(other, model.next(x[:, :0], xt[:, 3], t[:, 3]), atol=1e-5)


def test_two_tower_blocks_do_nothing_at_first(texts):
    x, xt, t = texts
    model = ConceptConfig(kind="two-tower", **SMALL).build(0).eval()
    answer = model.all_at_once(x, xt, t)
    assert torch.allclose(answer, model.all_at_once(x + 1, xt, (t + 31) % 100), atol=1e-6)
    assert not torch.allclose(answer, model.all_at_once(x, xt + 1, t), atol=1e-3)


def test_weights_come_from_the_seed_alone():
    state = torch.random.get_rng_state()
    a, b, c = (ConceptConfig(kind="two-tower", **SMALL).build(seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters()))
    assert not all(torch.equal(p, q) for p, q in zip(a.parameters(), c.parameters()))


def test_the_loss_of_a_denoiser(texts):
    model, schedule = made("two-tower"), Schedule()
    run = lambda **k: denoising_loss(model, texts[0], schedule, torch.Generator().manual_seed(3), **k)  # noqa: E731
    assert torch.equal(run(), run()) and run().dim() == 0
    assert not torch.equal(run(drop=0.0), run(drop=0.9))
    assert not torch.equal(run(), run(clamp=(0.001, 5.0)))
    steps = draw_steps((20000,), 100, 0.4, torch.Generator().manual_seed(0))
    assert steps.min() == 0 and steps.max() == 99
    assert (steps >= 55).float().mean() == pytest.approx(0.4 + 0.6 * 0.45, abs=0.02)


def test_minimising_the_squared_error_gives_the_mean_of_the_futures():
    """The least error of one guess for two equal points is at their middle: a fact about MSE, not about a network."""
    points = torch.tensor([[1.0, 3.0], [5.0, -1.0]])
    guess = torch.zeros(2, requires_grad=True)
    for _ in range(200):
        loss = ((guess - points) ** 2).mean()
        (gradient,) = torch.autograd.grad(loss, guess)
        guess = (guess - 0.5 * gradient).detach().requires_grad_()
    assert torch.allclose(guess, points.mean(0), atol=1e-4)


@pytest.fixture(scope="module")
def books():
    g = torch.Generator().manual_seed(5)
    x = torch.randn(400, C, generator=g)
    return x, fit_books(x, books=4, units=16, generator=g)


def test_more_books_leave_less_over(books):
    x, fitted = books
    codes = fitted.quantise(x)
    errors = [float((x - fitted.sum_of(codes, k)).pow(2).mean()) for k in range(5)]
    assert all(after <= before for before, after in pairwise(errors)) and errors[4] < 0.5 * errors[0]
    total = sum(fitted.entries_KUC[k][codes[:, k]] for k in range(4))
    assert torch.allclose(fitted.sum_of(codes), total, atol=1e-6)
    assert 0 < read_again(fitted, x) < 1  # the residuals of a sum need not be those of the concept
    assert read_again(Books(fitted.entries_KUC[:1]), x) == 1  # with one book they are


@pytest.mark.parametrize("discrete", [True, False])
def test_quant_begins_at_zero_and_an_oracle_reaches_the_quantised_concept(books, discrete, monkeypatch):
    x, fitted = books
    model = QuantLCM.build(ConceptConfig(kind="one-tower", **SMALL), fitted, discrete).eval()
    wanted, sums = fitted.quantise(x[:6]), []

    def oracle(context, so_far, book, guidance=1.0, beta=1.0):
        sums.append(so_far)
        return torch.nn.functional.one_hot(wanted[:, book], 16).float()

    monkeypatch.setattr(model, "unit_logits", oracle)
    got = model.sample(torch.randn(6, 2, C), torch.Generator(), temperature=0.0)
    assert (sums[0] == 0).all()
    assert torch.allclose(got, fitted.sum_of(wanted), atol=1e-6)


def test_quant_training_and_sampling_agree(books):
    x, fitted = books
    context, so_far = x[:6].view(3, 2, C), x[6:12].view(3, 2, C)
    for discrete in (True, False):
        model = QuantLCM.build(ConceptConfig(kind="one-tower", **SMALL), fitted, discrete).eval()
        book = torch.full((3, 2), 2)
        whole = model(context, so_far, book)[:, 1]
        logits = model.unit_logits(context[:, :1], so_far[:, 1], 2)
        wanted = whole if discrete else -torch.cdist(whole - so_far[:, 1], fitted.entries_KUC[2]).pow(2)
        assert torch.allclose(logits, wanted, atol=1e-4)
        assert model.loss(context, torch.Generator().manual_seed(0)).dim() == 0
        one = model.sample(context, torch.Generator().manual_seed(0), top_k=1)
        assert torch.equal(one, model.sample(context, torch.Generator().manual_seed(9), temperature=0.0))


def test_bad_input_is_named(books):
    model = made("base")
    with pytest.raises(BadInput, match="shape"):
        model(torch.zeros(2, 0, C))
    with pytest.raises(BadInput, match="codec"):
        model(torch.zeros(2, 3, C + 1))
    with pytest.raises(UnknownName, match="three-tower"):
        ConceptConfig(kind="three-tower").build()
    with pytest.raises(BadInput, match="units"):
        fit_books(torch.zeros(3, 2), 2, 4, torch.Generator())
