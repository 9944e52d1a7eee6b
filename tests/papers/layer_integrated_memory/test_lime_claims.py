"""What lesson 09's ledger rests on: the functions on a made-up table, and the committed rows as promised."""

import json
from dataclasses import asdict

import pytest

from labkit.base.errors import NotAvailable
from labkit.claims import assess, ledger
from labkit.claims.entry import registration
from labkit.claims.records import record_path
from labkit.papers.layer_integrated_memory import claims, training
from labkit.papers.layer_integrated_memory.experiments import language, table
from labkit.papers.layer_integrated_memory.training import BEST, CHOOSING, EVERY
from labkit.training import Runs, best_rate

SEEDS = (1, 2)


def found(loss, solved, steps, own=0.5):
    looks = steps // EVERY + 1
    return {
        "loss": loss,
        "solved": solved,
        "losses": [2.0 - (2.0 - loss) * place / (looks - 1) for place in range(looks)],
        "shares": [solved] * looks,
        "entropy": {kind: [1.0, 1.0 + loss] for kind in ("hidden", "raw", "routed")},
        "apart": {"hidden": [1.0, 0.6], "raw": [1.0, own], "routed": [1.0, 1.0]},
        "reads": [[1.0], [0.4, 0.6], [0.5, 0.3, 0.2]],
        "pruned": {"0.2": [loss + 0.05, solved]},
    }


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    runs = Runs(tmp_path / "runs.jsonl")

    def add(arm, seed, loss, solved, operands=4, steps=1200, depth=4, width=16, own=0.5):
        rung = {"operands": operands, "steps": steps, "depth": depth, "width": width}
        settings = {"arm": arm, "lr": training.best_rate(arm, **rung), "seed": seed, **rung}
        runs.do(settings, lambda: found(loss, solved, steps, own))

    for seed in SEEDS:
        add("base", seed, 0.2, 0.1 * seed, own=1.0)
        add("lime", seed, 0.1, 0.9)
        add("lime", seed, 0.5, 0.0, depth=2)
        add("base", seed, 0.05 * seed, 0.8, width=32)
        add("lime", seed, 0.03, 0.9, width=32)
        for operands, lead in ((4, 0.0), (5, 0.25 * seed)):
            add("base", seed, 0.3, 0.5, operands=operands, steps=2400)
            add("lime", seed, 0.2, 0.5 + lead, operands=operands, steps=2400)
    monkeypatch.setattr(table, "runs", lambda: runs)


def values(measured):
    assert measured.units == tuple(f"seed {seed}" for seed in SEEDS)
    return pytest.approx(measured.values)


def test_functions_compare_what_they_say(made_up):
    ask = {"n": 2, "seeds": SEEDS}
    assert values(claims.difference(**ask)) == (-0.1, -0.1)
    assert values(claims.difference(**ask, what="solved")) == (0.8, 0.7)
    assert values(claims.difference(**ask, second_depth=2)) == (0.3, 0.3)
    assert values(claims.lead_change(**ask, width=32)) == (-0.02 + 0.1, -0.07 + 0.1)
    assert values(claims.lead_change(**ask, what="solved", operands=5, steps=2400)) == (0.25, 0.5)
    assert values(claims.entropy_difference(**ask)) == (-0.1, -0.1)
    assert values(claims.separability_difference(**ask)) == (0.0, 0.0)
    assert values(claims.separability_difference(**ask, kind="raw")) == (-0.5, -0.5)
    assert values(claims.first_share(**ask)) == (0.2, 0.2)
    assert values(claims.pruned_difference(**ask)) == (-0.05, -0.05)


def test_language_models_are_compared_seed_by_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(language, "data_dir", lambda: tmp_path)
    for arm, seed, rows in (("base", 1, [2.0, 3.0]), ("lime", 1, [1.5, 3.0]), ("base", 2, [1.0, 1.0]),
                            ("lime", 2, [1.5, 1.0]), ("base", 3, [9.0, 9.0]), ("lime", 3, [0.0, 0.0])):  # fmt: skip
        settings = {"arm": arm, "lr": language.chosen_rate(arm), "seed": seed}
        language.stored().do(settings, lambda rows=rows: {"rows": rows})
    assert values(claims.language_difference(n=2, seeds=SEEDS)) == (-0.25, 0.25)
    with pytest.raises(NotAvailable, match=r"\[4\] are not there"):
        claims.language_difference(n=2, seeds=(1, 4))


