"""Exercise 00.6: the verdict rule, written by the reader and judged by labkit's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["RULE", "VERDICT"]

VERDICT = "work out a verdict from records, by the rule"


def _ruled(low: float, high: float, null: float, direction: str, delta: float) -> str:
    from labkit.claims import verdict

    middle = (low + high) / 2
    return verdict(
        value=middle, low=low, high=high, n=100, null=null, direction=direction, delta=delta, paper=None
    ).word


# Both ends of an interval, from the null, in parts of 1/32, so that sums are exact; some end on null or margin.
_ENDS = ((-28, -20), (-9, -2), (-2, 2), (-2, 16), (1, 3), (10, 26), (0, 2), (0, 16), (-16, 0), (-3, 6), (2, 4), (-4, 4))


def _check_rule(rule: Callable[..., Any]) -> Outcome:
    """Judge a function (low, high, null, direction, delta) -> word by labkit's own rule."""
    for ends, null, direction, delta in itertools.product(_ENDS, (0.0, 1.0), ("above", "below"), (0.125, 0.25)):
        low, high = (end / 32 for end in ends)
        got = rule(low + null, high + null, null, direction, delta)
        if is_blank(got):
            raise NotAttempted
        wanted = _ruled(low + null, high + null, null, direction, delta)
        if str(got).strip().lower() == wanted:
            continue
        shown = f"[{low + null:g}, {high + null:g}], null {null:g}, direction {direction}, δ {delta:g}"
        if direction == "below" and got == _ruled(low + null, high + null, null, "above", delta):
            return wrong("you ruled as if every claim said 'above'.", shown)
        if null and got == _ruled(low + null, high + null, 0.0, direction, delta):
            return wrong("you compared with zero; this claim's null is another number.", shown)
        if wanted == "absent here" and max(abs(low), abs(high)) == delta:
            return wrong("an interval that ends on the margin still lies within it.", shown)
        if wanted == "absent here" and got == _ruled(low + null, high + null, null, direction, 0.1):
            return wrong("you used a margin of your own and not the one that was given.", shown)
        if wanted == "absent here":
            return wrong(
                "you asked for the side first; an interval within the margin is nothing, whatever its sign.", shown
            )
        if 0.0 in (low, high):
            return wrong("an end on the null counts for neither side.", shown)
        return wrong(f"your rule says {str(got)[:30]!r} where another of the four words comes first.", shown)
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


def _rule_by(near_side: Callable[..., str]) -> Callable[..., str]:
    """Return a rule from near_side(near, far, delta), the two ends measured from the null to the claimed side."""

    def rule(low: float, high: float, null: float, direction: str, delta: float) -> str:
        near, far = sorted((end - null) * (1 if direction == "above" else -1) for end in (low, high))
        return near_side(near, far, delta)

    return rule


def _sided(near: float, far: float) -> str:
    return "direction" if near > 0 else "contradicted" if far < 0 else "unresolved"


def _rule_within(near: float, far: float, delta: float) -> str:
    return "absent here" if -delta < near and far < delta else _sided(near, far)


def _rule_closed(near: float, far: float, delta: float) -> str:
    if -delta <= near and far <= delta:
        return "absent here"
    return "direction" if near >= 0 else "contradicted" if far <= 0 else "unresolved"


def _rule_of_the_middle(near: float, far: float, delta: float) -> str:
    return "absent here" if abs(near + far) / 2 <= delta else _sided(near, far)


def _rule_own_margin(near: float, far: float, delta: float) -> str:
    return "absent here" if max(abs(near), abs(far)) <= 0.1 else _sided(near, far)


def _rule_from_zero(low: float, high: float, null: float, direction: str, delta: float) -> str:
    return _rule_answer(low, high, 0.0, direction, delta)


RULE = Exercise(
    id="00.6",
    title="The rule",
    minutes=10,
    objective=VERDICT,
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
        "With both ends measured so and sorted, each word compares the lower or the upper end with 0 or with delta.",
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
    typical_wrong=(
        (_rule_upwards, "as if every claim said 'above'"),
        (_rule_side_first, "the side first"),
        (_rule_from_zero, "another number"),
        (_rule_by(_rule_closed), "an end on the null"),
        (_rule_by(_rule_within), "ends on the margin"),
        (_rule_by(_rule_of_the_middle), "another of the four words"),
        (_rule_by(_rule_own_margin), "a margin of your own"),
    ),
)
