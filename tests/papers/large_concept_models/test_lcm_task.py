"""The world: both languages are read back, futures have the promised probabilities, held-out sentences stay out."""

import pytest
import torch

from labkit.base.errors import BadInput, UnknownName
from labkit.papers.large_concept_models import task

EVERYTHING = task.join([task.all_events(), *task.futures(task.all_events()), task.text_end(1)])


@pytest.mark.parametrize("language", [0, 1])
def test_what_is_written_is_read_back(language):
    found, said_N = task.read(task.tokens(EVERYTHING, language))
    assert said_N.all()
    assert torch.equal(found.kind_N, EVERYTHING.kind_N)
    assert torch.equal(found.slots_NS, EVERYTHING.slots_NS)


def test_pieces_and_text_are_the_same_sentences():
    some = EVERYTHING[::997]
    for number, language in enumerate(task.LANGUAGES):
        pieces = task.tokens(some, number)
        texts = [task.tokenizer().decode(p for p in row if p != task.PAD) for row in pieces.tolist()]
        assert texts == task.write(some, language)
        assert task.parse(texts)[1].all()


@pytest.mark.parametrize(
    "wrong",
    [
        "Ilo lost the Sable on kettle .",
        "Ilo lost kettle on Sable .",
        "Ilo hat der Kessel auf Sable verloren .".replace("der", "die"),  # the article does not agree
        "Ilo hat den Kessel on Sable verloren .",
        "Gladly Ilo took the kettle to Tern .",
        "Ilo lost the kettle on Sable",
    ],
)
def test_what_is_no_sentence_is_not_read(wrong):
    assert not task.parse([wrong])[1].any()


def test_futures_have_their_probabilities_and_differ_in_three_slots():
    events = task.all_events()
    assert torch.allclose(task.probabilities(events.kind_N).sum(1), torch.ones(len(events)))
    first, second = task.futures(events)[:2]
    assert ((first.slots_NS != second.slots_NS).sum(1) == 3).all()
    assert (torch.stack([f.slots_NS[:, 2] for f in task.futures(events)]) != events.slots_NS[:, 2]).all()
    drawn = task.draw_future(events[events.kind_N == 3].repeat(4), torch.Generator().manual_seed(0))
    assert torch.allclose(torch.bincount(drawn) / len(drawn), torch.tensor([0.4, 0.3, 0.2, 0.1]), atol=0.03)


def test_training_never_draws_what_is_held_out():
    seen = task.draw(2000, torch.Generator().manual_seed(1))
    assert not task.held_out(seen).any() and (seen.kind_N == task.TEXT_END).any()
    kept = task.draw(300, torch.Generator().manual_seed(1), held=True)
    assert task.held_out(kept).all() and len(kept) == 300
    assert 0.07 < task.held_out(task.all_events()).float().mean() < 0.13


def test_bad_input_is_named():
    with pytest.raises(UnknownName, match="French"):
        task.write(EVERYTHING[:1], "French")
    with pytest.raises(BadInput, match="dragon"):
        task.parse(["Ilo lost the dragon on Sable ."])
    with pytest.raises(UnknownName, match="ate"):
        task.event("ate", "Ilo", "kettle", "Sable")
    with pytest.raises(BadInput, match="too long"):
        task.parse(["Ilo lost the kettle on Sable . Ilo lost the kettle on Sable ."])
