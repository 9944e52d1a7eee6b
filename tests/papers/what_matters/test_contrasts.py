"""What dropping parts is set beside: heads, single weights, LoRA, random orders; and a cut model kept in a folder."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
)

import labkit
from labkit.base.errors import BadInput
from labkit.interventions import DropAttention, DropMLP, Plan, edit, heal
from labkit.measurements import loss, sizes_of
from labkit.papers.what_matters import drop_head, head_scores, heal_by_lora, load_cut, lowest_heads, pruned, save_cut
from labkit.papers.what_matters.claims import contrasts, trained
from labkit.papers.what_matters.method.metrics import Cosine, RandomOrder
from labkit.papers.what_matters.method.pruning import matrices

TINY = "lab/tiny"


@pytest.fixture(scope="module")
def tiny():
    return labkit.load(TINY)


@pytest.fixture(scope="module")
def texts(tiny):
    return [ids[:40] for ids in labkit.claims.subjects.stories(tiny, 4, 3)]


def logits(model, ids):
    with torch.no_grad():
        return model(ids[None]).logits[0]


# Heads ---------------------------------------------------------------------------------------------------------------


def test_all_heads_of_an_attention_gone_is_the_attention_gone(tiny, texts):
    sizes = sizes_of(tiny)
    every = [drop_head(1, head, sizes.head_size) for head in range(sizes.heads)]
    with edit(tiny, every):
        heads = logits(tiny.model, texts[0])
    with edit(tiny, DropAttention(1)):
        assert torch.allclose(heads, logits(tiny.model, texts[0]), atol=1e-5)


def test_a_head_that_writes_nothing_scores_nothing_and_goes_first(tiny, texts):
    size, last = sizes_of(tiny).head_size, sizes_of(tiny).heads - 1
    scores = head_scores(tiny, texts)
    assert len(scores) == sizes_of(tiny).heads * sizes_of(tiny).depth and min(scores.values()) > 0
    zeros = [labkit.ZeroWeight(f"layers.1.attn.o[:, {column}]") for column in range(last * size, (last + 1) * size)]
    with edit(tiny, zeros):
        assert head_scores(tiny, texts)[1, last] == pytest.approx(0, abs=1e-9)
        assert list(lowest_heads(tiny, texts, 1)) == [drop_head(1, last, size)]
    with pytest.raises(BadInput, match="heads cannot be dropped"):
        lowest_heads(tiny, texts, 999)


# Single weights ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["magnitude", "wanda"])
def test_a_share_of_every_matrix_is_zero_and_the_model_itself_is_whole(tiny, texts, by):
    before = labkit.fingerprint(tiny)
    thin = pruned(tiny, texts, 0.25, by)
    assert labkit.fingerprint(tiny) == before
    for address in matrices(tiny):
        w_OI, was_OI = labkit.view(thin, address).read(), labkit.view(tiny, address).read()
        gone = (w_OI == 0) & (was_OI != 0)
        assert float(gone.float().mean()) == pytest.approx(0.25, abs=0.02)
        assert torch.equal(w_OI[~gone], was_OI[~gone])
        if by == "magnitude":
            assert was_OI[gone].abs().max() <= was_OI[~gone].abs().min()
    assert torch.equal(thin.model.embed.weight, tiny.model.embed.weight)
    with pytest.raises(BadInput, match="share"):
        pruned(tiny, texts, 1.0)


def test_wanda_spares_a_small_weight_that_reads_a_loud_input(tiny, texts):
    """By hand: |W| times the norm of its input, row by row."""
    address = "layers.0.mlp.down"
    site = labkit.anatomy.Site(address, labkit.anatomy_of(tiny).module(address), "input")
    x_TI = torch.cat([labkit.record(tiny, ids, [site])[address][0] for ids in texts])
    w_OI = labkit.view(tiny, address).read()
    score_OI = w_OI.abs() * x_TI.norm(dim=0)
    gone = int(0.3 * w_OI.shape[1])
    kept = labkit.view(pruned(tiny, texts, 0.3), address).read() != 0
    for row in (0, 7):
        assert set(score_OI[row].argsort()[:gone].tolist()) == set((~kept[row]).nonzero()[:, 0].tolist())


# LoRA ----------------------------------------------------------------------------------------------------------------


def test_lora_changes_each_matrix_by_a_low_rank_and_nothing_else(tiny):
    healed = heal_by_lora(tiny, [DropMLP(1)], rank=2, steps=2, lr=1e-2)
    small = labkit.shrink(tiny, [DropMLP(1)])
    names = dict(small.model.named_parameters())
    changed = 0
    for name, weight in healed.model.model.named_parameters():
        moved = (weight - names[name]).detach()
        if weight.dim() == 2 and "trunk" in name:
            assert torch.linalg.matrix_rank(moved, rtol=1e-4) <= 2
            changed += bool(moved.abs().max() > 0)
        else:
            assert torch.equal(weight, names[name])
    assert changed > 5 and all("parametrizations" not in name for name in healed.model.model.state_dict())


def test_lora_of_no_steps_worth_is_the_cut_model_and_of_some_is_better(tiny, texts):
    plan = [DropAttention(1)]
    with edit(tiny, plan):
        cut = loss(tiny, texts).value
    still = heal_by_lora(tiny, plan, steps=1, lr=1e-12)
    assert loss(still.model, texts).value == pytest.approx(cut, abs=1e-5)
    healed = heal_by_lora(tiny, plan, steps=4, lr=3e-3)
    assert healed.losses[0] == pytest.approx(heal(tiny, plan, steps=1).losses[0], abs=1e-4)


# Random orders, no text ----------------------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch):
    for module in (contrasts, trained):
        monkeypatch.setattr(module, "CALIBRATION", 3)


def test_each_order_is_a_unit_and_the_first_may_be_spared(few, tiny):
    found = contrasts.chosen_against_orders(n=3, seeds=[7, 8, 30], gone=1, spare=1, documents=2, model=TINY)
    assert len({first for first, _ in found.values}) == 1 and found.units == ("order 0", "order 1", "order 2")
    documents = labkit.claims.subjects.stories(tiny, 2, 7)
    for place, (_, rise) in enumerate(found.values):
        ranked = RandomOrder(30 + place)(tiny).ranked("attention")
        layer = next(layer for _, layer in ranked if layer >= 1)
        with edit(tiny, DropAttention(layer)):
            cut = loss(tiny, documents).value
        assert rise == pytest.approx(cut - loss(tiny, documents).value, abs=1e-5)


def test_a_sample_is_set_beside_the_deepest(few, tiny):
    plain = trained.few_samples(n=3, seeds=[5], gone=2, sample=2, model=TINY)
    found = contrasts.samples_against_no_text(n=3, seeds=[5], gone=2, sample=2, model=TINY)
    scores = Cosine()(tiny, labkit.claims.subjects.stories(tiny, 6, 5))
    depth = len(scores.attention)
    blind = len({layer for _, layer in scores.ranked("attention")[:2]} & {depth - 2, depth - 1}) / 2
    assert [a - b for a, b in zip(plain.values, found.values)] == pytest.approx([blind] * 3)


def test_pruned_and_headless_models_are_measured_beside_the_cut_one(few, tiny):
    ((heads, attentions),) = contrasts.heads_against_attentions(n=1, seeds=[7, 8], gone=1, model=TINY).values
    calibration, (story,) = (labkit.claims.subjects.stories(tiny, n, seed) for n, seed in ((3, 8), (1, 7)))
    intact = loss(tiny, [story]).sums[0]
    for rise, plan in (
        (heads, lowest_heads(tiny, calibration, sizes_of(tiny).heads)),
        (attentions, labkit.papers.what_matters.one_shot(tiny, calibration, 1)),
    ):
        with edit(tiny, plan):
            assert rise == pytest.approx(loss(tiny, [story]).sums[0] - intact, abs=1e-3)
    (value,) = contrasts.dropped_against_pruned(n=1, seeds=[7, 8], gone=1, by="magnitude", model=TINY).values
    sizes = sizes_of(tiny)
    share = sizes.attention_weights / (sizes.depth * (sizes.attention_weights + sizes.mlp_weights))
    thin = loss(pruned(tiny, calibration, share, "magnitude"), [story]).value
    with edit(tiny, plan):
        assert value == pytest.approx(loss(tiny, [story]).value - thin, abs=1e-5)


def test_rounding_is_set_beside_the_intact_model_token_by_token(few, tiny):
    ((cut, intact),) = trained.rounding_after_dropping(n=1, seeds=[7, 8], gone=1, model=TINY).values
    (value,) = contrasts.rounding_beside_intact(n=1, seeds=[7, 8], gone=1, model=TINY).values
    (story,) = labkit.claims.subjects.stories(tiny, 1, 7)
    assert value == pytest.approx((cut - intact) / (len(story) - 1))


def test_each_calibration_is_a_unit(tiny):
    found = contrasts.residual_over_calibrations(n=2, seeds=[7, 8], gone=1, sample=2, documents=2, model=TINY)
    documents = labkit.claims.subjects.stories(tiny, 2, 7)
    for place, pair in enumerate(found.values):
        calibration = labkit.claims.subjects.stories(tiny, 2, 8 + place)
        for rise, metric in zip(pair, (Cosine(), Cosine(residual=False))):
            with edit(tiny, labkit.papers.what_matters.one_shot(tiny, calibration, 1, metric=metric)):
                cut = loss(tiny, documents).value
            assert rise == pytest.approx(cut - loss(tiny, documents).value, abs=1e-5)


# A cut model in a folder ---------------------------------------------------------------------------------------------

SMALL = {"vocab_size": 53, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "pad_token_id": 0}
KINDS = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SMALL, intermediate_size=48, num_key_value_heads=2)),
    "phi3": lambda: Phi3ForCausalLM(Phi3Config(**SMALL, intermediate_size=48, num_key_value_heads=2)),
    "gemma2": lambda: Gemma2ForCausalLM(Gemma2Config(**SMALL, intermediate_size=48, num_key_value_heads=2, head_dim=8)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=53, n_embd=32, n_layer=3, n_head=4, n_positions=64)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_model_of_transformers_is_kept_and_comes_back(kind, tmp_path):
    torch.manual_seed(1)
    model = KINDS[kind]().eval()
    for parameter in model.parameters():  # biases and norms that do something
        torch.nn.init.normal_(parameter, std=0.3)
    before, ids = labkit.fingerprint(model), torch.arange(12) % 53
    plan = Plan([DropAttention(1), DropMLP(2)])
    with edit(model, plan):
        wanted = logits(model, ids)
    save_cut(model, plan, tmp_path / "kept")
    assert labkit.fingerprint(model) == before
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "kept").eval()
    assert torch.allclose(logits(plain, ids), wanted, atol=1e-5)
    small = load_cut(tmp_path / "kept")
    assert torch.allclose(logits(small, ids), wanted, atol=1e-5)
    count = lambda one: sum(p.numel() for p in one.parameters())  # noqa: E731
    assert count(small) < count(plain)


def test_what_cannot_be_kept_is_told(tiny, tmp_path):
    with pytest.raises(BadInput, match="no model of transformers"):
        save_cut(tiny, [DropMLP(1)], tmp_path)
    with pytest.raises(BadInput, match=r"has no cut.toml"):
        load_cut(tmp_path)