def test_flops_are_read_off_the_curves(made_up):
    (one, _) = claims.flops_ratio(n=2, seeds=SEEDS).values
    more = 1 + 144 * 8 / 14_432  # 1,152 multiply-adds on top of the baseline's
    assert one == pytest.approx(more * 1.8 / 1.9, rel=1e-3)


def test_missing_runs_are_named(made_up):
    with pytest.raises(NotAvailable, match=r"average .* \[1, 2\]"):
        claims.difference(n=2, seeds=SEEDS, second="average")


def test_exact_rows():
    assert claims.parameter_error(n=2, seeds=[0]).values == (0.0, 0.0)
    assert all(abs(value) < 1e-4 for value in claims.extra_flops(n=2, seeds=[0]).values)
    assert set(claims.cache_ratio(n=3, seeds=[1, 2, 3]).values) == {1.0}
    assert max(claims.identity_error(n=2, seeds=[1, 2]).values) < 1e-9


def test_the_table_s_rates_are_the_best_of_the_choosing_seeds():
    tried = {}
    for run in table.runs():
        if run["seed"] in CHOOSING:
            rung = run["arm"], run["operands"], run["steps"], run["depth"], run["width"]
            tried.setdefault(rung, []).append(run)
    assert set(BEST) <= {arm for arm, *rung in tried if rung == [4, 1200, 4, 16]}
    for (arm, *rung), held in tried.items():
        rates = sorted(run["lr"] for run in held)
        assert rates[0] < best_rate(held) < rates[-1], (arm, rung)
        assert best_rate(held) == training.best_rate(arm, *rung), (arm, rung)


def test_every_run_of_the_table_belongs_to_a_group_and_groups_are_whole():
    names = [*asdict(training.GROUPS["main"][0])]
    there = {tuple(run[name] for name in names) for run in table.runs()}
    planned = {name: {tuple(asdict(run).values()) for run in group} for name, group in training.GROUPS.items()}
    assert there <= set().union(*planned.values())
    begun = {name for name, group in planned.items() if group & there}
    assert not {name: planned[name] - there for name in begun if planned[name] - there}
    assert set(planned) == begun


def function_of(claim):
    return getattr(claims, claim.measure.rpartition(".")[2])


def test_every_row_is_registered_as_it_stands_and_measured_after():
    rows = ledger().lesson("09")
    assert len(rows) >= 10 and sum(claim.kind in ("model", "method") for claim in rows) >= 8
    for claim in rows:
        assert claim.registered == registration(claim), claim.id
        assert not set(claim.seeds) & set(CHOOSING)
        if not record_path(claim.id, None).exists():  # promised, and its runs are still to come
            with pytest.raises(NotAvailable, match="are not there"):
                function_of(claim)(n=claim.n, seeds=claim.seeds, **claim.arguments)
            continue
        record = json.loads(record_path(claim.id, None).read_text())
        assert record["committed"] and record["code"] and len(record["values"]) == claim.n, claim.id
        assert assess(claim).verdict


def test_records_can_be_computed_again():
    for name in ("09.lower_loss", "09.own_values_separable", "09.last_reads_first"):
        claim = ledger().claim(name)
        again = function_of(claim)(n=claim.n, seeds=claim.seeds, **claim.arguments)
        record = json.loads(record_path(claim.id, None).read_text())
        assert tuple(record["values"]) == pytest.approx(again.values)


def test_only_whole_groups_are_added_to_the_table(tmp_path, monkeypatch):
    committed, made = Runs(tmp_path / "committed.jsonl"), Runs(tmp_path / "made.jsonl")
    monkeypatch.setattr(table, "runs", lambda: committed)
    groups = {
        "whole": [training.Run(arm="own", lr=0.1, seed=seed) for seed in (1, 2)],
        "begun": [training.Run(arm="zeros", lr=0.1, seed=seed) for seed in (1, 2)],
    }
    monkeypatch.setattr(table, "GROUPS", groups)
    for run in (*groups["whole"], groups["begun"][0]):
        made.do(asdict(run), lambda: {"loss": 0.5})
    assert table.collect(made.path) == 2 and table.collect(made.path) == 0
    assert [(run["arm"], run["seed"], run["loss"]) for run in committed] == [("own", 1, 0.5), ("own", 2, 0.5)]
