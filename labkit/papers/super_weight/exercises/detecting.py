"""Exercise 01.2: the weight that writes most, found in one pass, where every short cut finds another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["DETECTOR", "FIND"]

FIND = "find the one weight that a model leans on, with one forward pass"


def _case(seed: int) -> tuple[Any, Any, tuple[int, int]]:
    """Return inputs [L, F], a weight [D, F] and the place with the largest contribution, which no short cut finds.

    The spike stands at the first token, the last or one between, upwards or downwards; the sizes differ.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    tokens, outs, ins = ((9, 6, 14), (7, 9, 9), (12, 5, 17), (6, 8, 13), (5, 7, 21))[seed % 5]
    out, *rows = torch.randperm(outs, generator=generator)[:5].tolist()
    into, *columns = torch.randperm(ins, generator=generator)[:8].tolist()
    at = (0, tokens - 1, 2, 0, 3)[seed % 5]
    other = (at + 1) % tokens
    x_LF = 0.3 * torch.randn(tokens, ins, generator=generator)
    w_DF = 0.3 * torch.randn(outs, ins, generator=generator)
    sign = -1.0 if seed % 2 else 1.0
    x_LF[:, into] *= 0.1
    x_LF[at, into], w_DF[out, into] = 20.0 * sign, 2.5 * -sign  # what is to be found writes -50
    x_LF[at, columns[0]], w_DF[out, columns[0]] = 9.0, 4.0  # and this +36 beside it: the output shows no spike
    x_LF[other, columns[1]] = 60.0  # the largest input meets small weights,
    w_DF[:, columns[1]] = w_DF[:, columns[1]].clamp(-0.5, 0.5)
    w_DF[rows[0], columns[2]] = 9.0  # the largest weight reads small inputs,
    x_LF[:, columns[2]] *= 0.1
    x_LF[:, columns[3]], w_DF[rows[1], columns[3]] = 9.0, 5.0  # 45 at every token: more in sum, in any norm but the max
    x_LF[other, columns[4]], w_DF[rows[2], columns[4]] = 10.0, 4.2  # the largest product upwards,
    for column in columns[4:7]:  # and the largest output: three products of 42
        x_LF[other, column], w_DF[rows[2], column] = 10.0, 4.2
    return x_LF, w_DF, (out, into)


def _check_detector(find: Callable[..., Any]) -> Outcome:
    import torch

    one_token = torch.tensor([[1.0, -3.0, 2.0]]), torch.tensor([[1.0, 0.5, -1.0], [0.2, 0.9, 1.0]]), (1, 1)
    cases, found = [*map(_case, range(5)), one_token], []
    for x_LF, w_DF, _ in cases:
        place = find(x_LF.clone(), w_DF.clone())
        if is_blank(place):
            raise NotAttempted
        place = list(place) if isinstance(place, tuple | list) else torch.as_tensor(place).tolist()
        if not isinstance(place, list) or len(place) != 2:
            return wrong(
                "you returned one number: argmax counts through the flattened matrix, row after row.",
                "how many numbers a row has; divmod gives quotient and remainder",
            )
        found.append((int(place[0]), int(place[1])))
    if found != [place for *_, place in cases]:
        for short_cut, _, told in _SHORT_CUTS:
            if found == [tuple(map(int, short_cut(x_LF, w_DF))) for x_LF, w_DF, _ in cases]:
                return wrong(*told)
        return wrong(
            "in one of six cases this is not the weight that writes most.",
            "every token and every column: the largest product may stand anywhere",
        )
    return right(
        "Not the largest weight and not the largest input: the largest product. One pass is enough to find it."
    )


def _most(x_LF: Any, w_DF: Any) -> Any:
    return x_LF.abs().amax(0) * w_DF.abs()


def _of(score: Callable[..., Any]) -> Callable[..., tuple[int, int]]:
    """Return the finder of the largest score(x_LF, w_DF) [D, F]."""
    return lambda x_LF, w_DF: divmod(int(score(x_LF, w_DF).argmax()), w_DF.shape[1])


def _find_turned(x_LF: Any, w_DF: Any) -> tuple[int, int]:
    return _find(x_LF, w_DF)[::-1]


def _find_two_spikes(x_LF: Any, w_DF: Any) -> tuple[int, int]:
    return int((x_LF @ w_DF.T).abs().amax(0).argmax()), int(x_LF.abs().amax(0).argmax())


