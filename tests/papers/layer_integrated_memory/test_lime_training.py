"""The arms of lesson 09 differ in what they say and in nothing else; a run is a function of its settings."""

from dataclasses import replace

import pytest
import torch

from labkit.papers.layer_integrated_memory.experiments.ladder import NAMES
from labkit.papers.layer_integrated_memory.training import (
    AGAIN,
    ARMS,
    BATCH,
    BEST,
    CHOOSING,
    FRESH,
    GROUPS,
    REPEATED,
    RIVALS,
    SCALES,
    SEEDS,
    Run,
    best_rate,
    first_weights,
    held_out,
    score,
    train,
)
from labkit.papers.layer_integrated_memory.training.making import working_loss
from labkit.training.fit import Fit, parameter_groups

RUN = Run(arm="base", lr=1e-2, seed=3, operands=3, steps=6)


@pytest.mark.parametrize("arm", ARMS)
def test_arms_of_a_seed_share_every_weight_of_the_baseline(arm):
    base, model = first_weights(RUN).state_dict(), first_weights(replace(RUN, arm=arm)).state_dict()
    assert all(torch.equal(model[name], value) for name, value in base.items())
    assert all("routers" in name for name in model.keys() - base.keys())


def test_zeros_start_as_the_baseline_and_kaiming_does_not():
    rows = held_out(3, 50, 7)
    start = {arm: score(first_weights(replace(RUN, arm=arm)), rows)[0] for arm in ("base", "zeros", "lime")}
    assert start["zeros"] == pytest.approx(start["base"], abs=1e-6) and start["lime"] != start["base"]


def test_a_run_is_a_function_of_its_settings():
    (model, found), (again, same) = train(RUN), train(RUN)
    assert found["losses"] == same["losses"] and found["loss"] == same["loss"]
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters()))
    assert train(replace(RUN, seed=4))[1]["loss"] != found["loss"]


def test_routers_learn_faster_and_do_not_decay():
    model = first_weights(replace(RUN, arm="lime"))
    groups = parameter_groups(model.named_parameters(), Fit(steps=1, lr=1e-2, weight_decay=0.1, scales=SCALES))
    (routers,) = (group for group in groups if group["scale"] == 10.0)
    assert routers["weight_decay"] == 0.0 and sum(p.numel() for p in routers["params"]) == 144
    counted = [id(p) for group in groups for p in group["params"]]
    assert len(counted) == len(set(counted)) == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("arm", "numbers"),
    [("keys", 144), ("values", 144), ("same-head", 36), ("channel", 288), ("v1-static", 40), ("v1-dynamic", 640)],
)
def test_variants_add_the_numbers_they_name_and_all_of_them_learn_as_routers(arm, numbers):
    model = first_weights(replace(RUN, arm=arm))
    groups = parameter_groups(model.named_parameters(), Fit(steps=1, lr=1e-2, weight_decay=0.1, scales=SCALES))
    (fast,) = (group for group in groups if group["scale"] == 10.0)
    assert fast["weight_decay"] == 0.0 and sum(p.numel() for p in fast["params"]) == numbers
    assert sum(p.numel() for p in model.parameters()) == numbers + sum(
        p.numel() for p in first_weights(RUN).parameters()
    )


def test_every_arm_has_a_name():
    assert set(NAMES) == {*ARMS, *RIVALS}


def test_the_question_is_not_scored():
    rows = held_out(3, 20, 7)
    ids = torch.from_numpy(rows.ids)
    model = first_weights(RUN)
    other = ids.clone()
    with torch.no_grad():
        whole = working_loss(model, ids, rows.start)
        logits = model(ids).logits[:, rows.start : -1].flatten(0, 1)
        by_hand = torch.nn.functional.cross_entropy(logits, other[:, rows.start + 1 :].flatten())
    assert float(whole) == pytest.approx(float(by_hand), abs=1e-6)
    assert score(model, rows)[0] == pytest.approx(float(whole), abs=1e-5)


def test_rates_are_chosen_on_seeds_of_their_own():
    """On any other seed an arm has one rate in each setting, and that is the one at which it stands."""
    runs = [run for name, group in GROUPS.items() for run in group if name != "given-up"]
    for run in runs:
        assert run.seed in (*CHOOSING, *SEEDS, *REPEATED, *FRESH, *AGAIN)
        sizes = {"operands": run.operands, "steps": run.steps, "depth": run.depth, "width": run.width}
        assert run.seed in CHOOSING or run.lr == best_rate(run.arm, **sizes), run
    assert not set(CHOOSING) & {*SEEDS, *REPEATED, *FRESH, *AGAIN} and BATCH == 32 and set(BEST) <= {*ARMS, *RIVALS}


@pytest.mark.parametrize("arm", RIVALS)
def test_rivals_share_every_matrix_of_the_baseline(arm):
    base, model = first_weights(RUN), first_weights(replace(RUN, arm=arm))
    held = model.state_dict()
    shared = [name for name, value in base.state_dict().items() if value.dim() > 1]
    assert shared and all(torch.equal(base.state_dict()[name], held[name]) for name in shared)
    settings = Fit(steps=1, lr=1e-2, weight_decay=0.1, scales=SCALES)
    decaying = {
        id(p) for group in parameter_groups(model.named_parameters(), settings) if group["weight_decay"]
        for p in group["params"]
    }  # fmt: skip
    dynamic = {name for name, _ in model.named_parameters() if name.endswith(".dynamic")}
    assert {name for name, p in model.named_parameters() if id(p) in decaying} == {*shared, *dynamic}


def test_a_wider_run_is_wider_and_starts_its_arms_alike():
    wide = replace(RUN, width=32)
    base, lime = first_weights(wide), first_weights(replace(wide, arm="lime"))
    assert base.config.width == 32 and base.config.ffn == 85
    assert torch.equal(base.state_dict()["embed.weight"], lime.state_dict()["embed.weight"])
