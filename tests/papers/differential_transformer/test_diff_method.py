"""Laws of differential attention (version 1): sums, signs, scale, causality, cache, cost, parity with transformers."""

import math

import pytest
import torch

from labkit.base.errors import LabkitError
from labkit.models import Cache, DecoderConfig, State
from labkit.models.parts import Attention
from labkit.papers.differential_transformer.method import (
    DiffAttention,
    DiffTransformer,
    Exponential,
    Frozen,
    HeadNorm,
    SoftmaxTransformer,
    attention_flops,
    halved,
    lambda_init,
)
from labkit.papers.differential_transformer.method.hub import diffllama_weights, from_diffllama
from labkit.papers.differential_transformer.method.naive import flash_1, flash_2, naive, naive_as_released

WIDTH = 32


def layer(heads=4, kv_heads=None, *, lam=0.3, norm=None, seed=0, dtype=torch.float32):
    """One attention with weights of unit size; `lam` a number, or "learned"."""
    size = WIDTH // (2 * heads)
    part = Exponential(size, 0.2) if lam == "learned" else Frozen(size, lam)
    made = DiffAttention(WIDTH, heads, kv_heads, layer=0, lam=part, norm=norm or torch.nn.Identity())
    random = torch.Generator().manual_seed(seed)
    for weight in made.parameters():
        weight.data = torch.randn(weight.shape, generator=random) * (0.3 if weight.dim() > 1 else 0.5)
    if isinstance(norm, HeadNorm):
        norm.weight.data.fill_(1.0)
    return made.to(dtype)


