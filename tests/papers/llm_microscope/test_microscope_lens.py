"""The logit lens: its last level is the model, and the norm is applied once."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from families import each_family, ids_of, logits, make

import labkit
from labkit.base.errors import BadInput
from labkit.papers.llm_microscope.method.lens import logit_lens, rescale

TEXT = "The morning was clear. The lantern was with Hana. Hana gave the lantern to Dalia."


@pytest.fixture(scope="module")
def deep():
    return labkit.load("lab/deep")


def test_the_last_level_is_what_the_model_says(deep) -> None:
    ids = deep.encode(TEXT)
    said = labkit.measurements.logits(deep, [ids])[0]
    nats = F.cross_entropy(said[:-1], ids[1:], reduction="none")
    for norm in (True, False):
        lens = logit_lens(deep, ids, norm=norm)
        assert torch.allclose(lens.loss[-1], nats, atol=1e-5)
        assert torch.equal(lens.top[-1, :, 0], said.argmax(-1))
        assert float(lens.kl[-1].abs().max()) < 1e-6


@each_family
def test_the_last_level_is_what_a_model_of_any_family_says(family: str) -> None:
    model, ids = make(family), ids_of(7)[0]
    expected = F.cross_entropy(logits(model, ids[None])[0, :-1].float(), ids[1:], reduction="none")
    assert torch.allclose(logit_lens(model, ids).loss[-1], expected, atol=1e-5)


def test_the_lens_finds_a_norm_that_is_applied_twice(deep) -> None:
    ids = deep.encode(TEXT)
    module = deep.model
    h = labkit.anatomy.record(deep, ids, ["layers.11"])["layers.11"][0]
    with torch.no_grad():
        once, twice = (F.log_softmax(module.head(x), -1) for x in (module.norm(h), module.norm(module.norm(h))))
    last = logit_lens(deep, ids).loss[-1]
    rows = torch.arange(len(ids) - 1)
    assert torch.allclose(last, -once[rows, ids[1:]], atol=1e-5)
    assert not torch.allclose(last, -twice[rows, ids[1:]], atol=1e-2)


def test_confidence_never_exceeds_the_true_loss_and_ranks_agree(deep) -> None:
    lens = logit_lens(deep, deep.encode(TEXT))
    assert (lens.loss >= 0).all() and (lens.confidence <= lens.loss + 1e-6).all()
    assert torch.equal(lens.rank == 0, (lens.loss - lens.confidence).abs() < 1e-6)
    assert (lens.kl >= -1e-5).all()
    for token, level in enumerate(lens.first_right()):
        right = (lens.rank[:, token] == 0).tolist()
        assert (level is None and not right[-1]) or (all(right[level:]) and (level == 0 or not right[level - 1]))


def test_below_the_last_level_the_norm_matters(deep) -> None:
    ids = deep.encode(TEXT)
    assert torch.equal(logit_lens(deep, ids, k=3).top[..., :1], logit_lens(deep, ids).top)
    assert logit_lens(deep, ids).error_curve()[-1] == pytest.approx(float(logit_lens(deep, ids).loss[-1].mean()))
    with_norm, without = (logit_lens(deep, ids, norm=norm).loss[:-1].mean() for norm in (True, False))
    assert abs(float(with_norm - without)) > 0.1


def test_a_text_of_one_token_is_told_so(deep) -> None:
    with pytest.raises(BadInput, match="next token"):
        logit_lens(deep, torch.tensor([0]))


@pytest.mark.parametrize("over", ["everything", "sentence", "token"])
def test_rescaled_values_span_0_to_1_and_constant_rows_are_0(over: str) -> None:
    values = torch.rand(4, 6, generator=torch.Generator().manual_seed(0))
    scaled = rescale(values, over)
    for part in {"everything": [scaled], "sentence": scaled, "token": scaled.T}[over]:
        assert float(part.min()) == 0 and float(part.max()) == 1
    assert torch.equal(rescale(torch.full((3, 2), 7.0), over), torch.zeros(3, 2))
