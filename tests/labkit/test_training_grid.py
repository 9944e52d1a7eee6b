"""Grids of runs: planned, resumed, what diverged recorded; curves kept in a file and compared pair by pair."""

import math
import re
from dataclasses import replace

import pytest

from labkit.base.errors import BadInput, BrokenFile, UnknownName
from labkit.cli import main
from labkit.measurements import compare_curves, residual_stats, variance_by_step
from labkit.models import load
from labkit.papers.curse_of_depth.method.placements import LayerNormScaling, PreNorm
from labkit.training import Curve, Curves, Recipe, collect, grid, read_recipe, recipes, run_grid

MODEL = {"width": 8, "depth": 2, "heads": 2, "ffn": 8, "context": 256, "tie": False}
COMMON = {"size": "cpu", "documents": {"facts": 4}, "steps": 6, "warmup": 2, "log_every": 2, "save_every": 3}


def recipe(name, lr=1e-2, **more):
    kind = {"pre": "pre-norm", "lns": "lns"}[name]
    return Recipe(name=name, lr=lr, model={"kind": kind, **MODEL}, **{**COMMON, "groups": 2, **more})


def run(name="pre", lr=1e-3, seed=0, status="finished", loss=(3.0, 2.0, 1.0), **more):
    steps = tuple(range(20, 20 * len(loss) + 1, 20))
    fields = {"size": "cpu", "planned": 60, "model": {}, "said": "", "gradient": loss, **more}
    return Curve(
        recipe=name,
        lr=lr,
        seed=seed,
        status=status,
        step=steps,
        tokens=tuple(100 * s for s in steps),
        loss=loss,
        **fields,
    )


def test_the_depth_recipes_name_every_placement_and_differ_in_nothing_else():
    depths = [f"depth/{kind}-{depth}" for kind in ("pre", "lns") for depth in (8, 32)]
    names = [name for name in recipes() if name.startswith("depth/") and name not in depths]
    kinds = {read_recipe(name).config().kind for name in names}
    scales = {"skip-init", "layer-scale", "re-zero", "lns", "scaling-at"}
    assert kinds == scales | {"pre-norm", "sandwich", "post-norm", "mix-norm", "deep-norm"}
    for size in ("cpu", "gpu"):
        tables = [read_recipe(name, size).as_dict() for name in names]
        for table in tables:
            for field in ("name", "about"):
                table.pop(field)
            for field in ("kind", "init", "exponent", "alpha", "position"):
                table["model"].pop(field, None)
        assert all(table == tables[0] for table in tables)
    usual = read_recipe("depth/pre").as_dict()
    for name in depths:  # shorter, and otherwise the same but for the number of blocks and the kind
        other = read_recipe(name).as_dict()
        differing = {field for field in usual if other[field] != usual[field]} - {"name", "about", "model"}
        assert differing == {"steps", "warmup", "keep"} and other["model"]["depth"] == int(name.rsplit("-")[-1])
        assert {**other["model"], "depth": 16, "kind": usual["model"]["kind"]} == usual["model"]
    assert isinstance(read_recipe("depth/pre").config(), PreNorm)
    assert isinstance(read_recipe("depth/lns", "gpu").config(), LayerNormScaling)


def test_a_grid_is_every_recipe_rate_and_seed_once():
    trials = grid(["depth/pre", recipe("lns")], lrs=[1e-3, 2e-3], seeds=[0, 1])
    assert len(trials) == len({trial.folder for trial in trials}) == 8
    assert [(t.recipe.name, t.recipe.lr, t.seed) for t in trials[:3]] == [
        ("depth/pre", 1e-3, 0),
        ("lns", 1e-3, 0),
        ("depth/pre", 2e-3, 0),
    ]
    assert grid([recipe("pre")])[0].recipe.lr == 1e-2
    short = grid(["depth/pre"], steps=30)[0].recipe
    assert (short.steps, short.warmup, short.keep) == (30, 3, ())
    changed = grid(["depth/pre"], changes={"model.depth": 40, "clip": 9.0})[0]
    assert changed.recipe.config().depth == 40 and changed.recipe.clip == 9.0
    assert changed.folder.name == "depth-pre-depth=40-clip=9.0-cpu-1500-lr0.002-0"
    assert changed.recipe.name == "depth/pre depth=40 clip=9.0"
    narrow = grid(["depth/pre"], changes={"model.width": 6, "model.heads": 3})[0].recipe  # neither fits alone
    assert narrow.config().width == 6
    for wrong in ({"model.deep": 1}, {"clipp": 1}, {"model": {}}):
        with pytest.raises(UnknownName):
            grid(["depth/pre"], changes=wrong)
    with pytest.raises(BadInput, match="the same"):
        grid(["depth/pre", "depth/pre"])
    with pytest.raises(BadInput, match="nothing"):
        grid([])
    with pytest.raises(UnknownName, match="depth/lns"):
        grid(["depth/lsn"])


