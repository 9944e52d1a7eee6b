"""The world without marks: no word gives a future away, and the judge tells parts from wholes."""

from itertools import combinations

import pytest
import torch

from labkit.papers.large_concept_models import task
from labkit.papers.large_concept_models.experiments import unmarked as world
from labkit.papers.large_concept_models.experiments.quality import test_events
from labkit.papers.large_concept_models.method.store import load_space

test_events.__test__ = False


@pytest.fixture(scope="module")
def space():
    return load_space("aligned")


def test_every_word_is_shared_and_any_two_of_them_fix_the_future():
    futures = torch.stack([one.slots_NS for one in world.unmarked_futures(task.all_events())], dim=1)
    for slot in (2, 3, 4):  # island, mood, vehicle
        values = [len(set(row)) for row in futures[:, :, slot].tolist()]
        assert set(values) == {2}
    for one, other in combinations(range(4), 2):
        differ = (futures[:, one] != futures[:, other]).sum(1)
        assert (differ == 2).all()
    assert (futures[:, :, 2] != task.all_events().slots_NS[:, None, 2]).all()  # a journey ends elsewhere


def test_the_judge_tells_the_truth_from_words_drawn_one_by_one(space):
    events = test_events(6)
    g = torch.Generator().manual_seed(0)
    after = torch.stack([one.slots_NS for one in world.unmarked_futures(events)], dim=1)
    number = torch.multinomial(task.probabilities(events.kind_N), 200, replacement=True, generator=g)
    alone = [torch.multinomial(task.probabilities(events.kind_N), 200, replacement=True, generator=g) for _ in range(5)]
    whole = torch.gather(after, 1, number[..., None].expand(-1, -1, 5))
    mixed = torch.stack([after[..., s].gather(1, alone[s]) for s in range(5)], dim=2)
    judged = []
    for slots in (whole, mixed):
        said = task.Sentences(torch.full((len(events) * 200,), task.FUTURE), slots.flatten(0, 1))
        judged.append(world.judge_unmarked(space, events, space.encode(said).view(len(events), 200, -1)))
    truth, parts = judged
    assert min(truth["possible"]) > 0.995 and min(truth["parts"]) > 0.995 and min(parts["parts"]) > 0.995
    assert truth["size"] == pytest.approx([1] * 4, abs=0.06) and max(truth["gap"]) < 0.02
    assert parts["size"][3] == pytest.approx(1, abs=0.06) and parts["gap"][3] < 0.02  # nothing shows there
    assert parts["possible"][3] == pytest.approx(parts["by_chance"][3], abs=0.05) and parts["possible"][3] < 0.7
    assert truth["by_chance"][3] < 0.7 < truth["possible"][3]


def test_training_is_reproducible(space):
    (a, fitted), (b, _), (c, _) = (world.train_unmarked(space, seed, steps=2) for seed in (1, 1, 2))
    assert len(fitted.loss) == 2
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters()))
    assert not all(torch.equal(p, q) for p, q in zip(a.parameters(), c.parameters()))


def test_what_is_kept_belongs_together():
    kept = world.unmarked()
    assert len(kept.events) == len(kept.futures) == len(kept.drawn) == world.KEPT and len(kept.seeds) >= 3
    events, ok = task.parse(list(kept.events))
    assert ok.all() and (events.kind_N == 3).all() and task.held_out(events).all()
    after = [task.write(one) for one in world.unmarked_futures(events)]
    assert [list(row) for row in kept.futures] == [list(row) for row in zip(*after)]
    assert all(len(row) == 20 for row in kept.drawn)
    assert "lost (4)" in str(kept.table("possible", "parts"))
