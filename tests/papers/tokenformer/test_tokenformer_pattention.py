"""The layer: what it is, what it does not see, and which Θ leaves the others alone when a zero key is appended."""

import math

import pytest
import torch
import torch.nn.functional as F

from labkit.base.errors import BadInput, UnknownName
from labkit.papers.tokenformer.method import THETAS, Pattention
from labkit.papers.tokenformer.method.theta import l2_gelu


def layer(tokens=48, theta="l2-gelu", eps=0.0, dtype=torch.float64, scale=None):
    made = Pattention(16, 24, tokens, theta=theta, eps=eps, scale_tokens=scale).to(dtype)
    made.initialise(torch.Generator().manual_seed(1), 0.02)
    return made


def x(dtype=torch.float64):
    return torch.randn(2, 5, 16, dtype=dtype, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_it_is_a_two_layer_mlp_with_a_normed_hidden_layer(dtype, tolerance):
    made = layer(dtype=dtype)
    hidden = F.rms_norm(x(dtype) @ made.keys.T, (48,), eps=0.0)
    torch.testing.assert_close(made(x(dtype)), F.gelu(hidden) @ made.values, rtol=tolerance, atol=tolerance)


def test_before_gelu_each_row_has_length_tau():
    scores = torch.randn(7, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    normed = THETAS["l2"](scores, 30.0, 0.0)
    torch.testing.assert_close(normed.norm(dim=-1), torch.full((7,), math.sqrt(30), dtype=torch.float64))
    torch.testing.assert_close(normed.square().mean(-1), torch.ones(7, dtype=torch.float64))


@pytest.mark.parametrize("factor", [1e-2, 7.0])
def test_the_length_of_the_input_and_of_the_keys_does_not_matter(factor):
    made = layer()
    before = made(x())
    torch.testing.assert_close(made(factor * x()), before)
    with torch.no_grad():
        made.keys.mul_(factor)
    torch.testing.assert_close(made(x()), before)


def test_the_order_of_tokens_does_not_matter():
    made, order = layer(), torch.randperm(48, generator=torch.Generator().manual_seed(4))
    before = made(x())
    with torch.no_grad():
        made.keys.copy_(made.keys[order].clone())
        made.values.copy_(made.values[order].clone())
    torch.testing.assert_close(made(x()), before)


def test_rows_of_softmax_add_up_to_one_and_of_softmax_n_to_n():
    for theta, total in (("softmax", 1.0), ("softmax-n", 48.0)):
        sums = layer(theta=theta).usage(x()).sum(-1)
        torch.testing.assert_close(sums, torch.full_like(sums, total))


def appended(theta, scale):
    """Return how much the output changes, relative, when one zero key with a random value is appended."""
    small = layer(theta=theta, scale=48.0)
    large = layer(49, theta=theta, scale=scale)
    with torch.no_grad():
        large.keys[:48], large.keys[48:] = small.keys, 0.0
        large.values[:48] = small.values
    with torch.no_grad():
        return float((large(x()) - small(x())).norm() / small(x()).norm())


@pytest.mark.parametrize("theta", ["l2-gelu", "gelu-l2", "gelu-l1", "gelu", "l2", "relu", "identity"])
def test_a_zero_key_changes_nothing_when_tau_is_fixed(theta):
    assert appended(theta, 48.0) < 1e-14


@pytest.mark.parametrize("theta", ["softmax", "softmax-n"])
def test_softmax_gives_the_new_token_a_share(theta):
    assert appended(theta, 48.0) > 1e-3


@pytest.mark.parametrize("theta", ["l2-gelu", "gelu-l2", "gelu-l1", "l2"])
def test_a_live_tau_changes_the_others(theta):
    assert appended(theta, None) > 1e-3


@pytest.mark.parametrize("theta", ["gelu", "relu", "identity"])
def test_without_a_scale_there_is_no_tau_to_follow(theta):
    assert appended(theta, None) < 1e-14


def test_an_eps_inside_the_mean_would_not_be_exact():
    scores = torch.randn(3, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(5)) * 0.05
    longer = torch.cat((scores, torch.zeros(3, 48, dtype=torch.float64)), dim=-1)
    inside = [F.gelu((48 / a.shape[-1]) ** 0.5 * F.rms_norm(a, a.shape[-1:], eps=1e-5)) for a in (scores, longer)]
    assert (inside[1][:, :48] - inside[0]).abs().max() > 1e-6
    torch.testing.assert_close(l2_gelu(longer, 48.0, 1e-5)[:, :48], l2_gelu(scores, 48.0, 1e-5), rtol=0, atol=1e-15)


def test_the_jacobian_is_that_of_appendix_a():
    n, scores = 6, torch.randn(6, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    found = torch.autograd.functional.jacobian(lambda a: l2_gelu(a, float(n), 0.0), scores)
    z = (math.sqrt(n) * scores / scores.norm()).requires_grad_()
    (slope,) = torch.autograd.grad(F.gelu(z).sum(), z)
    inner = n * torch.eye(n, dtype=torch.float64) - torch.outer(z, z)
    torch.testing.assert_close(found, (slope[:, None] * inner / (math.sqrt(n) * scores.norm())).detach())


def test_a_row_of_zero_scores_gives_zero_not_nan():
    made = layer(eps=1e-12)
    assert made(torch.zeros(1, 1, 16, dtype=torch.float64)).abs().max() == 0


def test_bad_layers_are_refused():
    with pytest.raises(UnknownName, match="l2-gelu"):
        Pattention(4, 4, 4, theta="l2_gelu")
    for tokens in (0, -1, 2.0, True):
        with pytest.raises(BadInput, match="parameter tokens"):
            Pattention(4, 4, tokens)
    with pytest.raises(BadInput, match="scale"):
        Pattention(4, 4, 4, scale_tokens=0)
