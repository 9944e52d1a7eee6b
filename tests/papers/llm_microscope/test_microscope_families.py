"""Every measure on a small random model of each family, and on the sentence encoder where it makes sense."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from families import FAMILY_NAMES, each_family, ids_of, make, tokenizer

import labkit
import labkit.papers.llm_microscope as microscope
from labkit.base.errors import BadInput
from labkit.papers.llm_microscope import training
from labkit.papers.llm_microscope.experiments.memory import read_memory
from labkit.papers.llm_microscope.method.states import states_of
from labkit.papers.llm_microscope.method.storage import Reader
from labkit.papers.llm_microscope.task.passages import Ask, Passage
from labkit.zoo.packaged import encoder_folder

SHORT = replace(training.READER_FIT, steps=10, warmup=1, lr=1e-2)
each_hub_family = pytest.mark.parametrize("family", [name for name in FAMILY_NAMES if name != "labkit"])


def handle_of(family: str):
    return labkit.load(make(family), tokenizer())


def texts_of(n: int, length: int) -> list[torch.Tensor]:
    return [ids_of(length, seed=seed)[0] for seed in range(n)]


@each_family
def test_levels_are_what_transformers_calls_hidden_states(family: str) -> None:
    model, ids = make(family), ids_of(9)[0]
    h_SLD = states_of(model, ids)
    if family == "labkit":
        with torch.no_grad():
            assert torch.allclose(model.head(model.norm(h_SLD[-1])), model(ids[None]).logits[0], atol=1e-5)
        return
    with torch.no_grad():
        *inner, last = model(ids[None], output_hidden_states=True).hidden_states
        normed = labkit.anatomy.anatomy_of(model).final_norm(h_SLD[-1])
    assert torch.equal(h_SLD[:-1], torch.cat(inner)) and torch.allclose(normed, last[0], atol=1e-6)


@each_family
def test_shape_linearity_and_token_errors_of_a_family(family: str) -> None:
    model, texts = make(family), texts_of(12, 12)
    before = labkit.anatomy.fingerprint(model)
    profile = microscope.linearity_profile(model, texts)
    assert len(profile.residual) == 2 and all(0 <= score <= 1 for score in profile.residual)
    cloud = microscope.cloud_of(model, texts)
    E_NT = microscope.token_nonlinearity(model, texts, cloud)
    assert E_NT.square().sum(1).tolist() == pytest.approx([1 - score for score in profile.residual], abs=1e-6)
    deepest = cloud.h_STD[-1]
    assert microscope.two_nn(deepest) > 0 and 1 / 8 <= microscope.anisotropy(deepest) <= 1
    assert labkit.anatomy.fingerprint(model) == before


@each_hub_family
def test_a_reader_of_a_family_learns_and_tells_how_much_it_read(family: str) -> None:
    subject = handle_of(family)
    texts = [[3 + (start + i) % 8 for i in range(20)] for start in range(8)]  # each word tells those before it
    before = labkit.anatomy.fingerprint(subject)
    reader, fitted = training.train_reader("reader", settings=SHORT, subject=subject, texts=texts, blocks=(0,))
    nothing, _ = training.train_reader("own_word", settings=SHORT, subject=subject, texts=texts, blocks=(0,))
    assert fitted.loss[-1] < fitted.loss[0] - 0.1 and not fitted.diverged
    pair = [Reader(name, model.eval(), subject, {}) for name, model in (("reader", reader), ("own_word", nothing))]
    memory = read_memory(texts, *pair)
    assert len(memory.C) == sum(len(ids) - 2 for ids in texts) and all(c >= 0 for c in memory.C)
    assert labkit.anatomy.fingerprint(subject) == before


@each_hub_family
def test_questions_are_judged_and_states_are_overwritten_in_a_family(family: str) -> None:
    subject = handle_of(family)
    before = labkit.anatomy.fingerprint(subject)
    body = (3, 4, 5, 6, 3, 7)
    classes = ("article", "noun", "punctuation", "noun", "article", "noun")
    passages = [Passage(body, classes, (8, 9), (Ask(1, (3, 4, 5, 6), 1),))] * 3
    for condition in ("intact", "articles", "random tokens as many as punctuation"):
        assert set(microscope.right_answers(subject, passages, condition, bos=1)) <= {0.0, 1.0}
    words = "a b a c a d a b c a d a"  # "a" is an article, the other letters are of no class
    found = microscope.necessity(subject, [subject.encode(words)] * 2, "article")
    assert len(found.excess) == 2 and found.replaced > 1
    share = microscope.attention_to(subject, [subject.encode(words)], "article")
    assert all(0 <= one <= 1 for heads in share.share for one in heads) and 0 < share.alike < 1
    assert labkit.anatomy.fingerprint(subject) == before


@pytest.mark.skipif(encoder_folder() is None, reason="the encoder's package is not installed")
def test_the_sentence_encoder_has_levels_and_no_lens() -> None:
    encoder = labkit.load("minilm")
    texts = [encoder.encode(one.text) for one in labkit.world.documents("stories", 8, seed=5, split="test")]
    with torch.no_grad():
        hidden = encoder.model(texts[0][None], output_hidden_states=True).hidden_states
    assert torch.equal(states_of(encoder, texts[0]), torch.cat(hidden))
    profile = microscope.linearity_profile(encoder, texts)
    assert len(profile.residual) == 6 and min(profile.residual) > 0.5
    shape = microscope.shape_by_level(encoder, texts, most=300)
    assert shape.points[0] < shape.points[-1] and all(0 < one < 1 for one in shape.anisotropy)
    share = microscope.attention_to(encoder, texts[:2])
    assert len(share.share) == 6 and len(share.share[0]) == 12
    with pytest.raises(BadInput, match="no head"):
        microscope.logit_lens(encoder, texts[0])