def _find_in_the_largest_output(x_LF: Any, w_DF: Any) -> tuple[int, int]:
    at, out = divmod(int((x_LF @ w_DF.T).abs().argmax()), w_DF.shape[0])
    return out, int((x_LF[at] * w_DF[out]).abs().argmax())


_find = _of(_most)
_WRITES = "what a weight writes: its input times itself"
# (what finds another place, words of the message, the message); the first that finds what the reader found is told.
_SHORT_CUTS = (
    (_find_turned, "the wrong way round", ("you found it and named it the wrong way round.", "[out, in]")),
    (
        _of(lambda x_LF, w_DF: w_DF.abs()),
        "the largest weight",
        ("you took the largest weight; what it reads is small, so it writes little.", _WRITES),
    ),
    (
        lambda x_LF, w_DF: _find(x_LF[len(x_LF) > 1 :], w_DF),
        "the first token",
        ("you never looked at the first token, where most spikes of large models sit.", "x_LF[0]"),
    ),
    (
        lambda x_LF, w_DF: _find(x_LF[:1], w_DF),
        "one token only",
        ("you looked at one token only; the largest product may stand at any one.", "every row of x_LF"),
    ),
    (
        lambda x_LF, w_DF: _find(x_LF[: max(1, len(x_LF) - 1)], w_DF),
        "the last token",
        ("you never looked at the last token.", "every row of x_LF"),
    ),
    (
        _of(lambda x_LF, w_DF: x_LF.abs().sum(0) * w_DF.abs()),
        "over all tokens together",
        ("this weight writes most over all tokens together; at no single one does it write most.", "sum and maximum"),
    ),
    (
        _of(lambda x_LF, w_DF: x_LF.pow(2).sum(0).sqrt() * w_DF.abs()),
        "over all tokens together",
        ("this weight writes most over all tokens together; at no single one does it write most.", "sum and maximum"),
    ),
    (
        _of(lambda x_LF, w_DF: (x_LF[:, None] * w_DF).amax(0)),
        "may be negative",
        ("you took the largest product upwards; a spike may be negative.", "absolute values"),
    ),
    (
        _of(lambda x_LF, w_DF: x_LF.amax(0) * w_DF.abs()),
        "may be negative",
        ("you took the largest input upwards; it may be negative.", "absolute values"),
    ),
    (
        _find_two_spikes,
        "two different weights",
        (
            "the largest input and the largest output belong to two different weights here; the paper's rule takes "
            "them for one.",
            _WRITES,
        ),
    ),
    (
        _find_in_the_largest_output,
        "many weights together",
        ("the largest output is what many weights together write; none of them writes most.", _WRITES),
    ),
)


DETECTOR = Exercise(
    id="01.2",
    title="Your own detector",
    minutes=5,
    objective=FIND,
    task=(
        "A down projection reads `x_LF` (one row per token, one column per neuron) and has the weight `w_DF`, "
        "[out, in]. A weight *writes* its input times itself, at every token. Find the weight that writes most, up or "
        "down (by absolute value), at any one token, and return its place as (out, in). Two lines are missing."
    ),
    expects="a function of (x_LF, w_DF) that returns (out, in)",
    check=_check_detector,
    hints=(
        "Take one weight. At which token does it write most, and what is special about its input there?",
        "`amax(0)` leaves one number per column; such a row multiplies a matrix [out, in] column by column.",
        "`argmax()` counts through the flattened matrix: how many numbers stand before the first of row 1?",
    ),
    solution=(
        "```python\n"
        "def find(x_LF, w_DF):\n"
        "    most_DF = x_LF.abs().amax(0) * w_DF.abs()\n"
        "    return divmod(int(most_DF.argmax()), w_DF.shape[1])\n"
        "```\n"
        "Neither factor alone will do: the largest weight may read nothing, the largest input may meet small weights."
    ),
    answer=_find,
    typical_wrong=(
        *((find, told) for find, told, _ in _SHORT_CUTS),
        (lambda x_LF, w_DF: _most(x_LF, w_DF).argmax(), "one number"),
        (_of(lambda x_LF, w_DF: x_LF.pow(4).sum(0) * w_DF.pow(4)), "over all tokens together"),
        (lambda x_LF, w_DF: _find(x_LF, w_DF) if len(x_LF) > 1 else (0, 0), "in one of six"),
    ),
)
