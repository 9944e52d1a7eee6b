"""The fingerprint notices everything, and reading a model changes nothing."""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from families import each_family, ids_of, logits, make

from labkit.anatomy import fingerprint, fingerprint_parts, model_lock, observe, record, site_of, sites
from labkit.base.errors import BadInput, UnknownName


def flip_a_bit(model):
    weight = next(model.parameters()).data.view(torch.int32)
    weight[3, 3] ^= 1


CHANGES = {
    "one bit of a weight": (flip_a_bit, "parameter"),
    "a weight of -0 for 0": (lambda m: next(m.parameters()).data[0, 0].fill_(-0.0), "parameter"),
    "a buffer": (lambda m: m.model.rotary_emb.inv_freq.mul_(2), "buffer"),
    "mode": (lambda m: m.model.layers[1].mlp.train(), "settings"),
    "a forward hook": (lambda m: m.lm_head.register_forward_hook(print), "hooks"),
    "a pre-hook": (lambda m: m.lm_head.register_forward_pre_hook(print), "hooks"),
    "a backward hook": (lambda m: m.lm_head.register_full_backward_hook(print), "hooks"),
    "a forward override": (lambda m: setattr(m.lm_head, "forward", print), "forward"),
    "config": (lambda m: setattr(m.config, "rms_norm_eps", 1.0), "config"),
    "layer_idx": (lambda m: setattr(m.model.layers[1].self_attn, "layer_idx", 0), "settings"),
    "requires_grad": (lambda m: m.lm_head.weight.requires_grad_(False), "parameter"),
    "a module's class": (lambda m: setattr(m.model, "norm", torch.nn.Identity()), "settings"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_kind_of_change_shows_and_says_where(change):
    model = make("mistral")
    next(model.parameters()).data[0, 0] = 0.0
    before, parts = fingerprint(model), fingerprint_parts(model)
    apply, kind = CHANGES[change]
    apply(model)
    after = fingerprint_parts(model)
    differs = {name for name in {*parts, *after} if parts.get(name) != after.get(name)}
    assert fingerprint(model) != before
    assert any(name.startswith(kind) for name in differs), differs


@each_family
def test_equal_models_have_equal_fingerprints_and_running_changes_none(family):
    model, same, other = make(family), make(family), make(family, seed=1)
    assert fingerprint(model) == fingerprint(same) == fingerprint(copy.deepcopy(model)) != fingerprint(other)
    logits(model, ids_of(9))
    assert fingerprint(model) == fingerprint(same)


def test_untying_shows_even_when_the_numbers_stay():
    tied = make("llama")
    before = fingerprint(tied)
    tied.lm_head.weight = torch.nn.Parameter(tied.lm_head.weight.detach().clone())
    assert fingerprint(tied) != before


@each_family
def test_recording_leaves_model_mode_and_randomness_alone(family):
    model = make(family).train()
    before, random = fingerprint(model), torch.get_rng_state()
    names = sites(model)
    seen = record(model, ids_of(4), names)
    assert set(seen) == set(names) and all(value.isfinite().all() for value in seen.values())
    assert fingerprint(model) == before and torch.equal(torch.get_rng_state(), random)
    assert torch.is_grad_enabled() and not seen["embed"].requires_grad


def test_recording_shows_what_the_model_would_compute_in_evaluation_mode():
    model = make("gpt2")
    quiet = record(model, ids_of(4), ["layers.1"])
    noisy = record(model.train(), ids_of(4), "layers.1")
    assert torch.equal(quiet["layers.1"], noisy["layers.1"]), "dropout is off while recording"


def test_a_pass_that_fails_leaves_no_hook():
    model = make("llama").train()
    before = fingerprint(model)
    with pytest.raises(IndexError):
        record(model, [10_000], ["embed", "layers.1"])
    assert fingerprint(model) == before and torch.is_grad_enabled()


@each_family
def test_watchers_see_what_is_recorded_in_the_order_in_which_it_passes(family):
    model, names = make(family), ["embed", "layers.0.mlp", "layers.0", "layers.1"]
    seen = []
    watchers = [(site_of(model, name), lambda value, name=name: seen.append((name, value.clone()))) for name in names]
    observe(model, ids_of(4), watchers[::-1])
    assert [name for name, _ in seen] == names
    assert all(torch.equal(value, record(model, ids_of(4), names)[name]) for name, value in seen)


def test_a_watcher_that_fails_leaves_no_hook():
    model = make("llama").train()
    before = fingerprint(model)
    with pytest.raises(ZeroDivisionError):
        observe(model, ids_of(4), [(site_of(model, "layers.1"), lambda value: 1 / 0)])
    assert fingerprint(model) == before and torch.is_grad_enabled()


@pytest.mark.parametrize("name", ["layers.1.mpl", "embd", "layers.0.attn.q", 3])
def test_an_unknown_site_is_refused_by_name(name):
    with pytest.raises(UnknownName, match="site"):
        site_of(make("llama"), name)


def test_what_is_not_token_ids_is_refused():
    with pytest.raises(BadInput, match="whole numbers"):
        record(make("llama"), [[0.5]], ["embed"])
    with pytest.raises(BadInput, match="from 0 to 1"):
        site_of(make("llama"), "layers.2.mlp")


def test_one_lock_per_model():
    first, second = make("llama"), make("llama")
    assert model_lock(first) is model_lock(first) is not model_lock(second)
    taken = []
    with model_lock(first), model_lock(first):
        thread = threading.Thread(target=lambda: taken.append(model_lock(first).acquire(blocking=False)))
        thread.start()
        thread.join()
    assert taken == [False]
