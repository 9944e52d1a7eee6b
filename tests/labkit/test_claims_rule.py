"""The verdict rule against the table of the design, case by case and over a whole grid."""

import math
from itertools import product

import pytest

from labkit.base.errors import BadInput, UnknownName
from labkit.claims.rule import VERDICTS, exactness, verdict


def word(value, low, high, *, n=100, null=0.0, direction="above", delta=0.1, paper=1.0, needed=5):
    return verdict(
        value=value, low=low, high=high, n=n, null=null, direction=direction, delta=delta, paper=paper, needed=needed
    ).word


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.8, 0.7, 0.9), "reproduced"),
        ((0.5, 0.4, 0.6), "reproduced"),  # exactly half the paper's effect is enough
        ((0.4999, 0.4, 0.6), "direction"),
        ((0.2, 0.0001, 0.4), "direction"),
        ((0.2, 0.0, 0.4), "unresolved"),  # touching the null does not exclude it
        ((0.05, 0.0, 0.1), "absent here"),  # touching the margin is still within it
        ((0.0, -0.1, 0.1), "absent here"),
        ((0.0, -0.1001, 0.1), "unresolved"),
        ((-0.05, -0.08, -0.02), "absent here"),  # the other side, but all of it too small to matter
        ((-0.2, -0.4, -0.0001), "contradicted"),
        ((-0.2, -0.4, 0.0), "unresolved"),
        ((0.05, 0.02, 0.08), "absent here"),  # the first line that applies: its sign is sure, and it is nothing
    ],
)
def test_the_table_line_by_line(interval, expected):
    assert word(*interval) == expected


def oracle(value, low, high, null, direction, delta, paper):
    """The table, read once more, without the shortcuts: every line that applies, then the first."""
    if direction == "above":
        same, other = low > null, high < null
    else:
        same, other = high < null, low > null
    enough = paper is not None and abs(value - null) >= abs(paper - null) / 2
    lines = {
        "absent here": null - delta <= low and high <= null + delta,
        "reproduced": same and enough,
        "direction": same and not enough,
        "contradicted": other,
    }
    return next((name for name, applies in lines.items() if applies), "unresolved")


def test_the_whole_grid_agrees_with_the_table_and_meets_every_line():
    grid = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
    seen = set()
    for low, value, high in product(grid, repeat=3):
        if not low <= value <= high:
            continue
        for null, delta, direction in product((-1.0, 0.0, 1.0), (0.0, 0.5, 1.0), ("above", "below")):
            for effect in (None, 0.5, 1.0, 3.0):
                paper = None if effect is None else null + (effect if direction == "above" else -effect)
                case = {"null": null, "direction": direction, "delta": delta, "paper": paper}
                expected = oracle(value, low, high, **case)
                assert word(value, low, high, **case) == expected, (low, value, high, case)
                seen.add(expected)
    assert seen == {"reproduced", "direction", "absent here", "contradicted", "unresolved"}


def test_mirroring_shifting_and_scaling_change_no_verdict():
    for value, low, high in [(0.8, 0.7, 0.9), (0.2, 0.1, 0.4), (0, -0.05, 0.1), (-1, -2, -0.5), (0, -1, 1)]:
        straight = word(value, low, high)
        assert word(-value, -high, -low, direction="below", paper=-1.0) == straight
        assert word(value + 4, low + 4, high + 4, null=4.0, paper=5.0) == straight
        assert word(value * 8, low * 8, high * 8, delta=0.8, paper=8.0) == straight


def test_delta_zero_leaves_only_the_point_itself_absent():
    assert word(0, 0, 0, delta=0.0) == "absent here"
    assert word(0, 0, 1e-12, delta=0.0) == "unresolved"


def test_without_a_number_on_the_scale_direction_is_the_most():
    ruling = verdict(value=9, low=8, high=10, n=50, null=0, direction="above", delta=0.1)
    assert ruling.word == "direction"
    assert "no number" in ruling.reason


@pytest.mark.parametrize(("value", "share"), [(0.3, " 30% of"), (0.011, " 1% of"), (0.009, " under 1% of")])
def test_a_smaller_effect_says_how_much_of_the_papers_it_is(value, share):
    assert share in verdict(value=value, low=0.001, high=1, n=50, null=0, direction="above", delta=0.1, paper=1).reason


@pytest.mark.parametrize(("n", "needed", "expected"), [(4, 5, "unresolved"), (5, 5, "reproduced"),
                                                       (4, 1, "unresolved"), (63, 64, "unresolved")])  # fmt: skip
def test_too_few_units_settle_nothing(n, needed, expected):
    assert word(0.8, 0.7, 0.9, n=n, needed=needed) == expected


@pytest.mark.parametrize("name", ["value", "low", "high", "null", "delta", "paper"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_verdict_rests_on_a_number_that_is_none(name, bad):
    case = {
        "value": 0.8,
        "low": 0.7,
        "high": 0.9,
        "n": 9,
        "null": 0.0,
        "direction": "above",
        "delta": 0.1,
        "paper": 1.0,
    }
    with pytest.raises(BadInput, match=name):
        verdict(**{**case, name: bad})


@pytest.mark.parametrize(
    "case",
    [
        {"delta": -0.1},
        {"low": 0.9, "high": 0.7},
        {"value": 0.6},  # outside its interval: arguments in the wrong order
        {"paper": -1.0},  # on the other side of the null than the claim says
        {"paper": 0.0},
    ],
)
def test_inputs_that_contradict_themselves_are_refused(case):
    with pytest.raises(BadInput):
        verdict(
            **{
                "value": 0.8,
                "low": 0.7,
                "high": 0.9,
                "n": 9,
                "null": 0,
                "direction": "above",
                "delta": 0.1,
                "paper": 1,
                **case,
            }
        )


def test_a_misspelt_direction_is_named():
    with pytest.raises(UnknownName, match="above"):
        word(0.8, 0.7, 0.9, direction="abvoe")


def test_exactness_has_a_tolerance_and_no_mercy_for_nan():
    assert exactness([0.0, 0.0], target=0.0, tolerance=0.0).word == "exact"
    assert exactness([1.0, 1.0 + 1e-7], target=1.0, tolerance=1e-6).word == "exact"
    assert exactness([0.0, 1e-12], target=0.0, tolerance=0.0).word == "not exact"
    assert exactness([0.0, math.nan], target=0.0, tolerance=1.0).word == "not exact"
    assert exactness([], target=0.0, tolerance=0.0).word == "unresolved"
    for target, tolerance in ((math.nan, 0.0), (0.0, -1.0), (0.0, math.nan)):
        with pytest.raises(BadInput):
            exactness([0.0], target=target, tolerance=tolerance)


def test_every_word_is_a_known_one():
    assert word(0, -1, 1) in VERDICTS
    assert exactness([0.0], target=0.0, tolerance=0.0).word in VERDICTS
