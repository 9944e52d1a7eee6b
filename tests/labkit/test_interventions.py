"""Laws of edits on every family: what an edit means, whatever the family calls and stores."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import pytest
import torch
from families import WINDOWED, cached_logits, each_family, ids_of, logits, make
from torch import nn

from labkit.anatomy import anatomy_of, fingerprint, record, sites, view
from labkit.base.errors import BadInput, LabkitError, UnknownName
from labkit.interventions import (
    DropAttention,
    DropBlock,
    DropMLP,
    MaskNeurons,
    ScaleWeight,
    SetWeight,
    ZeroWeight,
    edit,
)
from labkit.models import DecoderConfig


@each_family
def test_an_edit_that_does_nothing_changes_no_bit(family):
    model, ids = make(family), ids_of(9, batch=2)
    clean, before = logits(model, ids), fingerprint(model)
    with edit(model):
        assert fingerprint(model) == before
    ones = [ScaleWeight(name, 1.0) for name in anatomy_of(model).addresses()]
    with edit(model, ones):
        assert torch.equal(logits(model, ids), clean)
    assert fingerprint(model) == before


@each_family
def test_zero_scale_and_set_do_what_they_say_to_what_they_name(family):
    model = make(family)
    before = fingerprint(model)
    for name in ("layers.1.attn.v", "layers.0.mlp.up", "layers.1.mlp.down", "layers.1.attn.k", "embed", "head"):
        for place in ("", "[3, :]", "[:, 2]", "[1, 5]", "[0:2, 1:4]"):
            old = view(model, name + place).read()
            for made, expected in (
                (ZeroWeight(name + place), old * 0),
                (ScaleWeight(name + place, -2.5), old * -2.5),
                (SetWeight(name + place, 0.5), old * 0 + 0.5),
            ):
                with edit(model, made):
                    assert torch.equal(view(model, name + place).read(), expected)
                    assert fingerprint(model) != before
                assert fingerprint(model) == before, made


@each_family
def test_a_gain_of_zero_silences_the_norm_however_it_is_stored(family):
    model = make(family)
    for name in [name for name in anatomy_of(model).addresses() if name.endswith("_norm")]:
        with edit(model, ZeroWeight(name)):
            assert torch.equal(view(model, name).read(), torch.zeros(view(model, name).shape))
    if "final_norm" in anatomy_of(model).addresses():
        ends = [
            name for name in ("final_norm", "final_norm.bias", "head.bias") if name in anatomy_of(model).addresses()
        ]
        with edit(model, map(ZeroWeight, ends)):
            assert not logits(model, ids_of(4)).any()


def silenced(model, part):
    """Return the edits that zero a sub-layer's last projection and its bias."""
    return [ZeroWeight(name) for name in (part, f"{part}.bias") if name in anatomy_of(model).addresses()]


@each_family
@pytest.mark.parametrize("layer", [0, 1])
def test_dropping_equals_zeroing_the_last_projection(family, layer):
    model, ids = make(family), ids_of(9, batch=2)
    for drop, part in ((DropMLP, "mlp.down"), (DropAttention, "attn.o")):
        with edit(model, silenced(model, f"layers.{layer}.{part}")):
            expected = logits(model, ids)
        with edit(model, drop(layer)):
            torch.testing.assert_close(logits(model, ids), expected, atol=1e-6, rtol=0)
        assert (logits(model, ids) - expected).abs().max() > 1e-3, "the sub-layer mattered"


@each_family
def test_a_dropped_block_passes_the_stream_through_unchanged(family):
    model, ids = make(family, depth=3), ids_of(6)
    with edit(model, DropBlock(1)):
        seen = record(model, ids, ["layers.0", "layers.1", "layers.1.attn", "layers.1.mlp"])
        both = logits(model, ids)
    assert torch.equal(seen["layers.0"], seen["layers.1"])
    assert not seen["layers.1.attn"].any() and not seen["layers.1.mlp"].any()
    with edit(model, DropMLP(1), DropAttention(1)):
        assert torch.equal(logits(model, ids), both)


class NormedAdd(nn.Module):
    """A write that is not a plain add: norm(h + y)."""

    def forward(self, h, y):
        return nn.functional.layer_norm(h + y, h.shape[-1:])


