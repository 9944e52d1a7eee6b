"""Papers 03, 04, 08 and 09 as test doubles: each takes a slot, none needs a flag, each keeps a law of its paper."""

import copy
import math
from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from labkit.base.errors import BadInput
from labkit.models import (
    Add,
    Attention,
    Block,
    Branch,
    Cache,
    Decoder,
    DecoderConfig,
    RMSNorm,
    Trunk,
    generate,
    load,
    rotary_tables,
    save,
    to_llama_state_dict,
)

SIZES = {"vocab": 61, "width": 32, "depth": 3, "heads": 4, "ffn": 48, "context": 48, "init_std": 0.2}


def ids(length=20, seed=0):
    return torch.randint(0, 61, (2, length), generator=torch.Generator().manual_seed(seed))


# Paper 03: every projection is attention over parameter tokens; tau is a plain number kept when the table grows.
class Pattention(nn.Module):
    def __init__(self, inputs, outputs, bias=False, tokens=24):
        super().__init__()
        self.keys, self.values = nn.Parameter(torch.empty(tokens, inputs)), nn.Parameter(torch.empty(tokens, outputs))
        self.tau = tokens**0.5

    def initialise(self, generator, std):
        self.keys.normal_(0, std, generator=generator)
        self.values.normal_(0, std, generator=generator)

    def forward(self, x, state=None):
        a = x @ self.keys.T
        return F.gelu(self.tau * a / a.norm(dim=-1, keepdim=True)) @ self.values


class Tokenformer(DecoderConfig):
    def attention(self, layer):
        return Attention(self.width, self.heads, layer=layer, linear=Pattention)

    def mlp(self, layer):
        return Pattention(self.width, self.width, tokens=self.ffn)


# Paper 04: the difference of two softmax maps over values twice as wide.
class DifferentialAttention(Attention):
    def __init__(self, width, heads, *, layer):
        super().__init__(width, heads, layer=layer)
        self.start = 0.8 - 0.6 * math.exp(-0.3 * layer)
        self.lambdas = nn.Parameter(torch.empty(4, self.head_size))
        self.norm = RMSNorm(2 * self.head_size)

    def initialise(self, generator, std):
        self.lambdas.normal_(0, 0.1, generator=generator)

    def attend(self, q, k, v, state):
        q1, k1, q2, k2 = self.lambdas
        weight = (q1 @ k1).exp() - (q2 @ k2).exp() + self.start
        wide = v.unflatten(1, (-1, 2)).transpose(2, 3).flatten(3)  # neighbouring heads share a value twice as wide
        y1, y2 = (super(DifferentialAttention, self).attend(q[:, i::2], k[:, i::2], wide, state) for i in (0, 1))
        y = self.norm(y1 - weight * y2) * (1 - self.start)
        return y.unflatten(3, (2, -1)).transpose(2, 3).flatten(1, 2)


class Differential(DecoderConfig):
    def attention(self, layer):
        return DifferentialAttention(self.width, self.heads, layer=layer)


# Paper 08: the norm's output divided by the square root of the block's number, and four other placements.
class ScaledNorm(RMSNorm):
    def __init__(self, width, eps, factor):
        super().__init__(width, eps)
        self.factor = factor

    def forward(self, x):
        return super().forward(x) * self.factor


class LayerNormScaling(DecoderConfig):
    def norm(self, layer):
        return ScaledNorm(self.width, self.eps, (layer + 1) ** -0.5)


