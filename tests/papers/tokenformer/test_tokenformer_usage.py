"""Who is used, and masking."""

import pytest
import torch

import labkit
from labkit.base.errors import BadInput, UnknownName
from labkit.papers.tokenformer.method import (
    MaskTokens,
    Pattention,
    effective_number,
    grow,
    least_used,
    masks,
    pattention_layers,
    usage,
)


def test_usage_is_what_the_layers_compute(small, ids):
    used = usage(small, ids)
    assert list(used)[:5] == ["layers.0.q", "layers.0.k", "layers.0.v", "layers.0.o", "layers.0.mlp"]
    assert used["layers.1.mlp"].shape == (3, 16, 72)
    assert not small.trunk.blocks[0].mlp.mixer._forward_pre_hooks


def test_effective_number_runs_from_one_to_n():
    one = torch.tensor([[[0.0, 3.0, 0.0, 0.0]], [[1.0, -1.0, 1.0, 1.0]]])
    torch.testing.assert_close(effective_number(one), torch.tensor([[1.0], [4.0]]))


def test_a_masked_token_is_as_good_as_deleted_when_tau_is_fixed():
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    whole, part = Pattention(8, 8, 10, scale_tokens=10.0), Pattention(8, 8, 9, scale_tokens=10.0)
    whole.initialise(torch.Generator().manual_seed(1), 0.02)
    with torch.no_grad():
        keep = [i for i in range(10) if i != 4]
        part.keys.copy_(whole.keys[keep])
        part.values.copy_(whole.values[keep])
        whole.keys[4] = 0
    torch.testing.assert_close(whole(x), part(x))


def test_masking_is_an_edit_and_is_undone_bit_for_bit(small, ids):
    before = {name: p.clone() for name, p in small.named_parameters()}
    intact = small(ids).logits
    with labkit.edit(small, MaskTokens("layers.0.mlp", (0, 5, 71))):
        assert not torch.equal(small(ids).logits, intact)
        assert usage(small, ids)["layers.0.mlp"][..., 5].abs().max() == 0
    assert all(torch.equal(p, before[name]) for name, p in small.named_parameters())


def test_masking_what_growth_added_gives_the_small_model_back(small, ids):
    grown = grow(small, 18, keys="zero")
    with torch.no_grad():
        for layer in pattention_layers(grown).values():  # as if trained: new keys are no longer zero
            layer.keys[layer.tokens // 2 :].normal_(generator=torch.Generator().manual_seed(1))
    new = {name: range(layer.tokens // 2, layer.tokens) for name, layer in pattention_layers(grown).items()}
    with labkit.edit(grown, *masks(new)):
        torch.testing.assert_close(grown(ids).logits, small(ids).logits, rtol=0, atol=1e-5)


def test_least_used_are_the_ones_that_do_nothing(small, ids):
    with torch.no_grad():
        pattention_layers(small)["layers.0.q"].keys[7] = 0
    picked = least_used(small, ids, 0.25)
    assert picked["layers.0.q"][0] == 7
    assert len(picked["layers.0.mlp"]) == 18
    with pytest.raises(BadInput, match="share"):
        least_used(small, ids, 2.0)


def test_wrong_masks_are_refused(small):
    with pytest.raises(UnknownName, match=r"layers\.0\.q"), labkit.edit(small, MaskTokens("layers.9.q", (0,))):
        pass
    with pytest.raises(BadInput, match="no token 18"), labkit.edit(small, MaskTokens("layers.0.q", (18,))):
        pass
    with pytest.raises(BadInput):
        MaskTokens("layers.0.q", ())


def test_the_edit_is_found_in_plan_files(tmp_path):
    plan = labkit.Plan([MaskTokens("layers.0.mlp", (1, 2))])
    plan.save(tmp_path / "plan.toml")
    assert list(labkit.Plan.load(tmp_path / "plan.toml")) == list(plan)
