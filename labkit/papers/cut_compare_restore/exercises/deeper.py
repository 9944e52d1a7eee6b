"""The exercises of lesson 00's second notebook: fused weights, a share restored, the verdict rule, a count, a hunt."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong
from labkit.course.numbers import close_to, number

__all__ = ["EXERCISES", "OBJECTIVES"]

_ADDRESS = "say where any weight of any model is stored, and what it connects"
_PATCH = "put an activation back and say how much of the answer came with it"
_VERDICT = "work out a verdict from records, by the rule"
_REUSE = "count what a sweep has to compute"
_TRUST = "find what an operation left behind"
OBJECTIVES = (_ADDRESS, _PATCH, _VERDICT, _REUSE, _TRUST)

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
        ],
        otherwise=("this is not the row.", "how many rows each of q, k and v takes: heads times head size"),
    ),
    hints=(
        "Draw the 64 rows: which part is on top, and how tall is it?",
        "Queries take 4 · 8 rows. How many do the keys take?",
        "rows of q + rows of k + 3",
    ),
    solution="`4 * 8 + 2 * 8 + 3` is 51: the queries' 32 rows, the keys' 16, then row 3 of the values.",
    answer=51,
    typical_wrong=((35, "forgot the keys"), (3, "from the first value")),
)


def _check_recovered(share: Callable[..., Any]) -> Outcome:
    """Judge a function (restored, broken, intact) -> share of the way from broken back to intact."""
    cases = ((2.0, -3.0, 7.0, 0.5), (-3.0, -3.0, 7.0, 0.0), (7.0, -3.0, 7.0, 1.0), (1.0, 4.0, 2.0, 1.5))
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
        "(restored − broken) / (intact − broken)",
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
    ),
)


def _ruled(low: float, high: float, null: float, direction: str, delta: float) -> str:
    from labkit.claims import verdict

    middle = (low + high) / 2
    return verdict(
        value=middle, low=low, high=high, n=100, null=null, direction=direction, delta=delta, paper=None
    ).word


def _check_rule(rule: Callable[..., Any]) -> Outcome:
    """Judge a function (low, high, null, direction, delta) -> word by labkit's own rule."""
    ends = [(-0.9, -0.6), (-0.3, -0.05), (-0.05, 0.05), (-0.05, 0.5), (0.02, 0.08), (0.3, 0.8), (0.0, 0.05)]
    for (low, high), null, direction in itertools.product(ends, (0.0, 1.0), ("above", "below")):
        got = rule(low + null, high + null, null, direction, 0.1)
        if is_blank(got):
            raise NotAttempted
        wanted = _ruled(low + null, high + null, null, direction, 0.1)
        if str(got).strip().lower() == wanted:
            continue
        shown = f"[{low + null:g}, {high + null:g}], null {null:g}, direction {direction}, δ 0.1"
        if direction == "below" and got == _ruled(low + null, high + null, null, "above", 0.1):
            return wrong("you ruled as if every claim said 'above'.", shown)
        if null and got == _ruled(low + null, high + null, 0.0, direction, 0.1):
            return wrong("you compared with zero; this claim's null is another number.", shown)
        if wanted == "absent here":
            return wrong(
                "you asked for the side first; an interval within the margin is nothing, whatever its sign.", shown
            )
        return wrong(f"your rule says {str(got)[:30]!r} where another line of the table comes first.", shown)
    return right("A verdict is arithmetic: whoever has the records gets the same word.")


def _rule_answer(low: float, high: float, null: float, direction: str, delta: float) -> str:
    near, far = sorted((end - null) * (1 if direction == "above" else -1) for end in (low, high))
    if -delta <= near and far <= delta:
        return "absent here"
    if near > 0:
        return "direction"
    return "contradicted" if far < 0 else "unresolved"


def _rule_upwards(low: float, high: float, null: float, direction: str, delta: float) -> str:
    return _rule_answer(low, high, null, "above", delta)


def _rule_side_first(low: float, high: float, null: float, direction: str, delta: float) -> str:
    near, far = sorted((end - null) * (1 if direction == "above" else -1) for end in (low, high))
    return "direction" if near > 0 else "contradicted" if far < 0 else _rule_answer(low, high, null, direction, delta)


RULE = Exercise(
    id="00.6",
    title="The rule",
    minutes=10,
    objective=_VERDICT,
    difficulty="hard",
    deeper=True,
    task=(
        "Write `rule(low, high, null, direction, delta)`. It returns the first of these four words that applies: "
        "`absent here` (the whole interval lies within ±delta of the null), `direction` (it lies wholly on the claimed "
        "side of the null, an end on the null does not count), `contradicted` (it lies wholly on the other side), "
        "`unresolved`. The direction is `above` or `below`."
    ),
    expects="a function of (low, high, null, direction, delta) that returns one of the four words",
    check=_check_rule,
    hints=(
        "Measure both ends from the null. Which sign means 'the claimed side'?",
        "Turn the claim 'below' into the claim 'above' by changing the sign of both ends, and sort them.",
        "near, far = sorted(sign * (end - null) for end in (low, high)); then the margin, near > 0, far < 0",
    ),
    solution=(
        "```python\n"
        "def rule(low, high, null, direction, delta):\n"
        "    sign = 1 if direction == 'above' else -1\n"
        "    near, far = sorted(sign * (end - null) for end in (low, high))\n"
        "    if -delta <= near and far <= delta:\n"
        "        return 'absent here'\n"
        "    if near > 0:\n"
        "        return 'direction'\n"
        "    return 'contradicted' if far < 0 else 'unresolved'\n"
        "```\n"
        "Measured from the null and turned to the claimed side, one comparison serves for both directions."
    ),
    answer=_rule_answer,
    typical_wrong=((_rule_upwards, "as if every claim said 'above'"), (_rule_side_first, "the side first")),
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
            (324, "you also compute the sub-layer that is left out.", "the last cut: what comes after sub-layer 24?"),
            (552, "this is the plain loop, and without the clean run.", "what a cut can have changed"),
        ],
        otherwise=("this is not the number.", "the same question with 2 sub-layers, on your fingers"),
    ),
    hints=(
        "Do it for 3 sub-layers first.",
        "After sub-layer 1 come 23 others, after sub-layer 2 come 22.",
        "24 + (23 + 22 + ... + 1 + 0)",
    ),
    solution="`24 + sum(24 - k for k in range(1, 25))` is 300, a little over half of the plain loop's 24 + 24 · 23.",
    answer=300,
    typical_wrong=((276, "left out the clean run"), (576, "the plain loop")),
)


def _check_surgeons(answer: Any) -> Outcome:
    """Judge the letters of the surgeons who leave something behind."""
    letters = "".join(sorted(set(str(answer).upper()) & set("ABCD")))
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
    title="Who left something after?",
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
    typical_wrong=(("BC", "tried them on one model"), ("C", "weights or at answers alone"), ("AB", "suspect A")),
)

EXERCISES = (FUSED, RECOVERED, RULE, COUNT, SURGEONS)
