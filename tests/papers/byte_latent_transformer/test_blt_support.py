"""What was trained is there, and tests of the training itself."""

import re

import pytest
import torch

from labkit import zoo
from labkit.papers.byte_latent_transformer import task
from labkit.papers.byte_latent_transformer.experiments.noise import endings, scores, spelling
from labkit.papers.byte_latent_transformer.experiments.quality import story_model
from labkit.papers.byte_latent_transformer.method.patching import Strided
from labkit.papers.byte_latent_transformer.method.reuse import SLOW, byteify
from labkit.papers.byte_latent_transformer.training import ARMS, patcher_of, studies
from labkit.papers.byte_latent_transformer.training.__main__ import missing
from labkit.papers.byte_latent_transformer.training.rows import (
    batch_of,
    byte_rows,
    mean_size,
    page_nats,
    rows_loss,
    starts_of,
    token_rows,
)
from labkit.training import Fit, fit


def test_models_and_runs_come_with_the_course():
    assert {"blt/entropy", "blt/story"} <= set(zoo.entries())
    lacking = [name for name, _ in missing() if name.split("-")[0] not in studies.STUDIES]
    assert not lacking, "a run of the arms is not made"


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


def test_mixed_pages_are_of_three_kinds_and_of_one_split():
    mixed = task.mixed_pages(9, seed=3)
    assert mixed == task.mixed_pages(9, seed=3) and max(len(page.encode()) for page in mixed) <= task.PAGE
    world, source, scripts = mixed[0::3], mixed[1::3], mixed[2::3]
    assert world == task.pages(3, seed=3)
    assert not re.search("[a-z]", "".join(scripts)) and all(page.isascii() is False for page in scripts)
    assert [task.transliterated(page, name)[:20] for page, name in zip(world, task.SCRIPTS)] == [
        s[:20] for s in scripts
    ]
    assert sum(word in "".join(task.source_pages(20, 3, "train")) for word in ("def ", "return", "self.")) == 3
    assert not set(task.source_pages(40, 3, "test")) & set(task.source_pages(40, 3, "train"))
    assert source == task.source_pages(3, 3, "train")
    with pytest.raises(KeyError, match="no kind of text called 'songs'"):
        task.pages_of_kind("songs", 1, 0)


def test_mixed_pages_are_cut_near_the_size_they_are_meant_to_have():
    pages = task.mixed_pages(60, seed=7, split="valid")
    rows, starts = studies.as_read("entropy", pages)
    assert 3.5 < mean_size(rows, starts) < 5.5
    assert studies.as_read("bpe", pages)[1] is None


def test_blocks_that_are_taken_over_learn_at_a_tenth_of_the_rate():
    config = ARMS["entropy"].config
    model = byteify(config.build(0), studies.DONOR.build(1))
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    rows = byte_rows(task.pages(4, seed=2))
    settings = Fit(steps=1, lr=1e-3, warmup=1, scales=SLOW, weight_decay=0.0)
    fit(model, lambda model, step: rows_loss(model, rows, torch.arange(4), starts_of(rows, Strided(4.5))), settings)
    moved = {name: float((weight - before[name]).detach().abs().max()) for name, weight in model.named_parameters()}
    latent = [value for name, value in moved.items() if name.startswith("latent.")]
    others = [value for name, value in moved.items() if not name.startswith("latent.") and "tables" not in name]
    assert max(latent) == pytest.approx(1e-4, rel=0.01) and max(others) == pytest.approx(1e-3, rel=0.01)


def test_why_noise_and_spelling_are_not_settled():
    """The shipped model, trained for longer, finds endings; of spelling it has learned the words, not to copy."""
    model, asked = story_model(), endings(60, 0)
    prompts = [one.prompt for one in asked for _ in one.options]
    found = scores(model, prompts, [end for one in asked for end in one.options], "entropy", patcher_of("entropy"))
    assert (found.reshape(60, 4).argmax(1) == [one.answer for one in asked]).mean() > 0.33
    letters = spelling("entropy", model)
    assert letters.seen > 0.9 and letters.held_out < 0.3
