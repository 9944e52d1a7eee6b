"""TwoNN and anisotropy on clouds whose dimension is known."""

from __future__ import annotations

import pytest
import torch

from labkit.base.errors import BadInput, UnknownName
from labkit.papers.llm_microscope.method.dimension import anisotropy, anisotropy_by_power, distinct, two_nn


def ball(n: int, d: int, width: int = 64, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    points = torch.zeros(n, width, dtype=torch.float64)
    points[:, :d] = torch.randn(n, d, generator=generator, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(width, width, generator=generator, dtype=torch.float64)).Q
    return points @ turn


@pytest.mark.parametrize("rule", ["facco", "released", "mle"])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_low_dimensions_are_found_within_a_tenth(rule: str, d: int) -> None:
    assert two_nn(ball(1500, d), rule=rule) == pytest.approx(d, rel=0.12 if rule == "released" else 0.1)


def test_high_dimensions_are_underestimated_as_is_known() -> None:
    assert 8.3 < two_nn(ball(1500, 10), rule="mle") < 10.3
    assert 15 < two_nn(ball(1500, 20), rule="mle") < 18.5
    assert 8.3 < two_nn(ball(1500, 10), rule="released") < 10.9
    assert 14.5 < two_nn(ball(1500, 20), rule="released") < 18.5


def test_it_does_not_see_turns_shifts_scales_or_empty_channels() -> None:
    x = ball(400, 4)
    wide = torch.cat((5 * x - 3, torch.zeros(400, 7)), dim=1)
    assert two_nn(wide) == pytest.approx(two_nn(x), rel=1e-6)


def test_repeated_points_change_nothing() -> None:
    x = ball(600, 5)
    doubled = torch.cat((x, x[:300], x[:100]))
    assert torch.equal(distinct(doubled), x)
    for rule in ("facco", "released", "mle"):
        assert two_nn(doubled, rule=rule) == pytest.approx(two_nn(x, rule=rule), abs=1e-12)


def test_the_two_rules_by_their_definition() -> None:
    x = ball(300, 3)
    nearest = torch.cdist(x, x).topk(3, largest=False).values
    mu = (nearest[:, 2] / nearest[:, 1]).sort().values.log()
    for rule, kept in (("released", 60), ("facco", 270)):
        y = -torch.log(1 - torch.arange(1, kept + 1) / 300)
        assert two_nn(x, rule=rule) == pytest.approx(float((mu[:kept] * y).sum() / mu[:kept].square().sum()), rel=1e-6)


def test_anisotropy_of_a_line_a_ball_and_by_power() -> None:
    line = torch.arange(50.0)[:, None] * torch.ones(1, 8)
    assert anisotropy(line) == pytest.approx(1.0)
    assert anisotropy(ball(20_000, 64)) == pytest.approx(1 / 64, rel=0.2)
    x = ball(800, 10) * torch.linspace(3, 1, 64)
    assert anisotropy_by_power(x) == pytest.approx(anisotropy(x), abs=1e-4)


def test_clouds_without_a_dimension_are_refused() -> None:
    with pytest.raises(BadInput, match="different points"):
        two_nn(torch.ones(100, 3))
    with pytest.raises(BadInput, match="finite"):
        two_nn(torch.full((100, 3), torch.nan))
    with pytest.raises(BadInput, match="spread"):
        anisotropy(torch.ones(10, 3))
    with pytest.raises(UnknownName):
        two_nn(ball(50, 2), rule="official")
