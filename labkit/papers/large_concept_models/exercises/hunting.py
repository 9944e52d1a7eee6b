"""Two hunts: a vector that is an average, found without reading a word; a list of steps that is not what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["AVERAGED", "DISHONEST", "OBJECTIVE"]

OBJECTIVE = "find by a measurement what a well-written sentence hides"

SIZE, MOVES = 6.4, 1.5  # between single sentences and averages: a vector's size, and how far saying it moves it
ENOUGH = 0.9  # share of vectors that must be told right in each group


def _groups(seed: int) -> dict[str, tuple[Any, bool]]:
    """Return fresh vectors [N, C] by kind, and whether they are averages of more than one future."""
    import torch

    from .. import task
    from ..method.store import load_space

    space = load_space("aligned")
    g = torch.Generator().manual_seed(seed)
    events = task.all_events()[torch.randperm(len(task.all_events()), generator=g)[:400]]
    future_E4C = torch.stack([space.encode(one) for one in task.futures(events)], dim=1)
    mean_EC = (future_E4C * task.probabilities(events.kind_N)[..., None]).sum(1)
    kind = events.kind_N
    return {
        "events": (space.encode(events), False),
        "futures": (future_E4C[:, 0], False),
        "averages of one future": (mean_EC[kind == 0], False),
        "averages of two": (mean_EC[kind == 1], True),
        "averages of four": (mean_EC[kind == 3], True),
    }


def _check_averaged(averaged: Callable[[Any], Any]) -> Outcome:
    import torch

    four_NC = _groups(14)["averages of four"][0]
    alone = averaged(four_NC[:1])
    if is_blank(alone):
        raise NotAttempted
    told: dict[str, list[float]] = {}
    for seed in (11, 12, 13):
        for name, (z_NC, truth) in _groups(seed).items():
            given = torch.as_tensor(averaged(z_NC.clone()))
            if given.shape != (len(z_NC),):
                return wrong(
                    f"for {len(z_NC)} vectors you returned the shape {list(given.shape)}.",
                    "one True or False for each row",
                )
            told.setdefault(name, []).append(float((given.bool() == truth).float().mean()))
    shares = {name: min(values) for name, values in told.items()}
    if max(shares.values()) < 0.1:
        return wrong("every row is told the wrong way round.", "for which rows True is asked")
    if torch.as_tensor(alone).shape != (1,) or bool(torch.as_tensor(alone)[0]) != bool(
        torch.as_tensor(averaged(four_NC))[0]
    ):
        return wrong("a vector alone is told otherwise than among others.", "whether your bound comes from the batch")
    if min(shares.values()) >= ENOUGH:
        return right(
            "An average is smaller than what it averages, and it changes when it is said. Neither shows in its words."
        )
    plain = [shares["events"], shares["futures"], shares["averages of one future"]]
    if min(plain) < 0.5 and min(shares["averages of two"], shares["averages of four"]) >= ENOUGH:
        return wrong("you call true sentences averages too.", "the sizes of vectors of single sentences")
    if min(plain) >= ENOUGH and shares["averages of four"] < 0.5:
        return wrong(
            "you find hardly any average, not even of four futures.", "how small Base-LCM's answers after *lost* are"
        )
    if min(plain) >= ENOUGH and shares["averages of four"] >= ENOUGH:
        return wrong(
            f"averages of two futures are told in {shares['averages of two']:.0%} of the cases only.",
            "where your bound lies between the sizes of the two groups",
        )
    worst = min(shares, key=lambda name: shares[name])
    return wrong(
        f"of the {worst} you tell {shares[worst]:.0%} right; {ENOUGH:.0%} are asked.",
        "their sizes, one group at a time",
    )


def _by_size(z_NC: Any, bound: float = SIZE) -> Any:
    return z_NC.norm(dim=1) < bound


def _by_saying(z_NC: Any) -> Any:
    from ..method.store import load_space

    return (load_space("aligned").again(z_NC) - z_NC).norm(dim=1) > MOVES


AVERAGED = Exercise(
    id="06.3",
    title="Not a word",
    minutes=4,
    objective=OBJECTIVE,
    difficulty="hard",
    task=(
        "Somebody hands you normalised concepts `z_NC` of the aligned space, one a row. Some are vectors of single "
        "sentences, some are averages of two or four futures (all decode to fine sentences). Write "
        "`averaged(z_NC)`: True "
        "for each row that is an average of several. Do not decode. Measure first: take vectors of both sorts from "
        "`space` and `base`, and look for a number that tells them apart."
    ),
    expects="a function of a tensor [N, 64] that returns N times True or False",
    check=_check_averaged,
    hints=(
        "Compare the vectors of events and of futures with Base-LCM's answers after *found* and after *lost*.",
        "What becomes of the size of a vector when two that disagree are averaged?",
        "Print the smallest and the largest size of each group, and put a fixed bound where there is room.",
    ),
    solution=(
        "```python\n"
        "def averaged(z_NC):\n"
        "    return z_NC.norm(dim=1) < 6.4\n"
        "```\n"
        "Single sentences of either kind are 6.4 to 10.7 long, averages of two 5 to 6.6, of four 4 "
        "to 5.2. The other way is "
        "`(space.again(z_NC) - z_NC).norm(dim=1) > 1.5`: to say an average and read it again is to "
        "lose it. That is the "
        "paper's ℓ2-r."
    ),
    answer=_by_size,
    typical_wrong=(
        (lambda z_NC: _by_size(z_NC, 9.0), "true sentences averages"),
        (lambda z_NC: _by_size(z_NC, 5.3), "averages of two"),
        (lambda z_NC: _by_size(z_NC, 3.5), "hardly any"),
        (lambda z_NC: z_NC.norm(dim=1) < z_NC.norm(dim=1).mean(), "alone"),
        (lambda z_NC: z_NC.norm(dim=1) > SIZE, "wrong way round"),
        (lambda z_NC: z_NC.norm() < SIZE, "shape"),
        (lambda z_NC: z_NC.norm(dim=1) > 0, "true sentences averages"),
    ),
)
UNUSUAL = (lambda z_NC: ((z_NC**2).sum(1) < 41.0).tolist(), _by_saying)


# The bug hunt: the stride of the released sampler, cut to a whole number ----------------------------------------------


def released(steps: int, asked: int) -> list[int]:
    """Return the sampler's steps as the released code spaces them, in our words: the stride becomes a whole number."""
    stride = steps // asked
    return list(range(steps - 1, -1, -stride))


