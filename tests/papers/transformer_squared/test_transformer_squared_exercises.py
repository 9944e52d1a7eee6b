"""The judges of lesson 07 judged: right answers, unusual right ones, and what a clever student would try."""

import pytest
import torch

from labkit.course.exercises import judge
from labkit.papers import transformer_squared as t2
from labkit.papers.transformer_squared.exercises import LESSON
from labkit.papers.transformer_squared.exercises.hunt import _multipliers

EXERCISES = {exercise.id: exercise for exercise in LESSON.exercises}


def test_a_rounded_or_spelt_out_count_is_right():
    assert judge(EXERCISES["07.1"], 294912 / 4096).right and judge(EXERCISES["07.1"], torch.tensor(72)).right


def test_a_loss_with_a_constant_more_and_one_written_otherwise_are_right():
    def shifted(log_p, reward):
        return 5.0 - torch.einsum("b,ba->", reward - reward.mean(), log_p) / (len(reward) - 1)

    def by_hand(log_p, reward):
        total = 0.0
        for place, row in enumerate(log_p):
            others = torch.cat((reward[:place], reward[place + 1 :])).mean()
            total = total + (others - reward[place]) * row.sum()
        return total / len(reward)

    assert judge(EXERCISES["07.2"], shifted).right and judge(EXERCISES["07.2"], by_hand).right


@pytest.mark.parametrize("answer", [lambda log_p, reward: 3.0, lambda log_p: log_p.sum(), lambda log_p, reward: log_p])
def test_a_loss_that_is_none_is_said_to_be_none(answer):
    assert judge(EXERCISES["07.2"], answer).status == "wrong"


def test_a_detached_loss_is_told_so():
    outcome = judge(EXERCISES["07.2"], lambda log_p, reward: -(reward * log_p.detach().sum(1)).mean())
    assert "no gradient" in outcome.message


def test_a_test_of_linearity_with_random_shares_is_right_too():
    def faithful(mixer):
        sigma, p = torch.linspace(2.0, 0.2, 6), torch.linspace(-1, 1, 12).reshape(2, 6)
        for alpha in torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.3, 1.4]]):
            z = torch.stack([_multipliers(sigma, one) for one in p])
            if float((mixer(sigma, p, alpha) - (alpha[:, None] * z).sum(0)).abs().max()) > 1e-4:
                return False
        return True

    assert judge(EXERCISES["07.4"], faithful).right


def test_a_hunt_by_name_or_by_order_finds_nothing_and_a_tensor_of_one_bool_is_an_answer():
    hunt = EXERCISES["07.4"]
    assert not judge(hunt, lambda mixer: mixer.__name__ in ("_faithful_mixer", "_stacked_mixer")).right

    def by_order():
        said = iter([True] * 2 + [False] * 5)
        return judge(hunt, lambda mixer: next(said)).right

    assert sum(by_order() for _ in range(12)) < 6  # right in one order of 21
    assert judge(hunt, lambda mixer: torch.tensor(hunt.answer(mixer))).right
    assert "returned float" in str(judge(hunt, lambda mixer: torch.tensor(1.0)))


def test_predictions_are_decided_by_what_was_found():
    decide = {one.id: one for one in LESSON.predictions}
    assert decide["p1"].decide([0.6, 0.2]) == (0,) and decide["p1"].decide([0.2, 0.21]) == (2,)
    assert decide["p2"].decide(0.95) == (2,) and decide["p4"].decide(0.03) == (2,) and decide["p5"].decide(0.5) == (1,)

    def grades(*right):
        return t2.Grades({task: (True,) * n + (False,) * (10 - n) for task, n in zip("ab", right)})

    for flat, wanted in (((10, 9), 2), ((9, 7), 1), ((5, 4), 0)):
        found = {"no expert": grades(0, 0), "z": grades(10, 10), "z flattened": grades(*flat)}
        assert decide["p3"].decide(found) == (wanted,)
    for shares, wanted in (((1.0, 1.25), 0), ((0.75, 0.5), 1), ((1.0, 0.5), 1), ((0.0, 0.5), 2)):
        assert decide["p7"].decide(shares) == (wanted,)
    assert decide["p6"].decide({"A": 0.7, "B": 0.9, "C": 0.89}) == (1, 2)
