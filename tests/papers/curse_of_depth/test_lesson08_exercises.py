"""Lesson 08's exercises: the right answer is right, each wrong one is told what it thought, and nothing else passes."""

import random
import statistics

import pytest
import torch

from labkit.anatomy import fingerprint
from labkit.course.exercises import judge
from labkit.measurements import mean_over
from labkit.papers.curse_of_depth.exercises import deeper as lesson08_deeper
from labkit.papers.curse_of_depth.exercises import hour as lesson08_hour

EVERY = {one.id: one for one in (*lesson08_hour.EXERCISES, *lesson08_deeper.EXERCISES)}


@pytest.mark.parametrize("exercise", EVERY.values(), ids=EVERY)
def test_the_answer_is_right_and_wrong_ones_are_told_their_thought(exercise):
    assert judge(exercise, exercise.answer).right
    for answer, words in exercise.typical_wrong:
        outcome = judge(exercise, answer)
        assert outcome.status == "wrong" and words in outcome.message and "Look at:" in outcome.message
        assert exercise.hints[2] not in outcome.message
    for blank in (..., None):
        assert judge(exercise, blank).status == "not attempted"


def test_every_objective_is_served_in_its_notebook():
    for module, deeper in ((lesson08_hour, False), (lesson08_deeper, True)):
        assert {one.objective for one in module.EXERCISES} == set(module.OBJECTIVES)
        assert all(one.deeper is deeper for one in module.EXERCISES)
    assert len(lesson08_hour.EXERCISES) == 3 and sum(one.minutes for one in lesson08_hour.EXERCISES) <= 15


def by_hand(factor, remove=True):
    """Return the stub of 08.2 with its two lines filled in by a learner."""

    def scaled(model, ids, p):
        handles = []
        for layer, block in enumerate(model.trunk.blocks):
            for branch in block.branches:

                def times(module, inputs, output, layer=layer):
                    return factor(layer, p) * output

                handles.append(branch.norm.register_forward_hook(times))
        logits = model(ids).logits
        for handle in handles if remove else ():
            handle.remove()
        return logits

    return scaled


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (by_hand(lambda layer, p: (layer + 1) ** -p), "One factor a block"),
        (by_hand(lambda layer, p: 1.0), "nothing was switched"),
        (by_hand(lambda layer, p: (layer + 1) ** p), "grows with depth"),
        (by_hand(lambda layer, p: (layer + 1) ** -0.5), "p is not used"),
        (by_hand(lambda layer, p: (layer + 2) ** -p), "counted from 1"),
        (by_hand(lambda layer, p: (layer + 1) ** -p, remove=False), "still in it"),
        (by_hand(lambda layer, p: 0.5), "other logits"),
        (by_hand(lambda layer, p: layer**-p), "number 0"),
    ],
)
def test_a_switch_by_hand(answer, told):
    outcome = judge(EVERY["08.2"], answer)
    assert told in outcome.message and outcome.right == (told == "One factor a block")


def test_the_stub_of_the_switch_is_no_attempt():
    assert judge(EVERY["08.2"], by_hand(lambda layer, p: ...)).status == "not attempted"
    before = fingerprint(lesson08_hour._decoder())
    judge(EVERY["08.2"], lesson08_hour._scaled_and_left)
    assert fingerprint(lesson08_hour._decoder()) == before


def test_our_judge_of_seeds_is_student_s_interval():
    draw = random.Random(0)
    for _ in range(300):
        base = [draw.gauss(1.5, 0.05) for _ in range(5)]
        other = [value + draw.gauss(draw.choice([-0.01, 0.0, 0.01]), 0.008) for value in base]
        found = mean_over([b - a for a, b in zip(base, other)], "seeds", method="t")
        expected = "second" if found.high < 0 else "first" if found.low > 0 else "neither"
        assert lesson08_hour._judge(base, other) == expected


def test_a_reader_s_judge_with_the_standard_library_passes():
    def answer(first, second):
        gaps = [b - a for a, b in zip(first, second)]
        half = 2.776 * statistics.stdev(gaps) / 5**0.5
        if statistics.mean(gaps) + half < 0:
            return "second"
        return "first" if statistics.mean(gaps) - half > 0 else "neither"

    assert judge(EVERY["08.3"], answer).right
    assert "no verdict" in judge(EVERY["08.3"], lambda first, second: "lower").message
    turned = {"first": "second", "second": "first", "neither": "neither"}
    assert "lower is better" in judge(EVERY["08.3"], lambda a, b: turned[answer(a, b)]).message


def test_the_released_maker_gives_one_model_under_both_names_and_ours_gives_two():
    ids = torch.arange(12)[None]
    released, ours = lesson08_deeper.make_released, lesson08_deeper.make
    with torch.no_grad():
        assert torch.equal(released("LNS", 4)(ids).logits, released("pre", 4)(ids).logits)
        assert not torch.allclose(ours("LNS", 4)(ids).logits, ours("pre", 4)(ids).logits, atol=1e-3)
        assert torch.equal(ours("LNS", 1)(ids).logits, ours("pre", 1)(ids).logits)
    assert "you convict" in judge(EVERY["08.4"], lambda make: False).message
    assert "nothing ever fails" in judge(EVERY["08.4"], lambda make: True).message


def test_an_update_as_long_as_the_stream_is_what_it_takes():
    h = torch.tensor([1.0, 0.0], dtype=torch.float64)
    angles = torch.linspace(0, 2 * torch.pi, 20001, dtype=torch.float64)
    for length, possible in ((0.999, False), (1.001, True)):
        turned = h + length * torch.stack([angles.cos(), angles.sin()], dim=1)
        turns = torch.atan2(turned[:, 1], turned[:, 0]).abs() / torch.pi
        assert bool((turns > 0.6).any()) is possible
