"""The bug hunt of lesson 07: a released mixer of experts takes raw p for multipliers, and an invariant shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import sample
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

from .hour import CONTROL

__all__ = ["HUNT"]

# The bug hunt: mixers of experts in the code's form. Each takes σ [R], p of each expert [K, R] and shares [K].


def _multipliers(sigma: Any, p: Any) -> Any:
    import torch

    m = torch.sigmoid(p)
    return m * sigma.sum() / (m * sigma).sum()


def _faithful_mixer(sigma: Any, p: Any, alpha: Any) -> Any:
    return sum(a * _multipliers(sigma, one) for a, one in zip(alpha, p))


def _raw(sigma: Any, p: Any, alpha: Any) -> Any:
    mixed = sum(a * one for a, one in zip(alpha, p))
    return mixed * sigma.sum() / (mixed * sigma).sum()


def _inside(sigma: Any, p: Any, alpha: Any) -> Any:
    return _multipliers(sigma, sum(a * one for a, one in zip(alpha, p)))


def _not_renormalised(sigma: Any, p: Any, alpha: Any) -> Any:
    import torch

    return sum(a * torch.sigmoid(one) for a, one in zip(alpha, p))


def _normalised_shares(sigma: Any, p: Any, alpha: Any) -> Any:
    return _faithful_mixer(sigma, p, alpha / alpha.sum())


def _backwards(sigma: Any, p: Any, alpha: Any) -> Any:
    return _faithful_mixer(sigma, p, alpha.flip(0))


def _stacked_mixer(sigma: Any, p: Any, alpha: Any) -> Any:
    import torch

    z = torch.sigmoid(p) * (sigma.sum() / (torch.sigmoid(p) * sigma).sum(1, keepdim=True))
    return alpha @ z


_SAYS = "it rejects a mixer that does what the formula says."
_MIXERS: tuple[tuple[Callable[..., Any], bool, str, str], ...] = (
    (_faithful_mixer, True, _SAYS, "your tolerance, and the shape you expect"),
    (
        _stacked_mixer,
        True,
        "it rejects a right mixer written with one product.",
        "your tolerance: two sums differ by rounding",
    ),
    (
        _raw,
        False,
        "it lets the released bug through: raw p as multipliers.",
        "what one expert alone, share 1, should give",
    ),
    (
        _inside,
        False,
        "it lets a mixer through that averages p and takes the sigmoid afterwards; whole shares cannot tell.",
        "shares such as ½ and ½",
    ),
    (_not_renormalised, False, "it lets a mixer through that forgets the factor.", "Σσ / Σ(m σ) of each expert"),
    (
        _normalised_shares,
        False,
        "it lets a mixer through that makes the shares add up to 1.",
        "shares that do not, such as 1 and 1",
    ),
    (_backwards, False, "it lets a mixer through that gives each share to the wrong expert.", "unequal shares"),
)


def _check_hunt(faithful: Callable[[Callable[..., Any]], bool]) -> Outcome:
    # In an order nobody knows, and all under one name: a test can go by what a mixer does alone.
    said = {place: faithful(_nameless(_MIXERS[place][0])) for place in sample(range(len(_MIXERS)), len(_MIXERS))}
    for place, (_, truth, thought, look_at) in enumerate(_MIXERS):
        if is_blank(said[place]):
            raise NotAttempted
        told = said[place].item() if hasattr(said[place], "item") else said[place]
        if not isinstance(told, bool):
            return wrong(f"your test returned {type(told).__name__}.", "True or False")
        if told != truth:
            return wrong(thought, look_at)
    return right(
        "In the released code the few-shot search mixes raw p: for p = 0.1 ± 0.1 the multipliers vary by 100 percent "
        "where the experts were trained with 5. One expert alone at share 1 would have shown it."
    )


def _nameless(mixer: Callable[..., Any]) -> Callable[..., Any]:
    return lambda sigma, p, alpha: mixer(sigma, p, alpha)


def _faithful(mixer: Callable[..., Any]) -> bool:
    import torch

    generator = torch.Generator().manual_seed(1)
    sigma = torch.rand(8, generator=generator).sort(descending=True).values + 0.1
    p = torch.randn(2, 8, generator=generator)
    for alpha in ([1.0, 0.0], [0.5, 0.5], [1.0, 1.0], [0.2, 0.9]):
        wanted = sum(a * _multipliers(sigma, one) for a, one in zip(alpha, p))
        if not torch.allclose(mixer(sigma, p, torch.tensor(alpha)), wanted, atol=1e-5):
            return False
    return True


def _testing(*alphas: Sequence[float], close: float = 1e-5) -> Callable[[Callable[..., Any]], bool]:
    """Return a reader's test that tries these shares."""

    def test(mixer: Callable[..., Any]) -> bool:
        import torch

        generator = torch.Generator().manual_seed(1)
        sigma, p = torch.rand(8, generator=generator) + 0.1, torch.randn(2, 8, generator=generator)
        wanted = [sum(a * _multipliers(sigma, one) for a, one in zip(alpha, p)) for alpha in alphas]
        found = [mixer(sigma, p, torch.tensor(alpha)) for alpha in alphas]
        return all(bool(((a - b).abs() <= close).all()) for a, b in zip(found, wanted))

    return test


HUNT = Exercise(
    id="07.4",
    title="Bug hunt: which mixer mixes experts?",
    minutes=6,
    objective=CONTROL,
    difficulty="hard",
    task=(
        "The released code trains p with z = m · Σσ / Σ(m σ), m = sigmoid(p), and mixes experts for few-shot "
        "adaptation: z' = Σ α_k z_k. At least, that is what it should do. Write `faithful(mixer)`: it returns True "
        "if `mixer(sigma, p, alpha)` gives z' [R] for σ [R], p [K, R] and α [K], and False if not. We hand it seven "
        "mixers, two of them right; one of the others is the released one. (An extra, beyond the hour.)"
    ),
    expects="a function of a mixer that returns True or False",
    check=_check_hunt,
    hints=(
        "Find shares for which you know the answer without mixing anything.",
        "One expert alone must come out as it was learned. Which mistakes does that not show?",
        "Compare with the formula for whole shares, for halves, and for shares that do not add up to 1.",
    ),
    solution=(
        "```python\n"
        "def faithful(mixer):\n"
        "    sigma, p = torch.rand(8) + 0.1, torch.randn(2, 8)\n"
        "    for alpha in ([1.0, 0.0], [0.5, 0.5], [1.0, 1.0], [0.2, 0.9]):\n"
        "        m = torch.sigmoid(p)\n"
        "        z = m * sigma.sum() / (m * sigma).sum(1, keepdim=True)\n"
        "        if not torch.allclose(mixer(sigma, p, torch.tensor(alpha)), torch.tensor(alpha) @ z, atol=1e-5):\n"
        "            return False\n"
        "    return True\n"
        "```\n"
        "An invariant that needs no second implementation finds the released bug: α = (1, 0) must give expert 1."
    ),
    answer=_faithful,
    typical_wrong=(
        (lambda mixer: True, "released bug"),
        (lambda mixer: False, "does what the formula says"),
        (_testing((1.0, 0.0), (0.0, 1.0)), "averages p"),
        (_testing((0.5, 0.5)), "add up to 1"),
        (_testing((1.0, 0.0), (0.25, 0.75)), "add up to 1"),
        (_testing((1.0, 0.0), (0.5, 0.5), (1.0, 1.0), close=0.0), "written with one product"),
    ),
)
