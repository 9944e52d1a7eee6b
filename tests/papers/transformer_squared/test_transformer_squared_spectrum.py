"""SVF's laws: what z = 1 does, what the code's form keeps, gradients, orders, ranks."""

import pytest
import torch

from labkit.anatomy import fingerprint
from labkit.base.errors import BadInput
from labkit.interventions import Plan, edit
from labkit.models import DecoderConfig
from labkit.papers.transformer_squared.method.adapters import IA3, MODULES, SVF, LoRA, SVFCode, matrices
from labkit.papers.transformer_squared.method.counting import LLAMA_3_8B, Shapes, count
from labkit.papers.transformer_squared.method.edits import ScaleSpectrum, band
from labkit.papers.transformer_squared.method.spectrum import digest, renormalised, rescaled, spectrum


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def model():
    return (
        DecoderConfig(vocab=39, width=32, depth=2, heads=2, ffn=48, context=16, init_std=0.2, tie=False).build(1).eval()
    )


@pytest.fixture
def ids():
    return torch.tensor([[0, 5, 9, 2, 7], [0, 3, 3, 8, 30]])


SHAPES = [(40, 40), (24, 64), (64, 24), (1, 5)]


@pytest.mark.parametrize("shape", SHAPES)
def test_ones_are_no_change_and_the_code_form_starts_close(shape):
    weight = drawn(*shape)
    parts = spectrum(weight)
    ones = torch.ones(min(shape))
    assert (rescaled(parts, ones) - weight).abs().max() < 1e-5
    assert (renormalised(parts, 0.3 * ones) - weight).abs().max() < 1e-5
    p = 0.1 + 0.01 * drawn(min(shape), seed=3)
    assert (renormalised(parts, p) - weight).norm() / weight.norm() < 0.01


@pytest.mark.parametrize("shape", SHAPES)
def test_the_code_form_keeps_the_sum_of_singular_values_and_no_common_factor(shape):
    parts = spectrum(drawn(*shape))
    p = drawn(min(shape), seed=2)
    after = torch.linalg.svdvals(renormalised(parts, p))
    torch.testing.assert_close(after.sum(), parts.sigma_R.sum(), rtol=1e-5, atol=1e-5)
    m = torch.sigmoid(p)
    scaled = torch.logit(0.5 * m)
    torch.testing.assert_close(renormalised(parts, scaled), renormalised(parts, p), rtol=1e-5, atol=1e-6)


def test_svf_is_a_gain_in_the_singular_basis_of_outputs_or_of_inputs():
    weight = drawn(24, 24)
    U, _, Vt = spectrum(weight)
    z = 1 + 0.3 * drawn(24, seed=1)
    changed = rescaled(spectrum(weight), z)
    torch.testing.assert_close(U @ torch.diag(z) @ U.T @ weight, changed, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weight @ Vt.T @ torch.diag(z) @ Vt, changed, rtol=1e-4, atol=1e-5)


def test_the_change_is_linear_in_z():
    parts = spectrum(drawn(20, 30))
    z = [drawn(20, seed=s) for s in (1, 2, 3)]
    alpha = (0.2, 1.5, -0.4)
    mixed = rescaled(parts, sum(a * one for a, one in zip(alpha, z)))
    torch.testing.assert_close(mixed, sum(a * rescaled(parts, one) for a, one in zip(alpha, z)), rtol=1e-4, atol=1e-5)
    ones = torch.ones(20)
    torch.testing.assert_close(rescaled(parts, sum(alpha) * ones), sum(alpha) * drawn(20, 30), rtol=1e-4, atol=1e-5)


def test_singular_values_after_are_the_sorted_products_and_a_mask_truncates():
    weight = drawn(20, 30)
    parts = spectrum(weight)
    z = drawn(20, seed=4).abs()
    expected = (z * parts.sigma_R).sort(descending=True).values
    torch.testing.assert_close(torch.linalg.svdvals(rescaled(parts, z)), expected, rtol=1e-4, atol=1e-5)
    cut = rescaled(parts, torch.tensor(band(20, 5, 20, 0.0)))
    assert torch.linalg.matrix_rank(cut) == 5
    torch.testing.assert_close((weight - cut).norm(), parts.sigma_R[5:].square().sum().sqrt(), rtol=1e-5, atol=1e-5)


def test_signs_and_common_orders_change_nothing_but_a_shuffled_z_does():
    parts = spectrum(drawn(16, 20))
    z = 1 + drawn(16, seed=5)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(6))
    sign = torch.where(torch.arange(16) % 2 == 0, 1.0, -1.0)
    together = type(parts)(parts.U_OR[:, order] * sign, parts.sigma_R[order], parts.Vt_RI[order] * sign[:, None])
    torch.testing.assert_close(rescaled(together, z[order]), rescaled(parts, z), rtol=1e-4, atol=1e-5)
    assert (rescaled(parts, z[order]) - rescaled(parts, z)).abs().max() > 0.1


