"""Lesson 04's exercises: the right answers are right, each wrong one is told its thought, nothing else passes."""

import pytest
import torch

from labkit.anatomy import fingerprint
from labkit.course.exercises import judge
from labkit.papers.differential_transformer.exercises import LESSON, alone, two_maps
from labkit.zoo import load

EVERY = {one.id: one for one in LESSON.exercises}


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        *(("04.2", one) for one in two_maps.ALSO_RIGHT_HEADS),
        *(("04.3", one) for one in alone.ALSO_RIGHT),
        *(("04.4", one) for one in two_maps.ALSO_RIGHT_KEYS),
        ("04.1", [1.1, 0.7857]),
        ("04.1", torch.tensor([1.1, 0.786])),
    ],
)
def test_unusual_right_answers_are_right(exercise, answer):
    assert judge(EVERY[exercise], answer).right, judge(EVERY[exercise], answer)


@pytest.mark.parametrize("answer", [(1.1,), "1.1", 1.1, (0.0, 0.0), (1.1, 0.8)])
def test_no_other_pair_of_shares_passes(answer):
    assert judge(EVERY["04.1"], answer).status == "wrong"


@pytest.mark.parametrize("exercise", ["04.2", "04.3", "04.4"])
def test_a_stub_is_no_attempt(exercise):
    assert judge(EVERY[exercise], lambda *given: ...).status == "not attempted"


def test_judging_leaves_the_shipped_model_as_it_was():
    before = fingerprint(load(alone.MODEL))
    judge(EVERY["04.3"], alone._left_in)
    assert fingerprint(load(alone.MODEL)) == before


def test_predictions_decide_by_what_was_found():
    by_id = {one.id: one for one in LESSON.predictions}
    assert by_id["p1"].decide({"0.5": 0.9, "0.8": 0.6, "1": 0.7, "1.2": 0.8}) == (1,)
    assert [by_id["p2"].decide(value)[0] for value in (0.8, 0.2, 0.0, -0.7)] == [0, 1, 2, 3]
    assert by_id["p3"].decide({"a": 0.5, "b": 0.9, "c": 0.91, "d": 0.6}) == (1, 2)
    assert [by_id["p4"].decide(value)[0] for value in (0.95, 0.7, 0.3, 0.02)] == [0, 1, 2, 3]
