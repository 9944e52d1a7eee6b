"""Attention weights in every family, sinks, the explicit slot for them, amplifiers, and the kurtosis of a stream."""

import math

import pytest
import torch
from families import VOCAB, each_family, ids_of, logits, make
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.anatomy import anatomy_of, attention_weights, fingerprint, record, view
from labkit.base.errors import BadInput, NotAvailable
from labkit.interventions import DropAttention, edit
from labkit.measurements.residuals import _stats
from labkit.measurements.sinks import attention_received, attention_sinks
from labkit.models import Cache, DecoderConfig, load, save, to_llama
from labkit.papers.super_weight.method.amplifier import amplifier_directions, amplifier_matrix, amplifier_sizes
from labkit.papers.super_weight.method.kv_bias import KeyValueBias

SIZES = {"vocab": VOCAB, "width": 16, "depth": 3, "heads": 4, "kv_heads": 2, "ffn": 24, "context": 64, "init_std": 0.4}


# ------------------------------------------------------------------------------------------- who looks at whom


@each_family
def test_attention_weights_are_causal_shares_and_leave_no_trace(family):
    model, ids = make(family), ids_of(6, batch=2)
    before = fingerprint(model)
    for weights_BHLL in attention_weights(model, ids):
        assert weights_BHLL.shape == (2, 2, 6, 6)
        torch.testing.assert_close(weights_BHLL.sum(-1), torch.ones(2, 2, 6))
        assert not weights_BHLL.triu(1).any() and (weights_BHLL >= 0).all()
    assert fingerprint(model) == before


def test_ours_are_those_of_transformers_on_the_same_weights():
    ours = DecoderConfig(**SIZES).build(3).eval()
    theirs, ids = to_llama(ours).eval(), ids_of(9, batch=2)
    for mine, reference in zip(attention_weights(ours, ids), attention_weights(theirs, ids)):
        torch.testing.assert_close(mine, reference, rtol=0, atol=1e-5)  # processors add in other orders


def test_values_added_up_by_them_are_what_the_heads_write():
    model, ids = DecoderConfig(**SIZES).build(3).eval(), ids_of(9)
    mixers = [block.attention.module for block in anatomy_of(model).blocks]
    values = {}
    handles = [mixer.v.register_forward_hook(lambda m, args, out: values.update({m: out})) for mixer in mixers]
    weights = attention_weights(model, ids)
    for handle in handles:
        handle.remove()
    heads = record(model, ids, [f"layers.{layer}.attn.heads" for layer in range(3)])
    for layer, weights_BHLL in enumerate(weights):
        v_BHLK = values[mixers[layer].v].unflatten(-1, (2, -1)).transpose(1, 2).repeat_interleave(2, dim=1)
        made = (weights_BHLL @ v_BHLK).transpose(1, 2).flatten(2)
        torch.testing.assert_close(made, heads[f"layers.{layer}.attn.heads"], rtol=0, atol=1e-5)


def test_dropped_attention_has_no_weights():
    model = make("labkit")
    with edit(model, DropAttention(0)), pytest.raises(NotAvailable):
        attention_weights(model, ids_of(6))


# ---------------------------------------------------------------------------------------------------- the sink


def test_uniform_attention_gives_the_harmonic_mean_and_all_of_it_one():
    uniform = torch.ones(64, 64).tril() / torch.arange(1, 65)[:, None]
    harmonic = sum(1 / n for n in range(1, 65)) / 64
    assert attention_received(uniform[None]).item() == pytest.approx(harmonic, rel=1e-6)
    assert harmonic == pytest.approx(0.0741, abs=5e-5)
    everything = torch.zeros(2, 64, 64)
    everything[:, :, 0] = 1
    assert attention_received(everything).tolist() == [1.0, 1.0]
    assert attention_received(uniform[None], 63).item() == pytest.approx(1 / 64)  # its only reader is itself
    with pytest.raises(BadInput, match="no token 64"):
        attention_received(uniform[None], 64)


