"""Correlations against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from labkit.base.errors import BadInput
from labkit.papers.llm_microscope.method.association import partial_correlation, pearson, ranked

R = np.random.default_rng(0)


def test_pearson_is_numpys() -> None:
    x, y = R.normal(size=50), R.normal(size=50)
    assert pearson(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)


def test_ranks_share_ties() -> None:
    assert ranked([3, 1, 3, 2]).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_a_shared_cause_is_taken_out() -> None:
    cause = R.normal(size=4000)
    x, y = cause + R.normal(size=4000), cause + R.normal(size=4000)
    assert pearson(x, y) > 0.45
    assert abs(partial_correlation(x, y, [cause])) < 0.05
    a, b, c = (pearson(*pair) for pair in ((x, y), (x, cause), (y, cause)))
    assert partial_correlation(x, y, [cause]) == pytest.approx((a - b * c) / np.sqrt((1 - b**2) * (1 - c**2)), abs=1e-8)


@pytest.mark.parametrize("pair", [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, np.nan], [1, 2, 3])])
def test_what_has_no_correlation_is_refused(pair) -> None:
    with pytest.raises(BadInput):
        pearson(*pair)
