"""Marks for tests that read what was trained, and tests of the training itself."""

import pytest
import torch

from labkit import zoo
from labkit.papers.byte_latent_transformer import task
from labkit.papers.byte_latent_transformer.method.patching import Strided
from labkit.papers.byte_latent_transformer.training import ARMS, runs
from labkit.papers.byte_latent_transformer.training.rows import (
    batch_of,
    byte_rows,
    mean_size,
    page_nats,
    rows_loss,
    starts_of,
    token_rows,
)

shipped = pytest.mark.skipif("blt/story" not in zoo.entries(), reason="the models are not trained yet")
needs_runs = pytest.mark.skipif(len(runs()) < 40, reason="the runs are not made yet")


def test_pages_are_whole_sentences_that_fit_and_depend_on_their_seed_alone():
    made = task.pages(60, seed=3)
    assert made == task.pages(60, seed=3) != task.pages(60, seed=4)
    assert all(0 < len(page.encode()) <= task.PAGE for page in made)
    assert 1 <= sum(page.startswith("Spell ") for page in made) <= 15
    assert set(task.pages(60, seed=3, split="test")).isdisjoint(made)
    assert not set(task.spelling_words("train")) & set(task.spelling_words("test"))


def test_noises_do_what_they_are_called():
    text = "The lantern was with Uma."
    assert task.noised(text, "UpperCase") == text.upper()
    assert task.noised("ab", "AntSpeak") == "A B"
    assert task.noised(text, "RandomCase", 1).lower() == text.lower() != task.noised(text, "RandomCase", 1)
    assert len(task.noised(text * 20, "Drop")) == pytest.approx(0.9 * 20 * len(text), rel=0.1)
    assert len(task.noised(text * 20, "Repeat")) == pytest.approx(1.5 * 20 * len(text), rel=0.15)
    assert task.noised(text, "Drop", 1) == task.noised(text, "Drop", 1)
    with pytest.raises(KeyError, match="no noise called 'Mumble'"):
        task.noised(text, "Mumble")


def test_every_page_is_read_once_before_any_comes_again():
    seen = torch.cat([batch_of(20, step, 0) for step in range(1, 6)])
    assert sorted(seen.tolist()) == list(range(20))
    assert batch_of(20, 1, 0).tolist() != batch_of(20, 1, 1).tolist()


def test_the_loss_of_a_batch_is_that_of_its_pages():
    rows = byte_rows(task.pages(5, seed=2))
    starts = starts_of(rows, Strided(4.5))
    model = ARMS["strided"].config.build(0).eval()
    nats = page_nats(model, rows, starts)
    index = torch.tensor([1, 3])
    expected = sum(nats[i] for i in (1, 3)) / sum(rows.bytes[i] for i in (1, 3))
    assert float(rows_loss(model, rows, index, starts)) == pytest.approx(expected, rel=1e-4)
    assert mean_size(rows, starts) == pytest.approx(4.5, abs=0.1)


def test_tokens_and_bytes_are_of_the_same_text():
    pages = task.pages(5, seed=2)
    assert token_rows(pages).bytes == byte_rows(pages).bytes
    assert max(token_rows(pages).lengths) < max(byte_rows(pages).lengths) / 2
