"""Plausible parts, wrong whole: where no word gives a future away, words must be judged together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["WHOLES"]

Texts = Sequence[str]


def _columns(futures: Texts) -> list[set[str]]:
    return [set(words) for words in zip(*(future.split() for future in futures))]


def _parts(futures: Texts, one: str) -> bool:
    """Return whether every word of a sentence stands at its place in one of the futures."""
    columns, words = _columns(futures), one.split()
    return len(words) == len(columns) and all(word in column for word, column in zip(words, columns))


def _wrong(futures: Texts, drawn: Texts) -> list[bool]:
    return [one not in futures and _parts(futures, one) for one in drawn]


def _share(futures: Texts, drawn: Texts) -> float:
    return sum(_wrong(futures, drawn)) / len(drawn)


def _impossible(futures: Texts, drawn: Texts) -> float:
    return sum(one not in futures for one in drawn) / len(drawn)


def _plausible(futures: Texts, drawn: Texts) -> float:
    return sum(_parts(futures, one) for one in drawn) / len(drawn)


def _anywhere(futures: Texts, drawn: Texts) -> float:
    words = {word for future in futures for word in future.split()}
    return sum(one not in futures and set(one.split()) <= words for one in drawn) / len(drawn)


def _count(futures: Texts, drawn: Texts) -> float:
    return sum(_wrong(futures, drawn))


def _kinds(futures: Texts, drawn: Texts) -> float:
    return _share(futures, sorted(set(drawn)))


def _of_the_wrong(futures: Texts, drawn: Texts) -> float:
    return sum(_wrong(futures, drawn)) / max(1, sum(one not in futures for one in drawn))


def _right_ones(futures: Texts, drawn: Texts) -> float:
    return sum(one in futures for one in drawn) / len(drawn)


def _cut_short(futures: Texts, drawn: Texts) -> float:
    """Let zip end with the shorter sentence, so that one that breaks off passes."""
    columns = _columns(futures)
    fits = [all(word in column for word, column in zip(one.split(), columns)) for one in drawn]
    return sum(fit and one not in futures for fit, one in zip(fits, drawn)) / len(drawn)


def _first_two(futures: Texts, drawn: Texts) -> float:
    """Take the first two futures for all of them."""
    return _share(futures[:2], drawn)


_SLIPS: tuple[tuple[Callable[[Texts, Texts], float], str, str], ...] = (
    (_impossible, "you count every sentence that cannot follow.", "those with a word that no future has"),
    (_plausible, "you count the futures themselves as well.", "what makes a whole right"),
    (_right_ones, "you count the sentences that can follow.", "which ones are asked for"),
    (_anywhere, "you look for a word anywhere in the futures.", "a word that stands at another's place"),
    (_cut_short, "a sentence that breaks off passes: zip ends with the shorter one.", "how many words there are"),
    (_of_the_wrong, "you divide by the sentences that cannot follow.", "a share of all that was drawn"),
    (_kinds, "you count each sentence once, however often it was drawn.", "a share of all that was drawn"),
    (_first_two, "you compare with some of the futures only.", "how many futures there are"),
)


def _cases() -> list[tuple[list[str], list[str]]]:
    """Return fresh (futures, drawn): ordinary ones, no wrong whole, nothing else, one future."""
    import torch

    from .. import task
    from ..experiments.unmarked import unmarked_futures

    chance = torch.Generator().manual_seed(int(torch.randint(10**6, (1,), generator=torch.Generator()).item()))
    lost = task.all_events()[task.all_events().kind_N == 3]
    found = []
    for number in range(4):
        event = lost[torch.randint(len(lost), (1,), generator=chance)]
        after = unmarked_futures(event)
        futures = [task.write(one)[0] for one in after]
        mixed = after[0].slots_NS.clone()
        mixed[:, 3] = after[2].slots_NS[:, 3]  # the other mood alone: no future has that
        mixed_text = task.write(task.Sentences(after[0].kind_N, mixed))[0]
        slots = after[1].slots_NS.clone()
        slots[:, 3] = after[3].slots_NS[:, 3]
        other_text = task.write(task.Sentences(after[0].kind_N, slots))[0]
        stranger = futures[0].replace(futures[0].split()[1], "Nobody")
        swapped = " ".join(reversed(futures[1].split()))
        broken = " ".join(futures[2].split()[:5])
        drawn = [*futures, futures[0], mixed_text, mixed_text, other_text, stranger, swapped, broken, "End of text ."]
        if number == 1:
            drawn = [one for one in drawn if one not in (mixed_text, other_text)]
        elif number == 2:
            drawn = [mixed_text] * 7 + [other_text]
        elif number == 3:
            futures, drawn = futures[:1], [futures[0], mixed_text, stranger]
        found.append((futures, drawn))
    return found


def _check(wholes: Callable[[Texts, Texts], Any]) -> Outcome:
    cases = _cases()
    told = []
    for futures, drawn in cases:
        got = wholes(list(futures), list(drawn))
        if is_blank(got):
            raise NotAttempted
        try:
            told.append(float(got))
        except (TypeError, ValueError):
            return wrong(f"you returned {type(got).__name__}.", "one number, a share from 0 to 1")
    if all(abs(got - _share(*case)) < 0.006 for got, case in zip(told, cases)):
        return right(_what_two_tower_says())
    if all(abs(got - _count(*case)) < 1e-6 for got, case in zip(told, cases)):
        return wrong("you return how many there are.", "a share of all that was drawn")
    for slip, thought, look_at in _SLIPS:
        if all(abs(got - slip(*case)) < 0.006 for got, case in zip(told, cases)):
            return wrong(thought, look_at)
    worst = max(range(len(cases)), key=lambda k: abs(told[k] - _share(*cases[k])))
    futures, drawn = cases[worst]
    return wrong(
        f"of {len(drawn)} sentences after an event with {len(futures)} futures you tell {told[worst]:.2f}.",
        "each word at its own place, then the sentence as a whole",
    )


def _what_two_tower_says() -> str:
    from ..experiments.unmarked import unmarked

    world = unmarked()
    shares = [_share(futures, drawn) for futures, drawn in zip(world.futures, world.drawn)]
    return (
        f"Of what Two-Tower drew here, {sum(shares) / len(shares):.0%} has the right parts and is the wrong whole. "
        "The vectors have the size of sentences and come back when they are said and read. Only the whole shows it."
    )


def _with_sets(futures: Texts, drawn: Texts) -> float:
    columns = list(zip(*map(str.split, futures)))
    bad = [
        one
        for one in drawn
        if one not in set(futures)
        and len(one.split()) == len(columns)
        and all(map(lambda word, column: word in column, one.split(), columns))
    ]
    return round(len(bad) / len(drawn), 2)


def _with_tensors(futures: Texts, drawn: Texts) -> Any:
    import torch

    return torch.tensor(_wrong(futures, drawn)).float().mean()


WHOLES = Exercise(
    id="06.5",
    title="Plausible parts, wrong whole",
    minutes=4,
    objective="find by a measurement what a well-written sentence hides",
    difficulty="hard",
    task=(
        "In the world so far every future has a mood, a vehicle and an island of its own. In `world` nothing marks a "
        "future: after *lost* there are two moods, two vehicles and two islands, each in two of the four futures. For "
        "the n-th event `world.futures[n]` are the sentences that can follow, `world.drawn[n]` what a Two-Tower "
        "trained there said. Write `wrong_wholes(futures, drawn)`: the share of drawn sentences of which every word "
        "stands at the same place in one of the futures, and which are none of the futures. Words are parted by spaces."
    ),
    expects="a function of two lists of sentences that returns a share from 0 to 1",
    check=_check,
    hints=(
        "Print the four futures of an event, and below them what was drawn.",
        "Collect, for each place in a sentence, the words that the futures have there.",
        "Three conditions: as many words as a future, each of them allowed at its place, the sentence not on the list.",
    ),
    solution=(
        "```python\n"
        "def wrong_wholes(futures, drawn):\n"
        "    columns = list(zip(*[future.split() for future in futures]))\n"
        "    bad = 0\n"
        "    for one in drawn:\n"
        "        words = one.split()\n"
        "        fits = len(words) == len(columns) and all(w in c for w, c in zip(words, columns))\n"
        "        bad += fits and one not in futures\n"
        "    return bad / len(drawn)\n"
        "```\n"
        "A judge of single words passes such a sentence, and so do the size of the vector and its way back."
    ),
    answer=_share,
    typical_wrong=(
        (_impossible, "cannot follow"),
        (_plausible, "as well"),
        (_right_ones, "asked for"),
        (_anywhere, "anywhere"),
        (_cut_short, "breaks off"),
        (_of_the_wrong, "divide by"),
        (_kinds, "once"),
        (_count, "how many"),
        (_first_two, "some of the futures"),
        (lambda futures, drawn: 0.5, "each word"),
        (lambda futures, drawn: drawn, "one number"),
    ),
)
UNUSUAL = (_with_sets, _with_tensors)
