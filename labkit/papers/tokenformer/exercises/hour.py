"""A factor by hand, and growth where τ cannot be held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course import number
from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["factor", "live"]


def factor(objective: str) -> Exercise:
    """Return exercise 03.1."""
    return Exercise(
        id="03.1",
        title="What a live τ does",
        minutes=3,
        objective=objective,
        difficulty="easy",
        task=(
            "A Pattention layer has 64 tokens. You append 80 tokens with zero keys, and τ is *live*: the root of the "
            "number of tokens there are. Before GeLU, by which factor do the normed scores of the 64 old tokens "
            "change? Work it out by hand."
        ),
        expects="a number",
        check=number(
            1.5,
            "Zero scores leave ‖A‖ as it was, and τ goes from √64 to √144. GeLU is no straight line, so no factor on "
            "the values can make up for it.",
            tol=1e-2,
            mistakes=[
                (2.25, "you took the ratio of the numbers of tokens.", "the root in τ"),
                (2 / 3, "you have it upside down.", "which τ stands in the numerator after growth"),
                (1.25**0.5, "you compared the new tokens with the old ones.", "how many tokens there are after growth"),
                (1.25, "you compared the new tokens with the old ones, without a root.", "√(n + m) over √n"),
                (1.0, "you kept τ. That is the fixed one.", "what *live* means in the task"),
                (4.0, "you took the difference of the two τ.", "a factor is a ratio of two τ"),
                (
                    2.0,
                    "that is the factor of the model in section 2.",
                    "how many tokens this layer has, before and after",
                ),
            ],
        ),
        hints=(
            "Two things could change a normed score: the length ‖A‖ it is divided by, and τ.",
            "Zeros add nothing to a sum of squares, so only τ is left.",
            "τ is the root of the number of tokens, before and after; a factor is their ratio.",
        ),
        solution="√144 / √64 = 12 / 8 = 1.5.",
        answer=1.5,
        typical_wrong=(
            (2.25, "ratio of the numbers"),
            (2 / 3, "upside down"),
            (1.25**0.5, "new tokens with the old"),
            (1.25, "without a root"),
            (1.0, "kept τ"),
            (4.0, "difference"),
            (2.0, "section 2"),
        ),
    )


# Growth where τ cannot be fixed.

_CASES = ((5, 3, 4, 1), (8, 6, 6, 2), (7, 4, 9, 3))  # tokens, width in, width out, times


def _check_live(grow_live: Callable[..., Any]) -> Outcome:
    """Try the reader's growth on layers whose τ follows their rows."""
    import torch

    from ..method.theta import l2_gelu

    generator = torch.Generator()
    generator.seed()  # fresh numbers every time, and its own state alone
    for tokens, width_in, width_out, times in _CASES:
        x_LD = torch.randn(6, width_in, generator=generator, dtype=torch.float64)
        keys, values = (
            torch.randn(tokens, width, generator=generator, dtype=torch.float64) for width in (width_in, width_out)
        )
        before = keys.clone(), values.clone()
        grown = grow_live(keys, values, times)
        if is_blank(grown) or any(one is ... for one in grown):
            raise NotAttempted
        new_keys, new_values = grown
        if not (torch.equal(keys, before[0]) and torch.equal(values, before[1])):
            return wrong("you changed the old tensors themselves.", "operations that end in an underscore, and *=")
        if new_keys.shape[0] != times * tokens or new_values.shape[0] != times * tokens:
            return wrong(f"{new_keys.shape[0]} keys came for times={times} and {tokens} tokens.", "times · n rows")

        def run(k: Any, v: Any, x: Any = x_LD) -> Any:
            return l2_gelu(x @ k.T, k.shape[0], 0.0) @ v

        wanted, got = run(keys, values), run(new_keys, new_values)
        if not torch.allclose(got, wanted, atol=1e-9):
            return _other_growth(new_keys, keys, got, wanted, times)
    return right("Every copy scores alike, so ‖A‖ and τ grow by the same root and cancel. No zero key can do that.")


def _other_growth(new_keys: Any, keys: Any, got: Any, wanted: Any, times: int) -> Outcome:
    import torch

    if times == 1:
        return wrong("with times=1 nothing should change, and it does.", "what you do to the values for times=1")
    ratio = float((got * wanted).sum() / wanted.square().sum())
    if torch.allclose(got, ratio * wanted, atol=1e-9):
        return wrong(
            f"the scores are right and the output is {ratio:.3g} times what it was: every copy adds its value.",
            "how much of the value each copy should carry",
        )
    if (new_keys[keys.shape[0] :] == 0).all():
        return wrong(
            "zero keys leave ‖A‖ alone while τ grows with the rows, so every old score is stretched.",
            "keys that let ‖A‖ grow in step with τ",
        )
    return wrong("the output is another one.", "‖A‖ after growth: it should be √times what it was, for every input")


def _grow_live(keys: Any, values: Any, times: int) -> Any:
    return keys.repeat(times, 1), values.repeat(times, 1) / times


def _zeros_for(rows: Any, times: int) -> Any:
    return rows.new_zeros((times - 1) * rows.shape[0], rows.shape[1])


def _grow_in_place(keys: Any, values: Any, times: int) -> Any:
    values /= times
    return keys.repeat(times, 1), values.repeat(times, 1)


def _joined(first: Any, second: Any) -> Any:
    import torch

    return torch.cat((first, second))


def live(objective: str) -> Exercise:
    """Return exercise 03.2."""
    return Exercise(
        id="03.2",
        title="Growth when τ cannot be held",
        minutes=5,
        objective=objective,
        task=(
            "The released code takes τ from the number of rows, and you may not touch it. Write "
            "`grow_live(keys, values, times)`: return keys and values with `times · n` rows, so that "
            "Θ(X Kᵀ) V is the same for every X, with τ = √(number of rows) before and after. Two lines are missing."
        ),
        expects="a function of (keys [n, D], values [n, E], times) that returns a pair of tensors",
        check=_check_live,
        hints=(
            "τ grows by √times whatever you do. What must ‖A‖ do, so that τ / ‖A‖ stays?",
            "A sum of squares that is `times` as large for every X: which new scores give that?",
            "Once the scores of all copies are alike, look at the sum over tokens: each value counts `times` times.",
        ),
        solution=(
            "```python\n"
            "def grow_live(keys, values, times):\n"
            "    new_keys = keys.repeat(times, 1)\n"
            "    new_values = values.repeat(times, 1) / times\n"
            "    return new_keys, new_values\n"
            "```\n"
            "Any split of the value among the copies does: V and zeros is right too."
        ),
        answer=_grow_live,
        typical_wrong=(
            (lambda k, v, t: (k.repeat(t, 1), v.repeat(t, 1)), "every copy adds"),
            (lambda k, v, t: (k.repeat(t, 1), v.repeat(t, 1) / t**0.5), "every copy adds"),
            (lambda k, v, t: (_joined(k, _zeros_for(k, t)), _joined(v, _zeros_for(v, t))), "zero keys leave"),
            (lambda k, v, t: (_joined(k, _zeros_for(k, t)) * t**0.5, _joined(v, _zeros_for(v, t))), "zero keys leave"),
            (_grow_in_place, "old tensors themselves"),
            (lambda k, v, t: (k, v), "rows"),
        ),
    )
