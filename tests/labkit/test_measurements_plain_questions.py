"""Sums and look-ups: the right answer is right, the wrong ones are not, and no cheap guess finds it."""

import re

import pytest
from families import make

from labkit.base.errors import BadInput
from labkit.measurements import choice_accuracy, lookups, sums
from labkit.measurements.choices import Question


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_the_right_sum_is_the_sum_and_the_others_are_near(digits):
    for question in sums(40, seed=3, digits=digits):
        a, b = map(int, re.findall(r"(\d+) \+ (\d+) =$", question.prompt)[0])
        offered = [int(option) for option in question.options]
        assert offered[question.answer] == a + b and len(set(offered)) == 4
        shown = re.findall(r"(\d+) \+ (\d+) = (\d+)\n", question.prompt)
        assert len(shown) == 4 and all(int(x) + int(y) == int(z) for x, y, z in shown)


@pytest.mark.parametrize("lines", [4, 25])
def test_what_is_looked_up_stands_in_the_text_once(lines):
    places = []
    for question in lookups(60, seed=3, lines=lines):
        told = dict(re.findall(r"room (\d+) is (\w+)\.", question.prompt))
        assert len(told) == lines
        room = re.findall(r"room (\d+) is$", question.prompt)[0]
        assert told[room] == question.right and len(set(question.options)) == 4
        assert {option.strip() for option in question.options} <= set(told.values())
        places.append(list(told).index(room) / lines)
    assert min(places) < 0.3 and max(places) > 0.6


def test_the_same_seed_asks_the_same_and_a_model_of_ids_can_be_asked():
    assert sums(5, seed=1) == sums(5, seed=1) != sums(5, seed=2)
    assert lookups(5, seed=1) == lookups(5, seed=1) != lookups(5, seed=2)
    assert [question.answer for question in sums(40)].count(0) < 25
    encoded = [Question(tuple(ord(c) % 11 for c in one.prompt[-6:]), ((1,), (2,), (3,), (4,)), one.answer)
               for one in sums(8)]  # fmt: skip
    assert choice_accuracy(make("labkit"), encoded).n == 8


def test_what_cannot_be_asked_is_told():
    for call in (lambda: sums(0), lambda: sums(3, digits=0), lambda: lookups(2, lines=True)):
        with pytest.raises(BadInput, match="whole number"):
            call()
    with pytest.raises(BadInput, match="four colours"):
        lookups(2, lines=3)
