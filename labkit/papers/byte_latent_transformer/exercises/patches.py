"""What doubling a patch saves, by hand, and which patch a byte may read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong
from labkit.course.tolerance import number

__all__ = ["COST", "DOUBLING", "MASK", "MASKS"]

COST = "work out what longer patches save, and what they cannot"
MASKS = "say which patch a byte may read, and recognise a mask that leaks"

DOUBLING = Exercise(
    id="05.1",
    title="Twice the patch",
    minutes=3,
    objective=COST,
    difficulty="easy",
    task=(
        "At patches of 4 bytes a byte costs 600 units: 360 for the local models, which run at every byte, and 240 for "
        "the latent transformer, which runs once a patch. Patches become 8 bytes long. What does a byte cost now, as a "
        "share of before? Leave attention's own growth aside."
    ),
    expects="a number between 0 and 1",
    check=number(
        0.8,
        "360 stay, 240 become 120: 480 of 600. However long patches get, the local 360 remain.",
        tol=0.011,
        mistakes=[
            (0.5, "you halved everything.", "who runs at every byte, whatever the patch"),
            (0.7, "you halved the local part and left the latent one.", "which of the two runs once a patch"),
            (0.6, "you left the latent transformer out: that is the price of an endless patch.", "240 / 2"),
            (480, "that is the price itself.", "the share of the 600 before"),
            (1.25, "you have it the wrong way round.", "the new price over the old one"),
            (0.2, "that is what is saved.", "what a byte still costs"),
        ],
    ),
    hints=(
        "Write both prices as local + latent.",
        "The latent transformer runs half as often; the local models run as often as before.",
        "Leave the local price as it was and halve the other. Then divide by the old price of a byte.",
    ),
    solution="(360 + 240/2) / 600 = 0.8. In a model of 8B weights the local share is about a tenth.",
    answer=0.8,
    typical_wrong=(
        (0.5, "halved everything"),
        (0.7, "halved the local part"),
        (0.6, "endless patch"),
        (480, "the price itself"),
        (1.25, "the wrong way round"),
        (0.2, "what is saved"),
    ),
)


# Which patch a byte may read.


def _usable(starts: Sequence[bool]) -> list[int]:
    patch, found = 0, []
    for start in starts[1:]:
        patch += bool(start)
        found.append(patch - 1)
    return found


_ROWS = (
    (1, 1, 0, 0, 1, 0, 1, 1, 0),
    (1, 1, 1, 1, 1),
    (1, 1, 0, 0, 0, 0),
    (1, 1, 0, 1),
    (1, 1),
)


def _check_usable(usable: Callable[..., Any]) -> Outcome:
    rng = np.random.default_rng(5)
    rows = [list(map(bool, row)) for row in _ROWS] + [[True, True, *(rng.random(12) < 0.4).tolist()] for _ in range(3)]
    for row in rows:
        said = usable(list(row))
        if is_blank(said):
            raise NotAttempted
        said = list(said)
        if any(isinstance(value, str) or not float(value).is_integer() for value in said):
            return wrong(f"you give {said[:4]}: patches have whole numbers.", "the count of the starts so far")
        said = [int(value) for value in said]
        if said != _usable(row):
            return _other_usable(row, said)
    return right("Inside a patch every byte reads the one before; only the last byte of a patch reads its own.")


def _other_usable(row: list[bool], said: list[int]) -> Outcome:
    wanted, own = _usable(row), (np.cumsum(row)[:-1] - 1).tolist()
    if len(said) != len(wanted):
        return wrong(
            f"{len(row)} starts gave {len(said)} answers.", "starts[t + 1]: there is one start more than bytes"
        )
    if said == own:
        return wrong(
            "every byte reads its own patch, which is not finished: the patch holds bytes that come later.",
            "byte t inside a patch of three, and which bytes made that patch's vector",
        )
    if said == [value - 1 for value in own] or said == [max(0, value - 1) for value in own]:
        return wrong(
            "the last byte of a patch waits too long: when it predicts, its own patch is complete.",
            "byte t where starts[t + 1] is true",
        )
    if said == [value + 1 for value in wanted]:
        return wrong("you give the patch of the next byte itself, which has not been read.", "the patch before it")
    if said == [value - 1 for value in wanted]:
        return wrong("you count patches from -1.", "the begin, which is patch 0")
    return wrong(
        f"for starts {[int(x) for x in row]} this is not it.",
        "the patch that byte t + 1 lies in, and whether it is complete",
    )


MASK = Exercise(
    id="05.2",
    title="Which patch may a byte read?",
    minutes=6,
    objective=MASKS,
    task=(
        "Byte t predicts byte t + 1. Write `usable(starts)`: for every byte t the number of the last patch that is "
        "complete before byte t + 1. `starts[i]` says whether place i starts a patch; there is one start more than "
        "bytes, for the byte to come. The begin (place 0) is patch 0. Two lines are missing."
    ),
    expects="a function from n + 1 starts to a list of n whole numbers",
    check=_check_usable,
    hints=(
        "Walk through the starts from place 1 on and keep count of the patch you are in.",
        "When you stand at place t + 1, you know its patch. The one before it is complete.",
        "Two things are open: what a start does to the count, and how far what is complete lags behind it.",
    ),
    solution=(
        "```python\n"
        "def usable(starts):\n"
        "    patch, found = 0, []\n"
        "    for start in starts[1:]:\n"
        "        patch += start\n"
        "        found.append(patch - 1)\n"
        "    return found\n"
        "```\n"
        "labkit's `decoder_mask` is the same line on tensors: `patch_of(starts)[:, 1:] - 1`."
    ),
    answer=_usable,
    typical_wrong=(
        (lambda starts: (np.cumsum(starts)[:-1] - 1).tolist(), "not finished"),
        (lambda starts: (np.cumsum(starts)[:-1] - 2).tolist(), "waits too long"),
        (lambda starts: np.maximum(np.cumsum(starts)[:-1] - 2, 0).tolist(), "waits too long"),
        (lambda starts: (np.cumsum(starts)[1:] - 1).tolist(), "has not been read"),
        (lambda starts: (np.cumsum(starts) - 2).tolist(), "one start more than bytes"),
        (lambda starts: (np.cumsum(starts)[1:] - 3).tolist(), "from -1"),
        (lambda starts: [0] * (len(starts) - 1), "whether it is complete"),
    ),
)