class AddAndNorm(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.norm = norm

    def forward(self, h, y):
        return self.norm(h + y)


class PostNorm(DecoderConfig):
    def norm(self, layer):
        return nn.Identity()

    def write(self, layer):
        return AddAndNorm(RMSNorm(self.width, self.eps))


class Sandwich(DecoderConfig):
    def scale(self, layer):
        return RMSNorm(self.width, self.eps)


class LearnedScale(nn.Module):
    def __init__(self, first):
        super().__init__()
        self.first, self.alpha = first, nn.Parameter(torch.empty(()))

    def initialise(self, generator, std):
        self.alpha.fill_(self.first)

    def forward(self, y):
        return self.alpha * y


class SkipInit(DecoderConfig):
    def scale(self, layer):
        return LearnedScale(self.depth**-0.5)


# Paper 09: keys and values mixed from all earlier layers, before rotation; the cache holds the mixture.
class MemoryReading(Attention):
    def __init__(self, width, heads, *, layer):
        super().__init__(width, heads, layer=layer)
        self.router = nn.Parameter(torch.empty(layer + 1, heads, heads))

    def initialise(self, generator, std):
        self.router.normal_(0, std, generator=generator)
        self.router[-1] = torch.eye(self.heads)

    def keys_values(self, x, state):
        state.memory[self.layer] = super().keys_values(x, state)
        rows = [(self.router[i], *state.memory[i]) for i in sorted(state.memory)]
        keys = sum(torch.einsum("gh,bglk->bhlk", r, k) for r, k, _ in rows)
        values = sum(torch.einsum("gh,bglk->bhlk", r, v) for r, _, v in rows)
        return keys, values


class LayerMemory(DecoderConfig):
    def attention(self, layer):
        return MemoryReading(self.width, self.heads, layer=layer)


# Paper 09's baseline, hyper-connections: n residual streams; norm reads a mixture, write spreads and mixes.
class ReadStreams(nn.Module):
    def __init__(self, inner, streams, first):
        super().__init__()
        self.inner, self.first = inner, first
        self.mix = nn.Parameter(torch.empty(streams))

    def initialise(self, generator, std):
        self.mix.zero_()
        self.mix[self.first] = 1

    def forward(self, h_nBLD):
        return self.inner(torch.einsum("n,nbld->bld", self.mix, h_nBLD))


class WriteStreams(nn.Module):
    def __init__(self, streams):
        super().__init__()
        self.mix, self.spread = nn.Parameter(torch.empty(streams, streams)), nn.Parameter(torch.empty(streams))

    def initialise(self, generator, std):
        self.mix.copy_(torch.eye(len(self.mix)))
        self.spread.fill_(1)

    def forward(self, h_nBLD, y_BLD):
        return torch.einsum("nm,nbld->mbld", self.mix, h_nBLD) + self.spread[:, None, None, None] * y_BLD


class Streams(Trunk):
    def __init__(self, blocks, n):
        super().__init__(blocks)
        self.n = n

    def enter(self, state):
        return state.with_stream(state.stream.expand(self.n, *state.stream.shape))

    def leave(self, state):
        return state.with_stream(state.stream.sum(dim=0))


@dataclass(frozen=True, kw_only=True)
class HyperConnections(DecoderConfig):
    streams: int = 4

    def trunk(self):
        return Streams((self.block(layer) for layer in range(self.depth)), self.streams)

    def norm(self, layer):
        return ReadStreams(RMSNorm(self.width, self.eps), self.streams, layer % self.streams)

    def write(self, layer):
        return WriteStreams(self.streams)


VARIANTS = [Tokenformer, Differential, LayerNormScaling, PostNorm, Sandwich, SkipInit, LayerMemory, HyperConnections]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_trains_decodes_and_is_saved(variant, tmp_path):
    model = variant(**SIZES).build(1)
    model(ids(), labels=ids()).loss.backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().any()]
    assert idle == []
    model.eval()
    cached = generate(model, ids(9), 20)
    assert torch.equal(cached, generate(model, ids(9), 20, use_cache=False))
    cache = Cache()
    with torch.no_grad():
        whole = model(ids()).logits
        pieces = [model(part, past_key_values=cache).logits for part in ids().split([7, 1, 12], dim=1)]
    assert (torch.cat(pieces, dim=1) - whole).abs().max() <= 2e-5
    save(model, tmp_path)
    again = load(tmp_path)
    assert type(again.config) is variant
    with torch.no_grad():
        assert torch.equal(again(ids()).logits, whole)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variants_packed_documents_do_not_meet(variant):
    model = variant(**SIZES).build(2).eval()
    segments = torch.tensor([[0] * 8 + [1] * 12]).expand(2, -1)
    with torch.no_grad():
        packed = model(ids(), segments=segments).logits
        alone = torch.cat([model(part).logits for part in ids().split([8, 12], dim=1)], dim=1)
    assert (packed - alone).abs().max() <= 2e-5


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variants_kept_states_continue_and_stay_clean(variant):
    model = variant(**SIZES).build(3).eval()
    kept = []
    hooks = [b.register_forward_hook(lambda m, i, out: kept.append(out)) for b in model.trunk.blocks]
    with torch.no_grad():
        whole = model(ids()).logits
        for handle in hooks:
            handle.remove()
        for layer, state in enumerate(kept):  # a disturbed continuation must not reach what was kept
            model.trunk(replace(state, stream=state.stream + 1.0), start=layer + 1)
        for layer, state in enumerate(kept):
            assert torch.equal(model.finish(model.trunk(state, start=layer + 1)), whole)


