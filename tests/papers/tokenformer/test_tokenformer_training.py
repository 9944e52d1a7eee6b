"""What is trained: the arms as data, one tiny run of each kind, and that nothing is trained twice."""

import shutil
from dataclasses import replace

import pytest
import torch

from labkit import models
from labkit.base.errors import UnknownName
from labkit.papers.tokenformer.method import TokenFormer, model_cost, pattention_layers
from labkit.papers.tokenformer.training import arms, running
from labkit.papers.tokenformer.training.arms import ARMS, equal_cost_steps
from labkit.papers.tokenformer.training.choosing import best_rate
from labkit.papers.tokenformer.training.running import make, place_of, runs
from labkit.papers.tokenformer.training.workers import work


def test_pairs_have_the_same_weights():
    assert model_cost(arms.SMALL).parameters == model_cost(arms.SMALL_TRANSFORMER).parameters == 55_296
    assert model_cost(arms.LARGE).parameters == model_cost(arms.LARGE_TRANSFORMER).parameters == 221_184


def test_equal_cost_is_equal_cost():
    small, large = (model_cost(config, 96).flops for config in (arms.SMALL, arms.LARGE))
    both = arms.SOURCE_STEPS * small + arms.STAGE_STEPS * large
    assert equal_cost_steps() * model_cost(arms.LARGE_TRANSFORMER, 96).flops == pytest.approx(both, rel=2e-3)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(arms, "ARMS", {name: replace(arm, steps=3) for name, arm in ARMS.items()})


@pytest.mark.parametrize("name", list(ARMS))
def test_every_arm_can_be_trained(short, tmp_path, name):
    start = ARMS[name].start
    for older in (ARMS[start].start, start) if start else ():
        if older:
            make(older, 4e-3, 0, tmp_path)
    found = make(name, 4e-3, 0, tmp_path)
    assert found["steps"] == 3
    assert not found["diverged"]
    assert set(found["losses"]) == {"stories", "facts"}
    assert found["loss"] == found["losses"][ARMS[name].corpus]
    assert (found["source_flops"] > 0) == bool(start)
    if name in ("zero-fixed", "duplicate", "clone", "restart", "b-zero-fixed") or "frozen" in name:
        assert found["first"] == pytest.approx(found["first_source"], abs=1e-4)
    if name in ("random-live", "zero-live", "block-pad"):
        assert abs(found["first"] - found["first_source"]) > 1e-4
    before = len(runs(tmp_path))
    assert make(name, 4e-3, 0, tmp_path) == found
    assert len(runs(tmp_path)) == before


def test_the_best_rate_is_that_of_the_choosing_seed(short, tmp_path):
    with pytest.raises(UnknownName, match="source"):
        best_rate("source", runs(tmp_path))
    losses = {lr: make("source", lr, 0, tmp_path)["loss"] for lr in (1e-3, 1e-2)}
    assert best_rate("source", runs(tmp_path)) == min(losses, key=losses.get)


def test_growth_keeps_the_small_models_width():
    assert arms.LARGE.width == arms.SMALL.width
    assert isinstance(arms.SMALL, TokenFormer)


def test_workers_make_what_is_missing_in_the_right_order(short, tmp_path):
    names = ["zero-fixed", "source"]
    (tmp_path / "models").mkdir()
    work(names, [0, 5], 1e9, tmp_path)
    made = [(run["arm"], run["seed"]) for run in runs(tmp_path)]
    assert made.count(("source", 0)) == len(ARMS["source"].rates)
    assert made.count(("zero-fixed", 0)) == len(ARMS["zero-fixed"].rates)
    assert made.count(("source", 5)) == made.count(("zero-fixed", 5)) == 1
    work(names, [0, 5], 1e9, tmp_path)
    assert len(runs(tmp_path)) == len(made)
    work(names, [6], 0.0, tmp_path)  # no time: nothing begins
    assert len(runs(tmp_path)) == len(made)


def test_frozen_rows_are_the_sources_own_and_slower_ones_are_not(short, tmp_path):
    make("source", 4e-3, 0, tmp_path)
    for name in ("frozen", "slower", "b-frozen"):
        make(name, 4e-3, 0, tmp_path)
    source = models.load(place_of(tmp_path, "source", 4e-3, 0))
    old = pattention_layers(source)["layers.1.mlp"].keys
    same = {}
    for name in ("frozen", "slower", "b-frozen"):
        grown = models.load(place_of(tmp_path, name, 4e-3, 0))
        keys = pattention_layers(grown)["layers.1.mlp"].keys
        assert keys[len(old) :].abs().max() > 0
        same[name] = torch.equal(keys[: len(old)], old) and torch.equal(grown.embed.weight, source.embed.weight)
    assert same == {"frozen": True, "slower": False, "b-frozen": True}


def test_two_stages_cost_what_all_three_trainings_cost_and_read_other_rows(short, tmp_path):
    make("source", 4e-3, 0, tmp_path)
    first = make("zero-fixed-2", 4e-3, 0, tmp_path)
    second = make("zero-fixed-twice", 4e-3, 0, tmp_path)
    assert second["source_flops"] == first["flops"] + first["source_flops"]
    assert second["flops"] > first["flops"]
    assert second["params"] == sum(p.numel() for p in arms.LARGE.build().parameters())
    assert running._stages_before(ARMS["zero-fixed-twice"]) == 2


def test_a_source_of_which_only_the_numbers_came_along_is_trained_again(short, tmp_path):
    before = make("source", 4e-3, 0, tmp_path)
    place = place_of(tmp_path, "source", 4e-3, 0)
    shutil.rmtree(place)
    found = make("restart", 4e-3, 0, tmp_path)
    assert place.is_dir()
    assert found["first_source"] == pytest.approx(before["loss"], abs=1e-6)
    assert len(runs(tmp_path)) == 2
