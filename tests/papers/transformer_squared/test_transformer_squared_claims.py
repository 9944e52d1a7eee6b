"""The claims of lesson 07 on a small made-up table of runs: what is subtracted from what, at which rate."""

import json

import pytest

import labkit
from labkit.base.errors import NotAvailable
from labkit.papers.transformer_squared import (
    claims,
    load_bank,
    other_ways,
    rates_tried,
    searches_on_shots,
    searches_over_seeds,
    shipped_bank,
    training,
)
from labkit.papers.transformer_squared.experiments import other_ways as side
from labkit.papers.transformer_squared.experiments import over_seeds
from labkit.papers.transformer_squared.experiments.searches import WAYS
from labkit.papers.transformer_squared.task import DOMAINS, UNSEEN
from labkit.training import Runs

SEEDS = (1, 2, 3, 4, 5)
EVERY = (*DOMAINS.values(), *UNSEEN.values())


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    made = Runs(tmp_path / "runs.jsonl")
    for place, (name, arm) in enumerate(training.ARMS.items()):
        for number, lr in enumerate(arm.rates):
            for task in arm.tasks:
                best = 0.9 if number == 1 else 0.8
                made.do({"arm": name, "task": task, "lr": lr, "seed": 0}, lambda best=best: {"validation": best})
        for seed in SEEDS:
            for task in arm.tasks:
                right = {one: 0.5 + 0.01 * place + 0.001 * seed + (0.1 if one == task else 0.0) for one in EVERY}
                settings = {"arm": name, "task": task, "lr": arm.rates[1], "seed": seed}
                made.do(settings, lambda right=right: {"accuracy": right})
    for seed in SEEDS:
        made.do({"arm": "base", "seed": seed}, lambda: {"accuracy": dict.fromkeys(EVERY, 0.5)})
        made.do({"experiment": "strategies", "seed": seed}, lambda s=seed: strategies(s))
        made.do(
            {"experiment": "few shots", "shots": 3, "seed": seed},
            lambda: {"accuracy": dict.fromkeys(UNSEEN.values(), 0.8)},
        )
        made.do({"experiment": "labels", "seed": seed}, labels)
        made.do({"experiment": "spectrum", "seed": seed}, lambda: {"queries": 0.4, "rest": 0.3})
        made.do({"experiment": "transplant", "seed": seed}, transplants)
    for seed in training.LENDING:
        made.do({"experiment": "transplant by few shots", "seed": seed}, lent)
    monkeypatch.setattr(training, "known_runs", lambda: made)
    monkeypatch.setattr(claims, "known_runs", lambda: made)
    return made


def strategies(seed):
    right = {"base": 0.5, "A prompt": 0.7, "B classifier": 0.8, "C few-shot": 0.9}
    passes = {"add": [1.0, 2.0], "rev5": [1.0, 4.0], "max5": [2.0, 2.0]}
    by_task = {name: dict.fromkeys(UNSEEN.values(), value + 0.001 * seed) for name, value in right.items()}
    return {"accuracy": by_task, "seconds": {"A prompt": passes}}


def labels():
    row = lambda share: {task: {domain: share} for domain, task in DOMAINS.items()}  # noqa: E731
    return {"A prompt": row(0.6), "B classifier": row(0.95)}


def transplants():
    found = {"base": 0.5, "ordered": 0.6, "shuffled": 0.45}
    return {"accuracy": {d: {name: {t: share} for name, share in found.items()} for d, t in UNSEEN.items()}}


def lent():
    found = {"base": 0.5, "ordered": 0.55, "shuffled": 0.45, "ordered, mixed": 0.7, "shuffled, mixed": 0.65}
    by_task = lambda share: {"add": share, "rev5": share + 0.1, "max5": share - 0.1}  # noqa: E731
    return {"donor": 9, "accuracy": {name: by_task(share) for name, share in found.items()}}


