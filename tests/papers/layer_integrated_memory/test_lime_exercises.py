"""The judges of lesson 09 are judged: every wrong answer is named by its thought, and unusual right ones pass."""

import pytest
import torch

from labkit.course.exercises import judge
from labkit.interventions import edit
from labkit.papers.layer_integrated_memory.exercises import LESSON
from labkit.papers.layer_integrated_memory.exercises.predictions import PREDICTIONS
from labkit.papers.layer_integrated_memory.experiments.capture import capture
from labkit.papers.layer_integrated_memory.method import SetRoute, routers_of

EXERCISES = {one.id: one for one in LESSON.exercises}


def by_loops(R, raws):
    heads = [raw[:, h] for raw in raws for h in range(raw.shape[1])]
    return torch.stack([sum(entry * head for entry, head in zip(row, heads)) for row in R], dim=1)


def by_matrix(R, raws):
    raw = torch.cat(raws, 1)
    return (R @ raw.flatten(2)).view(raw.shape[0], R.shape[0], *raw.shape[2:])


def by_hand(model, loss, layer):
    weight, best, found = routers_of(model)[layer].weight.data, -1.0, None
    for head in range(weight.shape[0]):
        for column in range(weight.shape[1]):
            held = weight[head, column].clone()
            weight[head, column] = 0
            if (now := loss(model)) > best:
                best, found = now, [head, column // weight.shape[0], column % weight.shape[0]]
            weight[head, column] = held
    return torch.tensor(found)


def by_comparison(values_of, model, rows, layer):
    return torch.equal(values_of(model, rows)[layer], capture(model, rows).raw[layer])


def entry_by_entry(values_of, model, rows, layer):
    router, before = routers_of(model)[layer], values_of(model, rows)[layer]
    for head in range(router.heads):
        for source in router.layers:
            for other in range(router.heads):
                with edit(model, SetRoute(layer, head, source, other, 3.0)):
                    if not torch.allclose(values_of(model, rows)[layer], before):
                        return False
    return True


@pytest.mark.parametrize(
    "name, answer",
    [
        ("09.1", [0.588, 0.588, 1]),
        ("09.1", (1 / 1.7, 10 / 17, 1.0)),
        ("09.2", by_loops),
        ("09.2", by_matrix),
        ("09.3", by_hand),
        ("09.3", lambda model, loss, layer: list(EXERCISES["09.3"].answer(model, loss, layer))),
        ("09.4", by_comparison),
        ("09.4", entry_by_entry),
    ],
)
def test_unusual_right_answers_pass(name, answer):
    outcome = judge(EXERCISES[name], answer)
    assert outcome.right, outcome.message


def test_stubs_with_dots_inside_are_not_attempted():
    def stub(R, raws):
        raw = ...  # noqa: F841
        return ...

    assert judge(EXERCISES["09.2"], stub).status == "not attempted"


@pytest.mark.parametrize(
    "name, found, place",
    [
        ("p1", {0: 2.5, 1: 0.3, 2: 0.4}, (0,)),
        ("p1", {0: 1.0, 1: 0.3, 2: 0.99}, (0, 2)),
        ("p2", [(0.2, 0.7), (0.3, 0.6), (0.3, 0.0)], (0,)),
        ("p2", [(0.2, 0.2), (0.3, 0.25), (0.3, 0.0)], (1,)),
        ("p2", [(0.2, 0.0), (0.3, 0.05), (0.3, 0.5)], (2,)),
        ("p2", [(0.2, -0.2), (0.3, -0.1), (0.3, 0.5)], (3,)),
        ("p3", {"hidden": (0.9, 0.5), "raw": (1.0, 0.6), "routed": (1.0, 1.0)}, (2,)),
        ("p3", {"hidden": (0.9, 0.5), "raw": (1.0, 1.0), "routed": (1.0, 1.0)}, (1,)),
        ("p3", {"hidden": (0.9, 0.9), "raw": (1.0, 1.0), "routed": (1.0, 1.0)}, (0,)),
        ("p3", {"hidden": (0.9, 0.9), "raw": (1.0, 1.0), "routed": (1.0, 0.9)}, (3,)),
    ],
)
def test_predictions_are_decided_by_what_was_measured(name, found, place):
    (prediction,) = (one for one in PREDICTIONS if one.id == name)
    assert prediction.decide(found) == place