def test_a_grid_runs_records_what_diverged_and_goes_on_where_it_stopped(tmp_path):
    wild = recipe("lns", lr=1e30, warmup=0, clip=math.inf)
    trials = grid([recipe("pre"), wild], seeds=[0], out=tmp_path)
    seen = []

    def stop(trial, event, entry):
        seen.append((trial.recipe.name, event))
        if entry.get("step") == 4 and event == "step" and len(seen) < 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_grid(trials, say=stop)
    assert collect([trials[0].folder]).runs[0].status == "unfinished" and trials[1].status == "unfinished"
    curves = run_grid(trials, say=stop)
    by_name = {curve.recipe: curve for curve in curves}
    assert by_name["pre"].status == "finished" and by_name["pre"].step == (2, 4, 6)
    assert by_name["lns"].status == "diverged" and curves.diverged == [by_name["lns"]]
    assert re.search(r"lns, lr 1e\+30, seed 0 diverged: loss .*, gradient nan at step 2", curves.table())
    assert math.isnan(by_name["lns"].last_loss) and by_name["lns"].model["kind"] == "lns"
    again = grid([recipe("pre")], seeds=[0], out=tmp_path / "whole")
    assert run_grid(again).runs[0].loss == by_name["pre"].loss  # interrupted and resumed: the same curve
    count = len(seen)
    assert run_grid(trials, say=stop) == curves and len(seen) == count  # nothing left to do
    assert Curves.load(curves.save(tmp_path / "curves.json")) == curves


def test_paired_runs_read_the_same_documents(tmp_path):
    curves = run_grid(grid([recipe("pre"), recipe("lns")], seeds=[3], out=tmp_path))
    first, second = curves.of("lns")[0], curves.of("pre")[0]
    assert first.tokens == second.tokens and first.loss != second.loss
    found = compare_curves(curves, "pre", "lns", window=1)
    assert [e.value for e in found.difference] == pytest.approx([a - b for a, b in zip(first.loss, second.loss)])
    assert math.isnan(found.last.low) and found.seeds == (3,)


def test_a_measurement_is_repeated_on_every_kept_checkpoint(tmp_path):
    texts = [[1, 5, 9, 2], [1, 7, 3]]
    (curve,) = run_grid(grid([recipe("pre", keep=(2, 4))], out=tmp_path))
    folder = next(tmp_path.iterdir())
    found = variance_by_step(folder, texts)
    assert list(found.lines) == ["step 2", "step 4", "end"] and found.depth == 2 and curve.status == "finished"
    end = residual_stats(load(folder / "final"), texts)
    assert found.values("end") == tuple(e.value for e in end.variance[1:]) != found.values("step 2")
    with pytest.raises(BadInput, match="keeps no checkpoint"):
        variance_by_step(tmp_path, texts)


def test_the_best_rate_is_one_at_which_every_seed_finished():
    runs = [run(lr=1e-3, seed=s, loss=(3.0, 2.0)) for s in (0, 1)] + [run(lr=4e-3, seed=0, loss=(3.0, 1.5))]
    curves = Curves((*runs, run(lr=4e-3, seed=1, status="diverged", loss=(3.0,), said="loss nan")))
    assert curves.best_lr("pre") == 1e-3
    assert Curves((*runs, run(lr=4e-3, seed=1, loss=(3.0, 1.6)))).best_lr("pre") == 4e-3
    with pytest.raises(BadInput, match="No learning rate"):
        Curves(tuple(replace(r, status="unfinished") for r in runs)).best_lr("pre")
    with pytest.raises(UnknownName, match="pre"):
        curves.of("prr")


