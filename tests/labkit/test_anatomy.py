"""Laws of anatomy on every family: what an address shows is what the model computes with."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from families import FAMILY_NAMES, each_family, ids_of, logits, make

from labkit.anatomy import anatomy_of, record, view
from labkit.anatomy.families import FAMILIES, family_of
from labkit.base.errors import BadInput, UnknownName

LAYER_NORM = ("gpt2", "gpt_neox", "gptj", "olmo")


class Reader:
    """A model read through its addresses only; computes by the textbook, not by the model's own modules."""

    def __init__(self, model):
        self.model, self.anatomy, self.config = model, anatomy_of(model), model.config
        self.has = set(self.anatomy.addresses())
        self.layer_norm = self.anatomy.family in LAYER_NORM
        names = ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "eps")
        self.eps = next((getattr(self.config, name) for name in names if hasattr(self.config, name)), 1e-5)

    def weight(self, name):
        return view(self.model, name).read()

    def linear(self, name, x):
        y = x @ self.weight(name).T
        return y + self.weight(f"{name}.bias") if f"{name}.bias" in self.has else y

    def norm(self, name, x, size=None):
        """Norm over groups of `size` channels, with the gain (and bias) the address shows."""
        if name not in self.has and self.anatomy.family != "olmo":
            return x
        gain = self.weight(name) if name in self.has else torch.ones(x.shape[-1])
        bias = self.weight(f"{name}.bias") if f"{name}.bias" in self.has else torch.zeros(len(gain))
        grouped = x.unflatten(-1, (-1, len(gain)))
        if self.layer_norm:
            grouped = grouped - grouped.mean(-1, keepdim=True)
        scale = (grouped.pow(2).mean(-1, keepdim=True) + self.eps).rsqrt()
        return (grouped * scale * gain + bias).flatten(-2)

    def projected(self, layer, part, x):
        y = self.linear(f"layers.{layer}.attn.{part}", x)
        if getattr(self.config, "clip_qkv", None):
            y = y.clamp(-self.config.clip_qkv, self.config.clip_qkv)
        name = f"layers.{layer}.attn.{part}_norm"
        return self.norm(name, y) if name in self.has else y

    def attention_of_one_token(self, layer, x):
        """With one token to read, softmax gives it weight 1: the values pass straight to the output projection."""
        v = self.projected(layer, "v", x)
        size = self.weight(f"layers.{layer}.attn.o").shape[1] // self.heads
        v = v.unflatten(-1, (-1, size))
        v = v.repeat_interleave(self.heads // v.shape[-2], dim=-2).flatten(-2)
        y = self.linear(f"layers.{layer}.attn.o", v)
        return self.norm(f"layers.{layer}.attn_post_norm", y) if self.posts else y

    def mlp(self, layer, x):
        act, prefix = self.activation, f"layers.{layer}.mlp"
        up = self.linear(f"{prefix}.up", x)
        gated = f"{prefix}.gate" in self.has
        y = self.linear(f"{prefix}.down", act(self.linear(f"{prefix}.gate", x)) * up if gated else act(up))
        return self.norm(f"layers.{layer}.mlp_post_norm", y) if self.posts else y

    @property
    def posts(self):
        return "layers.0.attn_post_norm" in self.has

    @property
    def heads(self):
        return getattr(self.config, "heads", None) or self.config.num_attention_heads

    @property
    def activation(self):
        from transformers.activations import ACT2FN

        names = ("hidden_activation", "hidden_act", "activation_function")
        return ACT2FN[next(filter(None, (getattr(self.config, name, None) for name in names)), "silu")]

    def __call__(self, token):
        h = self.weight("embed")[token]
        if self.anatomy.family.startswith("gemma"):
            h = h * math.sqrt(len(h))
        if "positions" in self.has:
            h = h + self.weight("positions")[0]
        for layer in range(self.anatomy.depth):
            write = self.attention_of_one_token(layer, self.norm(f"layers.{layer}.attn_norm", h))
            if self.anatomy.blocks[layer].parallel:
                h = h + write + self.mlp(layer, self.norm(f"layers.{layer}.mlp_norm", h))
            else:
                h = h + write
                h = h + self.mlp(layer, self.norm(f"layers.{layer}.mlp_norm", h))
        out = self.linear("head", self.norm("final_norm", h))
        cap = getattr(self.config, "final_logit_softcapping", None)
        return cap * torch.tanh(out / cap) if cap else out


@each_family
def test_a_pass_written_from_the_addresses_alone_equals_the_model(family):
    model = make(family)
    for token in (0, 3, 10):
        expected = logits(model, torch.tensor([[token]]))[0, 0]
        torch.testing.assert_close(Reader(model)(token), expected, atol=2e-5, rtol=1e-4)


def heard_by_attention(model, family, monkeypatch):
    """Return what attention is given as (query, key) [B, H, 1, K] in each layer for one token, by patching it."""
    heard = []
    if family == "labkit":
        for block in model.trunk.blocks:
            mixer = block.attention.mixer
            original = mixer.attend
            monkeypatch.setattr(mixer, "attend", lambda q, k, v, s, f=original: heard.append((q, k)) or f(q, k, v, s))
    elif family == "gptj":
        for block in model.transformer.h:
            original = block.attn._attn
            monkeypatch.setattr(block.attn, "_attn", lambda q, k, *r, f=original: heard.append((q, k)) or f(q, k, *r))
    else:
        from transformers import AttentionInterface

        def listen(module, query, key, value, *args, **kwargs):
            heard.append((query, key))
            return query.transpose(1, 2), None

        AttentionInterface.register("listen", listen)
        monkeypatch.setattr(model.config, "_attn_implementation_internal", "listen")
    logits(model, torch.tensor([[3]]))
    return heard


@each_family
def test_queries_and_keys_are_what_the_addresses_say(family, monkeypatch):
    model = make(family)
    reader = Reader(model)
    inputs = []
    for block in reader.anatomy.blocks:  # a pre-hook written by hand: x as the attention module receives it
        hook = lambda m, args, kwargs: inputs.append((args or [kwargs["hidden_states"]])[0][0, 0])  # noqa: E731
        block.attention.module.register_forward_pre_hook(hook, with_kwargs=True)
    heard = heard_by_attention(model, family, monkeypatch)
    assert len(heard) == len(inputs) == 2
    for layer, (x, pair) in enumerate(zip(inputs, heard)):
        for part, got in zip("qk", pair):  # at position 0 rotary positions turn nothing
            torch.testing.assert_close(reader.projected(layer, part, x), got[0, :, 0].flatten(), atol=1e-5, rtol=1e-4)


@each_family
def test_the_stream_is_the_sum_of_what_was_written_to_it(family):
    model = make(family, depth=3)
    ids = ids_of(6, batch=2)
    names = ["embed", *(f"layers.{i}{part}" for i in range(3) for part in ("", ".attn", ".mlp"))]
    seen = record(model, ids, names)
    stream = seen["embed"]
    for layer in range(3):
        stream = stream + seen[f"layers.{layer}.attn"] + seen[f"layers.{layer}.mlp"]
        torch.testing.assert_close(seen[f"layers.{layer}"], stream, atol=1e-5, rtol=1e-5)


@each_family
def test_neurons_and_heads_are_the_inputs_of_the_last_projections(family):
    model, reader = make(family), Reader(make(family))
    seen = record(model, ids_of(5), ["layers.1.mlp.neurons", "layers.1.mlp", "layers.1.attn.heads", "layers.1.attn"])
    for which, inside, last in (("mlp", "neurons", "down"), ("attn", "heads", "o")):
        write = reader.linear(f"layers.1.{which}.{last}", seen[f"layers.1.{which}.{inside}"])
        if reader.posts:
            write = reader.norm(f"layers.1.{which}_post_norm", write)
        torch.testing.assert_close(seen[f"layers.1.{which}"], write, atol=1e-5, rtol=1e-5)


@each_family
def test_every_address_resolves_and_stands_in_the_tree(family):
    model = make(family)
    anatomy = anatomy_of(model)
    tree = anatomy.tree()
    for name in anatomy.addresses():
        found = view(model, name)
        assert found.shape == tuple(found.read().shape)
        line = next(line for line in tree.splitlines() if line.split()[0] == name)
        assert " × ".join(map(str, found.shape)) in line
    weights = {id(view(model, name).parameter) for name in anatomy.addresses()}
    assert weights == {id(parameter) for parameter in model.parameters()}, "an address for every parameter"


@each_family
def test_a_view_writes_where_it_reads_and_nowhere_else(family):
    model = make(family)
    for name in anatomy_of(model).addresses():
        found = view(model, name)
        place = "[1, 2]" if len(found.shape) == 2 else "[1]"
        one = view(model, name + place)
        whole, everything = found.read(), {k: v.clone() for k, v in model.state_dict().items()}
        assert one.shape == () and one.read() == whole[(1, 2) if len(found.shape) == 2 else 1]
        stored = one.read_stored()
        one.write(5.0)
        assert one.read() == 5.0
        changed = sum(int((everything[k] != v).sum()) for k, v in model.state_dict().items())
        assert changed == 1 + len([other for other in anatomy_of(model).tied(name) if "embed" in (name, other)])
        one.write_stored(stored)
        assert all(torch.equal(everything[k], v) for k, v in model.state_dict().items())


@each_family
def test_rows_columns_and_ranges_agree_with_the_whole(family):
    model = make(family)
    for name in ("layers.1.attn.k", "layers.0.attn.v", "layers.1.mlp.up", "layers.0.mlp.down", "embed"):
        whole = view(model, name).read()
        assert torch.equal(view(model, f"{name}[3, :]").read(), whole[3])
        assert torch.equal(view(model, f"{name}[:, 5]").read(), whole[:, 5])
        assert torch.equal(view(model, f"{name}[1:4, 2]").read(), whole[1:4, 2])
        view(model, f"{name}[1:3, 2:6]").write(torch.full((2, 4), 7.0))
        whole[1:3, 2:6] = 7.0
        assert torch.equal(view(model, name).read(), whole)


def test_tied_embeddings_are_named_at_both_uses():
    tied, untied = make("llama"), make("phi3")
    assert anatomy_of(tied).tied("embed") == ["head"] and anatomy_of(tied).tied("head") == ["embed"]
    assert "the same weights as head" in anatomy_of(tied).tree()
    assert anatomy_of(untied).tied("embed") == []
    assert anatomy_of(make("gptj")).tied("layers.0.mlp_norm") == ["layers.0.attn_norm"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_number_formats_keep_their_bits(dtype):
    model = make("gemma2").to(dtype)
    gain = view(model, "layers.0.attn_norm[2]")
    stored = gain.read_stored()
    assert gain.read().dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert gain.read() == stored.to(gain.read().dtype) + 1
    gain.write(0.0)
    assert gain.read() == 0 and gain.parameter[2] == -1
    gain.write_stored(stored)
    assert torch.equal(gain.parameter[2], stored)


@pytest.mark.parametrize(
    ("family", "address", "says"),
    [
        ("olmo", "layers.0.attn_norm", "neither gain nor bias"),
        ("olmo2", "layers.0.mlp_norm", "after the sub-layer"),
        ("gpt2", "layers.0.mlp.gate", "without a gate"),
        ("llama", "layers.0.attn.q.bias", "no bias"),
        ("llama", "layers.1.attn.q_norm", "no such norm"),
        ("llama", "positions", "did you mean|one of"),
    ],
)
def test_an_absent_part_says_why(family, address, says):
    with pytest.raises(UnknownName, match=says):
        view(make(family), address)


def test_out_of_range_names_the_shape_and_the_layers():
    model = make("llama")
    with pytest.raises(BadInput, match=r"no column 40(?s:.*)8 × 12 \[out × in\]"):
        view(model, "layers.0.mlp.down[3, 40]")
    with pytest.raises(BadInput, match="a matrix of 8 × 12"):
        view(model, "layers.0.mlp.down[3]")
    with pytest.raises(BadInput, match="from 0 to 1"):
        view(model, "layers.2.mlp.down")
    with pytest.raises(BadInput, match="vector of 8"):
        view(model, "final_norm[3, 3]")


def test_an_unknown_family_is_told_how_to_be_described():
    with pytest.raises(BadInput, match=r"families\.py"):
        anatomy_of(torch.nn.Linear(2, 2))
    with pytest.raises(BadInput, match="AutoModelForCausalLM"):
        anatomy_of(make("llama").model.__class__(make("llama").config))  # the base model, without its head
    with pytest.raises(BadInput, match=r"labkit\.load"):
        anatomy_of("llama")


def test_every_description_is_proven_by_a_tiny_model():
    proven = {family_of(make(name)).name for name in FAMILY_NAMES}
    assert proven == {family.name for family in FAMILIES} - {"bert"}  # an encoder: test_zoo_encoder.py


def test_a_model_whose_parts_were_removed_or_exchanged_is_read_anew():
    model = make("llama", depth=3)
    assert anatomy_of(model).depth == 3 and anatomy_of(model) is anatomy_of(model)
    del model.model.layers[1]
    assert anatomy_of(model).depth == 2
    model.model.layers[1].mlp.down_proj = torch.nn.Linear(12, 8)
    assert view(model, "layers.1.mlp.down").parameter is model.model.layers[1].mlp.down_proj.weight
    assert "layers.1.mlp.down.bias" in anatomy_of(model).addresses()


def test_a_head_of_zeros_gives_zero_logits_whatever_the_family_calls_it():
    model = make("gpt_neox")
    view(model, "head").write(0.0)
    assert torch.equal(logits(model, ids_of(3)), torch.zeros(1, 3, 11))
    assert F.softmax(logits(model, ids_of(3)), -1).allclose(torch.tensor(1 / 11))
