"""The norm family of paper 08: what each placement computes, what it starts from, and what survives being moved."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from labkit.base.errors import BadInput, UnknownName
from labkit.models import Cache, Decoder, DecoderConfig, load, save, to_llama
from labkit.papers.curse_of_depth.method.folding import fold, unfold
from labkit.papers.curse_of_depth.method.inits import INITS
from labkit.papers.curse_of_depth.method.placements import (
    DeepNorm,
    LayerNormScaling,
    LayerScale,
    MixNorm,
    PostNorm,
    PreNorm,
    ReZero,
    Sandwich,
    ScalingAt,
    SkipInit,
)
from labkit.papers.curse_of_depth.method.positions import TRAINED_POSITIONS

SIZES = {"vocab": 61, "width": 32, "depth": 4, "heads": 4, "kv_heads": 2, "ffn": 48, "context": 48, "init_std": 0.2}
KINDS = (PreNorm, PostNorm, Sandwich, MixNorm, DeepNorm, LayerNormScaling, SkipInit, ReZero, LayerScale)
EVERY = [(kind, {}) for kind in KINDS]
EVERY += [(ScalingAt, {"position": position}) for position in TRAINED_POSITIONS]
EVERY += [(kind, {"norm_type": "layer", "mlp_type": "relu"}) for kind in (PreNorm, PostNorm, LayerNormScaling)]
each = pytest.mark.parametrize(("kind", "more"), EVERY)


def ids(length=20, seed=0):
    return torch.randint(0, 61, (2, length), generator=torch.Generator().manual_seed(seed))


def built(kind, seed=1, stir=True, **more):
    """Return a model whose gains, biases and factors are no longer ones and zeros."""
    model = kind(**{**SIZES, **more}).build(seed).eval()
    if stir:
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in model.named_parameters():
            if "norm" in name or "factor" in name:
                parameter.data += 0.5 * torch.rand(parameter.shape, generator=generator)
    return model


@torch.no_grad()
def logits(model, text=None):
    return model(ids() if text is None else text).logits


@torch.no_grad()
def largest(a, b):
    return float((a - b).abs().max())


def as_kind(kind, model, **more):
    """Return a model of another placement with the weights that `model` has under the same names."""
    twin = kind(**{**SIZES, "depth": model.config.depth, **more}).build()
    twin.load_state_dict({**twin.state_dict(), **model.state_dict()})
    return twin.eval()


# ------------------------------------------------------------------------------------------- every placement alike


@each
def test_a_placement_learns_decodes_and_survives_disk_meta_device_and_number_format(kind, more, tmp_path):
    model = built(kind, **more)
    model(ids(), labels=ids()).loss.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().any()] == []
    whole, cache = logits(model), Cache()
    with torch.no_grad():
        pieces = [model(part, past_key_values=cache).logits for part in ids().split([7, 1, 12], dim=1)]
    assert largest(torch.cat(pieces, dim=1), whole) <= 1e-4
    save(model, tmp_path)
    again = load(tmp_path)
    assert again.config == model.config and torch.equal(logits(again), whole)
    with torch.device("meta"):
        empty = Decoder(model.config)
    empty.to_empty(device="cpu").load_state_dict(model.state_dict())
    assert torch.equal(logits(empty), whole)
    assert torch.equal(logits(model.double().float()), whole)
    assert DecoderConfig.from_dict(model.config.as_dict()) == model.config


@pytest.mark.parametrize("kind", [PreNorm, PostNorm, DeepNorm, LayerNormScaling])
@pytest.mark.parametrize("depth", [1, 64])
def test_one_block_and_sixty_four_of_them_are_finite(kind, depth):
    model = kind(**{**SIZES, "width": 8, "heads": 2, "ffn": 4, "depth": depth}).build()
    loss = model(ids(3)[:1], labels=ids(3)[:1]).loss
    loss.backward()
    assert loss.isfinite() and all(p.grad.isfinite().all() for p in model.parameters())


@each
def test_models_of_one_seed_start_from_the_same_draws(kind, more):
    if kind is DeepNorm:
        more = {**more, "init": "plain"}
    plain = PreNorm(**SIZES, mlp_type=more.get("mlp_type", "swiglu")).build(5).state_dict()
    mine = kind(**SIZES, **more).build(5).state_dict()
    assert all(torch.equal(plain[name], mine[name]) for name in plain if "norm" not in name)


# ----------------------------------------------------------------------------------- placements against each other


def test_the_baseline_by_another_name_is_the_baseline():
    plain = DecoderConfig(**SIZES).build(3)
    assert torch.equal(logits(PreNorm(**SIZES).build(3).eval()), logits(plain.eval()))


@pytest.mark.parametrize("position", TRAINED_POSITIONS)
def test_scaling_with_exponent_0_is_pre_norm_exactly_and_so_is_its_first_block(position):
    plain = built(PreNorm)
    assert torch.equal(logits(as_kind(ScalingAt, plain, position=position, exponent=0.0)), logits(plain))
    shallow = built(PreNorm, depth=1)
    assert torch.equal(logits(as_kind(ScalingAt, shallow, position=position)), logits(shallow))


def test_the_position_after_the_norm_is_the_papers():
    model = built(LayerNormScaling)
    assert torch.equal(logits(as_kind(ScalingAt, model)), logits(model))
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in built(PreNorm).parameters())


def test_mixed_placements_end_at_pre_norm_and_at_post_norm():
    pre, post = built(PreNorm), built(PostNorm)
    assert torch.equal(logits(as_kind(MixNorm, pre, alpha=0.0)), logits(pre))
    assert torch.equal(logits(as_kind(MixNorm, post, alpha=1.0)), logits(post))
    for depth, share, wanted in ((12, 0.25, 3), (24, 0.25, 6), (10, 0.29, 2), (100, 0.29, 29)):
        config = MixNorm(**{**SIZES, "depth": depth}, alpha=share)
        posts = [isinstance(config.block(layer).mlp.norm, nn.Identity) for layer in range(depth)]
        assert posts == [True] * wanted + [False] * (depth - wanted)


def test_a_sandwich_without_its_outer_norm_is_pre_norm():
    plain = built(PreNorm)
    model = as_kind(Sandwich, plain)
    assert largest(logits(model), logits(plain)) > 0.1
    for block in model.trunk.blocks:
        for branch in block.branches:
            branch.scale = nn.Identity()
    assert torch.equal(logits(model), logits(plain))


def test_post_norm_and_deep_norm_are_the_written_formulas():
    for kind, alpha in ((PostNorm, 1.0), (DeepNorm, (2 * 4) ** 0.25)):
        model = built(kind)
        state = model.begin(ids())
        h = state.stream
        for block in model.trunk.blocks:
            for branch in block.branches:
                sum_BLD = alpha * h + branch.mixer(h, state)
                rms = sum_BLD.pow(2).mean(-1, keepdim=True).add(1e-6).rsqrt()
                h = sum_BLD * rms * branch.write.norm.weight
        assert largest(model.finish(state.with_stream(h)), logits(model)) <= 1e-5


def test_the_written_formula_of_scaling():
    model = built(LayerNormScaling, norm_type="layer")
    state = model.begin(ids())
    h = state.stream
    for number, block in enumerate(model.trunk.blocks, start=1):
        for branch in block.branches:
            normed = F.layer_norm(h, (32,), branch.norm.weight, branch.norm.bias, 1e-6)
            h = h + branch.mixer(normed / math.sqrt(number), state)
    assert largest(model.finish(state.with_stream(h)), logits(model)) <= 1e-5


def test_a_factor_before_the_norm_is_taken_out_by_it():
    model = built(PreNorm)
    scaled = as_kind(ScalingAt, model, position="before-norm", exponent=2.0)
    assert largest(logits(scaled), logits(model)) <= 1e-3 * float(logits(model).abs().max())
    coarse = built(PreNorm, eps=0.5)  # but for its eps, which then weighs as much as the stream
    scaled = as_kind(ScalingAt, coarse, position="before-norm", exponent=2.0, eps=0.5)
    assert largest(logits(scaled), logits(coarse)) > 0.01


@torch.no_grad()
def test_what_the_factor_does_inside_a_branch():
    model = built(PreNorm)
    mixer, x, state = model.trunk.blocks[2].attention.mixer, torch.randn(2, 20, 32), model.begin(ids())
    s = 3**-0.5

    def scores(x):
        q, k = (mixer.rotated(mixer.split(part(x), h), state) for part, h in ((mixer.q, 4), (mixer.k, 2)))
        return q @ k.repeat_interleave(2, dim=1).transpose(2, 3)

    assert largest(scores(s * x), scores(x) / 3) <= 1e-5 * float(scores(x).abs().max())
    relu = built(PreNorm, mlp_type="relu").trunk.blocks[0].mlp.mixer
    assert largest(relu(s * x), s * relu(x)) <= 1e-5
    gated = model.trunk.blocks[0].mlp.mixer
    small = 1e-3 * x
    assert float(gated(s * small).norm() / gated(small).norm()) == pytest.approx(s**2, rel=1e-3)
    assert s**2 / 2 <= float(gated(s * x).norm() / gated(x).norm()) <= 2 * s**2


# ------------------------------------------------------------------------------------------------------ first values


def deviations(model, part):
    return [
        float(linear.weight.std())
        for block in model.trunk.blocks
        for branch in block.branches
        for name, linear in branch.mixer.named_children()
        if name == part
    ]


def test_scaled_first_values_touch_what_writes_to_the_stream_alone():
    sizes = {"width": 128, "ffn": 256, "depth": 8, "init_std": 0.02}
    plain = PreNorm(**{**SIZES, **sizes}).build()
    expected = {
        "gpt2": lambda part, number: 1 / math.sqrt(16) if part in ("o", "down") else 1,
        "depth": lambda part, number: 1 / math.sqrt(2 * number),
        "zero": lambda part, number: 0 if part in ("o", "down") else 1,
        "olmo": lambda part, number: 1 / 0.02 / math.sqrt(128 * (2 * number if part in ("o", "down") else 1)),
    }
    for init, factor in expected.items():
        model = PreNorm(**{**SIZES, **sizes}, init=init).build()
        for part in ("q", "k", "v", "o", "gate", "up", "down"):
            for number, (mine, before) in enumerate(zip(deviations(model, part), deviations(plain, part)), start=1):
                assert mine / before == pytest.approx(factor(part, number), rel=0.03, abs=1e-9)
        assert torch.equal(model.embed.weight, plain.embed.weight)
    assert set(expected) | {"plain", "deepnorm"} == set(INITS)


@pytest.mark.parametrize(("depth", "alpha", "beta"), [(12, 24**0.25, 96**-0.25), (24, 48**0.25, 192**-0.25)])
def test_deep_norms_two_constants(depth, alpha, beta):
    model = DeepNorm(**{**SIZES, "width": 128, "heads": 4, "kv_heads": 4, "ffn": 256, "depth": depth}).build()
    assert model.trunk.blocks[0].mlp.write.alpha == pytest.approx(alpha)
    xavier = {part: math.sqrt(2 / 256) for part in "qkvo"} | dict.fromkeys(("gate", "up", "down"), math.sqrt(2 / 384))
    for part, std in xavier.items():
        gain = 1 if part in "qk" else beta
        assert sum(deviations(model, part)) / depth == pytest.approx(gain * std, rel=0.03)


def test_the_embedding_has_a_deviation_of_its_own_and_the_gains_start_at_one():
    model = PreNorm(**{**SIZES, "tie": False}, embed_std=0.632).build()
    assert float(model.embed.weight.std()) == pytest.approx(0.632, rel=0.05)
    assert float(model.head.weight.std()) == pytest.approx(0.2, rel=0.05)
    assert all(bool((block.mlp.norm.weight == 1).all()) for block in model.trunk.blocks)


def test_learned_scales_start_where_their_papers_start_them():
    first = {SkipInit: 0.5, ReZero: 0.0, LayerScale: 1e-4}
    for kind, value in first.items():
        factor = kind(**SIZES).build().trunk.blocks[3].mlp.scale.factor
        assert bool((factor == value).all())
        assert factor.shape == ((32,) if kind is LayerScale else ())


@torch.no_grad()
def slope_of_increments(kind, **more):
    """Return the slope, against log ℓ, of log(variance added by the MLP of block ℓ) over five seeds."""
    sizes = {**SIZES, "width": 256, "heads": 1, "kv_heads": 1, "depth": 6, "ffn": 256, "init_std": 256**-0.5}
    found = torch.zeros(6)
    for seed in range(5):
        model = kind(**sizes, **more).build(seed)
        state = model.begin(ids(24))
        state = state.with_stream(torch.randn(2, 24, 256, generator=torch.Generator().manual_seed(seed)))
        for layer, block in enumerate(model.trunk.blocks):
            after = block.mlp(state)
            found[layer] += after.stream.var(-1).mean() - state.stream.var(-1).mean()
            state = after
    x, y = torch.arange(1.0, 7).log(), found.log()
    return float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())


def test_at_initialisation_pre_norm_grows_by_equal_steps_and_scaling_by_falling_ones():
    assert slope_of_increments(PreNorm, mlp_type="relu") == pytest.approx(0, abs=0.2)
    assert slope_of_increments(LayerNormScaling, mlp_type="relu") == pytest.approx(-1, abs=0.2)
    assert slope_of_increments(LayerNormScaling) == pytest.approx(-2, abs=0.3)


# --------------------------------------------------------------------------------------------------------- folding

FOLDABLE = [
    (PreNorm, {}),
    (LayerNormScaling, {}),
    (LayerNormScaling, {"exponent": 1.0, "tie": False}),
    (LayerNormScaling, {"norm_type": "layer", "mlp_type": "relu"}),
    *((ScalingAt, {"position": position}) for position in ("after-branch", "attention", "mlp")),
    (SkipInit, {}),
    (LayerScale, {"first": 0.3}),
    (ReZero, {}),
    (MixNorm, {"alpha": 0.0}),
]


@pytest.mark.parametrize(("kind", "more"), FOLDABLE)
def test_folding_keeps_the_function(kind, more):
    model = built(kind, **more)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    plain = fold(model)
    assert plain.config.kind in ("decoder", "pre-norm")
    assert largest(logits(plain), logits(model)) <= 1e-5 * max(1, float(logits(model).abs().max()))
    wide = model.double()
    assert largest(logits(fold(wide)), logits(wide)) <= 1e-10
    assert all(torch.equal(before[name], tensor.float()) for name, tensor in model.state_dict().items())
    assert not {id(p) for p in plain.parameters()} & {id(p) for p in model.parameters()}


def test_a_scaled_model_folds_into_a_vanilla_llama_and_unfolds_again():
    model = built(LayerNormScaling, tie=False)
    llama = to_llama(fold(model))
    assert largest(logits(llama), logits(model)) <= 1e-5
    again = unfold(fold(model))
    assert again.config == model.config.__class__(**{**SIZES, "init_std": 0.2, "tie": False})
    assert largest(logits(again), logits(model)) <= 1e-5
    switched = as_kind(LayerNormScaling, fold(model), tie=False)
    assert largest(logits(switched), logits(model)) > 0.1  # scaling switched on without the gains to match


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        (PostNorm, {}, "Identity before it and AddAndNorm after it"),
        (Sandwich, {}, "scaled by RMSNorm"),
        (ScalingAt, {"position": "before-norm"}, "layers.1, attention has a factor in front"),
        (ScalingAt, {"position": "after-residual"}, "enters the stream by AddAndScale"),
    ],
)
def test_what_cannot_be_folded_is_named(kind, more, said):
    with pytest.raises(BadInput, match=said):
        fold(built(kind, **more))


def test_a_scaled_model_is_no_llama_as_it_is():
    with pytest.raises(BadInput, match=r"ScaledRMSNorm in layer 0 has no place(.|\n)*fold"):
        to_llama(built(LayerNormScaling))


# -------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("kind", "more", "error"),
    [
        (PreNorm, {"norm_type": "batch"}, UnknownName),
        (PreNorm, {"mlp_type": "gelu"}, UnknownName),
        (PreNorm, {"init": "gpt"}, UnknownName),
        (PreNorm, {"embed_std": 0.0}, BadInput),
        (MixNorm, {"alpha": 1.5}, BadInput),
        (LayerNormScaling, {"exponent": math.nan}, BadInput),
        (ScalingAt, {"position": "in-the-middle"}, UnknownName),
    ],
)
def test_settings_that_make_no_model(kind, more, error):
    with pytest.raises(error):
        kind(**SIZES, **more)
