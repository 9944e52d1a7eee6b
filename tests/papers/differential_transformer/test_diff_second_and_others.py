"""Version 2 and its ways to go wrong; other ways out of the softmax; the smear and its short cut; edits of λ."""

import pytest
import torch

from labkit.anatomy import fingerprint
from labkit.base.errors import LabkitError
from labkit.interventions import Plan, edit
from labkit.models import Cache, DecoderConfig, State
from labkit.models.parts import Attention
from labkit.papers.differential_transformer.method import (
    DiffAttentionV2,
    HeadNormOff,
    NeedleDiff,
    NeedleSoftmax,
    SetLambda,
    SoftmaxTransformer,
    logits_at,
)
from labkit.papers.differential_transformer.method.others import OffByOneAttention, SinkAttention
from labkit.papers.differential_transformer.method.second import WrongPairs

WIDTH = 32
SIZES = {"vocab": 11, "width": WIDTH, "depth": 1, "ffn": 24, "context": 16, "init_std": 0.3}


def filled(made, seed=0):
    random = torch.Generator().manual_seed(seed)
    for weight in made.parameters():
        weight.data = torch.randn(weight.shape, generator=random) * 0.3
    return made


def texts(length=9):
    x = torch.randn(2, length, WIDTH, generator=torch.Generator().manual_seed(1))
    return x, State(stream=x, positions=torch.arange(length)[None])


def test_version_2_with_nothing_taken_off_is_the_baseline_of_its_even_heads():
    x, state = texts()
    ours = filled(DiffAttentionV2(WIDTH, 4, 2, layer=0))
    ours.lam.weight.data.zero_()
    shift = torch.full((2, 4, 9, 1), -30.0)
    ours.share = lambda x_BLD: shift.sigmoid()
    plain = Attention(WIDTH, 4, 2, layer=0)
    plain.q.weight.data = ours.q.weight.data.unflatten(0, (4, 2, 8))[:, 0].flatten(0, 1)
    for name in "kvo":
        getattr(plain, name).weight.data = getattr(ours, name).weight.data
    assert torch.allclose(ours(x, state), plain(x, state), atol=1e-6)


def test_version_2_rows_add_up_to_one_minus_its_share():
    x, state = texts()
    ours = filled(DiffAttentionV2(WIDTH, 4, 2, layer=0))
    sums = ours.weights(x, state).sum(-1)
    assert torch.allclose(sums, 1 - ours.share(x)[..., 0], atol=1e-6)


def test_a_pair_shares_keys_and_values_and_halves_do_not():
    """Only what one key head holds changes; in the right pairing only its own heads move."""
    x, state = texts()
    for kind, touched in ((DiffAttentionV2, 2), (WrongPairs, 4)):
        ours = filled(kind(WIDTH, 4, 2, layer=0))
        ours.o = torch.nn.Identity()
        before = ours(x, state).unflatten(-1, (4, 8))
        ours.v.weight.data[:8] += 1.0
        moved = (ours(x, state).unflatten(-1, (4, 8)) - before).abs().amax((0, 1, 3)) > 1e-6
        assert int(moved.sum()) == touched


def test_a_pair_in_two_groups_is_refused():
    with pytest.raises(LabkitError, match="two groups"):
        DiffAttentionV2(32, 2, 4, layer=0)


def test_version_2_is_differential_attention_with_shared_weights_and_no_norm():
    x, state = texts()
    ours = filled(DiffAttentionV2(WIDTH, 4, 4, layer=0))
    plain = Attention(WIDTH, 8, 4, layer=0)
    plain.head_size = 8
    plain.q, plain.k, plain.v, plain.o = ours.q, ours.k, ours.v, torch.nn.Identity()
    y = plain(x, state).unflatten(-1, (8, 8)).transpose(1, 2)
    expected = y[:, 0::2] - ours.share(x) * y[:, 1::2]
    assert torch.allclose(ours(x, state), ours.o(expected.transpose(1, 2).flatten(2)), atol=1e-5)