@pytest.mark.parametrize(
    ("measure", "arguments", "wanted"),
    [
        (claims.arm_difference, {"first": "SVF by reward", "second": "LoRA by reward", "tasks": ["sum"]}, 0.05),
        (
            claims.arm_difference,
            {"first": "SVF by reward", "second": "LoRA by next token", "tasks": ["sum", "max"]},
            0.04,
        ),
        (claims.strategy_gain, {"first": "base", "second": "C few-shot"}, 0.4),
        (claims.few_shot_over_prompt, {}, 0.2),
        (claims.label_gain, {}, 0.35),
        (claims.spectrum_contrast, {}, 0.1),
        (claims.transplant_difference, {"first": "shuffled", "second": "ordered"}, 0.15),
    ],
)
def test_every_seed_gives_second_minus_first(measure, arguments, wanted):
    found = measure(n=5, seeds=SEEDS, **arguments)
    assert found.units == tuple(f"seed {seed}" for seed in SEEDS)
    assert all(value == pytest.approx(wanted, abs=1e-9) for value in found.values)


def test_lent_experts_are_compared_over_all_unseen_tasks_and_pairs():
    pairs = {
        ("base", "ordered, mixed"): 0.2,
        ("ordered", "ordered, mixed"): 0.15,
        ("shuffled, mixed", "ordered, mixed"): 0.05,
    }
    for (first, second), wanted in pairs.items():
        found = claims.lent_difference(n=5, seeds=training.LENDING, first=first, second=second)
        assert found.units[0] == "seed 6" and found.values == pytest.approx([wanted] * 5)
    drawn = over_seeds.lent_over_seeds(("ordered", "shuffled"))
    assert drawn["ordered"] == pytest.approx({"laid on whole": 0.05, "mixed by few shots": 0.2})
    assert drawn["shuffled"] == pytest.approx({"laid on whole": -0.05, "mixed by few shots": 0.15})


def test_what_has_a_base_or_three_shots_beside_it_rises_with_the_seed():
    for measure, arguments, first in (
        (claims.arm_difference, {"first": "base", "second": "SVF by reward", "tasks": ["rev"]}, 0.1),
        (claims.lora_unseen, {}, 0.04),
        (claims.more_shots, {}, 0.1),
    ):
        values = measure(n=5, seeds=SEEDS, **arguments).values
        assert values == pytest.approx([first + 0.001 * seed for seed in SEEDS])


def test_the_passes_are_added_up_over_tasks():
    assert claims.first_pass_share(n=5, seeds=SEEDS).values == ((4.0, 8.0),) * 5


def test_the_rate_is_the_best_on_validation_and_the_lowest_of_equals(runs, tmp_path):
    assert training.best_rate("LoRA by reward", runs) == training.ARMS["LoRA by reward"].rates[1]
    lines = runs.path.read_text().splitlines()
    even = [line.replace('"validation": 0.9', '"validation": 0.8') for line in lines]
    (tmp_path / "even.jsonl").write_text("\n".join(even) + "\n")
    assert (
        training.best_rate("LoRA by reward", Runs(tmp_path / "even.jsonl")) == training.ARMS["LoRA by reward"].rates[0]
    )
    short = [line for line in lines if json.loads(line)["settings"].get("lr") != 2e-3]
    (tmp_path / "short.jsonl").write_text("\n".join(short) + "\n")
    with pytest.raises(NotAvailable, match="not tried at every rate"):
        training.best_rate("LoRA by reward", Runs(tmp_path / "short.jsonl"))


@pytest.mark.parametrize(
    ("settings", "jobs"),
    [
        ({"experiment": "labels", "seed": 9}, ("training bank 9", "experiments.seeds 9", "training ship")),
        ({"arm": "base", "seed": 9}, ("training experts 9", "training ship")),
        ({"arm": "LoRA by reward", "task": "rev", "lr": 1.0, "seed": 0}, ("training rates 0", "training ship")),
        ({"arm": "IA3 by reward", "task": "sum", "lr": 1.0, "seed": 0}, ("training side 0", "training ship")),
    ],
)
def test_a_missing_run_names_the_jobs_that_make_it_and_the_one_that_stores_it(settings, jobs):
    with pytest.raises(NotAvailable, match="was not made") as told:
        training.known_run(**settings)
    assert told.value.do.split("; then ") == [f"python -m labkit.papers.transformer_squared.{job}" for job in jobs]


def test_a_claim_on_a_missing_seed_is_refused():
    with pytest.raises(NotAvailable, match="was not made"):
        claims.few_shot_over_prompt(n=1, seeds=(9,))


