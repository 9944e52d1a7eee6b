"""The laws of LIMe: what must hold for any weights, tried on random small models."""

import math

import pytest
import torch

from labkit.base.errors import BadInput, BrokenFile, ModelChanged, UnknownName
from labkit.interventions import DropAttention, edit
from labkit.models import DecoderConfig, load, rotary_tables, rotate, save
from labkit.papers.layer_integrated_memory.method import (
    AverageRouter,
    LIMe,
    LIMeOfStates,
    Router,
    SameHeadRouter,
    readable_layers,
    router_parameters,
)

SIZES = {"vocab": 19, "width": 16, "depth": 4, "heads": 4, "ffn": 20, "context": 16, "init_std": 0.3, "tie": False}
IDS = torch.tensor([[1, 5, 3, 9, 2, 7, 7, 4], [0, 18, 2, 2, 6, 1, 3, 8]])


def lime(**options):
    return LIMe(**{**SIZES, **options}).build(1).eval().double()


def baseline_of(model):
    config = {name: getattr(model.config, name) for name in SIZES | {"kv_heads": None, "rope_theta": None}}
    twin = DecoderConfig(**config).build(0).eval().double()
    twin.load_state_dict({name: value for name, value in model.state_dict().items() if "routers" not in name})
    return twin


def routers(model):
    return [block.attention.mixer.routers for block in model.trunk.blocks]


@torch.no_grad()
def logits(model, ids=IDS):
    return model(ids).logits


@pytest.mark.parametrize("options", ({}, {"router": "same-head"}, {"router": "channel"}, {"routes": "separate"}))
def test_own_heads_alone_are_the_baseline(options):
    model = lime(first_router="identity+zeros", **options)
    assert torch.allclose(logits(model), logits(baseline_of(model)), atol=1e-12)


@pytest.mark.parametrize("kv_heads", (1, 2, 4))
def test_it_is_not_the_baseline_once_the_past_is_read(kv_heads):
    model = lime(kv_heads=kv_heads)
    assert (logits(model) - logits(baseline_of(model))).abs().max() > 1e-3


def test_one_layer_has_no_router():
    model = lime(depth=1)
    assert not [name for name, _ in model.named_parameters() if "routers" in name]
    assert torch.equal(logits(model), logits(baseline_of(model)))


@pytest.mark.parametrize("kv_heads", (2, 4))
def test_routing_and_rotating_commute(kv_heads):
    router = Router(2, kv_heads)
    router.initialise(torch.Generator().manual_seed(0), 0.0)
    raw = torch.randn(2, 3 * kv_heads, 8, 4, generator=torch.Generator().manual_seed(1))
    tables = rotary_tables(torch.arange(8)[None], 4, 1000.0, torch.float32)
    with torch.no_grad():
        assert torch.allclose(rotate(router(raw), *tables), router(rotate(raw, *tables)), atol=1e-5)
        other = rotary_tables(torch.arange(8)[None], 4, 10.0, torch.float32)  # a layer with another base: not so
        mixed = torch.cat((rotate(raw[:, :kv_heads], *other), rotate(raw[:, kv_heads:], *tables)), dim=1)
        assert not torch.allclose(rotate(router(raw), *tables), router(mixed), atol=1e-3)


def test_the_product_is_the_sum_that_the_paper_writes():
    layer, heads = 2, 3
    router = Router(layer, heads)
    router.initialise(torch.Generator().manual_seed(0), 0.0)
    raw = torch.randn(2, (layer + 1) * heads, 5, 4, generator=torch.Generator().manual_seed(1))
    written_out = torch.zeros(2, heads, 5, 4)
    with torch.no_grad():
        for head in range(heads):
            for past in range(layer + 1):
                for h in range(heads):
                    place = past * heads + h
                    written_out[:, head] += router.weight[head, place] * raw[:, place]
        assert torch.allclose(router(raw), written_out, atol=1e-6)


def test_routing_jointly_is_routing_apart_with_the_same_numbers():
    joint, apart = lime(), lime(routes="separate")
    held = apart.state_dict()
    for name, value in joint.state_dict().items():
        for part in ("kv", "k", "v"):
            held[name.replace("routers.kv", f"routers.{part}")] = value
    apart.load_state_dict({name: held[name] for name in apart.state_dict()})
    assert torch.allclose(logits(joint), logits(apart), atol=1e-12)


