"""Two models trained before the reader's eyes: the same as a written run, shown on the way, and stopped at a word."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from labkit.base.errors import BrokenFile, NotAvailable
from labkit.cli import main
from labkit.figures import new_figure, png
from labkit.papers.curse_of_depth.experiments import twins
from labkit.papers.curse_of_depth.panels import twins as shown
from labkit.papers.curse_of_depth.panels.twins import TrainingPairPanel
from labkit.training import read_log, train, train_live

STATE = twins.TrainingPairState(depth=4)
COMMITTED = twins.twins_path()


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    for name, value in (("width", 8), ("ffn", 8)):
        monkeypatch.setitem(twins.WIDTH, name, value)
    monkeypatch.setattr(twins, "DOCUMENTS", {"facts": 4})
    monkeypatch.setattr(shown, "SHOWN", 10)
    monkeypatch.setattr(twins, "twins_path", lambda: tmp_path / "twins.json")


@pytest.fixture
def panel():
    panel = TrainingPairPanel(steps=20, start=STATE)
    yield panel
    panel.close()


def test_live_is_the_training_that_is_written(tmp_path):
    recipe = replace(twins.recipe_of("LayerNorm Scaling", STATE, 6), clip=0.05)
    *_, last = train_live(recipe, seed=3)
    written = train(recipe, seed=3, out=tmp_path / "run")
    for one, other in zip(last.model.parameters(), written.model.parameters()):
        assert torch.equal(one, other)
    steps = [entry for entry in read_log(tmp_path / "run" / "log.jsonl") if entry["event"] == "step"]
    assert (last.step, last.tokens) == (6, written.tokens) == (6, steps[-1]["tokens"])


def test_a_training_that_breaks_ends_and_says_so():
    recipe = twins.recipe_of("Pre-LN", STATE, 6)
    run = train_live(recipe)
    first = next(run)
    with torch.no_grad():
        first.model.head.weight.fill_(math.nan)
    assert next(run).diverged and not first.diverged
    with pytest.raises(StopIteration):
        next(run)


def test_both_are_shown_on_the_way_and_at_the_end(panel):
    with pytest.raises(NotAvailable, match="not been run"):
        _ = panel.shown
    seen = []
    job = panel.inquiry.long(1.0)
    while job.slice(seconds=0):
        seen.append((job.progress, panel.inquiry.shown))
    assert [round(done, 2) for done, _ in seen] == [round((i + 1) / 20, 2) for i in range(20)]
    assert seen[8][1] is None and seen[9][1].data.step == 10 and seen[10][1] is seen[9][1]
    data = panel.data
    assert data.step == data.steps == 20 and len(data.tokens) == 2 and job.status == "done"
    recipe = twins.recipe_of("Pre-LN", STATE, 20)
    losses = [step.loss for step in train_live(recipe)]
    assert data.losses["Pre-LN"] == pytest.approx([sum(losses[:10]) / 10, sum(losses[10:]) / 10])
    assert "One seed" in panel.shown.sentence and "diverged" not in panel.shown.sentence


def test_a_model_that_breaks_early_is_shown_as_broken(panel, monkeypatch):
    def breaks(recipe, seed):
        for step in train_live(recipe, seed):
            if step.step == 3 and recipe.name.endswith("Scaling"):
                with torch.no_grad():
                    step.model.head.weight.fill_(math.nan)
            yield step

    monkeypatch.setattr("labkit.training.train_live", breaks)
    data = panel.compute(STATE)
    assert data.step == 4 and data.diverged == ("LayerNorm Scaling",) and len(data.tokens) == 1
    assert "LayerNorm Scaling has diverged" in panel.sentence(data) and math.isnan(data.losses["LayerNorm Scaling"][-1])
    figure = new_figure(panel.size)
    panel.draw(data, figure)
    assert len(png(figure)) > 5000


def test_cancel_keeps_how_far_it_came(panel):
    job = panel.inquiry.long(1.0)
    while job.progress < 0.6:
        job.slice(seconds=0)
    panel.cancel()
    assert job.status == "cancelled" and panel.data.step == 10
    assert panel.inquiry.notice == "Cancelled. The picture is how far it came."
    again = panel.inquiry.long(1.0)
    again.slice(seconds=0)
    panel.cancel()
    assert panel.inquiry.notice == "Cancelled. The picture is the last finished one."


def test_what_is_stored_is_what_was_trained_and_comes_without_training(monkeypatch, tmp_path):
    monkeypatch.setattr(shown, "STEPS", 10)
    monkeypatch.setattr(TrainingPairPanel, "presets", lambda self: [STATE])
    assert main(["sweep", "twins", "--out", str(tmp_path / "twins.json")]) == 0
    panel = TrainingPairPanel(steps=10, start=STATE)
    assert panel.shown.replayed and panel.data.step == 10
    fresh = panel.compute(STATE)
    assert panel.data.costs["Pre-LN"] == pytest.approx(fresh.costs["Pre-LN"], rel=1e-3, abs=1e-6)
    (tmp_path / "twins.json").write_text('{"twins": [{"depth": 3}]}')
    with pytest.raises(BrokenFile):
        twins.kept()


def test_it_can_be_drawn_and_its_code_runs(panel, capsys):
    panel.run()
    figure = new_figure(panel.size)
    panel.draw(panel.data, figure)
    assert len(png(figure)) > 5000 and "cost 4" in str(panel.table(panel.data))
    names: dict[str, Any] = {}
    exec(panel.code(panel.state), names)
    step, tokens, *_ = capsys.readouterr().out.splitlines()[-1].split()
    assert (int(step), int(tokens)) == (20, panel.data.tokens[-1])


def test_the_course_s_own_answers_cover_the_presets(monkeypatch):
    monkeypatch.setattr(twins, "twins_path", lambda: COMMITTED)
    panel = TrainingPairPanel()
    for state in panel.presets():
        data = panel.stored(state)
        assert data.step == data.steps == twins.STEPS and len(data.tokens) == twins.STEPS // twins.EVERY
        assert all(math.isfinite(loss) for line in data.losses.values() for loss in line)
        assert [len(line) for line in data.costs.values()] == [state.depth] * 2