def test_own_runs_begin_with_the_shipped_ones_and_leave_them_alone(tmp_path, monkeypatch):
    (tmp_path / "sweeps").mkdir()
    shipped = Runs(tmp_path / "sweeps" / training.STORED)
    shipped.do({"arm": "base", "seed": 1}, lambda: {"accuracy": {}})
    monkeypatch.setattr(training, "data_dir", lambda: tmp_path)
    monkeypatch.setattr(training, "FOLDER", tmp_path / "own")
    own = training.own_runs()
    own.do({"arm": "base", "seed": 2}, lambda: {"accuracy": {}})
    assert (len(training.own_runs()), len(shipped)) == (2, 1)


def test_the_base_and_the_bank_of_the_choosing_seed_are_the_shipped_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "FOLDER", tmp_path)
    monkeypatch.setattr(training, "train_base", None)  # nothing is trained
    shipped = labkit.load(training.SKILLS).model
    assert labkit.fingerprint(training.base(training.CHOOSING)) == labkit.fingerprint(shipped)
    assert load_bank(training.bank_path(training.CHOOSING)).keys() == shipped_bank().keys()
    assert training.bank_path(1).parent == tmp_path


def test_side_runs_are_told_beside_the_base_and_their_rates_beside_those_of_the_arm_they_continue(runs, monkeypatch):
    monkeypatch.setattr(side, "known_runs", lambda: runs)
    runs.do({"arm": "base", "seed": 0}, lambda: {"accuracy": {"sum": 0.6, "rev": 0.5, "max": 0.7}})
    arm = "LoRA by reward, larger rates"
    for lr, right in ((5e-2, 0.9), (1e-1, 0.1)):
        after = {"sum": right, "rev": 0.3, "max": 0.8}
        found = {"validation": right, "accuracy": after, "numbers": 7}
        runs.do({"arm": arm, "task": "sum", "lr": lr, "seed": 0}, lambda found=found: found)
    told = other_ways((arm,))
    assert [run["right"] for run in told.runs] == [0.9, 0.1] and told.of(arm)["lr"] == 5e-2
    assert told.runs[0]["elsewhere"] == pytest.approx((-0.2 + 0.1) / 2) and "-5%" in str(told)
    grid = rates_tried(("LoRA by reward", "SVF by reward"))
    assert grid.right["LoRA by reward"] == {2e-3: 0.8, 5e-3: 0.9, 1e-2: 0.8, 2e-2: 0.8, 5e-2: 0.9, 1e-1: 0.1}
    line = next(line for line in str(grid).splitlines() if line.startswith("SVF by reward"))
    assert line.split()[3:5] == ["–", "–"] and "90%" in line  # 0.002 and 0.005 were not tried
    with pytest.raises(NotAvailable, match="was not made"):
        other_ways(("IA3 by reward",))


def test_four_searches_are_compared_at_equal_cost_over_draws(runs, monkeypatch):
    monkeypatch.setattr(over_seeds, "known_runs", lambda: runs)
    ask = {"first": "global, random", "second": "per matrix, cross-entropy", "rounds": 20, "draws": 2, "n": 5}
    with pytest.raises(NotAvailable, match="searches"):
        claims.search_difference(seeds=SEEDS, **ask)
    for seed in SEEDS:
        for draw in (0, 1):
            right = {
                way: {"10": dict.fromkeys(UNSEEN.values(), 0.0), "20": {"add": 0.6, "rev5": 0.7 + draw * level / 10}}
                for level, way in enumerate(WAYS)
            }
            for one in right.values():
                one["20"]["max5"] = 0.5
            found = {"accuracy": right, "on shots": {way: {"20": {"add": 1.0, "max5": 0.5}} for way in WAYS}}
            runs.do({"experiment": "searches", "draw": draw, "seed": seed}, lambda found=found: found)
    # Places 1 and 2 of WAYS: 0.1 apart on one of three tasks, in one of two draws.
    assert claims.search_difference(seeds=SEEDS, **ask).values == pytest.approx([0.1 / 6] * 5)
    drawn = searches_over_seeds()
    wanted = [0.2 + 0.05 * level - 0.001 * sum(SEEDS) / 5 for level in range(4)]
    assert [drawn[way]["rev5"] for way in WAYS] == pytest.approx(wanted)
    assert searches_on_shots()["per matrix, random"] == pytest.approx({"shots": 0.75, "test": (1.8 + 0.15) / 3})
