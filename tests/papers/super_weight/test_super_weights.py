"""Super weights: the identities behind them, the detector against ground truth, ablation, restoring, the index."""

import math

import pytest
import torch
from families import ids_of, logits, make

from labkit.anatomy import Site, anatomy_of, fingerprint, record, view
from labkit.base.errors import BadInput, UnknownName
from labkit.interventions import MaskNeurons, Plan, RestoreActivation, ScaleWeight, SetWeight, ZeroWeight, edit
from labkit.measurements import loss
from labkit.models import DecoderConfig
from labkit.papers.super_weight import published
from labkit.papers.super_weight.method.ablation import ablate, dose_curve, matched_nulls
from labkit.papers.super_weight.method.activation import restore_curve, super_activation, token_shift
from labkit.papers.super_weight.method.detector import PROMINENCE, detect_iteratively, find_super_weights
from labkit.papers.super_weight.method.drain import value_drain
from labkit.papers.super_weight.method.profile import spike_profile
from labkit.papers.super_weight.method.published import index_sources, published_table

GATED = ("llama", "phi3", "gemma2", "labkit")
ADDRESS = "layers.1.mlp.down[3, 5]"
OUT, INTO = 3, 5


def passed(model, ids, layer=1):
    """Return (X into, W of, Y out of) a down projection."""
    name = f"layers.{layer}.mlp.down"
    seen = record(model, ids, [f"layers.{layer}.mlp.neurons", Site(name, anatomy_of(model).module(name), "output")])
    return seen[f"layers.{layer}.mlp.neurons"][0], view(model, name).read(), seen[name][0]


def planted(family, layer, out, into, size=400.0, seed=0):
    """Return a plan that makes one weight write `size` median outputs where its neuron is loudest."""
    model = make(family, depth=5, seed=seed)
    x, _, y = passed(model, ids_of(12), layer)
    value = float(size * y.abs().median() / x[:, into].abs().max())
    return model, Plan([SetWeight(f"layers.{layer}.mlp.down[{out}, {into}]", value)])


# ------------------------------------------------------------------------------------------------- identities


@pytest.mark.parametrize("family", [*GATED, "gpt2"])
def test_a_zeroed_weight_takes_its_contribution_and_no_more(family):
    model, ids = make(family, depth=3), ids_of(9)
    x, w, y = passed(model, ids)
    for factor in (0.0, -1.0, 2.5):
        with edit(model, ScaleWeight(ADDRESS, factor)):
            scaled = passed(model, ids)[2]
        expected = torch.zeros_like(y)
        expected[:, OUT] = (factor - 1) * x[:, INTO] * w[OUT, INTO]
        torch.testing.assert_close(scaled - y, expected, rtol=0, atol=1e-5 * float(y.abs().max()))
    with edit(model, ScaleWeight(ADDRESS, 1.0)):
        assert torch.equal(passed(model, ids)[2], y)
    assert torch.equal(passed(model, ids)[2], y)


@pytest.mark.parametrize("family", GATED)
def test_contributions_sum_to_the_output(family):
    x, w, y = passed(make(family, depth=3), ids_of(9))
    torch.testing.assert_close((x[:, None, :] * w[None]).sum(-1), y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "labkit", "gpt2"])
def test_restored_everywhere_nothing_was_cut_and_restored_once_the_rest_was(family):
    model, ids = make(family, depth=3), ids_of(9)
    said, site = logits(model, ids), "layers.1.mlp"
    y = record(model, ids, [site])[site][0]
    text = tuple(ids[0].tolist())
    with edit(model, ZeroWeight(ADDRESS), RestoreActivation(site, text, channels=(OUT,))):
        assert torch.equal(logits(model, ids), said)
    with edit(model, ZeroWeight(ADDRESS), RestoreActivation(site, text, positions=(2,), channels=(OUT,))):
        once = record(model, ids, [site])[site][0]
    changed = (once != y).nonzero().tolist()
    assert changed and all(channel == OUT and position != 2 for position, channel in changed)


