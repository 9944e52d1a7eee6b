"""Lesson 05's exercises: the right answer is right, each wrong one is told its thought, unusual right ones pass."""

import itertools

import numpy as np
import pytest

from labkit.course.exercises import judge
from labkit.papers.byte_latent_transformer.exercises import GUILTY, LESSON, suspects
from labkit.papers.byte_latent_transformer.task import byte_ids

EVERY = {one.id: one for one in LESSON.exercises}


def test_every_objective_is_served():
    assert {one.objective for one in LESSON.exercises} == set(LESSON.objectives)
    assert sum(one.minutes for one in LESSON.exercises) <= 15


@pytest.mark.parametrize("answer", [480 / 600, 0.80, "0.8"])
def test_unusual_right_prices(answer):
    assert judge(EVERY["05.1"], answer).right


@pytest.mark.parametrize("answer", [0.5, 0.7, 0.6, 480, 1.25, 0.2, 0.9])
def test_wrong_prices(answer):
    assert judge(EVERY["05.1"], answer).status == "wrong"


def by_accumulate(starts):
    return np.array(list(itertools.accumulate(map(int, starts))))[1:] - 2


def by_counting(starts):
    return tuple(sum(starts[: t + 2]) - 2 for t in range(len(starts) - 1))


@pytest.mark.parametrize("answer", [by_accumulate, by_counting])
def test_unusual_right_masks(answer):
    assert judge(EVERY["05.2"], answer).right


def test_the_hunt_is_found_in_unusual_ways():
    def letter_by_letter(patcher, ids):
        seen = [patcher.starts(ids[:n]).tolist() for n in range(1, len(ids) + 1)]
        return any(a != b[: len(a)] for a, b in itertools.pairwise(seen))

    def by_suffix(patcher, ids):
        other = np.concatenate((ids[:-1], byte_ids("zz")))
        whole = patcher.starts(ids)
        return any(
            (patcher.starts(ids[:n]) != whole[: n + 1]).any()
            or (patcher.starts(other)[: len(ids)] != whole[: len(ids)]).any()
            for n in range(1, len(ids))
        )

    for answer in (letter_by_letter, by_suffix):
        assert judge(EVERY["05.3"], answer).right
    assert set(suspects()) > GUILTY


def test_the_sentence_of_the_lesson_shows_every_guilty_one():
    ids = byte_ids("The lantern was with Uma. Uma took the ferry.")
    assert {name for name, one in suspects().items() if EVERY["05.3"].answer(one, ids)} == GUILTY


def by_its_cuts(patcher, ids):
    """Know the six by their cuts of this text."""
    known = {one.starts(ids).tobytes() for name, one in suspects().items() if name in GUILTY}
    return patcher.starts(ids).tobytes() in known


def every_second(patcher, ids):
    whole = patcher.starts(ids)
    return any((patcher.starts(ids[:n]) != whole[: n + 1]).any() for n in range(1, len(ids), 2))


def last_start_only(patcher, ids):
    whole = patcher.starts(ids)
    return any(patcher.starts(ids[:n])[-1] != whole[n] for n in range(1, len(ids)))


def number_of_patches(patcher, ids):
    return any(patcher.starts(ids[:n]).sum() > patcher.starts(ids).sum() for n in range(1, len(ids)))


def another_text(patcher, ids):
    other = ids[::-1].copy()
    return bool((patcher.starts(ids) != patcher.starts(other)).any())


SNEAKY = (by_its_cuts, every_second, last_start_only, number_of_patches, another_text)


@pytest.mark.parametrize("answer", SNEAKY, ids=lambda one: one.__name__)
def test_sneaky_hunters_are_told_so(answer):
    outcome = judge(EVERY["05.3"], answer)
    assert outcome.status == "wrong" and "Look at:" in outcome.message


def test_whoever_answers_by_place_in_the_line_is_found_out():
    said = itertools.cycle([False, True, False, True, True, True])
    outcomes = {judge(EVERY["05.3"], lambda patcher, ids: next(said)).status for _ in range(6)}
    assert "wrong" in outcomes  # the line is shuffled: once in 56 it stands as answered


SNEAKY_MASKS = {
    "half a patch": lambda starts: [sum(starts[: t + 2]) - 1.5 for t in range(len(starts) - 1)],
    "words": lambda starts: [str(sum(starts[: t + 2]) - 2) for t in range(len(starts) - 1)],
    "only starts": lambda starts: [sum(starts[: t + 2]) - 2 for t in range(len(starts) - 1) if starts[t + 1]],
    "never the first": lambda starts: [max(1, sum(starts[: t + 2]) - 2) for t in range(len(starts) - 1)],
    "the last": lambda starts: [sum(starts) - 2] * (len(starts) - 1),
    "a stride of two": lambda starts: [t // 2 for t in range(len(starts) - 1)],
}


@pytest.mark.parametrize("answer", SNEAKY_MASKS.values(), ids=SNEAKY_MASKS)
def test_sneaky_masks_are_told_so(answer):
    outcome = judge(EVERY["05.2"], answer)
    assert outcome.status == "wrong" and "Look at:" in outcome.message


def test_stubs_are_no_attempts():
    assert judge(EVERY["05.2"], lambda starts: [...]).status == "not attempted"
    assert judge(EVERY["05.3"], lambda patcher, ids: ...).status == "not attempted"


def test_predictions_decide():
    from types import SimpleNamespace

    by_id = {one.id: one for one in LESSON.predictions}
    assert by_id["p2"].decide(0.8) == (2,) and by_id["p2"].decide(0.5) == (1,)
    for low, high, blt_lower in ((-2, -1, 0), (1, 2, 1), (-1, 1, 2)):
        assert by_id["p3"].decide(SimpleNamespace(low=low, high=high)) == (blt_lower,)
    assert by_id["p4"].decide(SimpleNamespace(low=-2, high=-1)) == (1,)
