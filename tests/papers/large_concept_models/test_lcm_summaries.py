"""Summarise and expand: what a summary is, which events can have led to a journey, and that judging finds both."""

import pytest
import torch

from labkit.base.errors import UnknownName
from labkit.papers.large_concept_models import task
from labkit.papers.large_concept_models.experiments import summaries
from labkit.papers.large_concept_models.method.store import load_space
from labkit.training import Runs


@pytest.fixture(scope="module")
def space():
    return load_space("aligned")


def test_episodes_hang_together():
    g = torch.Generator().manual_seed(0)
    first, journey, second, last = summaries.episodes(60, 2, g)
    assert summaries.can_have_led_to(first, journey).all() and summaries.can_have_led_to(second, last).all()
    assert torch.equal(second.slots_NS[:, 0], first.slots_NS[:, 0])  # the same person
    assert torch.equal(second.slots_NS[:, 2], journey.slots_NS[:, 2])  # where the journey led
    assert not task.held_out(first).any() and not task.held_out(second).any()
    assert task.held_out(summaries.episodes(20, 1, g, held=True)[0]).all()


def test_six_or_nine_events_can_have_led_to_a_journey():
    events = task.all_events()
    _, journeys = summaries.episodes(8, 1, torch.Generator().manual_seed(1))
    for one in range(8):
        able = summaries.can_have_led_to(events, journeys[one : one + 1].repeat(len(events)))
        assert int(able.sum()) in (6, 9)
        for event in (events[able][:1], events[able][-1:]):  # word for word among its possible futures
            possible = task.futures(event)[: len(task.BRANCHES[int(event.kind_N)])]
            assert task.write(journeys[one : one + 1]) in map(task.write, possible)
    assert not summaries.can_have_led_to(journeys, journeys).any()  # a journey is no event


class Knows(torch.nn.Module):
    """A concept model with the right answers at hand: one for each context, in order."""

    def __init__(self, answers_NC):
        super().__init__()
        self.answers_NC = answers_NC

    def next(self, x_BNC, xt_BC, t_B, seen=True):
        return self.answers_NC.repeat_interleave(len(xt_BC) // len(self.answers_NC), dim=0)


def test_right_and_wrong_answers_are_told_apart(space):
    told = summaries.episodes(12, 2, torch.Generator().manual_seed(9000), held=True)
    right = summaries.summarise(Knows(space.encode(told[-1])), space, told)
    assert space.decode(right) == task.write(told[-1])
    event, journey = summaries.episodes(12, 1, torch.Generator().manual_seed(9100), held=True)
    truth = summaries.judge_summaries(Knows(space.encode(event)), space, n=12, draws=3)
    assert truth["expanded"] == truth["an_event"] == truth["kinds"] == 1.0
    assert truth["size"] == pytest.approx(1, abs=1e-3) and truth["summary two"] == 0.0
    other = summaries.judge_summaries(Knows(space.encode(event).roll(1, 0)), space, n=12, draws=3)
    assert other["an_event"] == 1.0 and other["expanded"] < 0.3
    nothing = summaries.judge_summaries(Knows(space.encode(journey)), space, n=12, draws=3)
    assert nothing["an_event"] == nothing["expanded"] == 0.0 and nothing["summary one"] < 0.3


@pytest.mark.parametrize("arm", summaries.STEPS)
def test_training_is_reproducible(arm, space, monkeypatch):
    monkeypatch.setattr(summaries, "POOL", 40)
    (a, fitted), (b, _), (c, _) = (summaries.train_summaries(arm, space, seed, steps=3) for seed in (1, 1, 2))
    assert len(fitted.loss) == 3 and not fitted.diverged
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters()))
    assert not all(torch.equal(p, q) for p, q in zip(a.parameters(), c.parameters()))


def test_arms_that_do_not_learn_this_are_named(space):
    with pytest.raises(UnknownName, match="token"):
        summaries.train_summaries("token", space, 0)


def test_what_was_measured_is_there_and_says_what_the_page_says():
    rows = Runs(summaries.summaries_path()).where()
    assert {row["arm"] for row in rows} == {"base", "two-tower"}
    for row in rows:
        assert row["summary one"] > 0.9 and row["an_event"] > 0.9, row
    (base, *_), (two, *_) = ([r for r in summaries.stored_summaries().rows if r[0] == arm] for arm in summaries.STEPS)
    assert base[5] <= 1 < two[5]  # how many different events are said in 8 draws
