"""Growth: what is preserved, what is not, which gradients are there, what is refused."""

import pytest
import torch

import labkit
from labkit.base.errors import BadInput, UnknownName
from labkit.papers.tokenformer.method import (
    THETAS,
    Pattention,
    TokenFormer,
    block_pad,
    check_optimiser,
    clone_wider,
    duplicate,
    grow,
    held_back,
    masks,
    migrate,
    net2wider,
    pattention_layers,
)

SIZES = {"vocab": 50, "width": 24, "depth": 2, "heads": 2, "context": 32}


def change(before, after, ids):
    with torch.no_grad():
        return float((before(ids).logits - after(ids).logits).abs().max())


@pytest.mark.parametrize("values", ["zero", "random", "copy"])
@pytest.mark.parametrize("n_new", [1, 18, 54])
def test_zero_keys_with_a_fixed_tau_change_no_word(small, ids, values, n_new):
    grown = grow(small, n_new, keys="zero", values=values, tau="fixed")
    assert change(small, grown, ids) <= 1e-5
    for name, layer in pattention_layers(grown).items():
        assert layer.tokens == pattention_layers(small)[name].tokens * (18 + n_new) // 18


OTHER_WAYS = [
    ("zero", "random", "live"),
    ("random", "zero", "fixed"),
    ("random", "random", "live"),
    ("copy", "copy", "live"),
]


@pytest.mark.parametrize(("keys", "values", "tau"), OTHER_WAYS)
def test_every_other_way_changes_the_function(small, ids, keys, values, tau):
    assert change(small, grow(small, 54, keys=keys, values=values, tau=tau), ids) > 1e-3


def test_a_live_tau_stretches_the_old_scores_by_the_root_of_the_ratio(small):
    x = torch.randn(2, 3, 24, generator=torch.Generator().manual_seed(3))
    old = pattention_layers(small)["layers.0.q"]
    new = pattention_layers(grow(small, 54, tau="live"))["layers.0.q"]
    before, after = (THETAS["l2"](x @ layer.keys.T, layer.scale, layer.eps) for layer in (old, new))
    torch.testing.assert_close(after[..., :18], (72 / 18) ** 0.5 * before)


def test_growing_twice_keeps_the_first_tau(small, ids):
    twice = grow(grow(small, 18), 36)
    assert twice.config.scale_tokens == 18
    assert pattention_layers(twice)["layers.1.mlp"].scale == 72
    assert change(small, twice, ids) <= 1e-5


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_duplicates_change_no_word(small, ids, noise):
    assert change(small, duplicate(small, 3, noise=noise), ids) <= 1e-5
    assert change(small, duplicate(grow(small, 18), 2, noise=noise), ids) <= 1e-5


def test_softmax_cannot_grow_silently(ids):
    model = TokenFormer(**SIZES, tokens=18, ffn=72, theta="softmax-n").build(1).eval()
    assert change(model, grow(model, 18), ids) > 1e-3


def gradients(model, ids):
    model(ids, labels=ids).loss.backward()
    return {name: (layer.keys.grad[18:], layer.values.grad[18:]) for name, layer in attention_layers(model).items()}


def attention_layers(model):
    return {name: layer for name, layer in pattention_layers(model).items() if not name.endswith("mlp")}


def test_after_zero_key_growth_only_the_new_keys_have_a_gradient(small, ids):
    for keys, values in gradients(grow(small, 18), ids).values():
        assert keys.abs().max() > 0
        assert values.abs().max() == 0


def test_zero_keys_and_zero_values_are_dead(small, ids):
    for keys, values in gradients(grow(small, 18, values="zero"), ids).values():
        assert keys.abs().max() == values.abs().max() == 0


def test_dropping_the_new_rows_gives_the_old_model_bit_for_bit(small):
    grown = grow(small, 18)
    for name, layer in pattention_layers(small).items():
        new = pattention_layers(grown)[name]
        assert torch.equal(new.keys[: layer.tokens], layer.keys)
        assert torch.equal(new.values[: layer.tokens], layer.values)
    assert torch.equal(small.embed.weight, grown.embed.weight)


def test_the_old_model_is_left_alone_and_noise_moves_old_rows(small):
    before = {name: p.clone() for name, p in small.named_parameters()}
    grown = grow(small, 18, noise=0.1)
    assert all(torch.equal(p, before[name]) for name, p in small.named_parameters())
    assert not torch.equal(
        pattention_layers(grown)["layers.0.q"].keys[:18], before["trunk.blocks.0.attention.mixer.q.keys"]
    )


@pytest.mark.parametrize("n_new", [0, -5, 1.5, True])
def test_growth_to_fewer_or_as_many_tokens_is_refused(small, n_new):
    with pytest.raises(BadInput, match="cannot grow by"):
        grow(small, n_new)


