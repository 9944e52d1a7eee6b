"""Edits of routers: they do what they say, refuse what makes no sense, and leave nothing behind."""

import math

import pytest
import torch

from labkit.anatomy import fingerprint
from labkit.base.errors import BadInput
from labkit.interventions import Plan, apply, edit
from labkit.models import DecoderConfig
from labkit.papers.layer_integrated_memory.method import (
    CutRoutes,
    ForgetPast,
    LIMe,
    LIMeOfStates,
    SetRoute,
    SetRouter,
    SetShares,
    routers_of,
)

SIZES = {"vocab": 19, "width": 16, "depth": 3, "heads": 4, "ffn": 20, "context": 16, "init_std": 0.3, "tie": False}
IDS = torch.tensor([[1, 5, 3, 9, 2, 7, 7, 4]])
OWN = tuple(tuple(float(column == 8 + row) for column in range(12)) for row in range(4))


@pytest.fixture
def model():
    return LIMe(**SIZES).build(1).eval()


@torch.no_grad()
def logits(model):
    return model(IDS).logits


@pytest.mark.parametrize(
    "change", (SetRoute(2, 1, 0, 3, 0.7), CutRoutes(2, 0), CutRoutes(1, 1), ForgetPast(), SetRouter(2, OWN))
)
def test_it_changes_the_answer_and_is_undone_bit_for_bit(model, change):
    before, as_it_was = fingerprint(model), logits(model)
    with edit(model, change):
        assert not torch.equal(logits(model), as_it_was)
    with pytest.raises(ZeroDivisionError), edit(model, change):
        1 / 0  # noqa: B018
    assert fingerprint(model) == before and torch.equal(logits(model), as_it_was)
    copy = apply(model, change)
    assert not torch.equal(logits(copy), as_it_was) and fingerprint(model) == before


def test_an_entry_is_the_one_that_is_named(model):
    weight = routers_of(model)[2].weight
    with edit(model, SetRoute(2, 1, 0, 3, 0.7)):
        assert weight[1, 3].item() == pytest.approx(0.7)
    with edit(model, SetRoute(2, 0, 1, 2, -3.0)):
        assert weight[0, 4 + 2].item() == -3.0
    with edit(model, CutRoutes(2, 1)):
        assert (weight[:, 4:8] == 0).all() and (weight[:, :4] != 0).all()
    with edit(model, SetRouter(2, OWN)):
        assert torch.equal(weight.detach(), torch.tensor(OWN))


def test_without_its_past_it_reads_itself_alone(model):
    with edit(model, ForgetPast()):
        assert all((router.weight[:, :-4] == 0).all() for router in routers_of(model).values())
        held = {name: value for name, value in model.state_dict().items() if "routers" not in name}
        twin = DecoderConfig(**SIZES).build(0).eval()
        twin.load_state_dict(held)
        assert torch.allclose(logits(model), logits(twin), atol=1e-5)


def test_edits_can_be_written_to_a_plan_and_read_again(model, tmp_path):
    plan = Plan([SetRoute(2, 1, 0, 3, 0.7), CutRoutes(1, 0), ForgetPast(), SetRouter(2, OWN)])
    plan.save(tmp_path / "plan.toml")
    assert Plan.load(tmp_path / "plan.toml") == plan
    assert all(str(one) for one in plan)


@pytest.mark.parametrize(
    "change, words",
    (
        (SetRoute(0, 0, 0, 0, 1.0), "Layer 0 has no router"),
        (SetRoute(1, 0, 2, 0, 1.0), "does not read layer 2"),
        (SetRoute(1, 4, 0, 0, 1.0), "no head 4"),
        (CutRoutes(1, 2), "does not read layer 2"),
        (CutRoutes(7, 0), "Layer 7 has no router"),
        (SetRouter(1, OWN), "does not belong to layer 1"),
        (SetShares(1, ((0.5, 0.5),) * 4), "no static shares"),
    ),
)
def test_what_a_model_does_not_have_is_named(model, change, words):
    before = fingerprint(model)
    with pytest.raises(BadInput, match=words), edit(model, change):
        pass
    assert fingerprint(model) == before


@pytest.mark.parametrize(
    "make, words",
    (
        (lambda: SetRoute(1, 0, 0, 0, math.nan), "value"),
        (lambda: SetRoute(-1, 0, 0, 0, 1.0), "layer"),
        (lambda: SetRouter(1, ((0.0, math.inf),)), "entry"),
        (lambda: SetRouter(1, ((0.0, 1.0), (0.0,))), "rows"),
        (lambda: SetRouter(1, ()), "rows"),
        (lambda: SetShares(1, ((0.5, 0.6),)), "sum to 1.1"),
        (lambda: SetShares(1, ((1.5, -0.5),)), "at least 0"),
    ),
)
def test_values_that_make_no_router_are_named(make, words):
    with pytest.raises(BadInput, match=words):
        make()


def test_a_model_without_routers_is_named():
    plain = DecoderConfig(**SIZES).build(0)
    with pytest.raises(BadInput, match="no routers"):
        routers_of(plain)
    with pytest.raises(BadInput, match="no routers"), edit(plain, ForgetPast()):
        pass


def test_shares_of_version_one():
    model = LIMeOfStates(**SIZES).build(1).eval()
    with edit(model, SetShares(2, ((0.25, 0.25, 0.5),) * 4)):
        shares = model.trunk.blocks[2].attention.mixer.mixture.shares(torch.zeros(1, 1, 16))
        assert torch.allclose(shares[0, 0], torch.tensor([0.25, 0.25, 0.5]).expand(4, 3), atol=1e-5)
