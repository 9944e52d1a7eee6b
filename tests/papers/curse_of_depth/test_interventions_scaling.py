"""The switch of LayerNorm Scaling: what it computes, on which models, what it refuses, and that nothing is left."""

import pytest
import torch
from families import VOCAB, ids_of, logits, make

from labkit.anatomy import anatomy_of, fingerprint
from labkit.base.errors import BadInput, UnknownName
from labkit.interventions import DropBlock, Plan, ScaleWeight, apply, audit, edit
from labkit.measurements import loss
from labkit.papers.curse_of_depth.method.folding import fold
from labkit.papers.curse_of_depth.method.placements import (
    LayerNormScaling,
    MixNorm,
    PostNorm,
    PreNorm,
    Sandwich,
    ScalingAt,
    SkipInit,
)
from labkit.papers.curse_of_depth.method.positions import POSITIONS
from labkit.papers.curse_of_depth.method.switching import SwitchLayerNormScaling
from labkit.sweeps import sweep

SIZES = {"vocab": VOCAB, "width": 8, "depth": 3, "heads": 2, "kv_heads": 1, "ffn": 12, "context": 64, "init_std": 0.3}
PRE_NORM = ("llama", "qwen3", "phi3", "gemma", "gemma2", "gpt2", "gpt_neox", "gptj", "labkit")
ROUNDING = 1e-5  # of sums that processors add in other orders


def built(kind, seed=0, **more):
    """Return a model with gains of all sizes."""
    model = kind(**SIZES, **more).build(seed).eval()
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.data += torch.rand(parameter.shape, generator=generator)
    return model


def sharing(kind, model, **more):
    """Return a model of another kind with the same weights."""
    twin = kind(**SIZES, **more).build().eval()
    twin.load_state_dict(model.state_dict())
    return twin


def off_by(a, b):
    return float((a - b).abs().max())


@pytest.mark.parametrize("position", POSITIONS)
def test_switched_on_a_pre_norm_model_is_the_model_trained_with_scaling(position):
    model = built(PreNorm)
    trained = sharing(ScalingAt, model, position=position, exponent=0.7)
    before = fingerprint(model)
    with edit(model, SwitchLayerNormScaling(p=0.7, position=position)):
        assert off_by(logits(model, ids_of()), logits(trained, ids_of())) <= ROUNDING
        assert fingerprint(model) != before
    assert fingerprint(model) == before


def test_switched_off_a_scaled_model_is_the_pre_norm_model_of_the_same_weights():
    model = built(LayerNormScaling)
    plain = sharing(PreNorm, model)
    assert off_by(logits(model, ids_of()), logits(plain, ids_of())) > 1e-2
    with edit(model, SwitchLayerNormScaling(on=False)):
        assert off_by(logits(model, ids_of()), logits(plain, ids_of())) <= ROUNDING
    whole = fingerprint(model)
    with edit(model, SwitchLayerNormScaling(on=True)):  # as it is
        assert fingerprint(model) == whole
    with edit(plain, SwitchLayerNormScaling(on=False)):  # as it is
        assert torch.equal(logits(plain, ids_of()), logits(sharing(PreNorm, plain), ids_of()))
    with edit(model, SwitchLayerNormScaling(position="after-branch")):  # its own factor goes, the other comes
        other = sharing(ScalingAt, model, position="after-branch")
        assert off_by(logits(model, ids_of()), logits(other, ids_of())) <= 1e-5


@pytest.mark.parametrize("family", PRE_NORM)
@pytest.mark.parametrize("on", [True, False])
def test_every_pre_norm_family_is_switched_made_up_for_and_restored(family, on):
    model = make(family, depth=3)
    before, intact = fingerprint(model), logits(model, ids_of())
    with edit(model, SwitchLayerNormScaling(on, p=1.0, compensate=True)):
        assert off_by(logits(model, ids_of()), intact) <= 2e-5 * float(intact.abs().max())
        assert (fingerprint(model) != before) == on
    with edit(model, SwitchLayerNormScaling(on, p=1.0)):
        assert (off_by(logits(model, ids_of()), intact) > 1e-3) == on
    assert fingerprint(model) == before and torch.equal(logits(model, ids_of()), intact)


