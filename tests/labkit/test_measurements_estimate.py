"""Intervals: against published tables, against their own promise of coverage, and recomputable from what they keep."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from labkit.base.errors import BadInput, UnknownName
from labkit.measurements import Estimate, mean_over, proportion
from labkit.measurements.estimate import bootstrap_interval, student_interval, wilson_interval
from labkit.measurements.ranks import ranks, spearman


@pytest.mark.parametrize(
    ("n", "t"), [(2, 12.706), (3, 4.303), (4, 3.182), (5, 2.776), (6, 2.571), (10, 2.262), (30, 2.045), (121, 1.980)]
)
def test_student_quantiles_are_those_of_the_printed_table(n, t):
    values = np.arange(n, dtype=float)
    low, high = student_interval(values)
    assert (high - low) / 2 / (values.std(ddof=1) / math.sqrt(n)) == pytest.approx(t, abs=6e-4)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"), [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)]
)
def test_wilson_gives_newcombes_printed_intervals(right, n, low, high):
    assert wilson_interval(right, n) == pytest.approx((low, high), abs=5e-5)  # Newcombe 1998, Table I, method 3


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_intervals_and_ranks_are_those_of_scipy(level):
    random = np.random.default_rng(17)
    for n in (2, 3, 4, 5, 8, 31, 200):
        values = np.round(random.normal(3, 2, n), 1)  # with ties
        theirs = stats.t.interval(level, n - 1, loc=values.mean(), scale=stats.sem(values))
        assert student_interval(values, level=level) == pytest.approx(theirs, rel=1e-9)
        for right in {0, 1, n // 2, n}:
            theirs = stats.binomtest(right, n).proportion_ci(level, method="wilson")
            assert wilson_interval(right, n, level=level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
        assert ranks(values) + 1 == pytest.approx(stats.rankdata(values))
        other = values + np.round(random.normal(0, 2, n), 1)
        if n > 3:
            assert spearman(values, other).value == pytest.approx(stats.spearmanr(values, other).statistic, abs=1e-11)


@pytest.mark.parametrize("n", [12, 60])
def test_the_bootstrap_is_scipys_up_to_the_draws(n):
    values = np.random.default_rng(n).exponential(2, n)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", random_state=1)
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert bootstrap_interval(values) == pytest.approx(tuple(theirs.confidence_interval), abs=0.06 * width)


def test_wilson_is_symmetric_and_stays_inside():
    for n in (1, 7, 40):
        for right in range(n + 1):
            low, high = wilson_interval(right, n)
            other = wilson_interval(n - right, n)
            assert 0 <= low <= right / n <= high <= 1
            assert (low, high) == pytest.approx((1 - other[1], 1 - other[0]))


@pytest.mark.parametrize(("method", "n", "least", "most"), [("bootstrap", 40, 0.90, 0.97), ("t", 5, 0.93, 0.97)])
def test_intervals_cover_the_truth_about_as_often_as_they_say(method, n, least, most):
    random = np.random.default_rng(3)
    inside = 0
    for seed in range(600):
        estimate = mean_over(random.normal(2.0, 1.0, n), method=method, seed=seed)
        inside += estimate.low <= 2.0 <= estimate.high
    assert least <= inside / 600 <= most


def test_the_bootstrap_is_the_percentiles_of_resampled_weighted_means():
    values, weights = np.array([1.0, 2.0, 4.0, 8.0, 3.0]), np.array([5.0, 1.0, 2.0, 2.0, 9.0])
    random = np.random.default_rng(11)
    counts = random.multinomial(5, np.full(5, 0.2), size=2000)
    by_hand = [np.average(np.repeat(values, row), weights=np.repeat(weights, row)) for row in counts]
    assert bootstrap_interval(values, weights, seed=11) == pytest.approx(tuple(np.quantile(by_hand, [0.025, 0.975])))


def test_many_columns_are_resampled_together_as_one_would_be_alone():
    columns = np.random.default_rng(0).normal(size=(30, 4))
    weights = np.arange(1.0, 31.0)
    low, high = bootstrap_interval(columns, weights, seed=5)
    for column in range(4):
        assert (low[column], high[column]) == pytest.approx(bootstrap_interval(columns[:, column], weights, seed=5))


def test_the_interval_does_not_depend_on_how_much_is_drawn_at_once(monkeypatch):
    values = np.random.default_rng(0).normal(size=50)
    whole = bootstrap_interval(values)
    monkeypatch.setattr("labkit.measurements.estimate._CHUNK", 333)
    assert bootstrap_interval(values) == whole


def test_a_seed_decides_the_draw_and_the_global_generator_is_left_alone():
    values = np.random.default_rng(0).normal(size=25)
    np.random.seed(4)
    before = np.random.get_state()[1].copy()
    assert mean_over(values, seed=1) == mean_over(values, seed=1)
    assert mean_over(values, seed=1).low != mean_over(values, seed=2).low
    assert (np.random.get_state()[1] == before).all()


def test_everything_can_be_recomputed_from_what_is_kept():
    estimate = mean_over([2.0, 3.0, 7.0], weights=[10, 20, 5], seed=3, name="loss", unit="nats/token")
    stored = json.loads(json.dumps(estimate.as_dict()))
    again = mean_over(stored["per_unit"], weights=stored["weights"], seed=3)
    assert (again.value, again.low, again.high) == (stored["value"], stored["low"], stored["high"])
    assert estimate.value == pytest.approx((20 + 60 + 35) / 35)


def test_one_unit_gives_a_value_and_no_interval():
    estimate = mean_over([4.0])
    assert estimate.value == 4.0 and math.isnan(estimate.low) and math.isnan(estimate.high)
    assert not estimate.excludes(0.0)
    assert estimate.as_dict()["low"] is None
    assert "no interval" in estimate.table()


def test_a_value_that_overflowed_has_no_interval_and_spoils_no_other_column():
    columns = np.random.default_rng(0).normal(size=(30, 2))
    alone = bootstrap_interval(columns[:, 1])
    columns[3, 0] = np.inf
    low, high = bootstrap_interval(columns)
    assert math.isnan(low[0]) and math.isnan(high[0]) and (low[1], high[1]) == pytest.approx(alone)
    estimate = mean_over(columns[:, 0])
    assert estimate.value == math.inf and math.isnan(estimate.low) and not estimate.excludes(0)
    assert "no interval" in str(estimate) and estimate.as_dict()["value"] is None


def test_an_estimate_reads_as_a_sentence_and_knows_what_it_excludes():
    share = proportion([1, 1, 0, 1, 0.5], null=0.25, name="choice accuracy")
    assert share.value == 0.7 and share.n == 5
    assert str(share) == "choice accuracy 0.7 share (95% interval 0.2988 to 0.9274 over 5 questions, null 0.25)"
    assert share.excludes(0.25) and not share.excludes(0.5) and share.excludes(0.95)
    assert isinstance(share, Estimate)


def test_bad_input_is_told_apart():
    with pytest.raises(BadInput, match="mean over documents was asked of nothing"):
        mean_over([])
    with pytest.raises(BadInput, match="3 values over documents came with 2 weights"):
        mean_over([1, 2, 3], weights=[1, 2])
    with pytest.raises(BadInput, match="weights"):
        mean_over([1, 2], weights=[1, 0])
    with pytest.raises(BadInput, match="takes no weights"):
        mean_over([1, 2], weights=[1, 2], method="t")
    with pytest.raises(UnknownName, match="bootstrap"):
        mean_over([1, 2], method="bootsrap")
    with pytest.raises(BadInput, match="share"):
        proportion([0.5, 1.5])
