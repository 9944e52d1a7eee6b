"""Arithmetic with its working shown: expressions over the digits, modulo 10, reduced one bracket at a time.

    (3+4)*(2-9)=7*(2-9)=7*3=1

The paper's task (section 5.3.2) has integers without a modulus; its range is not given. Modulo 10 every number is one
symbol, every expression with n operands has the same length, and a model of 13 thousand numbers can learn four of them.
A row is a function of (operands, seed); the expressions that test a model never occur in training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from labkit.base.errors import BadInput
from labkit.world import Symbols

__all__ = ["SYMBOLS", "Expressions", "expressions", "first_equals", "reduce_text", "row_length", "tokenizer"]

SYMBOLS = "0123456789+-*()="
MOST_OPERANDS = 8
MODULUS = 10
HELD_OUT = 16  # one question in so many is kept for testing
_PLUS, _OPEN, _CLOSE, _EQUALS = (SYMBOLS.index(symbol) for symbol in "+()=")
_RESULT = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}


@dataclass(frozen=True)
class Expressions:
    """Worked expressions as token ids [N, L], each with its begin and end; `start` is the place of the first "=".

    A model is scored on what follows that place: the question itself is random and cannot be predicted.
    """

    ids: np.ndarray
    start: int

    def __len__(self) -> int:
        return len(self.ids)

    def texts(self) -> list[str]:
        """Return the rows as text."""
        symbols = tokenizer()
        return [symbols.decode(row) for row in self.ids]


def tokenizer() -> Symbols:
    """Return the task's own language: one id for each symbol, after begin and end."""
    return Symbols(SYMBOLS, between="")