def _sound(steps: int, asked: int) -> list[int]:
    return [round(steps - i * steps / asked) - 1 for i in range(asked)]


def _late(steps: int, asked: int) -> list[int]:
    """Begin at T − 2, where a little of the clean vector shows that a sampler does not have."""
    return [max(0, t - 1) if t == steps - 1 and asked < steps else t for t in _sound(steps, asked)]


def _twice(steps: int, asked: int) -> list[int]:
    found = _sound(steps, asked)
    return [*found[:-1], found[-2]] if asked in (7, 50) else found


def _beyond(steps: int, asked: int) -> list[int]:
    return [*_sound(steps, asked)[:-1], -1] if asked == 13 else _sound(steps, asked)


SPACINGS = {"released": released, "sound": _sound, "late": _late, "twice": _twice, "beyond": _beyond}


def _faults(spacing: Callable[[int, int], Sequence[int]]) -> list[int]:
    return [asked for asked in range(1, 101) if not _honest(spacing(100, asked), asked)]


def _honest(times: Sequence[int], asked: int) -> bool:
    inside = all(0 <= t <= 99 for t in times)
    return len(times) == asked and len(set(times)) == asked and inside and times[0] == 99


def _only_count(spacing: Callable[[int, int], Sequence[int]]) -> list[int]:
    return [asked for asked in range(1, 101) if len(spacing(100, asked)) != asked]


