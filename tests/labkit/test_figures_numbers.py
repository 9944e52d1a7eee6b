"""How numbers are written."""

import math

import pytest

from labkit.base.numbers import known, number, signed


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.91, "0.910"),
        (1.0, "1.00"),
        (0, "0"),
        (-2, "−2.00"),
        (1234.5, "1,234"),
        (0.000234, "0.000234"),
        (0.00001234, "1.23e−05"),
        (12345678, "1.23e+07"),
        (math.nan, "no number"),
        (-math.inf, "−∞"),
    ],
)
def test_a_measured_number_keeps_its_digits(value, written):
    assert number(value) == written


def test_a_change_has_a_sign_and_a_given_number_no_zeros():
    assert [signed(x) for x in (0.5, -0.5, 0.0)] == ["+0.500", "−0.500", "0"]
    assert [known(x) for x in (0.25, 1.0, -0.1, 0.0)] == ["0.25", "1", "−0.1", "0"]
