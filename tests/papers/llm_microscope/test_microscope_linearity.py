"""Linearity, Procrustes and token nonlinearity: laws, oracles, and the values that chance gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from labkit.base.errors import BadInput
from labkit.papers.llm_microscope.method.linearity import (
    chance_score,
    fit_linear,
    linearity,
    linearity_by_channel,
    procrustes_score,
    whitened_score,
)
from labkit.papers.llm_microscope.method.nonlinearity import fit_steps, nonlinearity


def cloud(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_linear_images_score_one_and_the_score_does_not_see_shifts_scales_or_maps_of_x() -> None:
    x, y = cloud(300, 12), cloud(300, 12, 1)
    q = cloud(12, 12, 2)
    for image in (x, 3 * x + 5, x @ q):
        assert linearity(x, image) == pytest.approx(1.0, abs=1e-9)
    plain = linearity(x, y)
    for other in (linearity(x @ q, y), linearity(7 * x - 2, y), linearity(x, -0.1 * y + 4)):
        assert other == pytest.approx(plain, abs=1e-9)
    assert 0 <= plain <= 1


def test_it_is_the_pooled_r_squared_of_least_squares_with_intercept() -> None:
    x, y = cloud(200, 8), cloud(200, 5, 1) + cloud(200, 8) @ cloud(8, 5, 3)
    design = np.column_stack([np.ones(200), x.numpy()])
    left = y.numpy() - design @ np.linalg.lstsq(design, y.numpy(), rcond=None)[0]
    r2 = 1 - (left**2).sum() / ((y.numpy() - y.numpy().mean(0)) ** 2).sum()
    assert linearity(x, y) == pytest.approx(r2, abs=1e-9)


def test_two_unrelated_clouds_score_the_width_over_the_tokens() -> None:
    for tokens, expected in ((200, 0.3216), (2000, 0.0320)):
        assert chance_score(tokens, 64) == pytest.approx(expected, abs=1e-4)
        found = np.mean([linearity(cloud(tokens, 64, s), cloud(tokens, 64, 100 + s)) for s in range(6)])
        assert found == pytest.approx(expected, rel=0.05)
    assert linearity(cloud(2000, 64), cloud(2000, 64, 9), held_out=True) < 0.0
    assert linearity(cloud(65, 64), cloud(65, 64, 9)) == pytest.approx(1.0)  # as many tokens as numbers to fit


def test_the_residual_hides_what_the_block_adds() -> None:
    x = cloud(2000, 64)
    g = cloud(2000, 64, 5)  # knows nothing of x
    for eps, expected in ((1.0, 0.516), (0.3, 0.92), (0.1, 0.990), (0.03, 0.9991)):
        y = x + eps * g
        assert linearity(x, y) == pytest.approx(expected, abs=0.01)
        assert linearity(x, y, residual=False) == pytest.approx(chance_score(2000, 64), abs=0.01)


def test_the_residual_hides_a_block_that_is_a_function_of_its_input() -> None:
    x = cloud(2000, 64)
    g = (0.555 / 2) ** 0.5 * (x.square() - 1)  # of x, yet uncorrelated with all that is linear in x
    for eps, expected in ((1.0, 0.653), (0.3, 0.954), (0.1, 0.995), (0.03, 0.9995)):
        assert linearity(x, x + eps * g) == pytest.approx(expected, abs=0.006)
        assert linearity(x, x + eps * g, residual=False) == pytest.approx(chance_score(2000, 64), abs=0.01)


def test_an_orthogonal_map_never_beats_a_free_one() -> None:
    for seed in range(5):
        x, y = cloud(150, 10, seed), cloud(150, 10, seed) @ cloud(10, 10, 50 + seed) + cloud(150, 10, 90 + seed)
        assert 0 <= procrustes_score(x, y) <= linearity(x, y) + 1e-12
    turn = torch.linalg.qr(cloud(10, 10, 3)).Q
    assert procrustes_score(x, 3 * x @ turn + 1) == pytest.approx(1.0, abs=1e-9)


def test_channel_by_channel_and_with_all_directions_alike() -> None:
    x = cloud(200, 8)
    y = (x @ cloud(8, 5, 3) + cloud(200, 5, 1)) * torch.tensor([1.0, 50.0, 1.0, 1.0, 0.0])
    by_channel, spread = linearity_by_channel(x, y), (y - y.mean(0)).square().sum(0)
    assert float((by_channel * spread).sum() / spread.sum()) == pytest.approx(linearity(x, y), abs=1e-9)
    alone = [linearity(x, y[:, [channel]]) for channel in range(4)]
    assert by_channel.tolist() == pytest.approx([*alone, 1.0], abs=1e-9)
    u = torch.linalg.svd(y[:, :4] - y[:, :4].mean(0), full_matrices=False).U
    assert whitened_score(x, y) == pytest.approx(linearity(x, u), abs=1e-9)
    assert whitened_score(x, y[:, :4] @ cloud(4, 4, 7) + 2) == pytest.approx(whitened_score(x, y), abs=1e-9)


def test_a_cloud_of_lower_rank_is_fitted_and_ridge_only_costs() -> None:
    thin = cloud(100, 3) @ cloud(3, 16, 1)
    y = cloud(100, 16, 2)
    assert np.isfinite(linearity(thin, y))
    assert linearity(thin.float(), y) == pytest.approx(linearity(cloud(100, 3), y), abs=1e-4)
    assert linearity(thin, y, ridge=0.1) < linearity(thin, y)


@pytest.mark.parametrize(
    ("x", "y", "word"),
    [
        (torch.ones(5, 3), torch.randn(5, 3), "alike"),
        (torch.full((5, 3), torch.nan), torch.randn(5, 3), "finite"),
        (torch.randn(5, 3), torch.randn(4, 3), "shape"),
        (torch.randn(1, 3), torch.randn(1, 3), "shape"),
    ],
)
def test_states_that_cannot_be_fitted_are_named(x: torch.Tensor, y: torch.Tensor, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        fit_linear(x, y)


def test_squared_token_errors_add_up_to_what_the_score_leaves() -> None:
    h = torch.stack([cloud(120, 6), cloud(120, 6) @ cloud(6, 6, 4) + 0.5 * cloud(120, 6, 5), cloud(120, 6, 6)])
    raw = nonlinearity(h, fit_steps(h))
    for step in range(2):
        assert float(raw[step].square().sum()) == pytest.approx(1 - linearity(h[step], h[step + 1]), abs=1e-9)
    relative, robust = (nonlinearity(h, fit_steps(h), form) for form in ("relative", "robust"))
    added = (h[1:] - h[:-1]).norm(dim=-1)
    spread = (h[1:] - h[1:].mean(1, keepdim=True)).flatten(1).norm(dim=1)
    assert torch.allclose(relative * added, raw * spread[:, None])
    assert float(robust.median(dim=1).values.abs().max()) < 0.1
    with pytest.raises(BadInput, match="exactly"):
        fit_steps(h[:, :7])