@torch.no_grad()
def test_a_model_that_cannot_tell_tokens_apart_is_uniform_and_one_made_to_look_back_is_all_sinks():
    model = DecoderConfig(**{**SIZES, "heads": 2, "kv_heads": 2}).build(0).eval()
    documents = [ids_of(20, seed=seed)[0].clamp_min(1).tolist() for seed in range(3)]
    for block in model.trunk.blocks:
        block.attention.mixer.k.weight.zero_()
    flat = attention_sinks(model, documents, tokens=16)
    assert flat.share.value == 0 and flat.share.n == 3
    assert [one.value for one in flat.by_layer] == pytest.approx([flat.uniform] * 3, rel=1e-5)
    assert flat.uniform == pytest.approx(sum(1 / n for n in range(1, 17)) / 16)

    model.trunk.blocks[0].attention.mixer.k.weight.normal_(0, 0.4, generator=torch.Generator().manual_seed(0))
    model.trunk.blocks[0].attention.mixer.q.weight.zero_()  # no query: still uniform
    assert attention_sinks(model, documents, tokens=16).by_layer[0].value == pytest.approx(flat.uniform, rel=1e-5)


@torch.no_grad()
def test_the_share_counts_heads_above_the_threshold_and_the_peak_compares_lengths():
    model = DecoderConfig(**SIZES).build(5).eval()
    documents = [ids_of(20, seed=seed)[0].tolist() for seed in range(3)]
    weights = [attention_weights(model, torch.tensor([ids[:16]])) for ids in documents]
    alphas = torch.stack([torch.stack([w[0, :, 2:, 2].mean(-1) for w in one]) for one in weights])  # [S, N, H]
    for threshold in (0.03, 0.1):
        found = attention_sinks(model, documents, token=2, tokens=16, threshold=threshold)
        assert found.share.value == pytest.approx((alphas > threshold).float().mean().item())
    assert [one.value for one in found.by_layer] == pytest.approx(alphas.mean((0, 2)).tolist(), rel=1e-5)
    h_LD = record(model, documents[1][:16], ["layers.1"])["layers.1"][0]
    lengths = h_LD.norm(dim=-1)
    expected = lengths[2] / torch.cat((lengths[:2], lengths[3:])).mean()
    assert found.peak[1].per_unit[1] == pytest.approx(expected.item(), rel=1e-5)
    assert "Token 2 of 16" in found.table() and found.as_dict()["share"]["n"] == 3


@pytest.mark.parametrize(("options", "said"), [({"token": 15}, "no token after"), ({"tokens": 30}, "has 20 tokens")])
def test_impossible_questions_about_sinks_are_told(options, said):
    with pytest.raises(BadInput, match=said):
        attention_sinks(make("labkit"), [ids_of(20)[0].tolist()], **{"tokens": 16, **options})


# --------------------------------------------------------------------------------------- a slot of its own for it


def twins(seed=1):
    """Return a decoder with a slot for its attention, and a plain one with the same weights."""
    slotted, plain = KeyValueBias(**SIZES).build(seed).eval(), DecoderConfig(**SIZES).build(seed).eval()
    weights = {name: value for name, value in slotted.state_dict().items() if "extra" not in name}
    plain.load_state_dict(weights)
    return slotted.double(), plain.double()


def shut(model, slot=False):
    for block in model.trunk.blocks:
        block.attention.mixer.slot = slot


@pytest.mark.parametrize("masked", [False, True])
def test_a_slot_whose_logit_is_minus_infinity_is_no_slot(masked):
    slotted, plain = twins()
    ids = ids_of(9, batch=2)
    mask = {"attention_mask": torch.tensor([[0, 0] + [1] * 7, [1] * 9])} if masked else {}
    with torch.no_grad():
        with_slot = slotted(ids, **mask).logits
        shut(slotted)
        torch.testing.assert_close(slotted(ids, **mask).logits, plain(ids, **mask).logits, rtol=0, atol=1e-9)
    assert (with_slot - plain(ids, **mask).logits).abs().max() > 1e-3


def test_the_slot_takes_what_the_tokens_leave():
    slotted, plain = twins()
    ids = ids_of(9)
    open_, closed = attention_weights(slotted, ids), attention_weights(plain, ids)
    assert all((weights.sum(-1) < 1).all() for weights in open_)
    first = open_[0] / open_[0].sum(-1, keepdim=True)  # beside the slot, tokens share as they did
    torch.testing.assert_close(first, closed[0], rtol=0, atol=1e-9)
    with torch.no_grad():
        for block in slotted.trunk.blocks:
            block.attention.mixer.k_extra.zero_()
            block.attention.mixer.q.weight.zero_()
    rows = attention_weights(slotted, ids)[0][0, 0].sum(-1)
    torch.testing.assert_close(
        rows, 1 - 1 / torch.arange(2.0, 11.0).double()
    )  # all logits equal: one of n + 1 is the slot's


