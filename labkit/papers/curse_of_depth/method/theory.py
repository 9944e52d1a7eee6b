"""The theory of *The Curse of Depth* (arXiv 2502.05795), as recursions and products that a computer can follow.

Variance (Lemmas 3.2 and 4.1, unit constants): v_1 = 1, v_{ℓ+1} = v_ℓ (1 + ℓ^-p / sqrt(v_ℓ)); p = 0 is pre-norm, 1/2 is
LayerNorm Scaling. Blocks that write independently of the stream give v_{ℓ+1} = v_ℓ + ℓ^(-2 p m) instead, with m = 1 for
what is linear in the norm's output (ReLU) and m = 2 for what is quadratic (a gated MLP near 0).

Gradient (Theorems 3.3 and 4.2): |∂y_N/∂x_1| ≤ Π (1 + A/(ℓ^q σ_ℓ) + B/(ℓ^2q σ_ℓ²)); q = 0 is pre-norm, q = 1 is
LayerNorm Scaling as printed, q = 1/2 what its proof's ReLU gives. Products are kept as logarithms.

`check_theorems` puts what is printed beside what comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.measurements.tables import text_table

__all__ = [
    "Statement",
    "TheoryCurves",
    "check_theorems",
    "gradient_bound",
    "independent_variance",
    "theory_curves",
    "variance_recursion",
]


def variance_recursion(depth: int, p: float = 0.0, first: float = 1.0) -> np.ndarray:
    """Return v_1 … v_depth of the lemma's own recursion v (1 + ℓ^-p / sqrt(v)), as if all blocks added alike."""
    _check(depth, first)
    values = [first]
    for number in range(1, depth):
        values.append(values[-1] * (1 + number**-p / math.sqrt(values[-1])))
    return np.array(values)


def independent_variance(depth: int, p: float = 0.0, power: int = 1, first: float = 1.0) -> np.ndarray:
    """Return v_1 … v_depth when every block adds ℓ^(-2 p power), whatever the stream holds: what happens at random."""
    _check(depth, first)
    added = np.arange(1, depth, dtype=float) ** (-2 * p * power)
    return first + np.concatenate([[0.0], np.cumsum(added)])


def gradient_bound(variance: np.ndarray, q: float = 0.0, a: float = 1.0, b: float = 1.0) -> np.ndarray:
    """Return log Π_{k ≤ ℓ} (1 + a / (k^q σ_k) + b / (k^2q σ_k²)) for ℓ = 1 … N, from the variances σ²."""
    numbers, sigma = np.arange(1, len(variance) + 1, dtype=float) ** q, np.sqrt(variance)
    return np.cumsum(np.log1p(a / (numbers * sigma) + b / (numbers * sigma) ** 2))


@dataclass(frozen=True, kw_only=True)
class TheoryCurves(Result):
    """Named curves over ℓ = 1 … N. quantity: variance, or the logarithm of the gradient's bound."""

    title: str
    quantity: str
    lines: Mapping[str, tuple[float, ...]]

    def table(self) -> str:
        """Return the curves at powers of two and at the end."""
        depth = len(next(iter(self.lines.values())))
        places = sorted({*(2**k for k in range(depth.bit_length()) if 2**k <= depth), depth})
        rows = [[str(place), *(f"{line[place - 1]:.4g}" for line in self.lines.values())] for place in places]
        return text_table(["block", *self.lines], rows, title=f"{self.title} ({self.quantity})")


def theory_curves(depth: int = 64, quantity: str = "variance") -> TheoryCurves:
    """Return both families of curves: "variance" by recursion, or "gradient", the log bound for two laws of growth."""
    if quantity == "variance":
        lines = {
            "pre-norm, lemma": variance_recursion(depth, 0.0),
            "pre-norm, independent blocks": independent_variance(depth, 0.0),
            "scaling, lemma": variance_recursion(depth, 0.5),
            "scaling, independent blocks": independent_variance(depth, 0.5),
        }
        title = "How fast does the variance of the stream grow?"
    elif quantity == "gradient":
        linear = np.arange(1, depth + 1, dtype=float)
        lines = {
            "pre-norm, variance ~ ℓ": gradient_bound(linear, 0.0),
            "pre-norm, variance ~ e^ℓ": gradient_bound(np.exp(np.minimum(linear, 700.0)), 0.0),
            "scaling as printed, variance ~ ℓ": gradient_bound(linear, 1.0),
            "scaling with ReLU, variance ~ ℓ": gradient_bound(linear, 0.5),
        }
        title = "How large may the gradient grow, at most?"
    else:
        raise BadInput(f"quantity = {quantity!r}.", expected="variance or gradient")
    name = "variance" if quantity == "variance" else "log of the bound"
    return TheoryCurves(title=title, quantity=name, lines={k: tuple(v.tolist()) for k, v in lines.items()})