def test_the_first_token_attends_to_itself_whatever_its_query():
    model, ids = make("llama", depth=3), ids_of(9)
    site = "layers.0.attn"
    before = record(model, ids, [site])[site]
    with edit(model, ScaleWeight("layers.0.attn.q", 3.0), ScaleWeight("layers.0.attn.k", -2.0)):
        after = record(model, ids, [site])[site]
    torch.testing.assert_close(after[:, 0], before[:, 0], rtol=0, atol=1e-6)
    assert (after[:, 1:] - before[:, 1:]).abs().max() > 1e-3


@pytest.mark.parametrize("family", ["llama", "labkit"])
def test_a_neuron_written_in_other_numbers_is_the_same_neuron(family):
    """Up divided and down multiplied by s: the weight's size changes by s, what it contributes does not."""
    model, plan = planted(family, 1, OUT, INTO)
    ids = ids_of(12)
    with edit(model, plan):
        said, found = logits(model, ids), find_super_weights(model, ids[0])
        for s in (0.01, 100.0):
            rescaled = (
                ScaleWeight(f"layers.1.mlp.up[{INTO}, :]", 1 / s),
                ScaleWeight(f"layers.1.mlp.down[:, {INTO}]", s),
            )
            with edit(model, *rescaled):
                torch.testing.assert_close(logits(model, ids), said, rtol=1e-4, atol=1e-4)
                again = find_super_weights(model, ids[0])
            assert again.addresses == found.addresses
            assert again.candidates[0].weight == pytest.approx(s * found.candidates[0].weight, rel=1e-5)
            assert again.candidates[0].contribution == pytest.approx(found.candidates[0].contribution, rel=1e-3)


def test_a_spike_alone_is_normed_to_the_root_of_the_width():
    from labkit.models.parts import RMSNorm

    x = torch.zeros(64)
    x[7] = -900.0
    normed = RMSNorm(64)(x)
    assert normed[7].item() == pytest.approx(-8.0, rel=1e-5) and normed.abs().sum() == normed[7].abs()


# ----------------------------------------------------------------------------------------------- the detector


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("family", ["llama", "gpt2", "labkit"])
def test_nothing_is_found_in_fresh_weights(family, seed):
    if family == "labkit":
        model = DecoderConfig(vocab=11, width=32, depth=5, heads=2, ffn=96, context=64).build(seed).eval()
    else:
        model = make(family, depth=5, seed=seed)
    ids = ids_of(40, seed=seed)[0]
    assert find_super_weights(model, ids).candidates == ()
    least = find_super_weights(model, ids, prominence=1e-9, share=1e-9, persistence=1e-9)
    assert max(c.prominence for c in least.candidates) < PROMINENCE / 3


# Not in gemma2: its norm behind the MLP levels a spike before it reaches the stream.
@pytest.mark.parametrize("family", ["llama", "phi3", "labkit", "gpt2", "gpt_neox"])
@pytest.mark.parametrize(("layer", "out", "into"), [(0, 2, 7), (1, 3, 5), (2, 0, 11)])
def test_a_planted_weight_is_found_and_named_right(family, layer, out, into):
    model, plan = planted(family, layer, out, into)
    before = fingerprint(model)
    with edit(model, plan):
        found = find_super_weights(model, ids_of(12)[0])
    best = found.candidates[0]
    assert best.address == f"layers.{layer}.mlp.down[{out}, {into}]"
    assert best.rank == 1 and best.share == pytest.approx(1, abs=0.1)
    assert fingerprint(model) == before