def test_keys_or_values_alone():
    for routes, touched in (("keys", ("k",)), ("values", ("v",))):
        model = lime(routes=routes)
        assert all(tuple(held) == touched for held in routers(model)[1:])
        assert (logits(model) - logits(baseline_of(model))).abs().max() > 1e-3


MODELS = (
    lambda: lime(),
    lambda: lime(kv_heads=2),
    lambda: lime(reach="first-1"),
    lambda: lime(router="average"),
    lambda: LIMeOfStates(**SIZES, dynamic=True).build(2).eval().double(),
    lambda: LIMeOfStates(**SIZES, kv_heads=2).build(2).eval().double(),
)


@pytest.mark.parametrize("make", MODELS)
def test_a_token_changes_nothing_before_it_and_the_cache_changes_nothing_at_all(make):
    model = make()
    other = IDS.clone()
    other[:, 5] = (other[:, 5] + 1) % 19
    assert torch.equal(logits(model)[:, :5], logits(model, other)[:, :5])
    with torch.no_grad():
        begun = model(IDS[:, :3], use_cache=True)
        parts, cache = [begun.logits], begun.past_key_values
        for place in range(3, 8):
            step = model(IDS[:, place : place + 1], past_key_values=cache)
            parts.append(step.logits)
    assert torch.allclose(torch.cat(parts, 1), logits(model), atol=1e-10)


def test_the_cache_holds_what_the_baseline_holds():
    def numbers(model):
        with torch.no_grad():
            cache = model(IDS, use_cache=True).past_key_values
        return sum(tensor.numel() for entry in cache.layers.values() for tensor in entry)

    model = lime(kv_heads=2)
    assert numbers(model) == numbers(baseline_of(model)) == 2 * 4 * 2 * 4 * IDS.numel()


def test_a_cache_cropped_below_a_layer_is_refused():
    model = lime()
    with torch.no_grad():
        cache = model(IDS[:, :4], use_cache=True).past_key_values
        cache.layers[2] = tuple(part[..., :2, :] for part in cache.layers[2])
        with pytest.raises(ModelChanged, match="layer 2 holds 2 of 4"):
            model(IDS[:, 4:5], past_key_values=cache)


@pytest.mark.parametrize("depth, heads, wanted", ((16, 32, 138_240), (16, 8, 8_640), (4, 4, 144)))
def test_the_paper_counts_as_we_do(depth, heads, wanted):
    assert router_parameters(depth, heads) == wanted
    if depth == 4:
        model = lime()
        held = sum(p.numel() for name, p in model.named_parameters() if "routers" in name)
        extra = sum(p.numel() for p in model.parameters()) - sum(p.numel() for p in baseline_of(model).parameters())
        assert held == extra == wanted


