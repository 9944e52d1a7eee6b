"""The needle task: what a text holds, that it is a function of its seed, and what cannot be asked for."""

import pytest
import torch

from labkit.base.errors import LabkitError
from labkit.papers.differential_transformer.task import (
    ANSWERS,
    CITIES,
    CLASSES,
    FILLERS,
    VOCAB,
    Needles,
    class_of,
    tokenizer,
)


def test_the_language_has_257_words_and_the_tokenizer_keeps_their_classes():
    words = tokenizer()
    assert words.vocab_size == VOCAB == 259 and len(CITIES) == 64 and len(FILLERS) == 128
    found = class_of(torch.tensor(words.encode("Alburg 17 rain ?")))
    assert [CLASSES[kind] for kind in found] == ["city", "number", "filler", "question"]
    assert class_of(torch.tensor([words.bos])) == 0
    assert words.decode(range(ANSWERS.start, ANSWERS.stop)).split() == [str(number) for number in range(1, 65)]


@pytest.mark.parametrize("task", [Needles(), Needles(needles=12, length=128), Needles(questions=1, depth=0.5)])
def test_every_asked_city_stands_once_before_its_number(task):
    batch = task.draw(50, 3)
    assert batch.ids.shape == (50, task.length) and (batch.ids[:, 0] == tokenizer().bos).all()
    for ids, places, answers in zip(batch.ids.tolist(), batch.places.tolist(), batch.answers.tolist()):
        for number, row in enumerate(batch.rows.tolist()):
            asked = ids[row]
            assert ids[places[number] - 1] == asked and ids[places[number]] == answers[number]
            assert ids[: int(batch.rows[0]) - 1].count(asked) == 1  # no decoy names an asked city
            assert row + 1 == len(ids) or ids[row + 1] == answers[number]
    assert torch.equal(batch.cities[:, : task.questions] + 1, batch.places)


def test_equal_seeds_give_equal_texts_and_nothing_global_is_drawn():
    before = torch.get_rng_state()
    first, again, other = (Needles().draw(5, seed).ids for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


def test_depth_puts_the_asked_needle_where_it_says():
    means = [Needles(questions=1, depth=depth).draw(40, 1).places.float().mean().item() for depth in (0.0, 0.5, 1.0)]
    body = Needles(questions=1).body
    assert means[0] == 2 and means[2] == body and abs(means[1] - body / 2) < 3


def test_decoys_are_there_in_the_share_asked_for():
    none, some = (class_of(Needles(decoys=share).draw(100, 1).ids) for share in (0.0, 0.5))
    assert (none == 3).float().mean() > (some == 3).float().mean() + 0.2


@pytest.mark.parametrize(
    "changes", [{"questions": 7}, {"needles": 0, "questions": 0}, {"length": 20}, {"decoys": 1.5}, {"depth": -0.1}]
)
def test_texts_that_cannot_be_are_refused(changes):
    with pytest.raises(LabkitError):
        Needles(**changes)
