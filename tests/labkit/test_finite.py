"""A number where there is none is told, with the first place at which it stops being one."""

import warnings

import pytest
import torch
from families import FAMILY_NAMES, ids_of, make

import labkit
from labkit.base.errors import BadInput
from labkit.claims import digest
from labkit.measurements import (
    Question,
    attention_sinks,
    choice_accuracy,
    logits,
    loss,
    residual_stats,
    zeroing_estimates,
)
from labkit.models import where_not_finite
from labkit.zoo import NotFinite

DOCUMENTS = [ids_of(9, seed)[0].tolist() for seed in range(3)]


def broken(family="labkit"):
    """Return a model one of whose weights, all of them finite, makes the pass overflow."""
    model = make(family)
    for part in ("up", "down"):
        seen = labkit.view(model, f"layers.1.mlp.{part}")
        seen.write(seen.read() * 1e30)
    return model


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_the_first_part_is_named_and_the_model_left_as_it_was(family):
    model = broken(family)
    model.train()
    before, dice = labkit.fingerprint(model), torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = where_not_finite(model, ids_of(9))
    assert found.startswith("layer 1, "), found
    assert labkit.fingerprint(model) == before and torch.equal(torch.get_rng_state(), dice)


def test_a_weight_that_is_none_is_told_apart_from_one_that_is_too_large():
    model = make("llama")
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.weight[0, 0] = float("nan")
    assert where_not_finite(model, ids_of(5)) == "layer 0, self_attn.q_proj, whose weight itself holds them"
    assert "no part of it alone" in where_not_finite(make("llama"), ids_of(5))


@pytest.mark.parametrize(
    "measure", [loss, logits, residual_stats, zeroing_estimates, lambda *given: attention_sinks(*given, tokens=4)]
)
def test_every_measurement_says_where(measure):
    with pytest.warns(NotFinite, match=r"first appear in layer 1, mlp"):
        measure(broken(), DOCUMENTS)


def test_a_sweep_says_where():
    with pytest.warns(NotFinite, match="layer 1, mlp"):
        labkit.sweep(broken(), [labkit.DropMLP(0)], DOCUMENTS)


def test_a_share_of_nothing_is_refused_with_the_place():
    question = Question([1, 2], [[3], [4]], 0)
    with pytest.warns(NotFinite), pytest.raises(BadInput, match=r"first appears in layer 1, mlp"):
        choice_accuracy(broken(), [question])


def test_generate_says_where():
    with pytest.raises(BadInput, match=r"first appear in layer 1, mlp"):
        labkit.generate(broken(), ids_of(4), 2)


def test_words_ruled_out_and_a_healthy_model_are_no_fault():
    model = make("labkit")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(model, DOCUMENTS)
        labkit.record(model, ids_of(4), ["layers.0"])


def test_to_say_so_changes_no_digest():
    """What only tells is no part of the code that measured."""
    from labkit.claims.digest import _definition

    code, named = _definition("labkit.measurements.runs", "forward")
    assert "tell_not_finite" not in code and ("labkit.zoo.finite", "tell_not_finite") not in named
    assert digest.digest("labkit.measurements.language.loss")