@pytest.mark.parametrize("family", PRE_NORM)
def test_the_factor_is_that_of_gains_and_biases_divided_once(family):
    model = make(family, depth=3)
    held = anatomy_of(model).addresses()
    once = {anatomy_of(model).module(gain): gain for gain in held if gain.endswith((".attn_norm", ".mlp_norm"))}
    by_hand = [
        ScaleWeight(name, (int(gain.split(".")[1]) + 1) ** -0.5)
        for gain in once.values()
        for name in (gain, f"{gain}.bias")
        if name in held
    ]
    with edit(model, *by_hand):
        expected = logits(model, ids_of())
    with edit(model, SwitchLayerNormScaling()):
        assert off_by(logits(model, ids_of()), expected) <= 2e-5 * float(expected.abs().max())


def test_gains_stored_as_one_less_are_multiplied_as_gains():
    model = make("gemma", depth=3)
    stored = model.model.layers[2].input_layernorm.weight.detach().clone()
    with edit(model, SwitchLayerNormScaling(p=1.0, compensate=True)):
        now = model.model.layers[2].input_layernorm.weight
        assert torch.allclose(1 + now, 3 * (1 + stored), atol=1e-5)
    assert torch.equal(model.model.layers[2].input_layernorm.weight, stored)


@pytest.mark.parametrize("family", ["llama", "labkit"])
def test_a_block_keeps_its_number_when_others_are_dropped(family):
    model = make(family, depth=4)
    norm, others = anatomy_of(model).blocks[3].attention.norm, [DropBlock(layer) for layer in range(3)]

    def normed(*edits):
        seen = []
        with edit(model, *edits):
            handle = norm.register_forward_hook(lambda module, args, out: seen.append(out))
            logits(model, ids_of())
            handle.remove()
        return seen[0]

    alone = normed(*others, SwitchLayerNormScaling(position="attention"))
    assert torch.allclose(alone, normed(*others) / 2, atol=ROUNDING)  # ℓ = 4


def test_dropping_a_block_of_a_scaled_model_is_deleting_it_with_the_others_numbers_kept():
    model = built(LayerNormScaling)
    with edit(model, DropBlock(1)):
        dropped = logits(model, ids_of())
    deleted = sharing(LayerNormScaling, model)
    del deleted.trunk.blocks[1]
    for layer, block in enumerate(deleted.trunk.blocks):
        block.attention.mixer.layer = layer
    assert off_by(logits(deleted, ids_of()), dropped) <= ROUNDING
    weights = {k: v for k, v in model.state_dict().items() if ".blocks.0." in k or ".blocks." not in k}
    last = {k.replace("blocks.2", "blocks.1"): v for k, v in model.state_dict().items() if ".blocks.2." in k}
    renumbered = LayerNormScaling(**{**SIZES, "depth": 2}).build().eval()
    renumbered.load_state_dict({**weights, **last})
    assert off_by(logits(renumbered, ids_of()), dropped) > 1e-3


def test_a_switch_is_a_line_in_a_plan_and_a_copy_takes_it_along(tmp_path):
    plan = Plan([SwitchLayerNormScaling(True, p=0.25, position="mlp", compensate=True), SwitchLayerNormScaling(False)])
    plan.save(tmp_path / "plan.toml")
    assert Plan.load(tmp_path / "plan.toml") == plan
    assert str(plan).splitlines()[0] == "switch LayerNorm Scaling on: ℓ^-0.25 (mlp), gains times ℓ^0.25"
    model = built(PreNorm)
    copy = apply(model, SwitchLayerNormScaling())
    assert off_by(logits(copy, ids_of()), logits(sharing(LayerNormScaling, model), ids_of())) <= ROUNDING
    assert audit(copy).applied and not audit(copy).hooks