def test_gradients_follow_the_formula_and_the_code_form_has_none_along_a_common_factor():
    parts, toward = spectrum(drawn(12, 18)), drawn(12, 18, seed=7)
    z = (1 + 0.2 * drawn(12, seed=8)).requires_grad_()
    (rescaled(parts, z) * toward).sum().backward()
    formula = torch.einsum("or,oi,ri->r", parts.U_OR, toward, parts.Vt_RI) * parts.sigma_R
    torch.testing.assert_close(z.grad, formula, rtol=1e-4, atol=1e-5)
    m = torch.rand(12, generator=torch.Generator().manual_seed(9)).requires_grad_()
    z_code = m * (parts.sigma_R.sum() / (m * parts.sigma_R).sum())
    (rescaled(parts, z_code) * toward).sum().backward()
    assert abs(float((m.detach() * m.grad).sum())) < 1e-4


@pytest.mark.parametrize("kind", [SVF, LoRA, IA3, lambda model: SVF(model, "mlp", [1])])
def test_a_fresh_adapter_changes_no_logit_and_no_weight_of_the_base(kind, model, ids):
    before, adapter = fingerprint(model), kind(model)
    torch.testing.assert_close(adapter.logits(ids), model(ids).logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(adapter.loaded()(ids).logits, model(ids).logits, rtol=1e-4, atol=1e-4)
    adapter.logits(ids).square().sum().backward()
    assert all(parameter.grad is not None for parameter in adapter.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert fingerprint(model) == before


def test_the_code_form_draws_from_its_seed_alone(model):
    first, again, other = (SVFCode(model, seed=s) for s in (1, 1, 2))
    name = next(iter(dict(first.named_parameters())))
    assert torch.equal(first.get_parameter(name), again.get_parameter(name))
    assert not torch.equal(first.get_parameter(name), other.get_parameter(name))
    assert first.names.keys() == set(matrices(model, "mlp"))


def test_counts_by_formula_are_those_of_the_paper_and_of_built_adapters(model):
    both = MODULES["q, v"] + MODULES["mlp"]
    assert count("svf", LLAMA_3_8B, MODULES["mlp"]) == 393_216
    assert count("svf", LLAMA_3_8B, MODULES["q, v"]) == 163_840
    assert count("lora", LLAMA_3_8B, MODULES["q, v"]) == 6_815_744
    assert count("lora", LLAMA_3_8B, both) == 35_127_296
    shapes = Shapes(width=32, kv_width=32, ffn=48, depth=2)
    assert SVF(model).count == count("svf", shapes, MODULES["all"])
    assert LoRA(model, rank=3).count == count("lora", shapes, MODULES["q, v"], rank=3)
    assert IA3(model).count == count("ia3", shapes, MODULES["ia3"])


def test_an_edit_equals_the_formula_and_is_undone_bit_for_bit(model, ids, tmp_path):
    before, plain = fingerprint(model), model(ids).logits
    z = tuple((1 + 0.3 * drawn(32, seed=2)).tolist())
    change = ScaleSpectrum("layers.1.mlp.up", z, of=digest(model.trunk.blocks[1].mlp.mixer.up.weight))
    Plan([change]).save(tmp_path / "plan.toml")
    (read,) = Plan.load(tmp_path / "plan.toml")
    assert read == change
    expected = rescaled(spectrum(model.trunk.blocks[1].mlp.mixer.up.weight), torch.tensor(z))
    with edit(model, read):
        torch.testing.assert_close(model.trunk.blocks[1].mlp.mixer.up.weight, expected)
        assert not torch.allclose(model(ids).logits, plain)
    assert fingerprint(model) == before and torch.equal(model(ids).logits, plain)
    with edit(model, ScaleSpectrum("layers.1.mlp.up", band(32, 0, 5, 1.0))):
        assert torch.equal(model(ids).logits, plain)  # ones write what was there


def test_what_does_not_fit_is_refused(model):
    with (
        pytest.raises(BadInput, match="another matrix"),
        edit(model, ScaleSpectrum("layers.0.mlp.up", [1.0] * 32, of="0" * 12)),
    ):
        pass
    with pytest.raises(BadInput, match="singular values"), edit(model, ScaleSpectrum("layers.0.mlp.up", [1.0] * 31)):
        pass
    with pytest.raises(BadInput, match="not finite"):
        ScaleSpectrum("layers.0.mlp.up", [float("nan")])
    with pytest.raises(BadInput, match="does not fit"):
        band(32, 3, 40, 2.0)
    with pytest.raises(BadInput, match="no layer 7"):
        SVF(model, "mlp", [7])
    with pytest.raises(KeyError, match="choice of modules"):
        SVF(model, "everything")
    with pytest.raises(BadInput, match="no spectrum"):
        spectrum(torch.ones(3))
    with pytest.raises(BadInput, match="rank = 0"):
        LoRA(model, rank=0)