def _logits(model):
    with torch.no_grad():
        return model.eval()(ids()).logits


def _share(source, target):
    target.load_state_dict({**target.state_dict(), **source.state_dict()})
    return target


def test_pattention_grows_without_changing_a_word():
    model = Tokenformer(**SIZES).build(4)
    before = _logits(model)
    for module in model.modules():
        if isinstance(module, Pattention):
            module.keys = nn.Parameter(torch.cat((module.keys, torch.zeros(10, module.keys.shape[1]))))
            module.values = nn.Parameter(torch.cat((module.values, torch.randn(10, module.values.shape[1]))))
    assert (_logits(model) - before).abs().max() <= 1e-5


def test_differential_attention_is_the_written_formula():
    model = Differential(**SIZES).build(5).eval()
    mixer = model.trunk.blocks[1].attention.mixer
    x, state = torch.randn(2, 20, 32, generator=torch.Generator().manual_seed(0)), model.begin(ids())
    q1, k1, q2, k2 = mixer.lambdas
    weight = (q1 @ k1).exp() - (q2 @ k2).exp() + 0.8 - 0.6 * torch.tensor(-0.3).exp()
    q, k = (mixer.rotated(mixer.split(p(x), 4), state) for p in (mixer.q, mixer.k))
    scores = (q @ k.transpose(2, 3) / 8**0.5).masked_fill(torch.ones(20, 20).triu(1).bool(), -torch.inf).softmax(-1)
    values = mixer.split(mixer.v(x), 2)
    heads = [(scores[:, 2 * i] - weight * scores[:, 2 * i + 1]) @ values[:, i] for i in (0, 1)]
    scale = 1 - (0.8 - 0.6 * torch.tensor(-0.3).exp())
    expected = mixer.o(torch.cat([F.rms_norm(h, (16,), eps=1e-6) * scale for h in heads], dim=-1))
    assert (mixer(x, state) - expected).abs().max() <= 1e-5


def test_layernorm_scaling_is_a_smaller_gain():
    scaled = LayerNormScaling(**SIZES).build(6)
    plain = _share(scaled, DecoderConfig(**SIZES).build())
    for layer, block in enumerate(plain.trunk.blocks):
        for branch in block.branches:
            branch.norm.weight.data *= (layer + 1) ** -0.5
    assert (_logits(plain) - _logits(scaled)).abs().max() <= 1e-5


def test_layernorm_scaling_survives_the_meta_device():
    source = LayerNormScaling(**SIZES).build(6)
    with torch.device("meta"):
        empty = Decoder(LayerNormScaling(**SIZES))
    assert torch.equal(_logits(_share(source, empty.to_empty(device="cpu"))), _logits(source))


