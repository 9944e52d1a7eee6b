"""Lesson 02's exercises against what they are about: scores, orders, real cuts, a rebuilt model, sizes."""

import pytest
import torch

from labkit.course import definition
from labkit.course.exercises import judge
from labkit.interventions import DropAttention, DropBlock, DropMLP, Plan, edit, shrink
from labkit.measurements import ModelSizes
from labkit.papers.what_matters.exercises import deeper as lesson02_deeper
from labkit.papers.what_matters.exercises import hour as lesson02
from labkit.papers.what_matters.method.dropping import one_shot
from labkit.papers.what_matters.method.metrics import Cosine

LESSON = definition("02")


def test_every_objective_is_served_and_those_of_the_hour_in_the_hour():
    assert {exercise.objective for exercise in LESSON.exercises} == set(LESSON.objectives)
    assert {exercise.objective for exercise in LESSON.exercises if not exercise.deeper} == set(LESSON.objectives[:3])


def test_the_score_by_hand_is_the_score_of_those_vectors():
    x, y = torch.tensor([12.0, 16.0]), torch.tensor([16.0, 13.0])
    assert lesson02.BY_HAND.answer == pytest.approx(1 - float(torch.cosine_similarity(x, y, dim=0)), abs=1e-6)
    assert judge(lesson02.BY_HAND, 0.03).status == "right" and judge(lesson02.BY_HAND, 0.25).status == "wrong"


def test_the_joint_order_is_that_of_the_library():
    model, texts = lesson02_deeper._small()
    scores = Cosine()(model, texts)
    values = [[one.value for one in scores.of(part)] for part in ("attention", "mlp")]
    for n in range(6):
        plan = one_shot(model, texts, n, "joint")
        assert lesson02._joint(*values, n) == [(one.kind.removeprefix("drop_"), one.layer) for one in plan]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Plan((DropMLP(3), DropMLP(4))), "one part is to be left out"),
        (DropBlock(5), "one part is to be left out"),
        (DropMLP(5), "still knows"),
    ],
)
def test_a_quiet_break_is_one_part_and_really_breaks(given, told):
    outcome = judge(lesson02.QUIET, given)
    assert outcome.status == "wrong" and told in outcome.message


def test_only_one_part_of_the_model_breaks_it_quietly():
    rise, knew, knows = lesson02.damage(DropAttention(5))
    assert rise < lesson02.MOST_RISE / 1.3 and knew == 1 and knows < lesson02.MOST_SHARE - 0.1


def test_the_released_scores_are_those_of_a_model_without_the_whole_block():
    model, texts = lesson02_deeper._small()
    right, released = (f(model, texts, [1]) for f in (lesson02_deeper.rescored, lesson02_deeper.rescored_as_released))
    with edit(model, DropBlock(1)):
        without = [one.value for one in Cosine()(model, texts).attention]
    rebuilt = [one.value for one in Cosine()(shrink(model, DropAttention(1)), texts).attention if one is not None]
    assert released == without and right[0] == released[0]
    assert [value for layer, value in enumerate(right) if layer != 1] == pytest.approx(rebuilt, abs=1e-6)
    assert right[2:] != pytest.approx(released[2:], rel=0.01)


def test_a_judge_that_condemns_everything_is_told():
    assert "you convict" in judge(lesson02_deeper.BUG_HUNT, lambda *_: False).message
    assert "cannot" not in judge(lesson02_deeper.CONTROL, lambda depth, n, seed: [1] * n).message
    assert "no match" in judge(lesson02_deeper.CONTROL, lambda depth, n, seed: [1] * n).message


def test_the_cache_by_hand_is_the_accountings():
    mistral = ModelSizes(depth=32, width=4096, heads=32, kv_heads=8, head_size=128, ffn=14336, vocab=32000)
    assert mistral.without(attentions=12).cache_bytes(8192) / 2**30 == lesson02_deeper.CACHE.answer