def texts(length=9, seed=1, dtype=torch.float32):
    """Return a stream [2, L, D] and the State that goes with it."""
    x = torch.randn(2, length, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return x, State(stream=x, positions=torch.arange(length)[None])


def seen(length):
    return torch.ones(length, length, dtype=torch.bool).tril()[None, None]


def tensors(heads, keys, seed=3, length=7):
    random = torch.Generator().manual_seed(seed)
    return (
        torch.randn(2, 2 * heads, length, 4, generator=random),
        torch.randn(2, 2 * keys, length, 4, generator=random),
        torch.randn(2, keys, length, 8, generator=random),
    )


def test_without_the_second_map_it_is_plain_attention():
    x, state = texts()
    ours = layer(lam=0.0)
    plain = Attention(WIDTH, 4, layer=0)
    q, k = ours.queries_keys(x, state)
    v = ours.keys_values(x, state)[1]
    expected = plain.attend(q[:, ::2], k[:, ::2], v, state)
    assert torch.allclose(ours(x, state), ours.o(expected.transpose(1, 2).flatten(2)), atol=1e-6)


def test_rows_add_up_to_one_minus_lambda_and_nothing_ahead_is_read():
    x, state = texts()
    ours = layer(lam=0.7)
    weights = ours.weights(x, state)
    assert torch.allclose(weights.sum(-1), torch.full_like(weights.sum(-1), 0.3), atol=1e-6)
    assert weights.triu(1).abs().max() == 0
    assert torch.allclose(weights[:, :, 0, 0], torch.tensor(0.3), atol=1e-6)
    assert (weights < 0).any()


def test_weights_times_values_is_what_attend_returns():
    x, state = texts()
    for heads, keys in ((4, 4), (4, 2), (4, 1)):
        ours = layer(heads, keys, lam=0.6)
        v = ours.keys_values(x, state)[1].repeat_interleave(heads // keys, dim=1)
        by_map = ours.o((ours.weights(x, state) @ v).transpose(1, 2).flatten(2))
        assert torch.allclose(ours(x, state), by_map, atol=1e-5), (heads, keys)


@pytest.mark.parametrize("lam, sign", [(0.2, 1.0), (0.5, 1.0), (1.7, -1.0)])
def test_with_equal_maps_the_norm_undoes_lambda_up_to_its_sign(lam, sign):
    x, state = texts()

    def same(lam):
        made = layer(lam=lam, norm=HeadNorm(8, 1.0))
        for weight in (made.q.weight, made.k.weight):
            pairs = weight.data.unflatten(0, (4, 2, 4))
            pairs[:, 1] = pairs[:, 0]
        return made

    assert torch.allclose(same(lam)(x, state), sign * same(0.0)(x, state), atol=5e-3)
    first, second = same(lam).maps(x, state)
    assert torch.equal(first, second)


@pytest.mark.parametrize("heads, keys", [(4, 4), (4, 2), (6, 2), (4, 1)])
def test_all_forms_agree(heads, keys):
    q, k, v = tensors(heads, keys)
    first, second, used, heads_out = naive(q, k, v, 0.4, seen(7))
    assert torch.allclose(used, first - 0.4 * second)
    assert torch.allclose(heads_out, flash_1(q, k, v, 0.4, seen(7)), atol=1e-5)
    assert torch.allclose(heads_out, flash_2(q, k, v, 0.4, seen(7)), atol=1e-5)
    released = naive_as_released(q, k, v, 0.4, seen(7))
    assert torch.allclose(released, heads_out, atol=1e-5) == (heads == keys)


def test_groups_that_do_not_divide_are_refused():
    q, k, v = tensors(3, 2)
    with pytest.raises(LabkitError, match="make no groups"):
        naive(q, k, v, 0.4, seen(7))


def test_lambda_init_is_the_schedule_of_the_paper():
    values = [lambda_init(layer) for layer in range(28)]
    assert values[0] == pytest.approx(0.2) and values[1] == pytest.approx(0.35551, abs=1e-5)
    assert values == sorted(values) and values[-1] < 0.8 == pytest.approx(lambda_init(10**6))


def test_lambda_starts_where_theory_says():
    size, runs = 16, 400
    values = []
    for seed in range(runs):
        lam = Exponential(size, 0.2)
        lam.initialise(torch.Generator().manual_seed(seed), 0.02)
        values.append(lam().item())
    spread = 0.01 * math.sqrt(2 * size)
    assert abs(sum(values) / runs - 0.2) < 3 * spread / math.sqrt(runs)
    assert torch.tensor(values).std() == pytest.approx(spread, rel=0.15)


def test_every_normed_head_has_the_size_one_minus_lambda_init():
    x, state = texts()
    ours = layer(lam="learned", norm=HeadNorm(8, 0.8))
    q, k = ours.queries_keys(x, state)
    y = ours.attend(q, k, ours.keys_values(x, state)[1], state)
    assert torch.allclose(y.pow(2).mean(-1).sqrt(), torch.tensor(0.8), atol=1e-2)


@pytest.mark.parametrize("width, heads", [(32, 4), (64, 4), (64, 8)])
def test_counts_of_weights_and_of_work(width, heads):
    sizes = {"vocab": 9, "width": width, "depth": 1, "ffn": 8, "context": 16}
    diff = DiffTransformer(heads=heads, **sizes)
    attention = diff.build().trunk.blocks[0].attention.mixer
    size = width // (2 * heads)
    assert sum(p.numel() for p in attention.parameters()) == 4 * width**2 + 6 * size
    second = SoftmaxTransformer(heads=heads, mixer="v2", **sizes).build().trunk.blocks[0].attention.mixer
    assert sum(p.numel() for p in second.parameters()) == 5 * width**2 + width * heads
    baseline = DecoderConfig(heads=2 * heads, **sizes)
    assert halved(baseline) == diff
    assert attention_flops(diff, 100) == attention_flops(baseline, 100)
    assert attention_flops(diff, 100, flash=True) == attention_flops(baseline, 100) * 3 // 2


def test_without_norm_it_is_a_transformer_with_shared_values():
    """Invariant 9: 2h heads, values shared by pairs, the odd heads' part of the output times −λ."""
    x, state = texts(dtype=torch.float64)
    ours = layer(lam=0.37, dtype=torch.float64)
    plain = Attention(WIDTH, 8, layer=0).double()
    q, k = ours.queries_keys(x, state)
    v = ours.keys_values(x, state)[1].repeat_interleave(2, dim=1)
    y = plain.attend(q, k, v, state).unflatten(1, (4, 2))
    o = ours.o.weight.T.unflatten(0, (4, 8))
    expected = torch.einsum("bhlk,hkd->bld", y[:, :, 0], o) + torch.einsum("bhlk,hkd->bld", y[:, :, 1], -0.37 * o)
    assert torch.allclose(ours(x, state), expected, atol=1e-10)


def test_gradients_of_the_second_map_carry_lambda():
    def gradients(lam):
        x, state = texts()
        made = layer(lam=lam)
        probe = torch.randn(2, 9, WIDTH, generator=torch.Generator().manual_seed(5))
        (made(x, state) * probe).sum().backward()
        return [made.q.weight.grad.unflatten(0, (4, 2, 4)), made.k.weight.grad.unflatten(0, (4, 2, 4))]

    for none, one, two in zip(gradients(0.0), gradients(0.3), gradients(0.6)):
        assert none[:, 1].abs().max() == 0 and one[:, 1].abs().max() > 0
        assert torch.allclose(two[:, 1], 2 * one[:, 1], rtol=1e-5, atol=1e-7)
        assert torch.allclose(two[:, 0], one[:, 0], rtol=1e-5, atol=1e-7)


def test_scale_and_shift_of_values():
    q, k, v = tensors(4, 4)
    norm = HeadNorm(8, 0.8)
    heads = flash_1(q, k, v, 0.4, seen(7))
    assert torch.allclose(norm(flash_1(q, k, 3 * v, 0.4, seen(7))), norm(heads), atol=2e-3)
    shift = torch.randn(8, generator=torch.Generator().manual_seed(6))
    assert torch.allclose(flash_1(q, k, v + shift, 0.4, seen(7)), heads + 0.6 * shift, atol=1e-5)


@pytest.mark.parametrize("heads, keys", [(4, 4), (4, 2)])
def test_no_token_reads_ahead_and_the_cache_agrees(heads, keys):
    config = DiffTransformer(vocab=11, width=32, depth=2, heads=heads, kv_heads=keys, ffn=24, context=16, init_std=0.3)
    model = config.build(4).eval()
    ids = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
    with torch.no_grad():
        whole = model(ids).logits
        other = ids.clone()
        other[0, 5] = 7
        assert torch.equal(model(other).logits[:, :5], whole[:, :5])
        cache, parts = Cache(), []
        for piece in ids.split(3, dim=1):
            parts.append(model(piece, past_key_values=cache).logits)
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)


def test_padding_is_not_read():
    config = DiffTransformer(vocab=11, width=32, depth=1, heads=4, ffn=24, context=16, init_std=0.3)
    model = config.build(4).eval()
    ids, mask = torch.tensor([[3, 1, 4, 1], [9, 3, 1, 4]]), torch.tensor([[1, 1, 1, 1], [0, 1, 1, 1]])
    with torch.no_grad():
        padded, plain = model(ids, attention_mask=mask).logits, model(ids[1:, 1:]).logits
    assert torch.allclose(padded[1, 1:], plain[0], atol=1e-5)  # rotary positions are relative


@pytest.mark.parametrize("heads, keys", [(4, 4), (4, 2)])
def test_it_is_the_diffllama_of_transformers(heads, keys):
    from transformers import DiffLlamaConfig
    from transformers.models.diffllama.modeling_diffllama import DiffLlamaAttention

    config = DiffLlamaConfig(
        hidden_size=WIDTH, num_attention_heads=2 * heads, num_key_value_heads=2 * keys, rms_norm_eps=1e-5,
        attn_implementation="eager",
    )  # fmt: skip
    theirs = DiffLlamaAttention(config, layer_idx=0).eval()
    ours = layer(heads, keys, lam="learned", norm=HeadNorm(WIDTH // heads, 1 - lambda_init(0)))
    theirs.load_state_dict(diffllama_weights(ours), strict=False)
    x, state = texts()
    angles = torch.arange(9)[:, None] / 10000 ** (torch.arange(0, theirs.head_dim, 2) / theirs.head_dim)
    angles = torch.cat((angles, angles), -1)[None]
    mask = torch.full((9, 9), -torch.inf).triu(1)[None, None]
    with torch.no_grad():
        made, _ = theirs(x, (angles.cos(), angles.sin()), mask)
        assert torch.allclose(ours(x, state), made, atol=1e-5)
        back = layer(heads, keys, lam="learned", norm=HeadNorm(WIDTH // heads, 1 - lambda_init(0)), seed=9)
        assert torch.allclose(from_diffllama(theirs.state_dict(), back)(x, state), made, atol=1e-5)


def test_what_diffllama_cannot_hold_is_refused():
    ours = layer(lam="learned", norm=HeadNorm(8))
    ours.norm.weight.data[0] = 2.0
    with pytest.raises(LabkitError, match="no gain"):
        diffllama_weights(ours)
    with pytest.raises(LabkitError, match="four vectors"):
        diffllama_weights(layer(lam=0.3, norm=HeadNorm(8)))


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"first_lambda": math.nan}, "cannot start at nan"),
        ({"lam": "magic"}, "magic"),
        ({"heads": 16}, "sub-heads of even size"),
        ({"heads": 4, "kv_heads": 3}, "cannot share"),
    ],
)
def test_configs_that_make_no_model_are_refused(changes, says):
    with pytest.raises(LabkitError, match=says):
        DiffTransformer(**({"vocab": 9, "width": 32, "depth": 1, "heads": 4, "ffn": 8, "context": 16} | changes))


def test_an_odd_number_of_heads_cannot_be_halved():
    with pytest.raises(LabkitError, match="cannot be halved"):
        halved(DecoderConfig(vocab=9, width=36, depth=1, heads=3, ffn=8, context=16))


@pytest.mark.parametrize("kind", ["exponential", "scalar", "frozen", "clamped"])
@pytest.mark.parametrize("per_head", [False, True])
def test_every_kind_of_lambda_starts_near_its_first_value(kind, per_head):
    config = DiffTransformer(
        vocab=9, width=64, depth=1, heads=4, ffn=8, context=16, lam=kind, first_lambda=0.5, lambda_per_head=per_head
    )
    model = config.build(2)
    lam = model.trunk.blocks[0].attention.mixer.lam()
    assert torch.allclose(lam, torch.tensor(0.5), atol=0.15)
    assert lam.numel() == (4 if per_head and kind != "frozen" else 1)
    assert model(torch.tensor([[1, 2, 3]])).logits.isfinite().all()
