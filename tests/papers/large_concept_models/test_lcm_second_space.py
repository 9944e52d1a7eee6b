"""The second space: a frozen encoder of others and a decoder of ours, on a stand-in and as stored."""

import json

import pytest
import torch

from labkit.base.errors import BadInput
from labkit.papers.large_concept_models import task
from labkit.papers.large_concept_models.experiments import second_space
from labkit.papers.large_concept_models.method.pretrained import PretrainedCodec


class Letters:
    """An encoder that anybody could read back: a fixed random vector for each word and its place, summed."""

    def __init__(self):
        g = torch.Generator().manual_seed(0)
        self.words = torch.randn(task.tokenizer().vocab_size, task.LENGTH, 48, generator=g)
        self.read = 0

    def embed(self, texts):
        self.read += len(texts)
        rows = [task.tokenizer().encode(text) if text != "A sentence." else [0] for text in texts]
        sums = [sum(self.words[piece, at] for at, piece in enumerate(row)) for row in rows]
        return torch.nn.functional.normalize(torch.stack(sums), dim=-1)


@pytest.fixture(scope="module")
def learned():
    encoder = Letters()
    space, fitted = second_space.learn_second_space(encoder, steps=150, batch=64, sentences=500)
    return encoder, space, fitted


def test_a_decoder_learns_to_read_the_vectors(learned):
    encoder, space, fitted = learned
    assert encoder.read == 501  # every sentence once, and one to see how wide the vectors are
    assert fitted.loss[-1] < 0.6 * fitted.loss[0]
    found = second_space.check_slots(space, n=60)
    assert found["kind"] > 0.8 and found["exact"] <= min(found[slot] for slot in task.SLOTS) + 1e-6
    assert not any(name.startswith(("encoder", "read_")) for name, _ in space.codec.named_parameters())


def test_pieces_and_sentences_have_the_same_vectors(learned):
    _, space, _ = learned
    some = task.all_events()[::900]
    assert torch.allclose(space.codec.encode_pieces(task.tokens(some, 0)), space.codec.encode(some), atol=1e-5)
    assert torch.allclose(space.encode_texts(task.write(some)), space.encode(some), atol=1e-5)


def test_it_reads_english_only_and_says_so(learned):
    with pytest.raises(BadInput, match="English"):
        learned[1].encode(task.all_events()[:2], "German")


def test_training_sentences_have_mean_zero_and_spread_one():
    codec = PretrainedCodec.build(Letters())
    c = codec.standardise(codec.raw(task.write(task.all_events()[::40])))
    assert c.mean(0).abs().max() < 1e-4 and c.std(0) == pytest.approx(torch.ones(48), abs=1e-3)


def test_what_was_measured_is_stored_and_adds_up():
    found = json.loads(second_space.second_space_path().read_text())
    shares = found["exact"]
    assert set(shares) == {"exact", "kind", *task.SLOTS} and all(0 <= share <= 1 for share in shares.values())
    assert shares["exact"] <= min(shares.values()) + 1e-6
    assert set(found["possible"]) == {"truth", "mean"}