def _only_some(spacing: Callable[[int, int], Sequence[int]]) -> list[int]:
    return [asked for asked in (10, 20, 25, 30, 40, 50) if not _honest(spacing(100, asked), asked)]


def _no_start(spacing: Callable[[int, int], Sequence[int]]) -> list[int]:
    return [
        s for s in range(1, 101) if len(set(spacing(100, s))) != s or not all(0 <= t <= 99 for t in spacing(100, s))
    ]


def _no_ends(spacing: Callable[[int, int], Sequence[int]]) -> list[int]:
    return [
        s
        for s in range(1, 101)
        if len(set(spacing(100, s))) != s or len(spacing(100, s)) != s or spacing(100, s)[0] != 99
    ]


def _sound_ones(spacing: Callable[[int, int], Sequence[int]]) -> list[int]:
    return [asked for asked in range(1, 101) if asked not in _faults(spacing)]


def _how_many(spacing: Callable[[int, int], Sequence[int]]) -> int:
    return len(_faults(spacing))


def _check_dishonest(dishonest: Callable[..., Any]) -> Outcome:
    for name, spacing in SPACINGS.items():
        got = dishonest(spacing)
        if is_blank(got):
            raise NotAttempted
        if isinstance(got, int) and not isinstance(got, bool):
            return wrong("you returned a number.", "a list of the S at fault is asked")
        wanted, got = set(_faults(spacing)), {int(one) for one in got}
        if got == wanted:
            continue
        if got and got == set(range(1, 101)) - wanted:
            return wrong("you list the sound ones.", "which S are asked for")
        if got and got < wanted and got <= {10, 20, 25, 30, 40, 50}:
            return wrong("you did not try every S from 1 to 100.", "the S between those you tried")
        missed = {
            "released": "you miss some S at which another number of steps is made than was asked.",
            "sound": "you accuse a list that is sound.",
            "late": (
                "a list that does not begin at 99 is not found: the sampler would start from "
                "noise that it takes for less."
            ),
            "twice": "a list that makes one step twice is not found.",
            "beyond": "a list with a step below 0 is not found.",
        }
        return wrong(
            missed[name], "what must hold of the list, beyond its length" if name != "released" else "its length"
        )
    return right(
        "As many steps as asked, all different, all inside, the first at the noisiest. Four lines "
        "that would have found it."
    )


DISHONEST = Exercise(
    id="06.4",
    title="Bug hunt: forty steps",
    minutes=4,
    objective=OBJECTIVE,
    task=(
        "In the paper's released code a sampler asked for S = 40 of T = 100 steps makes another number. "
        "`labkit.papers.large_concept_models.released` is that spacing, rebuilt in our lines. Write "
        "`dishonest(spacing)`: "
        "the list of all S from 1 to 100 at which `spacing(100, S)` is not what a sampler needs: S "
        "steps, all different, "
        "all from 0 to 99, the first of them 99. It will be tried on other spacings too."
    ),
    expects="a function of a spacing that returns a list of whole numbers",
    check=_check_dishonest,
    hints=(
        "Call released(100, 40) and count.",
        "100 // 40 is 2. What does that do to the list, and for which S does it do nothing?",
        "Say each of the four demands as a condition on the list, and collect the S where one of them fails.",
    ),
    solution=(
        "```python\n"
        "def dishonest(spacing):\n"
        "    bad = []\n"
        "    for asked in range(1, 101):\n"
        "        times = spacing(100, asked)\n"
        "        sound = len(times) == len(set(times)) == asked and times[0] == 99\n"
        "        if not sound or not all(0 <= t <= 99 for t in times):\n"
        "            bad.append(asked)\n"
        "    return bad\n"
        "```\n"
        "The stride is 100/S, and a whole number only where S divides 100. Our `spaced` keeps the fraction to the end."
    ),
    answer=_faults,
    typical_wrong=(
        (_only_count, "does not begin at 99"),
        (_only_some, "every S"),
        (_no_start, "begin at 99"),
        (_no_ends, "below 0"),
        (_sound_ones, "sound ones"),
        (_how_many, "a number"),
    ),
)
