"""Codec, normaliser, space, files, stops and segmentation, on an untrained codec: what holds whatever was learned."""

import math

import pytest
import torch

from labkit import zoo
from labkit.base.errors import BadInput, BrokenFile, UnknownName
from labkit.papers.large_concept_models import task
from labkit.papers.large_concept_models.method import store
from labkit.papers.large_concept_models.method.codec import CodecConfig, codec_loss, noised
from labkit.papers.large_concept_models.method.generation import tell
from labkit.papers.large_concept_models.method.models import ConceptConfig
from labkit.papers.large_concept_models.method.normaliser import Normaliser
from labkit.papers.large_concept_models.method.quantise import QuantLCM, fit_books
from labkit.papers.large_concept_models.method.segment import segment
from labkit.papers.large_concept_models.method.space import ConceptSpace

SMALL = {"width": 16, "depth": 1, "heads": 2, "ffn": 16, "concept": 8}
SENTENCE = "Ilo lost the kettle on Sable ."


@pytest.fixture(scope="module")
def space():
    codec = CodecConfig(**SMALL).build(0)
    with torch.no_grad():
        codec.train()
        codec.encode_pieces(task.tokens(task.all_events()[::7], 0))  # running mean and spread
    return ConceptSpace.fit(codec.eval())


def test_normalising_is_undone_and_puts_quartiles_in_place():
    x = torch.randn(4001, 6, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 7) + 3
    for kind in ("standard", "robust"):
        fitted = Normaliser.fit(x, kind)
        z = fitted.normalise(x)
        assert torch.allclose(fitted.denormalise(z), x, rtol=1e-5, atol=1e-5)
    low, middle, high = torch.quantile(z, torch.tensor([0.25, 0.5, 0.75]), dim=0)
    assert middle.abs().max() < 1e-3
    assert torch.allclose(high - low, torch.full((6,), 1.349), rtol=0.02)
    assert Normaliser.fit(x, "clipped", clip=2.0).normalise(x).abs().max() <= 2
    with pytest.raises(UnknownName):
        Normaliser.fit(x, "whitened")
    with pytest.raises(BadInput, match="never varies"):
        Normaliser.fit(torch.ones(10, 2))


def test_padding_is_not_read(space):
    pieces = task.tokens(task.all_events()[:5], 0)
    wider = torch.nn.functional.pad(pieces, (0, 3), value=task.PAD)
    assert torch.allclose(space.codec.encode_pieces(pieces), space.codec.encode_pieces(wider), atol=1e-5)


def test_the_encoder_reads_both_ways(space):
    kept = []
    handle = space.codec.read_norm.register_forward_hook(lambda module, inputs, output: kept.append(output))
    pieces = task.tokens(task.all_events()[:2], 0)
    for last in (5, 6):
        pieces[:, 6] = last
        space.codec.encode_pieces(pieces)
    handle.remove()
    assert (kept[0][:, 0] - kept[1][:, 0]).abs().max() > 1e-6  # the first place knows of the last


def test_the_decoder_is_causal_and_reads_concept_and_language(space):
    codec, g = space.codec, torch.Generator().manual_seed(1)
    c, pieces = torch.randn(2, 8, generator=g), task.tokens(task.all_events()[:2], 0).clamp(min=0)
    language = torch.zeros(2, dtype=torch.long)
    logits, other = codec.logits(c, pieces, language), pieces.clone()
    other[:, 4] = 5
    moved = (codec.logits(c, other, language) - logits).abs().amax(dim=(0, 2)) > 1e-6
    assert moved.tolist() == [False] * 4 + [True] * (pieces.shape[1] - 4)
    assert not torch.allclose(codec.logits(c, pieces, language + 1), logits)
    assert not torch.allclose(codec.logits(c + 1, pieces, language), logits)


def test_noise_keeps_the_spread():
    g = torch.Generator().manual_seed(0)
    c = torch.randn(20000, 3, generator=g)
    for alpha in (0.0, 0.3, 1.0):
        assert noised(c, alpha, g).std() == pytest.approx(1, abs=0.02)
    assert torch.equal(noised(c, 0.0, g), c)


def test_only_the_aligned_loss_ties_the_languages(space):
    codec = CodecConfig(**SMALL).build(0)
    some = task.draw(16, torch.Generator().manual_seed(0))
    run = lambda aligned: codec_loss(codec, some, torch.Generator().manual_seed(1), aligned=aligned, noise=0.2)  # noqa: E731
    assert run(True).isfinite() and run(False).isfinite() and not torch.equal(run(True), run(False))
    assert run(False).item() == pytest.approx(math.log(task.tokenizer().vocab_size), rel=0.3)  # a blind guess at first


