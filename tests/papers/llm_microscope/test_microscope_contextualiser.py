"""The contextualiser: what its decoder may see, what pooling does, what C is a sum of."""

from __future__ import annotations

import pytest
import torch

from labkit.base.errors import BadInput
from labkit.models import DecoderConfig
from labkit.papers.llm_microscope.method.contextualiser import PAD, Contextualiser, one_hot, windows

CONFIG = DecoderConfig(vocab=40, width=16, depth=2, heads=2, ffn=24, context=8, init_std=0.3)


@pytest.fixture
def model() -> Contextualiser:
    made = Contextualiser.empty(CONFIG, levels=4)
    generator = torch.Generator().manual_seed(0)
    made.decoder.load_state_dict(CONFIG.build(1).state_dict())
    made.adapter.initialise(generator)
    return made.requires_grad_(False)


def some(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_first_word_depends_on_e_alone_and_every_word_on_earlier_ones_only(model: Contextualiser) -> None:
    e = model.embed(some(0, 1, 4, 16))
    one, other = torch.tensor([[5, 6, 7, 8]]), torch.tensor([[9, 6, 3, 8]])
    assert torch.equal(model.logits(e, one)[:, 0], model.logits(e, other)[:, 0])
    assert not torch.allclose(model.logits(e, one)[:, 1], model.logits(e, other)[:, 1])
    changed = torch.tensor([[5, 6, 2, 1]])
    assert torch.equal(model.logits(e, one)[:, :3], model.logits(e, changed)[:, :3])


def test_c_is_the_sum_of_its_words_and_padding_costs_nothing(model: Contextualiser) -> None:
    e = model.embed(some(0, 2, 4, 16))
    before = torch.tensor([[5, 6, 7, 8], [5, 6, PAD, PAD]])
    nats = model.loss(e, before)
    logp = model.logits(e, before).log_softmax(-1)
    assert torch.allclose(nats[0], -logp[0].gather(-1, before[0][:, None])[:, 0], atol=1e-6)
    assert torch.equal(nats[1, 2:], torch.zeros(2))
    short = model.loss(e[1:], before[1:, :2])
    assert torch.allclose(nats[1, :2], short[0], atol=1e-6)
    assert float(nats[0].sum()) == pytest.approx(4 * float(nats[0].mean()), rel=1e-6)


def test_pooling_one_level_is_that_level(model: Contextualiser) -> None:
    h = some(0, 3, 4, 16)
    alone = h[:, 2:3]
    with torch.no_grad():
        single = model.adapter.down(torch.nn.functional.gelu(model.adapter.up(
            torch.nn.functional.rms_norm(alone, (16,))[:, 0])))  # fmt: skip
    assert torch.allclose(model.embed(h, one_hot(2, 4)), single, atol=1e-6)
    assert float(model.adapter.pool.weights_S.sum()) == pytest.approx(1.0)
    with pytest.raises(BadInput, match="level 4"):
        one_hot(4, 4)


def test_windows_hold_the_words_before_and_never_the_begin_token() -> None:
    ids = [0, 11, 12, 13, 14, 15]
    found = windows(ids, [2, 3, 5], k=3)
    assert found.tolist() == [[11, PAD, PAD], [11, 12, PAD], [12, 13, 14]]
    for nothing in (0, 1, 6):
        with pytest.raises(BadInput, match="before it"):
            windows(ids, [nothing], k=3)


def test_writing_takes_the_most_likely_word_at_each_step(model: Contextualiser) -> None:
    e = model.embed(some(0, 2, 4, 16))
    written = model.write(e, 5)
    assert written.shape == (2, 5)
    assert torch.equal(model.logits(e, written).argmax(-1), written)


def test_nothing_is_drawn_from_the_global_random_state() -> None:
    before = torch.random.get_rng_state()
    Contextualiser.empty(CONFIG, levels=3).adapter.initialise(torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.random.get_rng_state())
