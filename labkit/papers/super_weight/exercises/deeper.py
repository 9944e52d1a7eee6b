"""The deeper notebook of lesson 01: a released bug, found by an invariant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["EXERCISES", "OBJECTIVES", "per_block", "per_block_or_whole"]

_INVARIANT = "find a bug in a rounding function by an invariant, without reading its code"
OBJECTIVES = (_INVARIANT,)


def _rounded(values: Any, bits: int) -> Any:
    low, high = values.min(), values.max()
    step = (high - low) / (2**bits - 1)
    return values if step == 0 else ((values - low) / step).round() * step + low


def per_block(values: Any, bits: int, block: int) -> Any:
    """Round a row of numbers block by block, the last block shorter where it must be."""
    import torch

    return torch.cat([_rounded(part, bits) for part in values.split(block)])


def per_block_or_whole(values: Any, bits: int, block: int) -> Any:
    """Round as released with the paper: where the block does not divide the length, all share one range, silently."""
    if len(values) % block:
        return _rounded(values, bits)
    return per_block(values, bits, block)


def _coarser(values: Any, bits: int, block: int) -> Any:
    return per_block(values, bits - 1, block)


def _check_judge(judge: Callable[..., Any]) -> Outcome:
    """Try the reader's judge on a right function and on two wrong ones."""
    verdict = judge(per_block)
    if is_blank(verdict):
        raise NotAttempted
    if not verdict:
        return wrong(
            "you convict the function that does what it says.", "how many different values 2 bits leave in a block"
        )
    if judge(per_block_or_whole):
        return wrong(
            "the released function passes. It rounds well when the length divides by the block.",
            "lengths that do not divide, such as 100 numbers in blocks of 16",
        )
    if judge(_coarser):
        return wrong(
            "a function that uses half of the levels passes.",
            "the largest error: half a step of the block's own range, and some number should come near it",
        )
    return right("An invariant at an odd size finds what a look at the usual sizes never shows.")


def _answer(function: Callable[..., Any]) -> bool:
    import torch

    generator = torch.Generator().manual_seed(0)
    for length in (96, 100):
        values = torch.randn(length, generator=generator)
        values[3] = 50.0  # an outlier: only its own block may suffer from it
        rounded = function(values.clone(), 4, 16)
        for part, kept in zip(values.split(16), rounded.split(16)):
            step = (part.max() - part.min()) / 15
            if (part - kept).abs().max() > 0.5001 * step + 1e-6:
                return False
    return True


def _only_even_lengths(function: Callable[..., Any]) -> bool:
    import torch

    values = torch.randn(96, generator=torch.Generator().manual_seed(0))
    rounded = function(values.clone(), 4, 16)
    return all(
        (part - kept).abs().max() <= 0.5001 * (part.max() - part.min()) / 15 + 1e-6
        for part, kept in zip(values.split(16), rounded.split(16))
    )


def _only_counts(function: Callable[..., Any]) -> bool:
    import torch

    values = torch.randn(100, generator=torch.Generator().manual_seed(0))
    return all(len(part.unique()) <= 16 for part in function(values.clone(), 4, 16).split(16))


BUG_HUNT = Exercise(
    id="01.4",
    title="Bug hunt: whose blocks are blocks?",
    minutes=12,
    objective=_INVARIANT,
    difficulty="hard",
    deeper=True,
    task=(
        "Somebody hands you `quantise(values, bits, block)`: it takes a row of numbers and says that it rounds every "
        "run of `block` numbers to 2^bits levels between that run's own least and largest number. Write "
        "`judge(quantise)`: True if it does, False if not. You cannot read its code; you can run it on numbers you "
        "choose. The code released with the paper failed this without a word, wherever the block did not fit."
    ),
    expects="a function that takes a function and returns True or False",
    check=_check_judge,
    hints=(
        "No number may move by more than half a step of its own block: (largest - least) / (2^bits - 1) / 2.",
        "Put one huge number into the row. Whoever shares a range with it moves far.",
        "Try a length that the block does not divide: values.split(16) of 100 numbers has a last part of 4.",
    ),
    solution=(
        "```python\n"
        "def judge(quantise):\n"
        "    for length in (96, 100):\n"
        "        values = torch.randn(length)\n"
        "        values[3] = 50.0\n"
        "        rounded = quantise(values.clone(), 4, 16)\n"
        "        for part, kept in zip(values.split(16), rounded.split(16)):\n"
        "            step = (part.max() - part.min()) / 15\n"
        "            if (part - kept).abs().max() > 0.5001 * step + 1e-6:\n"
        "                return False\n"
        "    return True\n"
        "```\n"
        "The outlier makes a shared range visible, and the odd length reaches the branch that nobody looked at."
    ),
    answer=_answer,
    typical_wrong=(
        (_only_even_lengths, "the released function passes"),
        (_only_counts, "the released function passes"),
    ),
)

EXERCISES = (BUG_HUNT,)
