"""The judges of lesson 10 are judged: right answers in odd dress, wrong ones a clever reader would try."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

import labkit
from labkit.course.exercises import judge
from labkit.papers.llm_microscope.exercises import LESSON
from labkit.papers.llm_microscope.exercises.hunt import HUNT, lenses, model_of
from labkit.papers.llm_microscope.exercises.share import SHARE, nonlinear


@pytest.mark.parametrize("value", [0.45, 0.4500001, torch.tensor(0.45), "0.45"])
def test_a_gain_may_be_any_kind_of_number(value) -> None:
    assert judge(LESSON.exercise("10.1"), value).right


@pytest.mark.parametrize("value", [0.6, 1.05, 1.8, -0.45, 0.525, 0.7, math.nan, "half"])
def test_wrong_gains(value) -> None:
    assert judge(LESSON.exercise("10.1"), value).status == "wrong"


def with_pinv(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    left = x @ torch.linalg.pinv(x) @ y - y
    return left.square().sum(1).sqrt() / y.norm()


def as_a_list(x, y):
    return nonlinear(x, y).tolist()


@pytest.mark.parametrize("answer", [with_pinv, as_a_list])
def test_unusual_right_shares(answer) -> None:
    assert judge(SHARE, answer).right


def by_columns(x, y):
    x, y = (z - z.mean(0) for z in (x, y))
    return ((x @ torch.linalg.lstsq(x, y).solution - y) / y.norm()).norm(dim=0)


def orthogonal(x, y):
    x, y = ((z - z.mean(0)) / (z - z.mean(0)).norm() for z in (x, y))
    u, s, vh = torch.linalg.svd(x.mT @ y)
    return (s.sum() * x @ u @ vh - y).norm(dim=-1)


def of_the_update(x, y):
    return nonlinear(x, y - x) if x.shape == y.shape else nonlinear(x, y)


def relative(x, y):
    return nonlinear(x, y) / (y - x).norm(dim=-1)


@pytest.mark.parametrize("answer", [by_columns, orthogonal, of_the_update, relative])
def test_wrong_shares(answer) -> None:
    assert judge(SHARE, answer).status == "wrong"


def by_hand(lens, model, ids):
    """Without dropping: run the blocks one by one and norm once."""
    with torch.no_grad():
        state, expected = model.begin(ids[None]), []
        for block in (None, *model.trunk.blocks):
            state = state if block is None else block(state)
            expected.append(model.finish(state)[0])
    return bool(torch.allclose(torch.stack(expected), lens(model, ids), atol=1e-4))


def by_probabilities(lens, model, ids):
    depth, found = len(model.trunk.blocks), lens(model, ids)
    worst = 0.0
    for level in range(depth, -1, -1):
        with torch.no_grad(), labkit.edit(model, *[labkit.DropBlock(i) for i in range(level, depth)]):
            cut = model(ids[None]).logits[0]
        worst = max(worst, float((F.softmax(cut, -1) - F.softmax(found[level], -1)).abs().max()))
    return worst < 1e-4


@pytest.mark.parametrize("answer", [by_hand, by_probabilities])
def test_unusual_right_judges(answer) -> None:
    assert judge(HUNT, answer).right


def words_only(lens, model, ids):
    with torch.no_grad():
        return torch.equal(lens(model, ids)[-1].argmax(-1), model(ids[None]).logits[0].argmax(-1))


def never(lens, model, ids):
    return False


def by_name(lens, model, ids):
    return lens.__name__ not in ("released", "twice")


@pytest.mark.parametrize("answer", [words_only, never, by_name])
def test_wrong_judges(answer) -> None:
    assert judge(HUNT, answer).status == "wrong"


def test_every_wrong_lens_differs_from_the_right_one() -> None:
    model, ids = model_of(5, 3), torch.arange(9)
    good, *bad = (lens(model, ids) for lens in lenses().values())
    assert all(not torch.allclose(good, one, atol=1e-2) for one in bad)


def test_predictions_decide_and_tie() -> None:
    p1, p2, p3, p4, p5 = (LESSON.prediction(f"p{i}") for i in range(1, 6))
    assert p1.decide({"punctuation": 0.5, "noun": 0.9}) == (0,) and p1.decide({"punctuation": 0.9, "noun": 0.9}) == (2,)
    assert p1.decide({"punctuation": 0.76, "noun": 0.79}) == (0, 2)
    shares = {"punctuation": 0.7, "random tokens": 0.54, "content words": 0.5}
    assert p2.decide(shares) == (1, 2)
    assert p3.decide((0.9, 0.7, 0.88)) == (2,) and p3.decide((0.9, 0.7, 0.71)) == (0,)
    assert p4.decide((0.9, 0.7, 0.91)) == (0,) and p4.decide((0.9, 0.7, 0.68)) == (2,)
    assert p4.decide((0.9, 0.7, 0.8)) == (1,)
    assert p5.decide(0.5) == (2,)