@pytest.mark.parametrize("family", ["labkit", "llama", "gpt_neox"])
def test_a_sweep_that_reuses_what_comes_before_the_first_factor_agrees_with_running_it_all(family):
    model, texts = make(family, depth=4), [ids_of(9, seed)[0].tolist() for seed in range(3)]
    places = ("before-norm", "after-norm", "after-branch", "attention", "mlp")
    plans = [Plan([DropBlock(3), SwitchLayerNormScaling(position=place)]) for place in places]
    fast, slow = (sweep(model, plans, texts, engine=engine) for engine in ("prefix", "plain"))
    assert fast.work["made"] < slow.work["made"]
    assert [p.value for p in fast] == pytest.approx([p.value for p in slow], abs=1e-5)
    with edit(model, plans[1]):
        assert fast[plans[1]].value == pytest.approx(loss(model, texts).value, abs=1e-5)


def test_without_exponent_there_is_no_factor():
    model = built(PreNorm)
    with edit(model, SwitchLayerNormScaling(p=0.0)):
        assert not audit(model).hooks and torch.equal(logits(model, ids_of()), logits(fold(model), ids_of()))


class TestRefused:
    """Each refusal names what the model has, and changes nothing."""

    def refused(self, model, said, edit_=None, error=BadInput):
        before = fingerprint(model)
        with pytest.raises(error, match=said), edit(model, edit_ or SwitchLayerNormScaling()):
            pass
        assert fingerprint(model) == before

    def test_our_post_norm(self):
        self.refused(built(PostNorm), r"attention of layer 0(.|\n)*blocks\.\*\.attention\.write\.norm \(RMSNorm\)")

    def test_post_norm_below_pre_norm(self):
        self.refused(built(MixNorm, alpha=0.5), "layer 0")

    def test_a_family_that_norms_behind(self):
        self.refused(make("olmo2"), r"post_attention_layernorm \(Olmo2RMSNorm\)")

    def test_a_post_norm_encoder(self):
        from transformers import BertConfig, BertModel

        sizes = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
        bert = BertModel(BertConfig(vocab_size=11, hidden_size=8, **sizes)).eval()
        self.refused(bert, r"layer\.\*\.attention\.output\.LayerNorm \(LayerNorm\)")

    def test_gains_that_are_not_there(self):
        model = make("olmo")
        self.refused(model, "no gain", SwitchLayerNormScaling(compensate=True))
        with edit(model, SwitchLayerNormScaling()):  # the factor itself needs none
            assert audit(model).active

    def test_one_norm_for_both_branches(self):
        self.refused(make("gptj"), "one and the same norm", SwitchLayerNormScaling(position="mlp"))

    def test_another_factor_of_its_own(self):
        self.refused(built(ScalingAt, position="after-branch"), "Times")
        self.refused(built(ScalingAt, position="before-norm"), "ScaledRMSNorm")

    def test_settings_that_cannot_be(self):
        with pytest.raises(UnknownName, match="after-norm"):
            SwitchLayerNormScaling(position="after norm")
        with pytest.raises(BadInput, match="finite"):
            SwitchLayerNormScaling(p=float("inf"))
        with pytest.raises(BadInput, match="-8 to 8"):
            SwitchLayerNormScaling(p=300)
        with pytest.raises(BadInput, match="true or false"):
            SwitchLayerNormScaling(on=1)
        with pytest.raises(BadInput, match="before the norm"):
            SwitchLayerNormScaling(position="before-norm", compensate=True)


def test_a_second_norm_or_a_learned_scale_behind_the_branch_does_not_matter():
    for model in (built(Sandwich), built(SkipInit)):
        with edit(model, SwitchLayerNormScaling(compensate=True)):
            switched = logits(model, ids_of())
        assert off_by(switched, logits(model, ids_of())) <= 1e-5
