"""fit and Runs: a run twice is the same, rates and decay reach whom they should, what is known is not run again."""

import math

import pytest
import torch
from torch import nn

from labkit.base.errors import BadInput, BrokenFile, NotAvailable
from labkit.training import Fit, Runs, best_rate, fit, next_rate, share
from labkit.training.fit import parameter_groups


def _line():
    generator = torch.Generator().manual_seed(0)
    model = nn.Linear(3, 1)
    with torch.no_grad():
        model.weight.normal_(generator=generator)
        model.bias.zero_()
    return model


def _loss(model, step):
    x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
    return (model(x)[:, 0] - x.sum(1)).square().mean()


def test_a_fit_learns_and_is_the_same_twice():
    models = [_line(), _line()]
    found = [fit(model, _loss, Fit(steps=200, lr=0.05, warmup=5)) for model in models]
    assert found[0].loss == found[1].loss and torch.equal(models[0].weight, models[1].weight)
    assert found[0].last() < 0.01 * found[0].loss[0] and not models[0].training


def test_the_schedule_warms_up_and_ends_where_it_says():
    settings = Fit(steps=100, lr=1.0, warmup=10, last_lr=0.1)
    assert settings.lr_at(5) == 0.5 and settings.lr_at(10) == 1.0 and math.isclose(settings.lr_at(100), 0.1)


def test_scaled_parameters_have_their_rate_and_no_decay():
    groups = parameter_groups(_line().named_parameters(), Fit(steps=1, lr=1.0, scales={"weight": 10.0}))
    assert {(group["scale"], group["weight_decay"]) for group in groups} == {(10.0, 0.0), (1.0, 0.0)}
    slow, fast = _line(), _line()
    fit(slow, _loss, Fit(steps=1, lr=0.1, weight_decay=0.0))
    fit(fast, _loss, Fit(steps=1, lr=0.1, weight_decay=0.0, scales={"weight": 10.0}))
    moved = [(model.weight - _line().weight).abs().max().item() for model in (slow, fast)]
    assert math.isclose(moved[1], 10 * moved[0], rel_tol=1e-3)


def test_a_loss_that_is_no_number_ends_the_fit_before_it_spoils_the_weights():
    model = _line()
    found = fit(model, lambda m, step: m.weight.sum() * (math.nan if step == 3 else 1.0), Fit(steps=9, lr=0.1))
    assert found.diverged and len(found.loss) == 3 and model.weight.isfinite().all()


def test_a_watcher_can_end_it():
    assert len(fit(_line(), _loss, Fit(steps=50, lr=0.1), watch=lambda step, loss: step == 7).loss) == 7


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"warmup": 20}, {"lr": 0.0}, {"lr": math.nan}, {"clip": -1.0}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(BadInput):
        Fit(**{"steps": 10, "lr": 0.1, **wrong})


def test_nothing_to_train_is_told():
    model = _line().requires_grad_(False)
    with pytest.raises(BadInput, match="Nothing in this model"):
        fit(model, _loss, Fit(steps=1, lr=0.1))


def test_a_known_run_is_not_made_again(tmp_path):
    runs, made = Runs(tmp_path / "a" / "runs.jsonl"), []

    def train():
        made.append(1)
        return {"loss": 0.5}

    for _ in range(2):
        assert runs.do({"arm": "base", "seed": 1}, train) == {"arm": "base", "seed": 1, "loss": 0.5}
    assert len(made) == 1 and len(runs) == 1
    runs.do({"arm": "base", "seed": 2}, train)
    assert [run["seed"] for run in runs.where(arm="base")] == [1, 2] and runs.where(arm="other") == []
    with pytest.raises(BadInput, match="which are its settings"):
        runs.do({"loss": 1}, train)


def test_a_line_cut_short_is_made_again_and_other_damage_is_told(tmp_path):
    path = tmp_path / "runs.jsonl"
    runs = Runs(path)
    runs.do({"seed": 1}, lambda: {"loss": 1.0})
    whole = path.read_text()
    path.write_text(whole + whole[:20])
    assert len(runs) == 1
    runs.do({"seed": 2}, lambda: {"loss": 2.0})
    assert [run["seed"] for run in runs] == [1, 2]
    path.write_text("nonsense\n" + whole)
    with pytest.raises(BrokenFile, match="Line 1 of"):
        list(runs)


def test_processes_share_runs_and_leave_a_held_one_alone(tmp_path):
    runs, made = Runs(tmp_path / "runs.jsonl"), []
    cells = [{"arm": arm, "seed": seed} for seed in (1, 2) for arm in "ab"]

    def train(arm, seed):
        made.append((arm, seed))
        inner = list(share(runs, [{"arm": arm, "seed": seed}], train))  # another process, while this run is made
        return {"loss": seed, "inner": inner}

    found = list(share(runs, cells, train))
    assert made == [("a", 1), ("b", 1), ("a", 2), ("b", 2)] and all(run["inner"] == [] for run in found)
    assert list(share(runs, cells, train)) == []  # all is known
    assert list(share(Runs(tmp_path / "other.jsonl"), cells, train, minutes=0)) == []


def test_the_best_rate_is_that_of_the_mean_and_leaves_out_what_diverged():
    rows = [(1e-2, 1, 0.0), (1e-2, 2, 3.0), (2e-2, 1, 1.0), (2e-2, 2, 1.0), (4e-2, 1, 1.0)]
    runs = [{"lr": lr, "seed": seed, "loss": loss} for lr, seed, loss in rows]
    assert best_rate(runs) == 2e-2  # not that of the best single run, and of equals the lowest
    assert best_rate(runs, highest=True) == 1e-2
    gone = [{**run, "diverged": run["lr"] == 2e-2} for run in runs]
    assert best_rate(gone) == 4e-2
    with pytest.raises(NotAvailable, match="python -m x"):
        best_rate([], do="python -m x")


def test_rates_are_tried_until_the_best_lies_between_two_others():
    losses, tried = {1e-3: 5.0, 2e-3: 3.0, 4e-3: 4.0, 8e-3: 6.0, 1.6e-2: 7.0}, []
    while lr := next_rate(tried, (8e-3, 1.6e-2)):
        tried.append({"lr": lr, "loss": losses[lr], "seed": 0})
    assert [run["lr"] for run in tried] == [8e-3, 1.6e-2, 4e-3, 2e-3, 1e-3]
    upwards = [{"lr": 8e-3, "valid": 2.0}, {"lr": 1.6e-2, "valid": 1.0}]
    assert next_rate(upwards, (8e-3,), "valid") == 3.2e-2
    assert next_rate([*upwards, {"lr": 3.2e-2, "valid": 0.0, "diverged": True}], (8e-3,), "valid") is None
