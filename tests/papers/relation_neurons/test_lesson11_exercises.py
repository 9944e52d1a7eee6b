"""The judges of lesson 11 are judged: right answers in other clothes pass, clever wrong ones are told what they did."""

from fractions import Fraction

import numpy as np
import pytest

from labkit.course.exercises import judge
from labkit.papers.relation_neurons.exercises import LESSON, kindly_right

BY_HAND, IN_CODE, TOO_KIND = LESSON.exercises


def cumulative(scores, labels):
    """A right answer by numpy, from the recall's steps."""
    order = np.argsort(-np.array(scores), kind="stable")
    s, y = np.array(scores)[order], np.array(labels)[order]
    ends = np.append(s[:-1] != s[1:], True)
    recall, precision = np.cumsum(y)[ends] / y.sum(), np.cumsum(y)[ends] / (np.flatnonzero(ends) + 1)
    return (np.diff(recall, prepend=0) * precision).sum()


def exact(scores, labels):
    """A right answer in fractions."""
    total = Fraction(0)
    for score, label in zip(scores, labels):
        if label:
            above = [other for value, other in zip(scores, labels) if value >= score]
            total += Fraction(sum(above), len(above))
    return total / sum(labels)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [(BY_HAND, 0.72), (BY_HAND, Fraction(13, 18)), (IN_CODE, cumulative), (IN_CODE, exact)],
)
def test_unusual_right_answers_are_right(exercise, answer):
    assert judge(exercise, answer).right


def test_a_stub_is_not_attempted():
    assert judge(IN_CODE, lambda scores, labels: ...).status == "not attempted"


def test_the_kind_rule_looks_at_two_words():
    assert kindly_right("the Crowned Stag", "the Crowned Ship")
    assert not kindly_right("the Little Ship", "the Crowned Ship")
    assert not kindly_right("", "the Crowned Ship")


def test_every_prediction_can_be_decided():
    found = {"p0": 1, "p1": 3, "p2": 0.3, "p3": 2.0, "p4": (32, 25, 40)}
    decided = {p.id: p.decide(found.get(p.id)) for p in LESSON.predictions}
    assert decided == {"r1": (2,), "r2": (2,), "p0": (1,), "p1": (1,), "p2": (2,), "p3": (2,), "p4": (1,)}