def test_other_growth_that_cannot_be_is_refused(small, transformer):
    with pytest.raises(UnknownName, match="fixed"):
        grow(small, 18, tau="free")
    with pytest.raises(UnknownName, match="random"):
        grow(small, 18, keys="big")
    with pytest.raises(BadInput, match="TokenFormer"):
        grow(transformer, 18)
    with pytest.raises(BadInput, match="duplicates nothing"):
        duplicate(small, 1)
    odd = TokenFormer(**SIZES, tokens=18, ffn=50).build(0)
    with pytest.raises(BadInput, match="whole"):
        grow(odd, 5)
    with pytest.raises(BadInput, match="heads"):
        TokenFormer(**(SIZES | {"heads": 5}), tokens=18, ffn=72)
    with pytest.raises(BadInput, match="widened"):
        block_pad(small, 48)
    with pytest.raises(BadInput, match="wide"):
        block_pad(transformer, 30)
    with pytest.raises(BadInput, match="fewer"):
        net2wider(transformer, 10)


# How Transformers grow.


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_cloning_changes_no_word(transformer, ids, noise):
    wider = clone_wider(transformer, noise=noise)
    assert wider.config.width == 48
    assert change(transformer, wider, ids) <= 1e-4  # a LayerNorm over twice as many channels rounds differently


def test_cloning_twice_too(transformer, ids):
    assert change(transformer, clone_wider(clone_wider(transformer)), ids) <= 1e-4


def test_net2wider_changes_no_word(transformer, ids):
    assert change(transformer, net2wider(transformer, 150), ids) <= 1e-5


def test_block_padding_keeps_the_corner_and_changes_the_function(transformer, ids):
    wider = block_pad(transformer, 48)
    old, new = transformer.trunk.blocks[0].mlp.mixer.up.weight, wider.trunk.blocks[0].mlp.mixer.up.weight
    assert torch.equal(new[:96, :24], old)
    assert change(transformer, wider, ids) > 1e-3


# The optimiser after growth.


def trained(model, ids, optimiser=None, steps=2):
    optimiser = optimiser or torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    for _ in range(steps):
        optimiser.zero_grad()
        model(ids, labels=ids).loss.backward()
        optimiser.step()
    return optimiser


def test_the_old_optimiser_is_refused_by_the_grown_model(small, ids):
    optimiser = trained(small, ids)
    check_optimiser(optimiser, small)
    with pytest.raises(BadInput, match="does not know"):
        check_optimiser(optimiser, grow(small, 18))


def test_migrated_moments_are_the_old_ones_and_zero_for_new_rows(small, ids):
    old, grown = trained(small, ids), grow(small, 18)
    new = torch.optim.AdamW(grown.parameters(), lr=1e-2)
    migrate(old, new, small, grown)
    before = old.state[small.trunk.blocks[0].attention.mixer.q.keys]
    after = new.state[grown.trunk.blocks[0].attention.mixer.q.keys]
    assert torch.equal(after["exp_avg"][:18], before["exp_avg"])
    assert after["exp_avg"][18:].abs().max() == 0
    assert after["step"] == before["step"]
    trained(grown, ids, new, steps=1)  # and it can go on
    with pytest.raises(BadInput, match="does not know"):
        migrate(new, old, small, grown)


def test_frozen_rows_stay_bit_for_bit_and_slow_rows_move_less(small, ids):
    def moved(rate):
        grown = grow(small, 18)
        optimiser = torch.optim.AdamW(grown.parameters(), lr=1e-2, weight_decay=0.1)
        for _ in range(3):
            with held_back(small, grown, rate):
                trained(grown, ids, optimiser, steps=1)
        keys = pattention_layers(grown)["layers.0.q"].keys
        old = pattention_layers(small)["layers.0.q"].keys
        assert keys[18:].abs().max() > 0
        return float((keys[:18] - old).detach().norm())

    assert moved(0.0) == 0.0
    assert 0 < moved(0.1) < 0.3 * moved(1.0)
    with pytest.raises(BadInput, match="rate"), held_back(small, small, 2.0):
        pass


def test_a_saved_model_grows_as_it_did(small, ids, tmp_path):
    from labkit import models

    models.save(grow(small, 18), tmp_path)
    again = models.load(tmp_path)
    assert change(small, again, ids) <= 1e-5
    assert all(isinstance(layer, Pattention) for layer in pattention_layers(again).values())


def test_a_frozen_model_without_its_new_tokens_is_the_old_one(small, ids):
    grown = grow(small, 18)
    optimiser = torch.optim.AdamW(grown.parameters(), lr=1e-2, weight_decay=0.1)
    for _ in range(3):
        with held_back(small, grown, 0.0):
            trained(grown, ids, optimiser, steps=1)
    assert change(small, grown, ids) > 1e-3
    new = {name: range(layer.tokens // 2, layer.tokens) for name, layer in pattention_layers(grown).items()}
    with labkit.edit(grown, *masks(new)):
        assert change(small, grown, ids) <= 1e-5