def test_two_in_a_row_and_two_in_a_column_are_all_found():
    """The largest input and the largest output alone, as the paper takes them, would name one of each."""
    model, plan = planted("labkit", 1, 3, 5)
    x, _, y = passed(model, ids_of(12), 1)
    size = 400 * float(y.abs().median())
    more = [(3, 8), (6, 5)]
    also = [SetWeight(f"layers.1.mlp.down[{o}, {i}]", size / float(x[:, i].abs().max())) for o, i in more]
    with edit(model, plan, *also):
        found = find_super_weights(model, ids_of(12)[0])
        paper = find_super_weights(model, ids_of(12)[0], rule="paper")
    assert set(found.addresses) >= {f"layers.1.mlp.down[{o}, {i}]" for o, i in [(3, 5), *more]}
    assert len([c for c in paper.candidates if c.layer == 1]) <= 1


def test_what_does_not_persist_is_not_found():
    model, plan = planted("labkit", 3, OUT, INTO)  # in the last block but one: nothing carries it on
    with edit(model, plan):
        assert find_super_weights(model, ids_of(12)[0]).candidates == ()
        loose = find_super_weights(model, ids_of(12)[0], persistence=1e-9)
        assert all(c.layer < 3 for c in loose.candidates)


def test_one_forward_pass_is_all_it_takes():
    model, calls = make("llama", depth=5), []
    handle = anatomy_of(model).trunk.register_forward_pre_hook(lambda *args: calls.append(1))
    find_super_weights(model, ids_of(12)[0])
    handle.remove()
    assert len(calls) == 1


def test_peeling_stops_when_what_is_left_is_ordinary():
    model, plan = planted("labkit", 1, OUT, INTO)
    before = fingerprint(model)
    with edit(model, plan):
        peeled = detect_iteratively(model, ids_of(12)[0])
        assert peeled.addresses == (ADDRESS,)
        assert len(peeled.rounds) == 2 and not peeled.rounds[1].candidates
        assert abs(peeled.rounds[1].profile.outputs[1].value) < 0.2 * abs(peeled.rounds[0].profile.outputs[1].value)
    assert fingerprint(model) == before


def test_the_profile_names_the_spike():
    model, plan = planted("labkit", 1, OUT, INTO)
    with edit(model, plan):
        profile = spike_profile(model, ids_of(12)[0])
        x, _, y = passed(model, ids_of(12))
    assert profile.inputs[1].value == x.flatten()[x.abs().argmax()]
    assert profile.outputs[1].channel == OUT and abs(profile.outputs[1].value) == y.abs().max()
    assert profile.tokens == 12 and "out of down" in profile.table()


# ------------------------------------------------------------------------------------- ablation and activation


@pytest.fixture(scope="module")
def trial():
    model, plan = planted("labkit", 0, OUT, INTO, size=900.0)
    return model, plan, [ids_of(12, seed=seed)[0].tolist() for seed in range(5)]


def test_ablation_measures_each_cut_on_its_own(trial):
    model, plan, documents = trial
    address = f"layers.0.mlp.down[{OUT}, {INTO}]"
    with edit(model, plan):
        found = ablate(model, [address, "layers.1.mlp.down[0, 0]"], documents, nulls=2)
        intact = loss(model, documents)
        for cut in found.cuts:
            with edit(model, *map(ZeroWeight, cut.addresses)):
                ratio = math.exp(loss(model, documents).value - intact.value)
            assert cut.ratio.value == pytest.approx(ratio, rel=1e-6), cut.name
        with edit(model, MaskNeurons(0, (INTO,))):
            masked = math.exp(loss(model, documents).value - intact.value)
    kinds = [cut.kind for cut in found.cuts]
    assert kinds[:5] == ["single", "single", "joint", "neuron", "neuron"]
    assert [kinds.count(f"null, {kind}") for kind in ("largest", "comparable", "random", "neuron")] == [2] * 4
    assert all(len(cut.addresses) == 2 for cut in found.nulls if cut.kind != "null, neuron")
    assert found.cuts[3].ratio.value == pytest.approx(masked, rel=1e-5)


