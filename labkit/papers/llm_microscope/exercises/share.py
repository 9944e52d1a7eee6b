"""Exercise 10.2: each token's share of what is not linear, with two lines missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["SHARE", "nonlinear"]


def nonlinear(x: Any, y: Any) -> Any:
    """Return E [N], written as in the lesson."""
    import torch

    x, y = x - x.mean(0), y - y.mean(0)
    x, y = x / x.norm(), y / y.norm()
    A = torch.linalg.lstsq(x, y).solution
    return (x @ A - y).norm(dim=-1)


def _cases() -> Iterator[tuple[str, Any, Any]]:
    import torch

    for seed, (n, d) in enumerate(((40, 5), (90, 12), (30, 3))):
        g = torch.Generator().manual_seed(900 + seed)
        x = torch.randn(n, d, generator=g, dtype=torch.float64) + 4 * seed
        mixed = x @ torch.randn(d, d, generator=g, dtype=torch.float64)
        y = mixed + (1 + seed) * torch.randn(n, d, generator=g, dtype=torch.float64) - 3
        yield "usual", x, y
    g = torch.Generator().manual_seed(990)
    x = torch.randn(50, 4, generator=g, dtype=torch.float64) + 10
    yield "exact", x, 3 * x @ torch.randn(4, 4, generator=g, dtype=torch.float64) + 7


def _check(answer: Callable[..., Any]) -> Outcome:
    """Try the reader's function on fresh clouds, the last of which is exactly linear."""
    import torch

    for kind, x, y in _cases():
        before = x.clone(), y.clone()
        given = answer(x, y)
        if is_blank(given):
            raise NotAttempted
        if not (torch.equal(x, before[0]) and torch.equal(y, before[1])):
            return wrong("the states themselves were changed in place.", "`-=` and `/=`: write x = x - … instead")
        found, expected = torch.as_tensor(given, dtype=torch.float64), nonlinear(x, y)
        if found.shape != expected.shape:
            return wrong(
                f"the answer has shape {list(found.shape)} for {len(x)} tokens: one number a token was asked for.",
                "the dimension over which the length is taken",
            )
        if torch.allclose(found, expected, atol=1e-7 if kind == "usual" else 1e-6):
            continue
        return _thought(kind, x, y, found, expected)
    return right("Their squares add up to one minus the score: each token's share of what is not linear.")


def _thought(kind: str, x: Any, y: Any, found: Any, expected: Any) -> Outcome:
    import torch

    if kind == "exact":
        return wrong("an exactly linear step, with a shift, is not free of error here.", "the means of both sides")
    if torch.allclose(found, expected**2, atol=1e-7):
        return wrong("these are squares, not lengths.", "Σ E² = 1 − score: E itself is a length")
    scale = float((y - y.mean(0)).norm())
    if torch.allclose(found / scale, expected, atol=1e-6):
        return wrong("these are errors in the units of y, and the squares add up to no share.", "the norm of y")
    own = (y - y.mean(0)).norm(dim=-1)
    if torch.allclose(found * own / scale, expected, atol=1e-6):
        return wrong("each error is in units of its own token, and the squares add up to no share.", "the norm of y")
    if torch.allclose(found / found.norm(), expected / expected.norm(), atol=1e-6):
        return wrong("the sizes are right only among themselves.", "Σ E² must be one minus the score")
    return wrong(
        "this is not the distance from the least-squares map: raw states and a map of centred ones do not match.",
        "whether x and y are centred and divided alike, before the fit and after it",
    )


def _raw(x: Any, y: Any) -> Any:
    import torch

    a, b = x - x.mean(0), y - y.mean(0)
    A = torch.linalg.lstsq(a / a.norm(), b / b.norm()).solution
    return (x @ A - y).norm(dim=-1)


def _squares(x: Any, y: Any) -> Any:
    return nonlinear(x, y) ** 2


def _in_units_of_y(x: Any, y: Any) -> Any:
    return nonlinear(x, y) * (y - y.mean(0)).norm()


def _in_units_of_its_own(x: Any, y: Any) -> Any:
    centred = y - y.mean(0)
    return nonlinear(x, y) * centred.norm() / centred.norm(dim=-1)


def _uncentred(x: Any, y: Any) -> Any:
    import torch

    y = (y - y.mean(0)) / (y - y.mean(0)).norm()
    return (x @ torch.linalg.lstsq(x, y).solution - y).norm(dim=-1)


def _summed(x: Any, y: Any) -> Any:
    return nonlinear(x, y).square().sum()


def _in_place(x: Any, y: Any) -> Any:
    x -= x.mean(0)
    y -= y.mean(0)
    return nonlinear(x, y)


SHARE = Exercise(
    id="10.2",
    title="Whose step is not linear?",
    minutes=5,
    objective="compute each token's share of what a linear map leaves, in units in which the shares add up",
    task=(
        "A map A was fitted on centred states divided by their norm; equation 1 of the paper then applies it to raw "
        "ones. Write `nonlinear(x, y)` so that both belong together: E for each of the N tokens, for states x and y "
        "[N, D], with Σ E² = 1 − score. Two lines are missing."
    ),
    expects="a function of two matrices that returns one number a token",
    check=_check,
    hints=(
        "The fit saw x̃ and ỹ. What must stand in the error?",
        "y is treated as x was: its mean taken off, then divided by its own norm (of the whole matrix).",
        "The error of a token is the length of one row of a matrix: the norm along the last dimension.",
    ),
    solution=(
        "```python\n"
        "def nonlinear(x, y):\n"
        "    x = (x - x.mean(0)) / (x - x.mean(0)).norm()\n"
        "    y = (y - y.mean(0)) / (y - y.mean(0)).norm()\n"
        "    A = torch.linalg.lstsq(x, y).solution\n"
        "    return (x @ A - y).norm(dim=-1)\n"
        "```"
    ),
    answer=nonlinear,
    typical_wrong=(
        (_raw, "centred and divided alike"),
        (_squares, "squares"),
        (_in_units_of_y, "units of y"),
        (_in_units_of_its_own, "its own token"),
        (_uncentred, "least-squares map"),
        (_summed, "one number a token"),
        (_in_place, "changed in place"),
    ),
)