@dataclass(frozen=True)
class Statement:
    """What the paper prints, what was computed instead, and the number by which they are told apart."""

    place: str
    printed: str
    computed: str
    number: float
    holds: bool

    def __str__(self) -> str:
        return f"{self.place}: {self.printed}. Computed: {self.computed} ({self.number:.4g})."


# Place, what is printed, what was computed instead, and whether the number allows what is printed.
_STATEMENTS: tuple[tuple[str, str, str, Callable[[float], bool]], ...] = (
    (
        "abstract",
        "the variance of pre-norm grows exponentially with depth",
        "Lemma 3.2's own recursion grows like N²/4, between its bounds; v_N / N² is",
        lambda x: x > 1,
    ),
    (
        "Lemma 4.1",
        "with scaling the variance lies between N and N^(2-ε)",
        "the lemma's recursion gives N; v_N / N is",
        lambda x: abs(x - 1) < 1e-6,
    ),
    (
        "Lemma 4.1, lower bound",
        "with scaling the variance is at least of the order of N",
        "independent blocks give only log N; v_N / N is",
        lambda x: x > 0.1,
    ),
    (
        "Theorem 3.3",
        "with a variance like e^ℓ the pre-norm bound is a constant",
        "the second half of the blocks adds to the log bound",
        lambda x: x < 1e-6,
    ),
    (
        "Theorem 3.3",
        "with a variance like ℓ the pre-norm bound is of the order of N",
        "it is e^(2 sqrt(N)); log bound / 2 sqrt(N) is",
        lambda x: x < 0.5,
    ),
    (
        "Theorem 4.2",
        "with scaling and a variance like ℓ^1.5 the bound grows without end",
        "it converges: the second half of the blocks adds to the log bound",
        lambda x: x > 0.1,
    ),
    (
        "Theorem 4.2",
        "with scaling and a variance like ℓ the bound is of the order of N",
        "it converges: the second half of the blocks adds to the log bound (order N would add log 2)",
        lambda x: x > 0.5 * math.log(2),
    ),
    (
        "Theorem 4.2 with the factor its ReLU gives",
        "polynomial in N",
        "it is of the order of N^A; doubling N multiplies the bound by 2 to the power of",
        lambda x: abs(x - 1) < 0.01,
    ),
)


def check_theorems(depth: int = 100_000) -> tuple[Statement, ...]:
    """Return the printed growth laws beside what their own recursions and products give at `depth` blocks."""
    if depth < 1000:
        raise BadInput(f"Growth laws cannot be told apart at {depth} blocks.", expected="at least 1000")
    linear = np.arange(1, depth + 1, dtype=float)

    def added_late(law: np.ndarray, q: float) -> float:
        bound = gradient_bound(law, q)
        return float(bound[-1] - bound[depth // 2 - 1])

    numbers = (
        float(variance_recursion(depth)[-1] / depth**2),
        float(variance_recursion(depth, 0.5)[-1] / depth),
        float(independent_variance(depth, 0.5)[-1] / depth),
        added_late(np.exp(np.minimum(linear, 700.0)), 0.0),
        float(gradient_bound(linear)[-1] / (2 * math.sqrt(depth))),
        added_late(linear**1.5, 1.0),
        added_late(linear, 1.0),
        added_late(linear, 0.5) / math.log(2),
    )
    return tuple(Statement(*said, number, holds(number)) for (*said, holds), number in zip(_STATEMENTS, numbers))


def _check(depth: int, first: float) -> None:
    if depth < 1 or not first > 0:
        raise BadInput(f"depth = {depth}, first = {first}.", expected="at least one block, and a variance above 0")
