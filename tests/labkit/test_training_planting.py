"""Planting: laid, held, compiled; what the held addition did, one weight does, and resuming changes nothing."""

import itertools

import pytest
import torch

from labkit import world
from labkit.base.errors import BadInput, UnknownName
from labkit.interventions import ZeroWeight, edit
from labkit.measurements import loss
from labkit.models import load
from labkit.training import Recipe, read_log, train
from labkit.training.planting import Planting
from labkit.training.recipe import Hold

HOLD = {"amount": 300.0, "level": 100.0, "weight": 0.2}
SIZES = {"width": 32, "depth": 3, "heads": 4, "ffn": 24, "context": 256, "init_std": 0.1}


def recipe(**changes):
    fields = {
        "name": "test",
        "size": "cpu",
        "model": SIZES,
        "documents": {"copying": 3, "recall": 1},
        "steps": 6,
        "lr": 3e-3,
        "warmup": 3,
        "groups": 2,
        "pool": 4,
        "log_every": 3,
        "save_every": 2,
    }
    return Recipe(**{**fields, **changes})


@pytest.fixture
def documents():
    texts = [world.document("copying", number, 0).text for number in range(8)]
    return world.tokenizer().encode_documents(texts)


@pytest.fixture
def planting(documents):
    return Planting(recipe().config().build(3), Hold(**HOLD), documents)


@torch.no_grad()
def stream(planting, document, layer):
    state = planting.model.begin(torch.tensor([list(document)[:-1]]))
    for block in planting.model.trunk.blocks[: layer + 1]:
        state = block(state)
    return state.stream[0]


def test_while_held_the_amount_is_at_the_first_token_and_the_level_at_every_one(planting, documents):
    free = stream(planting, documents[0], 0)
    with planting.held():
        held, behind = stream(planting, documents[0], 0), stream(planting, documents[0], 1)
    moved = held - free
    assert moved[0, planting.channel] == pytest.approx(300.0, abs=1e-3)
    moved[0, planting.channel] = 0
    assert not moved.any()
    assert torch.equal(stream(planting, documents[0], 0), free), "and nothing stays behind"
    risen = behind[1:, planting.channel] - held[1:, planting.channel]
    assert float(((risen / 100.0 - 1).abs() < 0.05).float().mean()) > 0.8


def test_compiled_one_weight_does_what_was_held(planting, documents):
    with planting.held():
        held = stream(planting, documents[0], 2)
    told = planting.compile()
    assert told["activation"] * told["weight"] == pytest.approx(300.0, rel=1e-3)
    assert told["leak"] < 0.05 * 300.0
    compiled = stream(planting, documents[0], 2)
    with edit(planting.model, ZeroWeight(told["address"])):
        zeroed = stream(planting, documents[0], 2)
    assert (compiled - held).norm() < 0.1 * (zeroed - held).norm()
    column = planting.first.mlp.mixer.down.weight[:, int(told["address"].split()[-1][:-1])]
    assert int((column != 0).sum()) == 1, "nothing else hangs on the neuron"


def test_an_optimisers_step_does_not_move_the_laid_head(planting):
    linear = planting.reader.attention.mixer.k
    laid = linear.weight.detach().clone()
    with torch.no_grad():
        linear.weight += 1.0
    planting.keep()
    rows = slice(planting.head * 8, planting.head * 8 + 8)
    assert torch.equal(linear.weight[rows], laid[rows])
    others = torch.ones(32, dtype=torch.bool)
    others[rows] = False
    assert torch.equal(linear.weight[others], laid[others] + 1.0)


@pytest.fixture
def lineage(tmp_path, monkeypatch):
    """Return a recipe that holds, whose parent is a recipe of the same sizes."""
    parent = recipe(name="parent", steps=4)
    monkeypatch.setattr("labkit.training.loop.read_recipe", lambda name, size: parent)
    return recipe(start="parent", hold=HOLD)


def test_a_run_that_holds_ends_planted_and_resumed_it_ends_the_same(tmp_path, lineage):
    whole = train(lineage, out=tmp_path / "whole" / "run")
    told = read_log(whole.folder / "log.jsonl")[-1]["planted"]
    assert "mlp.down" in told["address"]
    taken = itertools.count()

    def stop(entry):
        if entry["event"] == "step" and next(taken) == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(lineage, out=tmp_path / "again" / "run", say=stop)
    again = train(lineage, out=tmp_path / "again" / "run")
    for one, other in zip(load(whole.folder / "final").parameters(), load(again.folder / "final").parameters()):
        assert torch.equal(one, other)
    once_more = train(lineage, out=tmp_path / "whole" / "run")
    assert torch.equal(once_more.model.embed.weight, whole.model.embed.weight)
    assert loss(once_more.model, [[0, 5, 9]]).value == loss(whole.model, [[0, 5, 9]]).value


def test_a_recipe_without_a_hold_says_nothing_of_it():
    assert "hold" not in recipe().as_dict(), "runs begun before there was one could not be resumed"
    assert recipe(start="lab/tiny", hold=HOLD).as_dict()["hold"] == HOLD


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"hold": {**HOLD, "amount": 0}}, BadInput),
        ({"hold": {**HOLD, "weight": float("nan")}}, BadInput),
        ({"hold": {"amount": 3.0}}, BadInput),
        ({"hold": {**HOLD, "amuont": 3.0}}, UnknownName),
        ({"hold": HOLD, "start": ""}, BadInput),
        ({"hold": HOLD, "keep": (2,)}, BadInput),
    ],
)
def test_impossible_holds_are_refused(changes, kind):
    with pytest.raises(kind):
        recipe(**{"start": "lab/tiny", **changes})


def test_too_small_a_model_cannot_hold(documents):
    model = recipe(model={**SIZES, "depth": 2}).config().build(0)
    with pytest.raises(BadInput, match="2 blocks"):
        Planting(model, Hold(**HOLD), documents)