@pytest.mark.parametrize("mixer", ["off-by-one", "sink"])
def test_an_empty_place_takes_a_part_of_the_weight(mixer):
    x, state = texts()
    ours = filled((OffByOneAttention if mixer == "off-by-one" else SinkAttention)(WIDTH, 4, 2, layer=0))
    weights = ours.weights(x, state)
    assert (weights.sum(-1) < 1).all() and (weights >= 0).all()
    values = ours.keys_values(x, state)[1].repeat_interleave(2, dim=1)
    assert torch.allclose(ours(x, state), ours.o((weights @ values).transpose(1, 2).flatten(2)), atol=1e-5)
    if mixer == "sink":
        ours.score.value.data.fill_(-1e4)
        plain = Attention(WIDTH, 4, 2, layer=0)
        plain.load_state_dict({name: w for name, w in ours.state_dict().items() if "score" not in name})
        assert torch.allclose(ours(x, state), plain(x, state), atol=1e-5)


@pytest.mark.parametrize(
    "mixer", ["softmax", "normed", "off-by-one", "sink", "gated", "half-more", "v2", "v2-wrong-pairs"]
)
def test_every_mixer_decodes_with_a_cache(mixer):
    model = SoftmaxTransformer(heads=4, kv_heads=2, mixer=mixer, **SIZES).build(3).eval()
    ids = torch.tensor([[3, 1, 4, 1, 5, 9, 2]])
    with torch.no_grad():
        whole, cache = model(ids).logits, Cache()
        parts = [model(piece, past_key_values=cache).logits for piece in ids.split(2, dim=1)]
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)


NEEDLE = {**SIZES, "tie": False, "depth": 2}


@pytest.mark.parametrize(
    "config",
    [NeedleDiff(heads=4, **NEEDLE), NeedleSoftmax(heads=4, **NEEDLE), NeedleSoftmax(heads=4, mixer="normed", **NEEDLE)],
)
def test_the_smear_reads_one_token_back_and_the_short_cut_is_exact(config):
    model = config.build(5).eval()
    assert DecoderConfig.from_dict(config.as_dict()) == config
    ids = torch.tensor([[3, 1, 4, 1, 5, 9, 2], [2, 7, 1, 8, 2, 8, 1]])
    rows = torch.tensor([2, 5])
    with torch.no_grad():
        whole, cache = model(ids).logits, Cache()
        assert torch.allclose(logits_at(model, ids, rows), whole[:, rows], atol=1e-5)
        parts = [model(piece, past_key_values=cache).logits for piece in ids.split(3, dim=1)]
        assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)
        packed = model(torch.cat((ids[:1], ids[1:]), 1), segments=torch.tensor([[0] * 7 + [1] * 7])).logits
        assert torch.allclose(packed[0, 7:], whole[1], atol=1e-5)
        h = model.embed(ids)
        entered = model.trunk.enter(model.begin(ids)).stream
    assert torch.allclose(entered[:, 1:], h[:, 1:] + model.trunk.smear(h[:, :-1]), atol=1e-6)
    assert torch.equal(entered[:, 0], h[:, 0])


def test_edits_of_lambda_and_norm_act_and_come_undone(tmp_path):
    model = NeedleDiff(heads=4, **NEEDLE).build(5).eval()
    ids = torch.tensor([[3, 1, 4, 1, 5, 9, 2]])
    before, mark = model(ids).logits, fingerprint(model)
    own = model.trunk.blocks[1].attention.mixer.lam().item()
    with torch.no_grad():
        with edit(model, SetLambda(own, 1)):
            assert torch.allclose(model(ids).logits, before, atol=1e-6)
        with edit(model, SetLambda(0.9, 1)):
            assert model.trunk.blocks[1].attention.mixer.lam().item() == pytest.approx(0.9)
            assert not torch.allclose(model(ids).logits, before, atol=1e-3)
        with edit(model, HeadNormOff(1)):
            assert not torch.allclose(model(ids).logits, before, atol=1e-3)
    assert torch.equal(model(ids).logits, before) and fingerprint(model) == mark
    plan = Plan([SetLambda(0.5), HeadNormOff(1)])
    plan.save(tmp_path / "plan.toml")
    assert list(Plan.load(tmp_path / "plan.toml")) == list(plan)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.2", True])
def test_a_lambda_that_is_no_number_is_refused(value):
    with pytest.raises(LabkitError, match="not usable"):
        SetLambda(value)


def test_edits_need_a_model_that_has_what_they_change():
    plain = NeedleSoftmax(heads=4, **NEEDLE).build(5)
    with pytest.raises(LabkitError, match="no λ"), edit(plain, SetLambda(0.5)):
        pass
    with pytest.raises(LabkitError, match="no norm"), edit(plain, HeadNormOff()):
        pass
    with pytest.raises(LabkitError, match="no layer 7"), edit(plain, SetLambda(0.5, 7)):
        pass