def expressions(operands: int, count: int, seed: int, *, held_out: bool = False) -> Expressions:
    """Return `count` random expressions of `operands` digits with their working; training and test sets are disjoint.

    Raises `BadInput` for an operand count outside 2 to 8 or a count below 1.
    """
    _check(operands)
    if count < 1:
        raise BadInput(f"count = {count} asks for no expression.", expected="at least 1")
    rng, kept, have = np.random.default_rng([seed, operands, int(held_out)]), [], 0
    while have < count:
        rows = _draw(operands, HELD_OUT * count if held_out else count + count // 8 + 8, rng)
        rows = rows[_is_held_out(rows[:, : first_equals(operands) - 1]) == held_out]
        kept.append(rows)
        have += len(rows)
    symbols = tokenizer()
    texts = np.concatenate(kept)[:count] + symbols.vocab_size - len(SYMBOLS)
    ids = np.pad(texts, ((0, 0), (1, 1)))
    ids[:, 0], ids[:, -1] = symbols.bos, symbols.eos
    return Expressions(ids, first_equals(operands))


def _is_held_out(questions: np.ndarray) -> np.ndarray:
    """Return for each question [N, Q] whether it belongs to the test set, by a hash of its symbols."""
    powers = 31 ** np.arange(questions.shape[1], dtype=np.uint64)
    mixed = (questions.astype(np.uint64) + np.uint64(1)) @ powers
    return (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(60) == 0


def first_equals(operands: int) -> int:
    """Return the place of the first "=" in a row: after begin, operands, operators and a pair of brackets for each
    operation but the last.
    """
    _check(operands)
    return 4 * operands - 4


def row_length(operands: int) -> int:
    """Return how many tokens a row has, begin and end among them."""
    return 3 + sum(first_equals(left) for left in range(2, operands + 1))


def reduce_text(question: str) -> str:
    """Return a question with its working, step by step: the slow and plain way, for one typed by hand.

    Raises `BadInput` for text that is no fully bracketed expression over single digits.
    """
    steps, line = [question], f"({question})"
    while len(line) > 1:
        place = next((i for i in range(len(line) - 4) if _is_simple(line[i : i + 5])), None)
        if place is None:
            raise BadInput(
                f"{question!r} cannot be worked out.",
                expected="single digits, + - *, and brackets around every operation but the last",
                do="(3+4)*(2-9)",
            )
        left, operator, right = line[place + 1 : place + 4]
        line = f"{line[:place]}{_RESULT[operator](int(left), int(right)) % MODULUS}{line[place + 5 :]}"
        steps.append(line[1:-1] if len(line) > 1 else line)
    return "=".join(steps)


def _is_simple(part: str) -> bool:
    return part[0] == "(" and part[1].isdigit() and part[2] in _RESULT and part[3].isdigit() and part[4] == ")"


def _check(operands: int) -> None:
    if isinstance(operands, bool) or not isinstance(operands, int) or not 2 <= operands <= MOST_OPERANDS:
        raise BadInput(f"operands = {operands!r} makes no task.", expected=f"a whole number from 2 to {MOST_OPERANDS}")


def _draw(operands: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows of both sets. A row is looked up in a table of its own: symbols, its operators, its numbers."""
    programs = _programs(operands)
    which = rng.choice(len(programs), size=count, p=[program.probability for program in programs])
    operators = rng.integers(3, size=(count, operands - 1))
    numbers = np.zeros((count, 2 * operands - 1), dtype=np.int64)
    numbers[:, :operands] = rng.integers(MODULUS, size=(count, operands))
    rows = np.empty((count, row_length(operands) - 2), dtype=np.int64)
    for index, program in enumerate(programs):
        mine = np.flatnonzero(which == index)
        held = numbers[mine]
        for place, (left, operator, right) in enumerate(program.steps, start=operands):
            a, b, kind = held[:, left], held[:, right], operators[mine, operator]
            held[:, place] = np.choose(kind, (a + b, a - b, a * b)) % MODULUS
        literals = np.broadcast_to(np.arange(len(SYMBOLS)), (len(mine), len(SYMBOLS)))
        table = np.concatenate([literals, _PLUS + operators[mine], held], axis=1)
        rows[mine] = table[:, program.template]
    return rows


@dataclass(frozen=True)
class _Program:
    """One way to bracket n operands: its probability, its reductions, and where each symbol of the text comes from."""

    probability: float
    steps: tuple[tuple[int, int, int], ...]  # number, operator, number, by their places
    template: np.ndarray


@cache
def _programs(operands: int) -> tuple[_Program, ...]:
    return tuple(_program(operands, probability, tree) for probability, tree in _trees(0, operands))


def _trees(first: int, size: int) -> Iterator[tuple[float, object]]:
    """Yield every binary tree over `size` leaves with its probability, each split of a node being equally likely."""
    if size == 1:
        yield 1.0, first
        return
    for left_size in range(1, size):
        for p, left in _trees(first, left_size):
            for q, right in _trees(first + left_size, size - left_size):
                yield p * q / (size - 1), (left, first + left_size - 1, right)


def _program(operands: int, probability: float, tree: object) -> _Program:
    literal, operator = (lambda symbol: symbol), (lambda place: len(SYMBOLS) + place)
    number = lambda place: len(SYMBOLS) + operands - 1 + place  # noqa: E731

    def written(node: object) -> list[int]:
        if isinstance(node, int):
            return [number(node)]
        left, place, right = node
        return [literal(_OPEN), *written(left), operator(place), *written(right), literal(_CLOSE)]

    def reduced(node: object, result: int) -> tuple[object, tuple[int, int, int] | None]:
        """Return the tree with its leftmost pair of numbers replaced by `result`, and what was replaced."""
        if isinstance(node, int):
            return node, None
        left, place, right = node
        if isinstance(left, int) and isinstance(right, int):
            return result, (left, place, right)
        left, step = reduced(left, result)
        if step is None:
            right, step = reduced(right, result)
        return (left, place, right), step

    template, steps = written(tree)[1:-1], []
    for result in range(operands, 2 * operands - 1):
        tree, step = reduced(tree, result)
        steps.append(step)
        template += [literal(_EQUALS), *(written(tree)[1:-1] if not isinstance(tree, int) else written(tree))]
    return _Program(probability, tuple(steps), np.array(template))
