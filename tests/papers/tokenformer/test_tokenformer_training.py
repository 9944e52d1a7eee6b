"""What is trained: the arms as data, one tiny run of each kind, and that nothing is trained twice."""

from dataclasses import replace

import pytest

from labkit.base.errors import BadInput
from labkit.papers.tokenformer import training
from labkit.papers.tokenformer.method import TokenFormer, model_cost
from labkit.papers.tokenformer.training import ARMS, best_rate, equal_cost_steps, make, runs


def test_pairs_have_the_same_weights():
    assert model_cost(training.SMALL).parameters == model_cost(training.SMALL_TRANSFORMER).parameters == 55_296
    assert model_cost(training.LARGE).parameters == model_cost(training.LARGE_TRANSFORMER).parameters == 221_184


def test_equal_cost_is_equal_cost():
    small, large = (model_cost(config, 96).flops for config in (training.SMALL, training.LARGE))
    both = training.arms.SOURCE_STEPS * small + training.arms.STAGE_STEPS * large
    assert equal_cost_steps() * model_cost(training.LARGE_TRANSFORMER, 96).flops == pytest.approx(both, rel=2e-3)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(training.arms, "ARMS", {name: replace(arm, steps=3) for name, arm in ARMS.items()})


@pytest.mark.parametrize("name", list(ARMS))
def test_every_arm_can_be_trained(short, tmp_path, name):
    start = ARMS[name].start
    if start:
        make(start, 4e-3, 0, tmp_path)
    found = make(name, 4e-3, 0, tmp_path)
    assert found["steps"] == 3
    assert not found["diverged"]
    assert set(found["losses"]) == {"stories", "facts"}
    assert found["loss"] == found["losses"][ARMS[name].corpus]
    assert (found["source_flops"] > 0) == bool(start)
    if name in ("zero-fixed", "duplicate", "clone", "restart", "b-zero-fixed"):
        assert found["first"] == pytest.approx(found["first_source"], abs=1e-4)
    if name in ("random-live", "zero-live", "block-pad"):
        assert abs(found["first"] - found["first_source"]) > 1e-4
    before = len(runs(tmp_path))
    assert make(name, 4e-3, 0, tmp_path) == found
    assert len(runs(tmp_path)) == before


def test_the_best_rate_is_that_of_the_choosing_seed(short, tmp_path):
    with pytest.raises(BadInput, match="no learning rate"):
        best_rate("source", runs(tmp_path))
    losses = {lr: make("source", lr, 0, tmp_path)["loss"] for lr in (1e-3, 1e-2)}
    assert best_rate("source", runs(tmp_path)) == min(losses, key=losses.get)


def test_growth_keeps_the_small_models_width():
    assert training.LARGE.width == training.SMALL.width
    assert isinstance(training.SMALL, TokenFormer)


def test_workers_make_what_is_missing_in_the_right_order(short, tmp_path):
    names = ["zero-fixed", "source"]
    (tmp_path / "models").mkdir()
    training.work(names, [0, 5], 1e9, tmp_path)
    made = [(run["arm"], run["seed"]) for run in runs(tmp_path)]
    assert made.count(("source", 0)) == len(ARMS["source"].rates)
    assert made.count(("zero-fixed", 0)) == len(ARMS["zero-fixed"].rates)
    assert made.count(("source", 5)) == made.count(("zero-fixed", 5)) == 1
    training.work(names, [0, 5], 1e9, tmp_path)
    assert len(runs(tmp_path)) == len(made)
    training.work(names, [6], 0.0, tmp_path)  # no time: nothing begins
    assert len(runs(tmp_path)) == len(made)