@pytest.mark.parametrize("kind", ["largest", "comparable", "random"])
def test_nulls_are_matched(kind):
    model = make("labkit", depth=3)
    w = view(model, "layers.1.mlp.down").read().abs()
    nulls = matched_nulls(model, ADDRESS, 4, kind, seed=1)
    assert len(set(nulls)) == 4 and ADDRESS not in nulls and nulls == matched_nulls(model, ADDRESS, 4, kind, seed=1)
    assert not any(null.endswith(f", {INTO}]") for null in nulls)
    sizes = torch.tensor([float(view(model, null).read().abs()) for null in nulls])
    others = torch.cat((w[:, :INTO], w[:, INTO + 1 :]), dim=1).flatten()
    if kind == "largest":
        assert torch.equal(sizes, others.sort(descending=True).values[:4])
    if kind == "comparable":
        assert torch.equal((sizes - w[OUT, INTO]).abs(), (others - w[OUT, INTO]).abs().sort().values[:4])


@pytest.mark.parametrize("kind", ["largest", "comparable", "random"])
def test_a_gain_has_nulls_in_its_norm(kind):
    model = make("labkit", depth=3)
    sizes = view(model, "layers.1.mlp_norm").read().abs()
    nulls = matched_nulls(model, "layers.1.mlp_norm[3]", 4, kind)
    places = [int(null.removeprefix("layers.1.mlp_norm[").removesuffix("]")) for null in nulls]
    assert len(set(places)) == 4 and 3 not in places
    left = [place for place in range(8) if place not in (3, *places)]
    if kind == "largest":
        assert sizes[places].min() >= sizes[left].max()
    if kind == "comparable":
        apart = (sizes - sizes[3]).abs()
        assert apart[places].max() <= apart[left].min()
    assert len(matched_nulls(model, "layers.1.mlp_norm[3]", 99, kind)) == 7, "there are no more"
    with pytest.raises(BadInput, match="not one number"):
        matched_nulls(model, "layers.1.mlp_norm", 4, kind)


def test_a_dose_of_one_is_the_intact_model_and_of_none_the_ablation(trial):
    model, plan, documents = trial
    address = f"layers.0.mlp.down[{OUT}, {INTO}]"
    with edit(model, plan):
        curve = dose_curve(model, [address], documents, (0, 0.5, 1))
        zero = ablate(model, [address], documents, nulls=1, neurons=False).tried[0].ratio
    assert curve.ratios[2].value == 1.0 and curve.ratios[2].low == curve.ratios[2].high == 1.0
    assert curve.ratios[0].value == pytest.approx(zero.value, rel=1e-9)


def test_what_is_restored_is_nothing_at_none_and_everything_at_all(trial):
    model, plan, documents = trial
    address = f"layers.0.mlp.down[{OUT}, {INTO}]"
    with edit(model, plan):
        intact = loss(model, documents).value
        with edit(model, ZeroWeight(address)):
            worse = loss(model, documents).value > intact
        if not worse:
            with pytest.raises(BadInput, match="nothing to recover"):
                restore_curve(model, address, documents)
            return
        curve = restore_curve(model, address, documents, (0, 1, -1))
    assert curve.recovered[0].value == 0 and curve.recovered[2].value == pytest.approx(1, abs=1e-9)


def test_the_super_activation_goes_with_its_weight(trial):
    model, plan, documents = trial
    with edit(model, plan):
        found = super_activation(model, f"layers.0.mlp.down[{OUT}, {INTO}]", documents[0])
        h = record(model, documents[0], ["layers.2"])["layers.2"][0]
    assert found.channel == OUT and found.layers == (0, 1, 2, 3, 4)
    assert found.intact[2] == float(h[found.position, OUT])
    assert found.gone[0] > 0.9
    with edit(model, plan):
        others = matched_nulls(model, f"layers.0.mlp.down[{OUT}, {INTO}]", found.removed, "largest")
        with edit(model, *map(ZeroWeight, others)):
            without = record(model, documents[0], ["layers.2"])["layers.2"][0]
    assert found.removed == len(others) <= 100 and found.others[2] == float(without[found.position, OUT])