@dataclass(frozen=True, kw_only=True)
class NormedTwice(DecoderConfig):
    """A variant whose scale slot has a bias and whose write slot norms the stream."""

    kind = "normed twice"

    def scale(self, layer):
        return nn.LayerNorm(self.width)

    def write(self, layer):
        return NormedAdd()


def test_a_dropped_sub_layer_of_any_variant_writes_nothing():
    model, ids = NormedTwice(vocab=11, width=8, depth=2, heads=2, ffn=8, context=16).build(), ids_of(5)
    torch.nn.init.ones_(model.trunk.blocks[1].mlp.scale.bias)
    before = fingerprint(model)
    with edit(model, DropBlock(1)):
        seen = record(model, ids, ["layers.0", "layers.1", "layers.1.mlp"])
    assert torch.equal(seen["layers.0"], seen["layers.1"]) and not seen["layers.1.mlp"].any()
    assert fingerprint(model) == before


@each_family
def test_what_is_dropped_is_not_computed(family):
    model, ids = make(family), ids_of(5)
    block, called = anatomy_of(model).blocks[1], []
    for drop, part, other in ((DropAttention, block.attention, block.mlp), (DropMLP, block.mlp, block.attention)):
        handles = [m.register_forward_hook(lambda m, *_: called.append(m)) for m in part.module.children()]
        logits(model, ids)
        assert called, "the hooks do see the sub-layer"
        called.clear()
        with edit(model, drop(1)):
            logits(model, ids)
            norms = [part.norm, part.post_norm]
            idle = [norm for norm in norms if norm is not None and norm is not other.norm]
            assert all("forward" in vars(norm) for norm in idle), "nor are the norms around it"
        assert not called
        for handle in handles:
            handle.remove()


DEPTH = 4
EVERY_SET = [chosen for size in (1, 2, 3, 4) for chosen in combinations(range(DEPTH), size)]
SOME_SETS = [(0,), (0, 1), (1, 3), (0, 1, 2, 3)]


@each_family
def test_cached_decoding_is_right_whichever_attentions_are_dropped(family):
    """11 tokens: more than twice the window of 4; prompts shorter and longer than it."""
    model, ids = make(family, depth=DEPTH), ids_of(11, batch=2)
    windowed = family in WINDOWED
    for layers in EVERY_SET if windowed else SOME_SETS:
        with edit(model, map(DropAttention, layers)):
            expected = logits(model, ids)
            for prompt in (2, 6) if windowed else (5,):
                off = (cached_logits(model, ids, prompt) - expected).abs().max()
                assert off <= 1e-5, (layers, prompt, off)


@each_family
def test_cached_decoding_is_right_when_blocks_and_mlps_are_dropped(family):
    model, ids = make(family, depth=DEPTH), ids_of(11)
    for edits in (
        [DropBlock(0)],
        [DropBlock(0), DropBlock(3)],
        [DropMLP(0), DropAttention(1)],
        map(DropBlock, range(4)),
    ):
        with edit(model, edits):
            assert (cached_logits(model, ids, 5) - logits(model, ids)).abs().max() <= 1e-5


@pytest.mark.parametrize("family", WINDOWED)
def test_the_window_matters_in_these_tests(family):
    """If the window did not bind, the test above could not see a wrong one."""
    model, ids = make(family, depth=DEPTH), ids_of(11)
    last = logits(model, ids)[0, -1]
    wide = make(family, depth=DEPTH)
    wide.config.sliding_window = 64
    for block in anatomy_of(wide).blocks:
        if getattr(block.attention.module, "sliding_window", None):
            block.attention.module.sliding_window = 64
    assert (logits(wide, ids)[0, -1] - last).abs().max() > 1e-4


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma2", "gpt2", "gpt_neox"])
@pytest.mark.parametrize("how", [{}, {"num_beams": 3}, {"cache_implementation": "static", "disable_compile": True}])
def test_generation_with_every_cache_equals_generation_without(family, how):
    model, ids = make(family, depth=DEPTH), ids_of(3)
    asked = {"max_new_tokens": 9, "do_sample": False, "pad_token_id": 0}
    for layers in ((0,), (1, 3), range(DEPTH)):
        with edit(model, map(DropAttention, layers)):
            plain = {key: value for key, value in how.items() if key == "num_beams"}
            expected = model.generate(ids, use_cache=False, **plain, **asked)
            assert torch.equal(model.generate(ids, use_cache=True, **how, **asked), expected), layers


