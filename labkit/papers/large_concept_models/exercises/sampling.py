"""A worked example with two lines missing: one step of the sampler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["OBJECTIVE", "STEP"]

OBJECTIVE = "write one step of a diffusion sampler, and say what is known at each"

# (ᾱ now, ᾱ of the next step): ordinary ones, then the first step (nothing but noise) and the last (no noise left)
CASES = ((0.5, 0.8), (0.02, 0.13), (0.3, 0.31), (0.0, 0.04), (0.9, 1.0))


def _step(x: Any, guess: Any, now: float, then: float) -> Any:
    eps = (x - now**0.5 * guess) / (1 - now) ** 0.5
    return then**0.5 * guess + (1 - then) ** 0.5 * eps


def _in_one_line(x: Any, guess: Any, now: float, then: float) -> Any:
    ratio = ((1 - then) / (1 - now)) ** 0.5
    return ratio * x + (then**0.5 - ratio * now**0.5) * guess


def _in_doubles(x: Any, guess: Any, now: float, then: float) -> Any:
    return _step(x.double(), guess.double(), now, then)


def _without_roots(x: Any, guess: Any, now: float, then: float) -> Any:
    return then * guess + (1 - then) * (x - now * guess) / (1 - now)


def _noisy_vector(x: Any, guess: Any, now: float, then: float) -> Any:
    return then**0.5 * guess + (1 - then) ** 0.5 * x


def _exchanged(x: Any, guess: Any, now: float, then: float) -> Any:
    return _step(x, guess, then, now) if then < 1 else guess


def _divided_by_signal(x: Any, guess: Any, now: float, then: float) -> Any:
    return then**0.5 * guess + (1 - then) ** 0.5 * (x - now**0.5 * guess) / max(now, 1e-6) ** 0.5


def _undivided(x: Any, guess: Any, now: float, then: float) -> Any:
    return then**0.5 * guess + (1 - then) ** 0.5 * (x - now**0.5 * guess)


def _fresh(x: Any, guess: Any, now: float, then: float) -> Any:
    import torch

    return then**0.5 * guess + (1 - then) ** 0.5 * torch.randn(x.shape)


def _jump(x: Any, guess: Any, now: float, then: float) -> Any:
    return guess


_SLIPS: tuple[tuple[Callable[..., Any], str, str], ...] = (
    (_without_roots, "you mixed with ᾱ itself; the roots are missing.", "√ᾱ in x^t = √ᾱ x + √(1−ᾱ) ε"),
    (_noisy_vector, "you mixed the noisy vector back in; what is wanted is its noise alone.", "what ε is"),
    (_exchanged, "you took the two steps the wrong way round.", "which of the two ᾱ made the x you were given"),
    (_divided_by_signal, "you divided by √ᾱ: that would give the clean vector, not the noise.", "what stands before ε"),
    (_undivided, "your noise is still scaled by √(1−ᾱ) of this step.", "solving x^t = √ᾱ x + √(1−ᾱ) ε for ε"),
    (_jump, "you went straight to the guess; the next step must still hold some noise.", "√(1−ᾱ) of the next step"),
)


def _check(step: Callable[..., Any]) -> Outcome:
    import torch

    generator = torch.Generator().manual_seed(int(torch.randint(10**6, (1,), generator=torch.Generator()).item()))
    for number, (now, then) in enumerate(CASES):
        x, guess = (torch.randn(3, 8, generator=generator) for _ in range(2))
        try:
            got = step(x, guess, now, then)
        except ZeroDivisionError:
            return wrong(
                f"you divided by 0 where ᾱ is {now:g} now and {then:g} then.", "what the very first step looks like"
            )
        if is_blank(got):
            raise NotAttempted
        wanted = _step(x, guess, now, then)
        if torch.is_tensor(got) and got.shape == wanted.shape and torch.allclose(got.float(), wanted, atol=1e-4):
            continue
        for slip, thought, look_at in _SLIPS:
            if torch.is_tensor(got) and torch.allclose(got.float(), slip(x, guess, now, then).float(), atol=1e-4):
                return wrong(thought, look_at)
        again = step(x, guess, now, then)
        if torch.is_tensor(got) and not torch.equal(got, again):
            return wrong("two calls give two answers: you drew fresh noise.", "the noise that is already in x")
        where = "" if number < 3 else f" It fails where ᾱ goes from {now:g} to {then:g}."
        return wrong(f"this is another vector.{where}", "each term of x^t, once with `now` and once with `then`")
    return right("The noise stays, its share shrinks. The first step has no x in it and the last has no noise.")


STEP = Exercise(
    id="06.2",
    title="One step of the sampler",
    minutes=4,
    objective=OBJECTIVE,
    task=(
        "The sampler holds `x` = √ᾱ · clean + √(1−ᾱ) · ε with ᾱ = `now`, and the denoiser's `guess` "
        "of the clean vector. "
        "Write `step(x, guess, now, then)`: the vector in which the same noise ε remains, mixed as ᾱ = `then` has it. "
        "Two lines are missing: what is ε, if the guess is right? And what is the mixture then?"
    ),
    expects="a function of (x, guess, now, then) that returns a tensor like x",
    check=_check,
    hints=(
        "Solve the equation of x for ε. The guess stands in for the clean vector.",
        "Then write the same equation again, with the guess, your ε, and the other ᾱ.",
        "Try it with now = 0: there x is nothing but ε. And with then = 1: there the guess comes out.",
    ),
    solution=(
        "```python\n"
        "def step(x, guess, now, then):\n"
        "    eps = (x - now ** 0.5 * guess) / (1 - now) ** 0.5\n"
        "    return then ** 0.5 * guess + (1 - then) ** 0.5 * eps\n"
        "```\n"
        "No new noise is drawn (η = 0), so the first noise decides which future it will be."
    ),
    answer=_step,
    typical_wrong=(
        (_without_roots, "roots are missing"),
        (_noisy_vector, "noise alone"),
        (_exchanged, "wrong way round"),
        (_divided_by_signal, "clean vector"),
        (_undivided, "still scaled"),
        (_jump, "straight to the guess"),
        (_fresh, "fresh noise"),
    ),
)
UNUSUAL = (_in_one_line, _in_doubles)