@pytest.mark.parametrize("family", ("llama", "gpt2", "phi3", "labkit"))
def test_value_drain_is_the_length_of_the_first_value_over_the_others(family):
    model = make(family, depth=2)
    documents = [ids_of(6, seed=seed)[0].tolist() for seed in range(2)]
    found = value_drain(model, documents)
    assert len(found.by_layer) == 2 and found.by_layer[0].n == 2
    with edit(model, ZeroWeight("layers.1.attn.v")):
        assert math.isnan(value_drain(model, documents).by_layer[1].value)
    if family == "labkit":
        h_LD = record(model, documents[0], ["layers.0"])["layers.0"][0]
        block = model.trunk.blocks[1].attention
        with torch.no_grad():
            lengths = (block.norm(h_LD) @ block.mixer.v.weight.T).norm(dim=-1)
        assert found.by_layer[1].per_unit[0] == pytest.approx(float(lengths[0] / lengths[1:].mean()), rel=1e-4)


def test_token_shift_is_the_mean_of_the_last_positions_probabilities():
    model = make("llama", depth=3)
    prompts = [ids_of(5, seed=seed)[0].tolist() for seed in range(4)]
    cut = [ScaleWeight("layers.1.mlp.down", 3.0)]
    shift = token_shift(model, cut, prompts, most=3)

    def mean():
        return torch.stack([logits(model, torch.tensor([p]))[0, -1].double().softmax(-1) for p in prompts]).mean(0)

    before = mean()
    with edit(model, *cut):
        after = mean()
    assert list(shift.tokens) == before.topk(3).indices.tolist()
    assert [e.value for e in shift.intact] == pytest.approx(before[list(shift.tokens)].tolist(), rel=1e-5)
    assert [e.value for e in shift.cut] == pytest.approx(after[list(shift.tokens)].tolist(), rel=1e-5)
    assert shift.stop_cut is None, "a bare model has no words"


# ----------------------------------------------------------------------------------------- index, bad input


def test_the_index_holds_the_published_table():
    entries = published()
    assert len(entries) == 28 and len({(e.model, e.address) for e in entries}) == 28
    (llama,) = published("llama-7b")
    assert (llama.address, llama.status) == ("layers.2.mlp.down[3968, 7003]", "confirmed")
    assert [e.status for e in published("allenai/OLMo-1B-0724-hf")] == ["confirmed", "corrected"]
    assert published("OLMo-1B-0724-hf")[1].layer == 2, "the paper's table says 1"
    assert all(source in index_sources() for e in entries for source in e.sources)
    assert "3968" in published_table("llama-7B")
    with pytest.raises(UnknownName):
        published("lama-7b")


@pytest.mark.parametrize("wrong", [[], [99], [0.5, 1.0]])
def test_impossible_prompts_are_told(wrong):
    with pytest.raises(BadInput):
        find_super_weights(make("llama", depth=3), wrong)


def test_impossible_questions_are_told():
    model, documents = make("llama", depth=3), [ids_of(5)[0].tolist()]
    with pytest.raises(UnknownName, match="rule"):
        find_super_weights(model, documents[0], rule="papers")
    with pytest.raises(BadInput, match="above 0"):
        find_super_weights(model, documents[0], prominence=0)
    with pytest.raises(BadInput, match="not one weight"):
        ablate(model, ["layers.1.mlp.down"], documents)
    with pytest.raises(BadInput, match="no weight to ablate"):
        ablate(model, [], documents)
    with pytest.raises(BadInput, match="down projection"):
        super_activation(model, "layers.1.mlp.up[0, 0]", documents[0])


def test_a_long_table_can_be_cut_and_still_counts_all():
    model, ids = make("labkit", depth=4), ids_of(9, seed=1)[0].tolist()
    found = find_super_weights(model, ids, prominence=1e-9, share=1e-9, persistence=1e-9)
    whole, short = found.table().splitlines(), found.table(1).splitlines()
    count = len(found.candidates)
    assert count > 1 and str(count) in short[0] and "the first 1" in short[0]
    assert len(whole) - len(short) == count - 1 and found.table(count) == found.table()
