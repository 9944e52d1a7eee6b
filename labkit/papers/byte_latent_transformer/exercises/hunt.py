"""The bug hunt: six patchers without names, of which some look ahead."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

from ..task import byte_ids

__all__ = ["CUT", "GUILTY", "HUNT", "suspects"]

CUT = "say which patchers can be used while text is being written, and prove it for one you do not know"


class _Late:
    """Starts a patch at byte t by the entropy after reading byte t: one place too late, and it has seen the byte."""

    def __init__(self, entropies: Callable[[np.ndarray], np.ndarray], above: float):
        self.entropies, self.above = entropies, above

    def starts(self, ids: np.ndarray) -> np.ndarray:
        h = self.entropies(ids)
        starts = np.concatenate((h[1:] > self.above, [False]))
        starts[0] = True
        return starts


class _Longest:
    """Merges short patches into the one before once the whole text is known."""

    def starts(self, ids: np.ndarray) -> np.ndarray:
        starts = np.arange(len(ids) + 1) % 4 == 0
        if len(ids) % 4 == 1 and len(ids) > 4:
            starts[len(ids) - 1] = False
        return starts


class _Once:
    """A patch every five bytes, but for a text of ten bytes, which is one patch: only that length shows it."""

    def starts(self, ids: np.ndarray) -> np.ndarray:
        starts = np.arange(len(ids) + 1) % 5 == 0
        if len(ids) == 10:
            starts[5] = False
        return starts


class _Nameless:
    """A patcher that can be asked for its starts and for nothing else."""

    def __init__(self, patcher: Any):
        self.starts = lambda ids: patcher.starts(np.asarray(ids))


def suspects() -> dict[str, Any]:
    """Return six patchers without their names; some of them look ahead."""
    from labkit import world

    from ..method.entropy import ByteEntropies
    from ..method.patching import BPE, Entropy, Space, TopK
    from ..training.entropy import entropy_model, threshold

    entropies = ByteEntropies(entropy_model())
    known = {
        "A": Space(),
        "B": _Late(entropies, threshold()),
        "C": Entropy(entropies, above=threshold()),
        "D": BPE(world.tokenizer()),
        "E": TopK(entropies, 4.5),
        "F": _Longest(),
    }
    return {name: _Nameless(patcher) for name, patcher in known.items()}


def strangers() -> dict[str, Any]:
    """Return two more patchers, which the reader was not shown: the first looks back only, the second ahead."""
    from ..method.patching import Strided

    return {"a stride of three": _Nameless(Strided(3)), "one of a single length": _Nameless(_Once())}


GUILTY = {"B", "D", "E", "F"}
_TEXT = "The ferry was late. Uma the judge was on Lull, and the lantern was out."


def looks_ahead(patcher: Any, ids: np.ndarray) -> bool:
    """Say whether any start, that of the byte to come included, changes when text is added."""
    whole = patcher.starts(ids)
    return any((patcher.starts(ids[:n]) != whole[: n + 1]).any() for n in range(1, len(ids)))


def _check_hunt(sees_ahead: Callable[..., Any]) -> Outcome:
    ids, said, line = byte_ids(_TEXT), {}, list({**suspects(), **strangers()}.items())
    random.shuffle(line)  # who stands where says nothing
    for name, patcher in line:
        answer = sees_ahead(patcher, ids.copy())
        if is_blank(answer):
            raise NotAttempted
        said[name] = bool(answer)
    accused = {name for name, guilty in said.items() if guilty}
    free, rare = strangers()
    if accused - {free, rare} == GUILTY:
        if free in accused:
            return wrong("you accuse a stride of three, which you were not shown.", "what tells it from a guilty one")
        if rare not in accused:
            return wrong(
                "one you were not shown gets away: it moves a start at one length of text alone.", "every length"
            )
        return right("B is the classic: its start at byte t is decided after byte t was read, one place off.")
    accused -= {free, rare}
    if innocent := sorted(accused - GUILTY):
        return wrong(
            f"you accuse {', '.join(innocent)}, which {'never move' if len(innocent) > 1 else 'never moves'} a start.",
            "how many starts you compare: n bytes have n + 1 of them",
        )
    if GUILTY - accused == {"B"}:
        return wrong(
            "one gets away. It never moves an earlier start, but it does not know in time where the next byte belongs.",
            "the last entry of starts, the one of the byte to come",
        )
    missed = sorted(GUILTY - accused)
    if "F" in missed:
        return wrong(f"{', '.join(missed)} get away: you tried too few prefixes.", "every length, not one or a few")
    return wrong(f"{', '.join(missed)} get away.", "the starts of the prefix beside the first starts of the whole")


def _lenient(patcher: Any, ids: np.ndarray) -> bool:
    whole = patcher.starts(ids)
    return any((patcher.starts(ids[:n])[:-1] != whole[:n]).any() for n in range(1, len(ids)))


def _one_prefix(patcher: Any, ids: np.ndarray) -> bool:
    half = len(ids) // 2
    return bool((patcher.starts(ids[:half]) != patcher.starts(ids)[: half + 1]).any())


HUNT = Exercise(
    id="05.3",
    title="Bug hunt: who looks ahead?",
    minutes=6,
    objective=CUT,
    difficulty="hard",
    task=(
        "Six patchers without names (`suspects()`). One has a bug that public copies of "
        "this model have had: its boundaries are off by one, so a byte helps to decide its own patch. Write "
        "`sees_ahead(patcher, ids)`, which is true if the patcher cannot be used while text is being written. "
        "`patcher.starts(ids)` returns n + 1 starts for n ids. Try it on the six, with `blt.byte_ids(sentence)`, "
        "before you hand it in: on a shorter text a guilty one may pass."
    ),
    expects="a function of a patcher and ids that returns True or False",
    check=_check_hunt,
    hints=(
        "A patcher that may be used gives the same starts for a beginning of the text as for the whole text.",
        "Compare patcher.starts(ids[:n]) with the first entries of patcher.starts(ids), for every n.",
        "n ids give n + 1 starts, and the last of them must be right as well: compare n + 1 entries.",
    ),
    solution=(
        "```python\n"
        "def sees_ahead(patcher, ids):\n"
        "    whole = patcher.starts(ids)\n"
        "    return any((patcher.starts(ids[:n]) != whole[: n + 1]).any() for n in range(1, len(ids)))\n"
        "```\n"
        "A and C (spaces, entropy threshold) pass. D is BPE, E takes the highest entropies of the whole text, F joins "
        "a last patch of one byte to the one before. B compares the entropy *after* byte t with the threshold to say "
        "whether byte t starts a patch: it never moves an earlier start, but the start of the byte to come is unknown."
    ),
    answer=looks_ahead,
    typical_wrong=(
        (_lenient, "byte to come"),
        (_one_prefix, "get"),
        (lambda patcher, ids: True, "you accuse"),
        (lambda patcher, ids: False, "too few prefixes"),
        (lambda patcher, ids: (patcher.starts(ids[:-1]) != patcher.starts(ids)[: len(ids)]).any(), "get"),
        (lambda patcher, ids: not getattr(patcher, "incremental", False), "Look at"),
    ),
)
