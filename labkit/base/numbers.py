"""Numbers as the course writes them: a few digits, a real minus sign, no exponent where none is needed."""

from __future__ import annotations

import math

__all__ = ["finite", "known", "number", "percent", "signed"]


def number(value: float, digits: int = 3) -> str:
    """Return a measured number in `digits` significant digits, zeros at its end kept: 0.910, 1,234, −2.00."""
    if not math.isfinite(value):
        return "no number" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if not value:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{value:,.{max(0, decimals)}f}".replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """Return a change, with its sign."""
    return ("+" if value > 0 else "") + number(value, digits)


def known(value: float) -> str:
    """Return a number that is given rather than measured, such as a chance level: no zeros at its end."""
    return f"{value:.4g}".replace("-", "−")


def percent(share: float) -> str:
    """Return a share in whole percent.

    >>> percent(0.288), percent(-0.03)
    ('29 %', '−3 %')
    """
    return f"{share:.0%}".replace("%", " %").replace("-", "−")


def finite(value: object) -> bool:
    """Whether a value from a file is a number that can be reckoned with (a whole one may be too long for that)."""
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:
        return False
