"""A run's history is its vital signs at every kept step, and survives being written."""

from __future__ import annotations

import pytest

import labkit
from labkit import figures, models, world
from labkit.base.errors import BadInput, BrokenFile
from labkit.measurements import History, take_history
from labkit.measurements.history import history_file
from labkit.training import Recipe, train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    shape = {"width": 16, "depth": 2, "heads": 1, "ffn": 16, "context": 256}
    recipe = Recipe(
        name="lab/seedling", size="cpu", model=shape, documents={"facts": 4}, steps=6, lr=1e-3, warmup=1,
        log_every=2, keep=(1, 3), pool=1,
    )  # fmt: skip
    return train(recipe, out=tmp_path_factory.mktemp("run") / "seedling")


@pytest.fixture(scope="module")
def history(run):
    return take_history(run.folder, "lab/seedling", 4, seed=2)


def test_each_step_has_the_signs_of_its_checkpoint(run, history):
    assert history.steps == (1, 3, 6) and history.n == 4
    middle = labkit.vitals(models.load(run.folder / "steps" / "000003"), 4, seed=2)
    assert set(history.signs) == set(middle.signs)
    for name, sign in middle.signs.items():
        assert history.signs[name].values[1] == (sign.value, sign.low, sign.high), name
    assert history.tokens[0] < history.tokens[1] < history.tokens[2] == run.tokens


def test_tokens_between_two_lines_of_the_log_are_in_between(run, history):
    per_step = run.tokens / 6
    assert abs(history.tokens[1] - 3 * per_step) < per_step


def test_written_and_read_it_is_the_same(history, tmp_path):
    path = history.save(tmp_path / "history.json")
    assert History.load(path) == history
    assert len(history.table().splitlines()) == 3 + len(history.steps)
    path.write_text(path.read_text().replace('"steps"', '"stops"'))
    with pytest.raises(BrokenFile, match="stops"):
        History.load(path)
    with pytest.raises(BrokenFile, match="no History"):
        History.load("lab/nobody")


def test_a_folder_without_checkpoints_or_log_is_told(run, tmp_path):
    with pytest.raises(BadInput, match="keeps no checkpoint"):
        take_history(tmp_path, "lab/x", 2)
    models.save(run.model, tmp_path / "final")
    with pytest.raises(BadInput, match="no line of a step"):
        take_history(tmp_path, "lab/x", 2)


def test_the_picture_says_when_each_sign_left_chance(history):
    said = figures.describe(history)
    assert "tracks the lantern" in said and said.count("chance") == 6
    figure = figures.draw(history)
    assert [len(ax.lines) >= 1 for sub in figure.subfigs for ax in sub.axes] == [True, True]


@pytest.mark.parametrize("name", ["lab/base", "lab/deep"])
def test_stored_histories_are_of_the_shipped_models(name):
    history = History.load(name)
    card = labkit.load(name).card
    assert history.model == name and history.tokens[-1] == card["tokens"]
    assert len(history.steps) >= 9 and history.signs["tracking"].values[-1][1] > 0.25
    assert world.VERSION == "1" and history_file(name).stat().st_size < 20_000