def test_reading_only_the_own_layer_is_the_baseline():
    reading = LayerMemory(**SIZES).build(7)
    for block in reading.trunk.blocks:
        block.attention.mixer.router.data[:-1] = 0
    plain = DecoderConfig(**SIZES).build()
    plain.load_state_dict({n: t for n, t in reading.state_dict().items() if "router" not in n})
    assert (_logits(plain) - _logits(reading)).abs().max() <= 1e-5


def test_the_decode_cache_of_layer_memory_is_no_larger():
    caches = [m.build(8)(ids(), use_cache=True).past_key_values for m in (LayerMemory(**SIZES), DecoderConfig(**SIZES))]
    sizes = [sum(t.numel() for entry in cache.layers.values() for t in entry) for cache in caches]
    assert sizes[0] == sizes[1]


def test_layer_memory_reads_around_a_dropped_attention():
    model = LayerMemory(**SIZES).build(9).eval()
    model.trunk.blocks[0].attention.forward = lambda state: state
    cached = generate(model, ids(9), 15)
    assert torch.equal(cached, generate(model, ids(9), 15, use_cache=False))


def test_equal_streams_are_the_baseline():
    hyper = HyperConnections(**SIZES).build(10)
    plain = DecoderConfig(**SIZES).build()
    names = {n: n.replace("norm.inner", "norm") for n in hyper.state_dict() if not n.endswith((".mix", ".spread"))}
    plain.load_state_dict({names[n]: hyper.state_dict()[n] for n in names})
    assert (_logits(plain) - _logits(hyper)).abs().max() <= 2e-5


def test_post_norm_leaves_a_stream_of_unit_size():
    model = PostNorm(**SIZES).build(11)
    with torch.no_grad():
        stream = model.trunk(model.begin(ids())).stream
    assert stream.pow(2).mean(-1).sqrt().allclose(torch.ones(2, 20), atol=1e-3)


def test_a_block_of_other_branches_needs_no_flag():
    class Three(DecoderConfig):
        def block(self, layer):
            return Block(
                first=self.branch(self.mlp(layer), layer),
                attention=self.branch(self.attention(layer), layer),
                mlp=Branch(norm=nn.Identity(), mixer=self.mlp(layer), scale=nn.Identity(), write=Add()),
            )

    model = Three(**SIZES).build(12)
    assert [
        b is getattr(model.trunk.blocks[0], n)
        for b, n in zip(model.trunk.blocks[0].branches, ("first", "attention", "mlp"))
    ] == [True] * 3
    assert torch.isfinite(_logits(model)).all()
    with pytest.raises(BadInput, match="no place in a Llama"):
        to_llama_state_dict(model)


def test_two_classes_cannot_share_a_kind():
    with pytest.raises(BadInput, match="both call themselves 'Sandwich'"):
        type("Other", (DecoderConfig,), {"kind": "Sandwich", "__module__": __name__})


def test_a_part_that_forgets_its_first_values_is_named():
    class Forgetful(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(3))

        def forward(self, y):
            return y

    class Forgets(DecoderConfig):
        def scale(self, layer):
            return Forgetful()

    with pytest.raises(BadInput, match=r"attention\.scale\.gain"):
        Forgets(**SIZES).build()


def test_rotation_depends_on_distance_alone():
    cos, sin = rotary_tables(torch.arange(30)[None], 8, 10000.0, torch.float32)
    one = torch.cat((cos, sin), -1)
    assert one.shape == (1, 1, 30, 8)
    assert (cos**2 + sin**2).allclose(torch.ones_like(cos))
    model = DecoderConfig(**SIZES).build(13).eval()
    x = torch.randn(1, 20, 32, generator=torch.Generator().manual_seed(0))
    near = model.begin(ids()[:1])
    far = replace(near, positions=near.positions + 17, tables={})
    mixer = copy.deepcopy(model.trunk.blocks[0].attention.mixer)
    assert (mixer(x, near) - mixer(x, far)).abs().max() <= 1e-5
