"""The exercises of lesson 00's second notebook: fused weights, a share restored, the verdict rule, a count, a hunt."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong
from labkit.course.tolerance import close_to, number

from .rule import RULE, VERDICT

__all__ = ["EXERCISES", "OBJECTIVES"]

_ADDRESS = "say where any weight of any model is stored, and what it connects"
_PATCH = "put an activation back and say how much of the answer came with it"
_REUSE = "count what a sweep has to compute"
_TRUST = "find what an operation left behind"
OBJECTIVES = (_ADDRESS, _PATCH, VERDICT, _REUSE, _TRUST)

FUSED = Exercise(
    id="00.4",
    title="A row in a fused matrix",
    minutes=4,
    objective=_ADDRESS,
    difficulty="easy",
    deeper=True,
    task=(
        "The little Phi-3 above has four heads of size 8 for its queries and two for its keys and values. It stores "
        "queries, keys and values below each other in one matrix `qkv_proj` of 64 rows. In which **row** of that "
        "matrix is `layers.0.attn.v[3, 5]`?"
    ),
    expects="a whole number from 0 to 63",
    check=number(
        51,
        "32 rows of queries, 16 of keys, then row 3 of the values. An address saves you this sum in every family.",
        tol=0.1,
        mistakes=[
            (3, "you counted from the first value, not from the first row of the matrix.", "what is stored above it"),
            (35, "you counted the queries above it and forgot the keys.", "the order q, k, v"),
            (67, "you gave the keys as many heads as the queries.", "how many rows the matrix has"),
            (8, "you took the column for the row, or counted heads.", "which index comes first in [out, in]"),
            (53, "you took the column, 5, for the row.", "which index comes first in [out, in]"),
            (48, "this is the first row of the values.", "which of its rows the address names"),
            (52, "you counted the rows from 1.", "the first row of any matrix here, which is row 0"),
            (13, "you counted one row for a head, and each has eight.", "the size of a head"),
        ],
        otherwise=("this is not the row.", "how many rows each of q, k and v takes: heads times head size"),
    ),
    hints=(
        "Draw the 64 rows: which part is on top, and how tall is it?",
        "Queries take 4 · 8 rows. How many do the keys take?",
        "The row lies below all queries and all keys, and below some values as well. How many rows is that?",
    ),
    solution="`4 * 8 + 2 * 8 + 3` is 51: the queries' 32 rows, the keys' 16, then row 3 of the values.",
    answer=51,
    typical_wrong=(
        (35, "forgot the keys"),
        (3, "from the first value"),
        (67, "as many heads as the queries"),
        (53, "the column, 5, for the row"),
        (48, "the first row of the values"),
        (52, "counted the rows from 1"),
        (50, "not the row"),
    ),
)


def _check_recovered(share: Callable[..., Any]) -> Outcome:
    """Judge a function (restored, broken, intact) -> share of the way from broken back to intact."""
    cases = ((2.0, -3.0, 7.0, 0.5), (-3.0, -3.0, 7.0, 0.0), (7.0, -3.0, 7.0, 1.0), (1.0, 4.0, 2.0, 1.5))
    cases += ((-5.0, -3.0, 7.0, -0.2), (6.5, 6.0, 4.0, -0.25))  # a patch that makes it worse
    for restored, broken, intact, wanted in cases:
        got = share(restored, broken, intact)
        if is_blank(got):
            raise NotAttempted
        got = float(got)
        if close_to(got, wanted, tol=1e-6):
            continue
        if close_to(got, restored / intact, tol=1e-6):
            return wrong("you divided by the intact model's score.", "what your share is when nothing was restored")
        if close_to(got, (restored - broken) / intact, tol=1e-6):
            return wrong("the distance to be made good is not the intact score.", "where the broken run starts")
        if close_to(got, 1 - wanted, tol=1e-6):
            return wrong("you measured what is still missing.", "your share when all is restored")
        if close_to(got, restored - broken, tol=1e-6):
            return wrong("this is what came back, in points of the score.", "the word share")
        if close_to(got * wanted, 1, tol=1e-6):
            return wrong("you divided the whole by the part.", "your share when half came back")
        if close_to(got, abs(wanted), tol=1e-6):
            return wrong("a patch that makes things worse has a share of its own.", "its sign")
        if close_to(got, min(1, max(0, wanted)), tol=1e-6):
            return wrong("you cut the share off at 0 or at 1.", "a patch that overshoots, and one that makes it worse")
        return wrong("it is not the share of the way back.", f"restored {restored}, broken {broken}, intact {intact}")
    return right("0 where nothing came back, 1 where all did, and more than 1 where the patch overshoots.")


RECOVERED = Exercise(
    id="00.5",
    title="How much came back",
    minutes=5,
    objective=_PATCH,
    deeper=True,
    task=(
        "A cut lowers a score from `intact` to `broken`; a patch brings it to `restored`. Write "
        "`share(restored, broken, intact)`: 0 when the patch did nothing, 1 when it brought everything back. Scores "
        "may be negative, and a cut may also raise a score."
    ),
    expects="a function of (restored, broken, intact) that returns a number",
    check=_check_recovered,
    hints=(
        "What did the cut take away, as a difference?",
        "And what did the patch give back, as a difference from the same point?",
        "Two differences, both from the broken run: all that was lost, and what came back. Which one is the whole?",
    ),
    solution=(
        "```python\ndef share(restored, broken, intact):\n    return (restored - broken) / (intact - broken)\n```\n"
        "Both differences start at the broken run. Dividing by the intact score would call a patch half good that did "
        "nothing to a score which the cut had only halved."
    ),
    answer=lambda restored, broken, intact: (restored - broken) / (intact - broken),
    typical_wrong=(
        (lambda restored, broken, intact: restored / intact, "divided by the intact"),
        (lambda restored, broken, intact: (restored - broken) / intact, "not the intact score"),
        (lambda restored, broken, intact: (intact - restored) / (intact - broken), "still missing"),
        (lambda restored, broken, intact: (intact - broken) / (restored - broken), "the whole by the part"),
        (lambda restored, broken, intact: restored - broken, "in points of the score"),
        (lambda restored, broken, intact: abs(restored - broken) / abs(intact - broken), "makes things worse"),
        (lambda restored, broken, intact: min(1, max(0, (restored - broken) / (intact - broken))), "cut the share off"),
        (lambda restored, broken, intact: 0.5, "not the share"),
    ),
)


COUNT = Exercise(
    id="00.7",
    title="Count the sub-layers",
    minutes=5,
    objective=_REUSE,
    deeper=True,
    task=(
        "A model has 24 sub-layers that all cost the same. You leave out each of them once. The clean run is kept, and "
        "a cut at sub-layer k computes only what comes after k. How many sub-layers are computed in all, the clean run "
        "included?"
    ),
    expects="a whole number",
    check=number(
        300,
        "24 for the clean run and 23 + 22 + ... + 0 after it; the plain loop computes 576.",
        tol=0.1,
        mistakes=[
            (276, "you left out the clean run, which has to be computed once.", "where the kept streams come from"),
            (576, "this is the plain loop: every cut begins at the first sub-layer.", "what a cut can have changed"),
            (
                324,
                "you also compute the sub-layer that is left out.",
                "the last cut, and what comes after sub-layer 24",
            ),
            (552, "this is the plain loop, and without the clean run.", "what a cut can have changed"),
            (288, "half of the plain loop is near, but it can be counted exactly.", "the sum from 0 to 23"),
            (600, "every cut computes the whole model here, and the clean run comes on top.", "what is left out"),
        ],
        otherwise=("this is not the number.", "the same question with 2 sub-layers, on your fingers"),
    ),
    hints=(
        "Do it for 3 sub-layers first.",
        "After sub-layer 1 come 23 others, after sub-layer 2 come 22.",
        "The clean run is one whole model. The cuts are a falling row of numbers: where does it begin, and where end?",
    ),
    solution="`24 + sum(24 - k for k in range(1, 25))` is 300, a little over half of the plain loop's 24 + 24 · 23.",
    answer=300,
    typical_wrong=(
        (276, "left out the clean run"),
        (576, "the plain loop"),
        (324, "the sub-layer that is left out"),
        (552, "without the clean run"),
        (288, "counted exactly"),
        (600, "comes on top"),
        (301, "not the number"),
    ),
)


def _check_surgeons(answer: Any) -> Outcome:
    """Judge the letters of the surgeons who leave something behind."""
    words = [word for word in re.findall("[A-Z]+", str(answer).upper()) if set(word) <= set("ABCD")]
    letters = "".join(sorted(set("".join(words))))
    if not letters:
        return wrong("there is no letter from A to D in your answer.", "the names of the four functions")
    if letters == "BCD":
        return right(
            "Nobody sees B in an answer, and nobody sees D on lab/tiny: the model must be able to show the fault."
        )
    if "A" in letters:
        return wrong("you suspect A, which puts back the very bits it took.", "A's fingerprint before and after")
    if letters == "BC":
        return wrong(
            "you tried them on one model, and its weights happen to survive what one of them does.",
            "the precision in lab/tiny's card, and the fingerprint of a model that never was in half precision",
        )
    if "B" not in letters:
        return wrong("you looked at weights or at answers alone.", "what labkit.audit says after each of them")
    return wrong("one of them is missing.", "the fingerprint after each, on two different models")


SURGEONS = Exercise(
    id="00.8",
    title="Who leaves something behind?",
    minutes=10,
    objective=_TRUST,
    difficulty="hard",
    deeper=True,
    task=(
        "Which of the four surgeons above do **not** leave every model as it was? Give their letters in one string. "
        "Reading the code is allowed; a proof is better. One of them cannot be caught on `lab/tiny`: find out why, and "
        "on which model it can."
    ),
    expects='letters, such as "A" or "AB"',
    check=_check_surgeons,
    hints=(
        "Compare labkit.fingerprint before and after each, first on lab/tiny.",
        "A fault shows only on a model that can show it. What numbers can half precision hold exactly?",
        "labkit.DecoderConfig(...).build(seed=1) has weights that were never rounded: operate on that one too.",
    ),
    solution=(
        "`BCD`. B leaves its hook attached, switched off: every answer is right, until somebody switches it on. C "
        "keeps its copy in bfloat16 and puts back rounded weights. D does the same in float16, and lab/tiny was stored "
        "in float16, so there the rounding changes nothing; on a freshly made model it does."
    ),
    answer="BCD",
    typical_wrong=(
        ("BC", "tried them on one model"),
        ("C", "weights or at answers alone"),
        ("CD", "weights or at answers alone"),
        ("AB", "suspect A"),
        ("ABCD", "suspect A"),
        ("B and D", "one of them is missing"),
        ("B", "one of them is missing"),
        ("all of them", "no letter"),
    ),
)

EXERCISES = (FUSED, RECOVERED, RULE, COUNT, SURGEONS)
