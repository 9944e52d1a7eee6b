"""The exercises judge the judge: right answers however written, and wrong ones with the thought behind them."""

import pytest

from labkit.course.exercises import judge
from labkit.papers.large_concept_models.exercises import LESSON, hunting, sampling, wholes


@pytest.mark.parametrize("exercise", LESSON.exercises, ids=lambda one: one.id)
def test_the_right_answer_is_right(exercise):
    assert judge(exercise, exercise.answer).right
    assert judge(exercise, ...).status == "not attempted"
    assert not any(line and line in exercise.hints[2] for line in exercise.solution.split("\n")[2:-2])


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [(e, answer, words) for e in LESSON.exercises for answer, words in e.typical_wrong],
    ids=lambda x: getattr(x, "id", ""),
)
def test_wrong_answers_are_told_their_thought(exercise, answer, words):
    outcome = judge(exercise, answer)
    assert outcome.status == "wrong" and words in outcome.message, outcome.message


def test_unusual_right_answers_are_right():
    for answer in sampling.UNUSUAL:
        assert judge(LESSON.exercise("06.2"), answer).right
    for answer in hunting.UNUSUAL:
        assert judge(LESSON.exercise("06.3"), answer).right
    for answer in wholes.UNUSUAL:
        assert judge(LESSON.exercise("06.5"), answer).right
    for answer in (1.41, "1.4142", 2**0.5):
        assert judge(LESSON.exercise("06.1"), answer).right
    as_set = judge(LESSON.exercise("06.4"), lambda spacing: set(hunting._faults(spacing)))
    assert as_set.right


def test_every_exercise_has_six_wrong_answers():
    assert all(len(one.typical_wrong) >= 6 for one in LESSON.exercises)


def test_a_stub_is_not_attempted():
    assert judge(LESSON.exercise("06.2"), lambda *a: ...).status == "not attempted"
    assert judge(LESSON.exercise("06.3"), lambda z: ...).status == "not attempted"
    assert judge(LESSON.exercise("06.4"), lambda s: ...).status == "not attempted"
    assert judge(LESSON.exercise("06.5"), lambda f, d: ...).status == "not attempted"


def test_predictions_are_decided():
    for one in LESSON.predictions:
        if isinstance(one.answer, int):
            assert one.because
    decide = {one.id: one.decide for one in LESSON.predictions}
    assert decide["p2"]((0.25, 1.0)) == (1,) and decide["p2"]((0.9, 1.0)) == (0,) and decide["p2"]((0.0, 0.1)) == (2,)
    assert decide["p4"](0.7) == (0,) and decide["p4"](0.9) == (1,) and decide["p4"](0.5) == (2,)
    assert decide["p5"](0.0) == (0,) and decide["p5"](0.98) == (2,) and decide["p6"](0.4) == (1,)
