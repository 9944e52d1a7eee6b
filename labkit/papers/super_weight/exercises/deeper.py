"""The deeper notebook of lesson 01: a released bug, found by an invariant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["EXERCISES", "OBJECTIVES", "per_block", "per_block_or_whole"]

_INVARIANT = "find a bug in a rounding function by an invariant, without reading its code"
OBJECTIVES = (_INVARIANT,)


_HALF = "the largest error: half a step of the block's own range, and no more"


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


def _down(values: Any, bits: int, block: int) -> Any:
    """Round each block to its own levels, but always down: an error of up to a whole step."""
    import torch

    def lower(part: Any) -> Any:
        low, high = part.min(), part.max()
        step = (high - low) / (2**bits - 1)
        return part if step == 0 else ((part - low) / step + 1e-4).floor() * step + low

    return torch.cat([lower(part) for part in values.split(block)])


def _last_forgotten(values: Any, bits: int, block: int) -> Any:
    """Round all whole blocks, and leave the last, shorter one to its neighbour's range."""
    import torch

    whole = len(values) - len(values) % block
    rest = values[whole:]
    return (
        per_block(values, bits, block)
        if not len(rest)
        else torch.cat([per_block(values[: whole - block], bits, block), _rounded(values[whole - block :], bits)])
    )


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
    if judge(_down):
        return wrong("a function that rounds always down, and so moves numbers by up to a whole step, passes.", _HALF)
    if judge(_last_forgotten):
        return wrong(
            "a function passes in which only the last, shorter block shares the range of the one before.",
            "every block, the last one too, and where your outlier stands",
        )
    return right("An invariant at an odd size finds what a look at the usual sizes never shows.")


def _judge(lengths: tuple[int, ...], slack: float = 0.5001, blocks: slice = slice(None), huge: int = 3) -> Any:
    """Return a judge that allows `slack` steps of a block's own range, at these lengths, in these blocks."""

    def judge(function: Callable[..., Any]) -> bool:
        import torch

        for length in lengths:
            values = torch.randn(length, generator=torch.Generator().manual_seed(0))
            values[huge] = 50.0
            both = list(zip(values.split(16), function(values.clone(), 4, 16).split(16)))
            for part, kept in both[blocks]:
                if (part - kept).abs().max() > slack * (part.max() - part.min()) / 15 + 1e-6:
                    return False
        return True

    return judge


def _only_ends(function: Callable[..., Any]) -> bool:
    """Judge by the least and the largest number of each block, which rounding leaves where they are."""
    import torch

    values = torch.randn(100, generator=torch.Generator().manual_seed(0))
    both = zip(values.split(16), function(values.clone(), 4, 16).split(16))
    ends = [(part.min() - kept.min(), part.max() - kept.max()) for part, kept in both]
    return max(abs(float(end)) for pair in ends for end in pair) < 1e-4


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
        "    for outlier in (3, 90):  # in the first block, and in the last whole one\n"
        "        values = torch.randn(100)\n"
        "        values[outlier] = 50.0\n"
        "        rounded = quantise(values.clone(), 4, 16)\n"
        "        for part, kept in zip(values.split(16), rounded.split(16)):\n"
        "            step = (part.max() - part.min()) / 15\n"
        "            if (part - kept).abs().max() > 0.5001 * step + 1e-6:\n"
        "                return False\n"
        "    return True\n"
        "```\n"
        "The outlier makes a shared range visible, and the odd length reaches the branch that nobody looked at."
    ),
    answer=_judge((100,)),
    typical_wrong=(
        (_only_even_lengths, "the released function passes"),
        (_only_counts, "the released function passes"),
        (lambda function: True, "the released function passes"),
        (lambda function: False, "you convict"),
        (_only_ends, "half of the levels"),
        (_judge((96, 100), slack=1.0), "always down"),
        (_judge((100,), blocks=slice(0, 6)), "the last, shorter block"),
        (_judge((100,), slack=0.4), "you convict"),
    ),
)

EXERCISES = (BUG_HUNT,)