@each_family
def test_a_dropped_attention_keeps_next_to_nothing_in_the_cache(family):
    model, ids = make(family), ids_of(8)

    def size():
        cache = model(ids, use_cache=True).past_key_values
        layers = cache.layers.values() if family == "labkit" else [(x.keys, x.values) for x in cache.layers]
        return [sum(tensor.numel() for tensor in pair) for pair in layers]

    full = size()
    with edit(model, DropAttention(0)):
        cut = size()
    assert cut[-1] == full[-1] and (len(cut) < len(full) or cut[0] <= 2 * 8 < full[0])


@each_family
def test_masked_neurons_equal_zeroed_columns_of_down(family):
    model, ids = make(family), ids_of(6)
    with edit(model, ZeroWeight("layers.1.mlp.down[:, 3]"), ZeroWeight("layers.1.mlp.down[:, 7]")):
        expected = logits(model, ids)
    with edit(model, MaskNeurons(1, (3, 7))):
        torch.testing.assert_close(logits(model, ids), expected, atol=1e-6, rtol=0)
        seen = record(model, ids, ["layers.1.mlp.neurons"])["layers.1.mlp.neurons"]
    assert not seen[..., [3, 7]].any() and seen[..., [0, 1, 2, 4]].all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("family", ["gemma2", "gpt2", "labkit"])
def test_other_number_formats_are_edited_and_restored(family, dtype):
    model = make(family).to(dtype)
    before = fingerprint(model)
    names = anatomy_of(model).addresses()
    with edit(model, [ScaleWeight(name, 1.7) for name in names], DropAttention(0), MaskNeurons(0, (1,))):
        assert fingerprint(model) != before
        record(model, ids_of(4), sites(model)[-3:])
    assert fingerprint(model) == before


@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        (lambda: ScaleWeight("embed", float("inf")), BadInput, "finite"),
        (lambda: ScaleWeight("embed", float("nan")), BadInput, "finite"),
        (lambda: ScaleWeight("embed", "2"), BadInput, "finite"),
        (lambda: SetWeight("embed", True), BadInput, "finite"),
        (lambda: ZeroWeight("layers.0.mlp.dwn"), UnknownName, r"layers\.0\.mlp\.down"),
        (lambda: ZeroWeight(7), BadInput, "not an address"),
        (lambda: DropAttention(-1), BadInput, "from 0 up"),
        (lambda: DropMLP("1"), BadInput, "whole number"),
        (lambda: DropBlock(True), BadInput, "whole number"),
        (lambda: MaskNeurons(0, ()), BadInput, "at least one"),
        (lambda: MaskNeurons(0, (1, 1)), BadInput, "twice"),
        (lambda: MaskNeurons(0, "13"), BadInput, "whole numbers"),
    ],
)
def test_a_wrong_value_is_refused_when_it_is_written_down(bad, error, says):
    with pytest.raises(error, match=says):
        bad()


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (ZeroWeight("layers.0.mlp.down[3, 40]"), "8 × 12"),
        (ZeroWeight("layers.5.mlp.down"), "from 0 to 1"),
        (ZeroWeight("layers.0.attn_post_norm"), "no such norm"),
        (DropAttention(2), "from 0 to 1"),
        (MaskNeurons(0, (12,)), "neurons 0 to 11"),
    ],
)
def test_what_the_model_does_not_have_is_refused_before_anything_is_touched(bad, says):
    model = make("llama")
    before = fingerprint(model)
    with pytest.raises(LabkitError, match=says), edit(model, ZeroWeight("embed"), DropMLP(0), bad):
        pytest.fail("the body must not run")
    assert fingerprint(model) == before


def test_a_weight_that_would_overflow_is_refused_and_the_rest_taken_back():
    model = make("llama").half()
    before = fingerprint(model)
    with pytest.raises(BadInput, match="infinite"), edit(model, ZeroWeight("final_norm"), ScaleWeight("head", 1e6)):
        pytest.fail("the body must not run")
    assert fingerprint(model) == before


def test_weights_that_are_not_numbers_in_memory_are_refused():
    with torch.device("meta"):
        model = make("llama").__class__(make("llama").config)
    with pytest.raises(BadInput, match="meta"), edit(model, ZeroWeight("embed")):
        pass


def test_what_is_not_an_edit_is_refused():
    for wrong in ("zero", DropMLP, 3, [ZeroWeight("embed"), None]):
        with pytest.raises(BadInput, match="not an edit"):
            edit(make("llama"), wrong)
