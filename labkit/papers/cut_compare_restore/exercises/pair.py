"""Exercise 00.9: two parts that stand in for each other, discovered on lab/tiny."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from labkit.course.exercises import Exercise, Outcome, right, wrong

from .control import COMPARE

__all__ = ["PAIR"]

_MODEL, _DAYS, _SEED = "lab/tiny", 24, 77
_TWICE = 1.8  # pairs near 2 on the reader's days may lie a little lower on these
_EXPECTED = 1.25  # below it a pair costs about the sum


def _check_pair(pair: Any) -> Outcome:
    """Judge two parts by what they cost together, in what they cost one by one."""
    cuts = _parts(pair)
    if len(cuts) == 2 and cuts[0] == cuts[1]:
        return wrong("this is one part, named twice.", "the word two in the task")
    if len(cuts) != 2 or len(set(cuts)) != 2:
        return wrong(f"the number of parts in your answer is {len(set(cuts))}.", "the word two in the task")
    if strange := [cut for cut in cuts if cut not in _every_part()]:
        return wrong(
            f"{strange[0]!r} is not one of the model's eight parts.", f"labkit.sweeps.every_sublayer({_MODEL})"
        )
    one, other, together = _costs(*sorted(cuts, key=_every_part().index))
    times = together / (one + other)
    seen = f"alone {one:.3f} and {other:.3f} nats, together {together:.3f}: {times:.2f} times their sum, on our days."
    if times >= _TWICE:
        return right(
            f"{seen[0].upper()}{seen[1:]} While one of them is there it does much of the other's work. So a part that "
            "is cheap to lose need not be idle: measure it again when its neighbours are gone."
        )
    if together > 1:
        return wrong(
            f"{seen} The first block is expensive alone; what is asked is how much more the two cost together.",
            "the cost together, divided by the sum of the two",
        )
    if times < 0.9:
        return wrong(f"{seen} These two cost less together than one by one.", "the other end of your list")
    if times > _EXPECTED:
        return wrong(f"{seen} More than the sum, and not twice.", "which kinds of parts you have not tried together")
    return wrong(f"{seen} That is about what one would expect.", "which kinds of parts you have not tried together")


def _parts(pair: Any) -> list[Any]:
    """Return the edits of a pair, a list or a plan."""
    from labkit.interventions import Edit

    if isinstance(pair, Edit | str):
        return [pair]
    return [edit for part in pair for edit in _parts(part)]


@cache
def _every_part() -> list[Any]:
    from labkit import load
    from labkit.sweeps import every_sublayer

    return _parts(every_sublayer(load(_MODEL)))


@cache
def _costs(one: Any, other: Any) -> tuple[float, float, float]:
    """Return the rise of the loss, nats a token: without the one, without the other, without both."""
    from labkit import load, world
    from labkit.interventions import Plan
    from labkit.sweeps import sweep

    days = [document.text for document in world.documents("stories", _DAYS, seed=_SEED, split="test")]
    swept = sweep(load(_MODEL), [one, other, Plan([one, other])], days)
    alone, beside, together = (point.change.value for point in swept.points)
    return alone, beside, together


def _drops(*spelt: str) -> tuple[Any, ...]:
    """Return edits from "attn 1" and "mlp 2"; loaded late, since a lesson opens without torch."""
    from labkit.interventions import DropAttention, DropMLP

    kinds = {"attn": DropAttention, "mlp": DropMLP}
    return tuple(kinds[kind](int(layer)) for kind, layer in map(str.split, spelt))


class _Late(Sequence):
    """A pair of parts that becomes edits when somebody looks at it."""

    def __init__(self, *spelt: str):
        self.spelt = spelt

    def __len__(self) -> int:
        return len(self.spelt)

    def __getitem__(self, place: Any) -> Any:
        return _drops(*self.spelt)[place]


PAIR = Exercise(
    id="00.9",
    title="Two cuts at once",
    minutes=7,
    objective=COMPARE,
    difficulty="hard",
    task=(
        "Take out two parts of `tiny` at the same time. Often that costs about the sum of what each costs alone. For "
        "some pairs it costs **twice the sum or more**. Find one. `cuts = labkit.sweeps.every_sublayer(tiny)` lists "
        "the eight parts as edits; `labkit.Plan([cuts[2], cuts[4]])` is one cut of two; `labkit.sweep` takes a list "
        "of cuts, in any number, and some texts (fifteen days do for a search)."
    ),
    expects="two edits, such as (cuts[2], cuts[4])",
    check=_check_pair,
    hints=(
        "Eight parts make 28 pairs, few enough to try all: itertools.combinations(parts, 2).",
        "A large cost is not what is asked. Divide the cost of the pair by the sum of the two costs alone.",
        "Sort the 28 pairs by that quotient. What kind of part stands at the top, and in which blocks?",
    ),
    solution=(
        "```python\n"
        "import itertools\n\n"
        "cuts = labkit.sweeps.every_sublayer(tiny)\n"
        "alone = [point.change.value for point in labkit.sweep(tiny, cuts, days[:15]).points]\n"
        "pairs = list(itertools.combinations(range(8), 2))\n"
        "double = [labkit.Plan([cuts[a], cuts[b]]) for a, b in pairs]\n"
        "both = [point.change.value for point in labkit.sweep(tiny, double, days[:15]).points]\n"
        "times = {pair: cost / (alone[pair[0]] + alone[pair[1]]) for pair, cost in zip(pairs, both)}\n"
        "a, b = max(times, key=times.get)\n"
        "```\n"
        "Any two of the last three MLPs. Each is cheap alone because the others do much of its work; the three of them "
        "are not cheap. An attention together with an MLP of the same block is nothing special."
    ),
    answer=_Late("mlp 1", "mlp 2"),
    typical_wrong=(
        (_Late("attn 0", "mlp 0"), "first block is expensive alone"),
        (_Late("mlp 0", "mlp 1"), "first block is expensive alone"),
        (_Late("mlp 1", "attn 2"), "less together"),
        (_Late("attn 1", "attn 2"), "and not twice"),
        (_Late("attn 3", "mlp 3"), "what one would expect"),
        (_Late("mlp 2", "mlp 2"), "named twice"),
        (_Late("mlp 1", "mlp 2", "mlp 3"), "in your answer is 3"),
        (("layers.1.mlp", "layers.2.mlp"), "is not one of the model's eight parts"),
    ),
)
