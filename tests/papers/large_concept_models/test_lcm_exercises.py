"""The exercises judge the judge: right answers however written, and wrong ones with the thought behind them."""

from labkit.course.exercises import judge
from labkit.papers.large_concept_models.exercises import LESSON, hunting, sampling, wholes


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
