"""A shrunk model computes what the edited one does, with fewer numbers to keep and to load."""

import copy
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from families import cached_logits, each_family, ids_of, logits, make
from torch import nn

from labkit import models
from labkit.anatomy import anatomy_of, fingerprint
from labkit.base.errors import BadInput, NotAvailable
from labkit.interventions import DropAttention, DropBlock, DropMLP, Plan, ZeroWeight, apply, drops, edit, shrink
from labkit.interventions.shrinking import dropped
from labkit.models import DecoderConfig
from labkit.sweeps import every_sublayer, sweep
from labkit.zoo import load

IDS = ids_of(9)
# Layers without attention, without MLP: all attentions of one kind of window and a whole block; all attentions.
LISTS = (([0, 2], [1, 2]), ([0, 1, 2, 3], [3]))
FEW = ("labkit", "llama", "gemma2", "gptj")  # ours, the common case, two kinds of window, one norm for two parts


def size(model):
    return sum(parameter.numel() for parameter in model.parameters())


def part_size(model, layer, which):
    """Count the parameters behind the addresses of one sub-layer."""
    anatomy = anatomy_of(model)
    names = [name for name in anatomy.addresses() if name.startswith(f"layers.{layer}.{which}")]
    return sum(torch.Size(anatomy.view(name).shape).numel() for name in names)


@each_family
@pytest.mark.parametrize("attention, mlp", LISTS)
def test_shrunk_computes_what_edited_does_with_and_without_a_cache(family, attention, mlp):
    model = make(family, depth=4)
    before = fingerprint(model)
    plan = drops(model, attention=attention, mlp=mlp)
    small = shrink(model, plan)
    with edit(model, plan):
        wanted = logits(model, IDS)
    assert torch.allclose(logits(small, IDS), wanted, atol=1e-5, rtol=0)
    assert torch.allclose(cached_logits(small, IDS, 4), wanted, atol=1e-4, rtol=0)
    assert fingerprint(model) == before
    gone = sum(part_size(model, layer, "attn") for layer in attention)
    gone += sum(part_size(model, layer, "mlp") for layer in mlp)
    if family == "gptj":  # one norm serves both, and goes with the second
        gone -= sum(part_size(model, layer, "attn_norm") for layer in set(attention) ^ set(mlp) if layer in attention)
        gone -= sum(part_size(model, layer, "mlp_norm") for layer in set(attention) ^ set(mlp) if layer in mlp)
        gone -= sum(part_size(model, layer, "attn_norm") for layer in set(attention) & set(mlp))
    assert size(model) - size(small) == gone


def cache_sizes(model):
    """Return the numbers held by each entry of the cache of a pass over IDS, both keys and values."""
    with torch.no_grad():
        cache = model(IDS, use_cache=True).past_key_values
    if isinstance(cache.layers, dict):
        return {layer: sum(tensor.numel() for tensor in entry) for layer, entry in cache.layers.items()}
    held = {place: entry for place, entry in enumerate(cache.layers) if getattr(entry, "keys", None) is not None}
    return {place: entry.keys.numel() + entry.values.numel() for place, entry in held.items()}


@each_family
def test_the_cache_has_entries_for_the_attentions_left_only(family):
    model = make(family, depth=4)
    whole = cache_sizes(model)
    left = cache_sizes(shrink(model, drops(model, attention=[0, 3])))
    assert len(whole) == 4 and len(left) == 2
    assert sorted(left.values()) == sorted([whole[1], whole[2]])


@pytest.mark.parametrize("family", FEW)
def test_a_dropped_part_is_a_part_that_writes_zero(family):
    model = make(family, depth=3)
    for which, part in (("attn.o", DropAttention(1)), ("mlp.down", DropMLP(1))):
        names = [name for name in anatomy_of(model).addresses() if name.startswith(f"layers.1.{which}")]
        with edit(model, part):
            wanted = logits(model, IDS)
        with edit(model, *map(ZeroWeight, names)):
            assert torch.allclose(logits(model, IDS), wanted, atol=1e-6, rtol=0)
    both = shrink(model, [DropAttention(1), DropMLP(1)])
    assert torch.equal(logits(shrink(model, DropBlock(1)), IDS), logits(both, IDS))


