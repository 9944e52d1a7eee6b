"""Measured runs: each number is that of its model, the file keeps them, and the panel over them shows what they say."""

from dataclasses import replace
from typing import Any

import pytest

import labkit
from labkit import measurements, world
from labkit.base.errors import BadInput, BrokenFile, UnknownName
from labkit.cli import main
from labkit.figures import new_figure, png
from labkit.models import load
from labkit.papers.curse_of_depth.experiments import block_runs as depth_runs
from labkit.papers.curse_of_depth.experiments.block_runs import DEPTH_KINDS, BlockRun, BlockRuns, measure_runs
from labkit.papers.curse_of_depth.panels.pair import PairPanel
from labkit.training import Curves, Recipe, grid, recipes, run_grid

MODEL = {"width": 8, "depth": 3, "heads": 2, "ffn": 8, "context": 256, "tie": False, "init_std": 0.2}
COMMON = {
    "size": "cpu",
    "documents": {"facts": 4},
    "steps": 4,
    "warmup": 2,
    "log_every": 2,
    "save_every": 4,
    "groups": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two recipes and two seeds of four steps each, one step kept."""
    recipes = [
        Recipe(name=name, lr=1e-2, keep=(2,), model={"kind": kind, **MODEL}, **COMMON)
        for name, kind in (("pre", "pre-norm"), ("lns", "lns"))
    ]
    out = tmp_path_factory.mktemp("grid")
    run_grid(grid(recipes, seeds=[0, 1], out=out))
    return out


@pytest.fixture(autouse=True)
def few_stories(monkeypatch):
    monkeypatch.setattr(depth_runs, "STORIES", 2)


@pytest.fixture(scope="module")
def runs(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(depth_runs, "STORIES", 2)
        return measure_runs(sorted(folder.iterdir()), steps=["end", "0", "3", "2"])


def test_every_finished_run_is_measured_before_on_the_way_and_at_the_end(folder, runs):
    assert len(runs) == 2 * 2 * 3 and runs.recipes == ["lns", "pre"] and runs.steps() == ["0", "2", "end"]
    assert [run.seed for run in runs.of("pre")] == [0, 1] and not runs.of("pre", seeds=[7])
    with pytest.raises(UnknownName):
        runs.of("post")


def test_the_numbers_are_those_of_the_model(folder, runs):
    model = load(next(folder.glob("pre-*-1")) / "final")
    (run,) = runs.of("pre", seeds=[1])
    documents = depth_runs.stories()
    assert run.loss == pytest.approx(measurements.loss(model, documents).value, rel=1e-5)
    assert run.variance == pytest.approx([e.value for e in measurements.residual_stats(model, documents).variance])
    for part, edit in (
        ("block", labkit.DropBlock(1)),
        ("attention", labkit.DropAttention(1)),
        ("mlp", labkit.DropMLP(1)),
    ):
        with labkit.edit(model, edit):
            assert run.costs(part)[1] == pytest.approx(measurements.loss(model, documents).value - run.loss, abs=2e-6)
    fresh = runs.of("pre", seeds=[1], step="0")[0]
    model = model.config.build(1).eval()
    assert fresh.loss == pytest.approx(measurements.loss(model, documents).value, rel=1e-5)
    with pytest.raises(UnknownName):
        run.costs("norm")


def test_the_file_keeps_them_and_what_is_known_is_not_measured_again(folder, runs, tmp_path, monkeypatch):
    path = runs.save(tmp_path / "blocks.json")
    again = BlockRuns.load(path)
    assert [run.loss for run in again] == pytest.approx([run.loss for run in runs], rel=1e-4)
    monkeypatch.setattr(depth_runs, "measure_model", None)
    assert measure_runs(sorted(folder.iterdir()), known=again) == again
    with pytest.raises(BadInput, match="'last'"):
        measure_runs(sorted(folder.iterdir()), steps=["0", "last"])
    path.write_text("{}")
    with pytest.raises(BrokenFile, match="holds no measured runs"):
        BlockRuns.load(path)


def test_what_was_measured_before_an_interrupt_is_kept(folder, runs, tmp_path, monkeypatch):
    ready, path = iter(runs.runs[:2]), tmp_path / "blocks.json"

    def measured(model, documents, parts, **about):
        if run := next(ready, None):
            return replace(run, **about)
        raise KeyboardInterrupt

    monkeypatch.setattr(depth_runs, "measure_model", measured)
    options = ["--found", "--out", str(folder), "--measure", str(path), "--measure-steps", "0", "2"]
    assert main(["grid", "pre", "lns", *options]) == 130
    assert [(run.recipe, run.step) for run in BlockRuns.load(path)] == [("lns", "0"), ("lns", "2")]


def test_the_command_takes_the_runs_it_finds(folder, tmp_path, capsys):
    options = ["--out", str(folder), "--save", str(tmp_path / "c.json"), "--measure", str(tmp_path / "b.json")]
    assert main(["grid", "pre", "lns", "--found", *options]) == 0
    assert len(BlockRuns.load(tmp_path / "b.json")) == 8 and "finished" in capsys.readouterr().out
    assert main(["grid", "sandwich", "--found", "--out", str(folder)]) != 0


def test_a_grid_is_stored_without_leaving_anything_out(folder, runs, tmp_path):
    path = depth_runs.sweep_one_rate(lambda line: None, tmp_path / "b.json", folder)
    stored = BlockRuns.load(path)
    assert [run.step for run in stored] == ["end"] * 4 and {run.block for run in stored} == {()}
    for run in stored:
        (whole,) = runs.of(run.recipe, seeds=[run.seed])
        assert (run.loss, run.variance[-1]) == pytest.approx((whole.loss, whole.variance[-1]), rel=1e-4)
    assert len(Curves.load(tmp_path / "08_one_rate_curves.json")) == 4


def test_of_several_rates_the_one_with_most_seeds_counts():
    def run(lr, seed, loss):
        return BlockRun(recipe="pre", lr=lr, seed=seed, step="end", loss=loss, variance=(1.0, 2.0),
                        turns=(0.1,), block=(1.0,), attention=(1.0,), mlp=(1.0,))  # fmt: skip

    runs = BlockRuns((run(1.0, 0, 0.5), run(2.0, 0, 0.6), run(2.0, 1, 0.6), run(3.0, 0, 0.7), run(3.0, 1, 0.4)))
    assert runs.best_lr("pre") == 3.0 and runs.best_lr("pre", [0]) == 1.0
    with pytest.raises(BadInput, match="No run"):
        runs.best_lr("pre", [9])


@pytest.fixture
def panel(runs):
    panel = PairPanel("pre", "lns", runs=runs)
    yield panel
    panel.close()


def test_the_panel_shows_every_seed_of_both(panel, runs):
    panel.set(block=2, part="mlp", step="2")
    chosen = {name: panel.data.chosen(name) for name in panel.data.costs}
    for name in ("pre", "lns"):
        assert chosen[name] == {run.seed: run.mlp[1] for run in runs.of(name, step="2")}
        rows = [run.mlp for run in runs.of(name, step="2")]
        assert panel.data.means(name) == pytest.approx([sum(column) / 2 for column in zip(*rows)])
    assert "its MLP in block 2 (after step 2)" in panel.shown.sentence and panel.shown.replayed
    panel.set(step="end", part="block")
    assert "2 seeds" in panel.shown.sentence


def test_idle_blocks_are_counted_model_by_model_and_the_bar_is_the_mean_of_what_was_measured(runs):
    costs = {0: (0.0, 0.05, -0.04), 1: (0.05, 0.0, 0.02)}  # other idle blocks in each seed; means 0.025, 0.025, -0.01
    made = BlockRuns(tuple(replace(run, block=costs[run.seed]) for run in runs))
    panel = PairPanel("pre", "lns", runs=made)
    panel.set(block=2)
    assert "averaged over the seeds: pre 1.5 of 3, lns 1.5 of 3" in panel.shown.sentence
    figure = new_figure(panel.size)
    panel.draw(panel.data, figure)
    bar = figure.subfigs[1].axes[0].collections[0].get_segments()[0]
    assert bar[0][1] == pytest.approx(0.025)
    panel.set(block=3)
    figure = new_figure(panel.size)
    panel.draw(panel.data, figure)
    assert figure.subfigs[1].axes[0].collections[0].get_segments()[0][0][1] == 1e-4  # a mean below the axis, at its end


def test_overlap_is_said_only_where_there_is_some(runs):
    far = [replace(run, block=tuple(1 + cost for cost in run.block)) if run.recipe == "lns" else run for run in runs]
    panel = PairPanel("pre", "lns", runs=BlockRuns(tuple(far)))
    assert "No seed of the one kind" in panel.shown.sentence
    same = [replace(run, block=(0.1, 0.2, 0.3)) for run in runs]
    assert "overlap" in PairPanel("pre", "lns", runs=BlockRuns(tuple(same))).shown.sentence
    alone = [run for run in runs if run.seed == 0]
    assert "One seed each" in PairPanel("pre", "lns", runs=BlockRuns(tuple(alone))).shown.sentence
    with pytest.raises(BadInput, match="at least two steps"):
        PairPanel("pre", "lns", runs=BlockRuns(tuple(runs.of("pre") + runs.of("lns"))))


def test_its_code_runs_and_it_can_be_drawn(panel, runs, tmp_path, monkeypatch):
    path = runs.save(tmp_path / "blocks.json")
    monkeypatch.setattr(depth_runs, "blocks_path", lambda: path)
    panel.set(block=1)
    names: dict[str, Any] = {}
    exec(panel.code(panel.state), names)
    assert names["costs"]["pre"] == pytest.approx(list(panel.data.chosen("pre").values()), rel=1e-4)
    figure = new_figure(panel.size)
    panel.draw(panel.data, figure)
    assert len(png(figure)) > 5000 and "(intact)" in str(panel.table(panel.data))
    with pytest.raises(BadInput):
        panel.set(block=4)


def test_recompute_asks_the_two_models_that_are_shipped(panel, folder, monkeypatch):
    def shipped(name):
        model = load(next(folder.glob(f"{name}-*-1")) / "final").eval()
        return labkit.zoo.Handle(name, model, world.tokenizer(), {"seed": 1})

    monkeypatch.setattr(labkit.zoo, "load", shipped)
    panel.set(block=2, step="end")
    before = panel.data.chosen("pre")[1]
    panel.recompute()
    assert panel.data.chosen("pre") == {1: pytest.approx(before, abs=1e-5)} and not panel.shown.replayed
    with pytest.raises(BadInput, match="measurements alone"):
        panel.set(step="0")


def test_every_recipe_of_the_experiments_has_a_name():
    assert set(DEPTH_KINDS) == {name for name in recipes() if name.startswith("depth/")}
