"""Lesson 02's exercises against what they are about: scores, orders, real cuts, a rebuilt model, sizes."""

from random import Random

import pytest
import torch

from labkit.course import definition
from labkit.course.exercises import judge
from labkit.interventions import DropAttention, DropBlock, DropMLP, Plan, edit, shrink
from labkit.measurements import ModelSizes
from labkit.papers.what_matters.exercises import control, quiet, rescoring, suspects
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
    model, texts = next(suspects.small_models())
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
    outcome = judge(quiet.QUIET, given)
    assert outcome.status == "wrong" and told in outcome.message


def test_only_one_part_of_the_model_breaks_it_quietly():
    rise, knew, knows = quiet.damage(DropAttention(5))
    assert rise < quiet.MOST_RISE / 1.3 and knew == 1 and knows < quiet.MOST_SHARE - 0.1


def test_the_released_scores_are_those_of_a_model_without_the_whole_block():
    model, texts = next(suspects.small_models())
    right, released = (f(model, texts, [1]) for f in (suspects.rescored, suspects.rescored_as_released))
    with edit(model, DropBlock(1)):
        without = [one.value for one in Cosine()(model, texts).attention]
    rebuilt = [one.value for one in Cosine()(shrink(model, DropAttention(1)), texts).attention if one is not None]
    assert released == without and right[0] == released[0]
    assert [value for layer, value in enumerate(right) if layer != 1] == pytest.approx(rebuilt, abs=1e-6)
    assert right[2:] != pytest.approx(released[2:], rel=0.01)


def test_every_impostor_is_one_and_no_innocent_is():
    for model, texts in suspects.small_models():
        depth = len(suspects.rescored(model, texts, ()))
        for gone in ((), (1,), (0, 2)):
            wanted = suspects.rescored(model, texts, gone)
            for innocent in suspects.innocents():
                assert innocent(model, texts, gone) == pytest.approx(wanted, abs=1e-7)
        for crime, impostor in suspects.impostors(depth):
            off = [impostor(model, texts, gone) for gone in ((), (1,), (0, 2))]
            true = [suspects.rescored(model, texts, gone) for gone in ((), (1,), (0, 2))]
            assert any(a != pytest.approx(b, abs=1e-6) for a, b in zip(off, true)), crime


def by_editing(rescore, model, texts):
    """Judge by labkit's own edit instead of a rebuilt model."""
    for gone in ([], [0], [2, 1]):
        with edit(model, *map(DropAttention, gone)):
            wanted = [one.value for one in Cosine()(model, texts).attention]
        if rescore(model, texts, gone) != pytest.approx(wanted, abs=1e-6):
            return False
    return True


def by_tensors(rescore, model, texts):
    """Judge with another rebuilt model for every list of at most two layers."""
    depth = len(rescore(model, texts, []))
    lists = [[]] + [[a, b] for a in range(depth) for b in range(a)]
    for gone in lists:
        small = shrink(model, [DropAttention(layer) for layer in gone]) if gone else model
        wanted = torch.tensor([one.value if one else 0.0 for one in Cosine()(small, texts).attention])
        if not torch.allclose(torch.tensor(rescore(model, texts, gone)), wanted, atol=1e-6):
            return 0
    return 1


def one_at_a_time(attention, mlp, n):
    """Take the lowest of both lists n times."""
    left = {("attention", layer): score for layer, score in enumerate(attention)}
    left |= {("mlp", layer): score for layer, score in enumerate(mlp)}
    return [(part := min(left, key=left.get), left.pop(part))[0] for _ in range(n)]


def by_argsort(attention, mlp, n):
    """Return lists instead of tuples, from one array."""
    order = torch.tensor([*attention, *mlp], dtype=torch.float64).argsort()[:n]
    return [["attention", int(i)] if i < len(attention) else ["mlp", int(i) - len(attention)] for i in order]


def shuffled(depth, n, seed):
    layers = list(range(1, depth))
    Random(seed).shuffle(layers)
    return layers[:n]


def permuted(depth, n, seed):
    return 1 + torch.randperm(depth - 1, generator=torch.Generator().manual_seed(seed))[:n]


UNUSUAL = {
    "02.1": (0.03, 1 - 400 / (400 * 425) ** 0.5),
    "02.2": (one_at_a_time, by_argsort),
    "02.3": ([DropAttention(5)], lambda: Plan([DropAttention(5)])),
    "02.4": (by_editing, by_tensors),
    "02.5": (shuffled, permuted),
    "02.6": (0.63, "0.625"),
}


@pytest.mark.parametrize("exercise", LESSON.exercises, ids=lambda one: one.id)
def test_two_unusual_right_answers_are_taken(exercise):
    for given in UNUSUAL[exercise.id]:
        assert judge(exercise, given).right, judge(exercise, given)


def test_a_judge_that_condemns_everything_is_told():
    assert "you convict" in judge(rescoring.BUG_HUNT, lambda *_: False).message


def test_a_draw_that_looks_at_the_generators_leaves_them_as_they_were():
    before = torch.get_rng_state()
    judge(control.CONTROL, control._draw)
    assert torch.equal(before, torch.get_rng_state())


def test_the_cache_by_hand_is_the_accountings():
    mistral = ModelSizes(depth=32, width=4096, heads=32, kv_heads=8, head_size=128, ffn=14336, vocab=32000)
    assert mistral.without(attentions=12).cache_bytes(8192) / 2**30 == lesson02_deeper.CACHE.answer