def test_first_values_are_those_of_the_official_code():
    layer, heads = 7, 32
    router = Router(layer, heads)
    router.initialise(torch.Generator().manual_seed(3), 0.02)
    past, own = router.weight.detach()[:, :-heads], router.weight.detach()[:, -heads:]
    size = (layer + 1) * heads
    assert torch.equal(own, torch.eye(heads))
    assert past.abs().max() <= math.sqrt(3 / size)
    assert float(past.var()) == pytest.approx(1 / size, rel=0.1)
    raw = torch.randn(1, size, 64, 8, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        power = float(router(raw).square().mean() / raw.square().mean())
    assert power == pytest.approx(1 + layer / (layer + 1), rel=0.15)  # not function-preserving: nearly twice the power


def test_three_ways_to_write_the_same_model():
    model = lime()
    before = logits(model)

    def head_rows(linear, head):
        return linear.weight.view(4, 4, 16)[head]

    def columns(past, head):  # the entries by which all layers read a raw head
        return [held["kv"].weight[:, past * 4 + head] for layer, held in enumerate(routers(model)) if layer >= past]

    with torch.no_grad():
        mixer = model.trunk.blocks[1].attention.mixer
        for factor in (-1.0, 3.0):  # flip the sign of a raw head, or scale it, and make up for it in every router
            for linear in (mixer.k, mixer.v):
                head_rows(linear, 2).mul_(factor)
            for column in columns(1, 2):
                column.div_(factor)
            assert torch.allclose(logits(model), before, atol=1e-10)
        for linear in (mixer.k, mixer.v):  # swap two raw heads and the entries that read them
            rows = linear.weight.view(4, 4, 16)
            rows[[0, 3]] = rows[[3, 0]].clone()
        for one, other in zip(columns(1, 0), columns(1, 3)):
            held = one.clone()
            one.copy_(other), other.copy_(held)
        assert torch.allclose(logits(model), before, atol=1e-10)


def test_who_may_be_read():
    assert readable_layers(3) == (0, 1, 2, 3)
    assert readable_layers(3, "own") == (3,)
    assert readable_layers(3, "last-2") == (2, 3)
    assert readable_layers(3, "first-1") == (0, 3)
    assert readable_layers(3, "last-9") == readable_layers(3, "first-9") == readable_layers(3)
    for wrong in ("last-0", "first", "first-x", "some", "last-"):
        with pytest.raises(UnknownName, match="reach"):
            readable_layers(3, wrong)


def test_average_router_is_the_mean_and_has_nothing_to_learn():
    router, raw = AverageRouter(2, 2), torch.arange(48.0).view(1, 6, 2, 4)
    assert not list(router.parameters())
    assert torch.allclose(router(raw)[0, 1], (raw[0, 1] + raw[0, 3] + raw[0, 5]) / 3)
    assert torch.allclose((router.matrix() @ raw.flatten(2)).view(1, 2, 2, 4), router(raw))


def test_same_head_router_is_a_full_one_with_zeros():
    same, full = SameHeadRouter(2, 4), Router(2, 4)
    same.initialise(torch.Generator().manual_seed(0), 0.0)
    raw = torch.randn(2, 12, 5, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        full.weight.copy_(same.matrix())
        assert torch.allclose(same(raw), full(raw), atol=1e-6)


@pytest.mark.parametrize("dynamic", (False, True))
def test_version_one_starts_with_the_average(dynamic):
    model = LIMeOfStates(**SIZES, dynamic=dynamic).build(1).eval().double()
    x = torch.randn(2, 3, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    shares = [block.attention.mixer.mixture.shares(x) for block in model.trunk.blocks]
    assert all(torch.allclose(one, torch.full_like(one, 1 / (layer + 1))) for layer, one in enumerate(shares))
    assert all(torch.allclose(one.sum(-1), torch.ones_like(one[..., 0])) for one in shares)


def test_version_one_can_read_the_current_layer_alone():
    model = LIMeOfStates(**SIZES).build(1).eval().double()
    with torch.no_grad():
        for block in model.trunk.blocks:
            block.attention.mixer.mixture.weight[:, -1] = 1000.0  # one-hot on the layer itself
    config = DecoderConfig(**SIZES)
    twin = config.build(0).eval().double()
    twin.load_state_dict({n: v for n, v in model.state_dict().items() if "mixture" not in n})
    assert torch.allclose(logits(model), logits(twin), atol=1e-12)


def test_it_is_saved_and_loaded(tmp_path):
    model = LIMe(**SIZES, reach="first-2").build(4)
    again = load(save(model, tmp_path))
    assert again.config == model.config
    assert torch.equal(logits(again), logits(model.eval()))


def test_a_router_of_another_depth_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    save(LIMe(**SIZES).build(0), tmp_path)
    file = tmp_path / "model.safetensors"
    held = load_file(file)
    name = "trunk.blocks.2.attention.mixer.routers.kv.weight"
    save_file({**held, name: held["trunk.blocks.3.attention.mixer.routers.kv.weight"].clone()}, file)
    with pytest.raises(BrokenFile, match=r"routers\.kv"):
        load(tmp_path)


@pytest.mark.parametrize("name", ("router", "routes", "first_router", "reach"))
def test_unknown_options_are_named(name):
    with pytest.raises(UnknownName, match=name.split("_")[-1] if name != "first_router" else "first_router"):
        LIMe(**SIZES, **{name: "sideways"})


def test_a_dropped_attention_leaves_nothing_to_read():
    model = LIMe(**SIZES).build(0).eval()
    with edit(model, DropAttention(1)), pytest.raises(ModelChanged, match="layer 1, which left none"):
        logits(model)


def test_a_pass_can_be_continued_from_any_block():
    model = lime()
    with torch.no_grad():
        state = model.begin(IDS)
        for block in model.trunk.blocks[:2]:
            state = block(state)
        for _ in range(2):  # a State may be continued as often as one likes
            assert torch.equal(model.finish(model.trunk(state, start=2)), logits(model))


def test_bad_channel_matrix():
    model = lime(router="channel")
    with pytest.raises(BadInput, match="channel"):
        routers(model)[1]["kv"].matrix()