@pytest.mark.parametrize("family", FEW)
def test_without_any_attention_a_token_sees_only_itself(family):
    model = make(family, depth=2)
    small = shrink(model, drops(model, attention=[0, 1]))
    turned = IDS.clone()
    turned[0, :-1] = IDS[0, :-1].flip(0)
    assert torch.equal(logits(small, IDS)[0, -1], logits(small, turned)[0, -1])
    assert not torch.allclose(logits(model, IDS)[0, -1], logits(model, turned)[0, -1], atol=1e-4)


@pytest.mark.parametrize("family", FEW)
def test_with_everything_dropped_the_head_reads_the_embedding(family):
    model = make(family, depth=2)
    anatomy, seen = anatomy_of(model), []
    handle = anatomy.blocks[0].module.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(
            getattr(args[0], "stream", args[0]) if args else kwargs["hidden_states"]
        ),
        with_kwargs=True,
    )
    with edit(model, DropBlock(0), DropBlock(1)), torch.no_grad():
        found = logits(model, IDS)
        wanted = anatomy.head(anatomy.final_norm(seen[0]))
        if getattr(model.config, "final_logit_softcapping", None):
            wanted = torch.tanh(wanted / model.config.final_logit_softcapping) * model.config.final_logit_softcapping
    handle.remove()
    assert torch.allclose(found, wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("family", ["labkit", "llama", "gpt_neox", "gemma3"])
def test_dropping_nothing_and_the_order_of_drops_change_no_bit(family):
    model = make(family, depth=4)
    assert torch.equal(logits(shrink(model, Plan()), IDS), logits(model, IDS))
    one = shrink(model, drops(model, attention=[3, 1], mlp=[0]))
    other = shrink(model, [DropMLP(0), DropAttention(1), DropAttention(3)])
    flags = shrink(model, drops(model, attention=[False, True, False, True], mlp=[True, False, False, False]))
    assert torch.equal(logits(one, IDS), logits(other, IDS)) and torch.equal(logits(one, IDS), logits(flags, IDS))


@pytest.mark.parametrize("family", FEW)
def test_a_shrunk_model_is_a_patient_like_any_other(family):
    model = make(family, depth=4)
    small, lost = shrink(model, [DropAttention(1), DropBlock(2)]), []
    assert anatomy_of(small).blocks[1].attention is None and anatomy_of(small).blocks[2].mlp is None
    with pytest.raises(NotAvailable, match="Block 1 has no attention"), edit(small, DropAttention(1)):
        lost.append(1)
    assert len(every_sublayer(small)) == 5
    again = shrink(small, DropAttention(0))
    with edit(model, DropAttention(0), DropAttention(1), DropBlock(2)):
        wanted = logits(model, IDS)
    with edit(small, DropAttention(0)):
        assert torch.allclose(logits(small, IDS), wanted, atol=1e-6, rtol=0)
    assert torch.allclose(logits(again, IDS), wanted, atol=1e-5, rtol=0)
    assert torch.allclose(cached_logits(again, IDS, 3), wanted, atol=1e-4, rtol=0)
    swept, plain = (sweep(small, every_sublayer(small), [IDS[0]], engine=engine) for engine in ("prefix", "plain"))
    assert [p.value for p in swept.points] == pytest.approx([p.value for p in plain.points], abs=2e-6)


def test_a_shrunk_decoder_is_saved_loaded_and_generates(tmp_path):
    model = make("labkit", depth=4)
    small = shrink(model, drops(model, attention=[0, 2], mlp=[2, 3]))
    models.save(small, tmp_path)
    loaded = models.load(tmp_path)
    assert loaded.config == small.config and loaded.config.kind == "shrunk decoder"
    assert torch.equal(logits(loaded, IDS), logits(small, IDS)) and size(loaded) == size(small)
    assert torch.equal(loaded.generate(IDS, 5), loaded.generate(IDS, 5, use_cache=False))
    fresh = small.config.build(seed=1)
    assert {name: t.shape for name, t in fresh.state_dict().items()} == {
        name: t.shape for name, t in small.state_dict().items()
    }


@dataclass(frozen=True, kw_only=True)
class HalvedConfig(DecoderConfig):
    """A variant with another slot and a field of its own."""

    kind: ClassVar[str] = "halved"
    factor: float = 0.5

    def scale(self, layer: int) -> nn.Module:
        return _Times(self.factor)


class _Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, y):
        return self.factor * y