def test_pairs_are_compared_at_their_best_rates_with_an_interval_over_seeds():
    runs = []
    for seed, noise in enumerate((0.0, 0.1, -0.1, 0.05, -0.05)):
        runs += [run("pre", 1e-3, seed, loss=(3.0 + noise, 2.0 + noise, 1.5 + noise))]
        runs += [run("lns", 2e-3, seed, loss=(3.2 + noise, 2.0 + noise, 1.4 + 1.1 * noise))]
        runs += [run("lns", 1e-3, seed, loss=(9.0, 9.0, 9.0))]
    found = compare_curves(Curves(tuple(runs)), "pre", "lns", window=1)
    assert found.lrs == (1e-3, 2e-3) and found.seeds == (0, 1, 2, 3, 4)
    assert [e.value for e in found.difference] == pytest.approx([0.2, 0.0, -0.1])
    assert found.difference[0].low == pytest.approx(0.2) and found.last.excludes(0)
    assert found.last.value == pytest.approx(-0.1) and found.last.over == "seeds"
    crossing = compare_curves(Curves(tuple(runs)), "pre", "lns", window=2)
    assert crossing.crossings == () or crossing.crossings == (6000,)
    assert "nats/token" in found.table() and found.as_dict()["seeds"] == [0, 1, 2, 3, 4]
    fresh = compare_curves(Curves(tuple(runs)), "pre", "lns", lrs=(1e-3, 2e-3), seeds=(3, 4))
    assert fresh.seeds == (3, 4) and fresh.last.n == 2 and not fresh.left_out
    odd = Curves((*runs[:3], run("pre", 1e-3, 7, status="diverged", loss=(3.0,))))
    assert compare_curves(odd, "pre", "lns", lrs=(1e-3, 2e-3)).left_out == (
        "left out: pre, seed 7, diverged",
        "left out: lns, seed 7, not run",
    )
    with pytest.raises(BadInput, match="No seed"):
        compare_curves(Curves((run("pre"), run("lns", seed=1))), "pre", "lns")
    with pytest.raises(BadInput, match="same tokens"):
        compare_curves(Curves((run("pre"), replace(run("lns"), tokens=(1, 2, 3)))), "pre", "lns")


def test_a_damaged_file_of_curves_is_told(tmp_path):
    path = tmp_path / "curves.json"
    for text in ('{"format": "labkit curves 1", "runs": [{"recipe"', '{"format": "other", "runs": []}', "[]"):
        path.write_text(text)
        with pytest.raises(BrokenFile, match="no training curves"):
            Curves.load(path)


def test_the_command_plans_and_runs(tmp_path, capsys):
    assert main(["grid", "depth/pre", "depth/lns", "--lr", "1e-3", "4e-3", "--out", str(tmp_path), "--dry"]) == 0
    assert capsys.readouterr().out.count("unfinished") == 4
    path = tmp_path / "small.toml"
    path.write_text(
        'name = "small"\ndocuments = { facts = 2 }\ngroups = 1\nlr = 1e-2\nlog_every = 1\n'
        '[model]\nkind = "lns"\nwidth = 8\ndepth = 2\nheads = 2\nffn = 8\ncontext = 256\n[cpu]\nsteps = 9\nwarmup = 0\n'
    )
    saved = tmp_path / "curves.json"
    assert (
        main(
            [
                "grid",
                str(path),
                "--steps",
                "2",
                "--set",
                "model.exponent=1",
                "--out",
                str(tmp_path),
                "--save",
                str(saved),
            ]
        )
        == 0
    )
    assert "small exponent=1" in capsys.readouterr().out
    (curve,) = Curves.load(saved)
    assert curve.step == (1, 2) and curve.model["exponent"] == 1
    assert main(["grid", str(path), "--set", "model.exponent", "--dry"]) == 2
