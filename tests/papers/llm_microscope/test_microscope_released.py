"""Agreement with the functions that the authors released, by numbers that they gave on clouds anyone can write down.

The numbers are what `procrustes_similarity`, `procrustes_similarity_centered`, `intrinsic_dimension` and
`calculate_anisotropy_torch` of the repository's notebook return in float64 on the two clouds below.
"""

from __future__ import annotations

import pytest
import torch
from families import ids_of, make

from labkit.papers.llm_microscope.method.dimension import anisotropy, anisotropy_by_power, two_nn
from labkit.papers.llm_microscope.method.lens import logit_lens
from labkit.papers.llm_microscope.method.linearity import linearity


def wave(n: int, d: int, a: float, b: float) -> torch.Tensor:
    """Return n points in d dimensions, without any random number."""
    i = torch.arange(1, n + 1, dtype=torch.float64)[:, None]
    j = torch.arange(1, d + 1, dtype=torch.float64)[None]
    return torch.sin(a * i * j + b * j * j) + 0.5 * torch.cos(0.37 * i + j * b)


X = wave(400, 12, 0.731, 0.4)
Y = 0.8 * X + 0.3 * wave(400, 12, 1.113, 0.9) ** 3


def test_linearity_with_and_without_residual() -> None:
    assert linearity(X, Y) == pytest.approx(0.8381923578482505, abs=1e-6)
    assert linearity(X, Y, residual=False) == pytest.approx(0.3615097742093947, abs=1e-6)


def test_intrinsic_dimension_by_the_lowest_fifth() -> None:
    assert two_nn(X, rule="released") == pytest.approx(5.429138273910968, abs=1e-6)
    assert two_nn(Y, rule="released") == pytest.approx(6.348295761216798, abs=1e-6)


def test_anisotropy_exactly_and_by_power_iteration() -> None:
    assert anisotropy(X) == pytest.approx(0.18831658969502843, abs=1e-6)
    assert anisotropy(Y) == pytest.approx(0.20392902093303422, abs=1e-6)
    assert anisotropy_by_power(Y) == pytest.approx(0.20392902093303428, abs=1e-6)


def test_the_lens_without_the_norm_has_the_released_predictions_and_losses() -> None:
    model, ids = make("llama"), ids_of(9)[0]
    with torch.no_grad():  # the released `logit_lens`: the head on raw states, the cost of its own arg-max token
        levels = [
            model.lm_head(h)[0, :-1].softmax(-1) for h in model(ids[None], output_hidden_states=True).hidden_states
        ]
    lens = logit_lens(model, ids, norm=False)
    for level, p_LV in enumerate(levels):
        assert torch.equal(lens.top[level, :-1, 0], p_LV.argmax(-1))
        assert torch.allclose(lens.confidence[level], -p_LV.max(-1).values.log(), atol=1e-6)