def test_a_variant_shrinks_as_the_variant_it_is(tmp_path):
    model = HalvedConfig(vocab=11, width=8, depth=3, heads=2, ffn=12, context=64, factor=0.25, init_std=0.5).build(0)
    small = shrink(model, [DropAttention(1), DropMLP(0)])
    with edit(model, DropAttention(1), DropMLP(0)):
        assert torch.allclose(logits(small, IDS), logits(model, IDS), atol=1e-6, rtol=0)
    models.save(small, tmp_path)
    loaded = models.load(tmp_path)
    assert isinstance(loaded.config, HalvedConfig) and loaded.config.factor == 0.25
    assert torch.equal(logits(loaded, IDS), logits(small, IDS))


@pytest.mark.parametrize(
    "lists, said",
    [
        ({"attention": [4]}, "no layer 4"),
        ({"mlp": [-1]}, "-1"),
        ({"mlp": [1, 1]}, "dropped twice"),
        ({"blocks": [2], "mlp": [2]}, "dropped twice"),
        ({"blocks": [0, 1, 2, 3]}, "every sub-layer"),
        ({"attention": [True, False]}, "does not say of each layer"),
    ],
)
def test_lists_that_cannot_be_dropped_are_told(lists, said):
    for family in ("labkit", "llama"):
        with pytest.raises(BadInput, match=said):
            drops(make(family, depth=4), **lists)


def test_only_drops_on_an_intact_model_shrink_it():
    model = make("labkit", depth=3)
    with pytest.raises(BadInput, match="is no drop"):
        shrink(model, ZeroWeight("final_norm[0]"))
    with edit(model, DropMLP(1)), pytest.raises(BadInput, match="edited already"):
        shrink(model, DropMLP(2))
    with pytest.raises(BadInput, match="edited already"):
        shrink(apply(model, DropMLP(1)), DropMLP(2))
    with pytest.raises(BadInput, match="does not fit 3 blocks"):
        models.shrunk(model, no_mlp=[3])
    assert dropped(model, [DropBlock(2), DropMLP(0)]) == {"attention": (2,), "mlp": (0, 2)}


def test_a_shrunk_model_of_transformers_refuses_to_be_saved_where_it_would_come_back_wrong(tmp_path):
    module = make("llama", depth=3)
    small = shrink(module, drops(module, blocks=[1]))
    for model in (small, copy.deepcopy(small)):
        with pytest.raises(BadInput, match="save_cut"):
            model.save_pretrained(tmp_path / "small")
    assert not (tmp_path / "small").exists()
    module.save_pretrained(tmp_path / "whole")  # the one it was made from is as it was


def test_only_an_intact_decoder_is_written(tmp_path):
    handle = load("lab/tiny")
    with pytest.raises(BadInput, match=r"handle\.model"):
        models.save(handle, tmp_path / "a")
    with edit(handle, ZeroWeight("layers.0.mlp.down[12, 0]")):
        with pytest.raises(BadInput, match="is edited"):
            models.save(handle.model, tmp_path / "a")
        twin = copy.deepcopy(handle.model)
    with pytest.raises(BadInput, match="copied while it was"):
        models.save(twin, tmp_path / "a")
    assert not (tmp_path / "a").exists()
    models.save(handle.model, tmp_path / "a")