def test_texts_and_sentences_have_the_same_concepts(space):
    events = task.all_events()[:3]
    for language in task.LANGUAGES:
        assert torch.allclose(
            space.encode_texts(task.write(events, language)), space.encode(events, language), atol=1e-5
        )


def test_what_no_codec_can_take_is_named(space):
    with pytest.raises(BadInput, match="no sentence"):
        space.encode_texts(["Ilo lost the kettle"])
    with pytest.raises(BadInput, match="same codec"):
        space.codec.decode_pieces(torch.zeros(2, 9), 0)
    with pytest.raises(UnknownName, match="Latin"):
        space.decode(torch.zeros(1, 8), "Latin")


def test_stories_are_what_they_promise(space):
    x = space.stories(200, torch.Generator().manual_seed(0))
    assert x.shape == (200, 3, 8)
    assert torch.equal(x[:, 2], space.end_C.expand(200, -1))
    assert torch.equal(x, space.stories(200, torch.Generator().manual_seed(0)))
    unseen = space.encode(task.all_events()[task.held_out(task.all_events())])
    assert torch.cdist(x[:, 0], unseen).min() > 1e-4


class Says(torch.nn.Module):
    """A concept model that answers with what it was told, whatever comes before."""

    def __init__(self, *answers):
        super().__init__()
        self.answers = list(answers)

    def next(self, x_BNC, xt_BC, t_B, seen=True):
        return self.answers[min(x_BNC.shape[1], len(self.answers)) - 1].expand_as(xt_BC)


def test_a_text_ends_where_the_stops_say(space):
    other = space.encode_texts(["Gladly Ilo took the ferry to Wick ."])[0]
    ends = tell(Says(other, space.end_C), space, [SENTENCE])
    assert (ends.ended, len(ends.sentences)) == ("end of text", 2)
    repeats = tell(Says(other, other), space, [SENTENCE], stop_end=None)
    assert (repeats.ended, len(repeats.sentences)) == ("repeats", 2)
    long = tell(Says(other, other), space, [SENTENCE], stop_repeat=None, longest=4)
    assert (long.ended, len(long.sentences)) == ("long enough", 4)
    with pytest.raises(BadInput, match="nothing to go on"):
        tell(Says(other), space, [])


@pytest.mark.parametrize("kind", ["space", "base", "two-tower", "quant"])
def test_files_bring_back_what_was_saved(kind, space, tmp_path):
    if kind == "space":
        model = space
    elif kind == "quant":
        books = fit_books(torch.randn(50, 8, generator=torch.Generator().manual_seed(0)), 2, 8, torch.Generator())
        model = QuantLCM.build(ConceptConfig(kind="one-tower", concept=8, width=16, heads=2), books)
    else:
        model = ConceptConfig(kind=kind, concept=8, width=16, heads=2).build(3)
    path = store.save(model, tmp_path / "model.safetensors")
    found = store.read(path)
    assert type(found) is type(model) and not found.training
    for (name, a), (_, b) in zip(model.state_dict().items(), found.state_dict().items()):
        assert torch.allclose(a.float(), b.float(), rtol=1e-3, atol=1e-3), name
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BrokenFile):
        store.read(path)


def test_names_of_shipped_models_are_checked():
    with pytest.raises(BadInput, match="three-tower"):
        store.load_model("three-tower")


def test_segments_respect_the_cap_and_lose_nothing():
    text = "Mei came.  She drew, as ever, the seven islands; then an eighth!\nWhy? Nobody knows"
    assert segment(text, None) == [
        "Mei came.",
        "She drew, as ever, the seven islands; then an eighth!",
        "Why?",
        "Nobody knows",
    ]
    for cap in (5, 12, 25, 60):
        parts = segment(text, cap)
        assert " ".join(parts) == " ".join(text.split())
        assert all(len(part) <= cap or " " not in part for part in parts)
    assert segment("", 10) == []
    with pytest.raises(BadInput):
        segment(text, 0)


def test_shipped_and_loaded_by_name_it_is_the_same(space, tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    store.ship(space, "toy", {"about": "a toy"})
    assert zoo.card_of("concepts/toy")["tokenizer"] == "two-languages"
    again = store.load_space("toy").state_dict()
    assert all(torch.equal(value.half().float(), again[name].float()) for name, value in space.state_dict().items())