def test_a_model_with_slots_decodes_through_its_cache_and_is_saved(tmp_path):
    slotted, _ = twins()
    ids = ids_of(9)
    whole, cache = logits(slotted, ids), Cache()
    with torch.no_grad():
        pieces = [
            slotted(part, past_key_values=cache, use_cache=True).logits for part in ids.split([4, 1, 3, 1], dim=1)
        ]
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-5)
    save(slotted, tmp_path)
    again = load(tmp_path)
    assert again.config == slotted.config
    torch.testing.assert_close(logits(again.eval().double(), ids), whole, rtol=1e-3, atol=1e-3)


# --------------------------------------------------------------------------------------------------- amplifiers


@pytest.mark.parametrize("family", ["llama", "phi3", "labkit"])
def test_the_size_of_an_amplifier_is_that_of_the_matrix_it_never_makes(family):
    model = make(family, depth=3)
    gate, up, down = (view(model, f"layers.1.mlp.{part}").read() for part in ("gate", "up", "down"))
    sizes = amplifier_sizes(model, 1)
    for channel in range(8):
        u_DD = torch.einsum("f,fa,fb->ab", down[channel], gate, up)
        torch.testing.assert_close(amplifier_matrix(model, 1, channel), u_DD, rtol=1e-4, atol=1e-5)
        assert sizes[channel].item() == pytest.approx(u_DD.norm().item(), rel=1e-4)
    cheap = (down.square() * (gate.square().sum(1) * up.square().sum(1))).sum(1).sqrt()
    torch.testing.assert_close(amplifier_sizes(model, 1, cheap=True), cheap, rtol=1e-5, atol=0)


@torch.no_grad()
def test_an_amplifier_says_what_the_mlp_writes_where_silu_is_the_identity():
    model = make("labkit")
    mlp = model.trunk.blocks[0].mlp.mixer
    x_D = torch.randn(8, generator=torch.Generator().manual_seed(0)) * 40
    mlp.gate.weight.copy_(mlp.gate.weight.abs() * x_D.sign())  # every gate far above 0
    expected = torch.stack([x_D @ amplifier_matrix(model, 0, k) @ x_D for k in range(8)])
    torch.testing.assert_close(mlp(x_D[None])[0], expected, rtol=1e-3, atol=1e-2)


@torch.no_grad()
def test_the_direction_of_one_neuron_is_found():
    model = make("labkit", seed=2)
    down = view(model, "layers.1.mlp.down")
    gate, up = (view(model, f"layers.1.mlp.{part}") for part in ("gate", "up"))
    toward = torch.nn.functional.normalize(torch.arange(1.0, 9.0), dim=0)
    for part in (gate, up):
        values = part.read()
        values[4] = 30 * toward
        part.write(values)
    values = down.read()
    values[3, 4] = -5.0
    down.write(values)
    sizes, directions = amplifier_directions(model, 1, 3, most=2)
    assert sizes[0].item() == pytest.approx(-4500, rel=0.02) and abs(sizes[1]) < 0.05 * abs(sizes[0])
    assert abs(float(directions[0] @ toward)) == pytest.approx(1, abs=1e-3)
    assert int(amplifier_sizes(model, 1).argmax()) == 3


def test_an_mlp_without_a_gate_is_no_amplifier():
    with pytest.raises(NotAvailable, match="gate"):
        amplifier_sizes(make("gpt2"), 0)
    with pytest.raises(BadInput, match="no layer 7"):
        amplifier_sizes(make("labkit"), 7)
    with pytest.raises(BadInput, match="no channel 8"):
        amplifier_matrix(make("labkit"), 0, 8)


# ------------------------------------------------------------------------------------------------------ kurtosis


@given(st.integers(1, 20), st.integers(1, 30), st.integers(0, 10**6), st.floats(0.1, 30))
@settings(max_examples=40, deadline=None)
def test_kurtosis_lies_between_1_and_the_width(tokens, width, seed, tail):
    h_LD = torch.randn(tokens, width, generator=torch.Generator().manual_seed(seed)).double()
    h_LD = h_LD.sign() * h_LD.abs() ** tail
    kurtosis = _stats(h_LD)["kurtosis"]
    assert 1 - 1e-9 <= kurtosis <= width * (1 + 1e-9) and not math.isnan(kurtosis)
