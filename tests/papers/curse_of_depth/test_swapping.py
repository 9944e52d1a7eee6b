"""Two blocks that change places: the logits are those of a model built so, and everything is undone."""

import copy

import pytest
import torch

import labkit
from labkit.anatomy import fingerprint
from labkit.base.errors import BadInput
from labkit.models import DecoderConfig

SIZES = {"vocab": 23, "width": 16, "depth": 4, "heads": 2, "ffn": 24, "context": 16, "init_std": 0.4}
IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])


def made(kind):
    return DecoderConfig.from_dict({"kind": kind, **SIZES}).build(seed=2).eval()


@torch.no_grad()
@pytest.mark.parametrize("kind", ["pre-norm", "lns"])
def test_a_swap_is_the_model_with_its_blocks_in_that_order(kind):
    model = made(kind)
    built, before = copy.deepcopy(model), fingerprint(model)
    built.trunk.blocks[1], built.trunk.blocks[3] = built.trunk.blocks[3], built.trunk.blocks[1]
    intact = model(IDS).logits
    with labkit.edit(model, labkit.SwapBlocks(1, 3)):
        assert torch.equal(model(IDS).logits, built(IDS).logits) and not torch.allclose(built(IDS).logits, intact)
    assert fingerprint(model) == before and torch.equal(model(IDS).logits, intact)


@torch.no_grad()
def test_two_swaps_turn_a_row_round_and_a_swapped_block_can_be_dropped():
    model = made("pre-norm")
    turned = copy.deepcopy(model)
    turned.trunk.blocks = torch.nn.ModuleList(reversed(turned.trunk.blocks))
    with labkit.edit(model, labkit.SwapBlocks(0, 3), labkit.SwapBlocks(1, 2)):
        assert torch.equal(model(IDS).logits, turned(IDS).logits)
    with labkit.edit(model, labkit.SwapBlocks(0, 1), labkit.DropBlock(1)):
        both = model(IDS).logits
    with labkit.edit(model, labkit.DropBlock(1)):  # without it, who stands where no longer matters
        assert torch.equal(model(IDS).logits, both)


@torch.no_grad()
def test_a_plan_with_a_swap_is_kept_in_a_file_and_applied_to_a_copy(tmp_path):
    model, plan = made("pre-norm"), labkit.Plan([labkit.SwapBlocks(0, 2)])
    plan.save(tmp_path / "plan.toml")
    again = labkit.Plan.load(tmp_path / "plan.toml")
    assert list(again) == [labkit.SwapBlocks(0, 2)] and "swap blocks 0 and 2" in str(again)
    copied = labkit.apply(model, again)
    with labkit.edit(model, again):
        assert torch.equal(copied(IDS).logits, model(IDS).logits)


@pytest.mark.parametrize("places", [(1, 1), (0, 4), (-1, 0), (True, 2), (0.0, 1)])
def test_blocks_that_are_not_there_are_told(places):
    with pytest.raises(BadInput, match=r"blocks|0 to 3"), labkit.edit(made("pre-norm"), labkit.SwapBlocks(*places)):
        pass
