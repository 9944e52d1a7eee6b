"""What a cut saves, how it heals, and how it was through training: the panels on a small random model."""

import json
import os
import subprocess
import sys

import pytest
from toys import toy

import labkit
from labkit import models, world, zoo
from labkit.base.errors import BadInput, NotAvailable
from labkit.figures import new_figure, png
from labkit.interventions import heal, shrink
from labkit.measurements import choice_accuracy, loss, sizes_of
from labkit.panels.stored import save_measured
from labkit.papers.what_matters.experiments.cost import CostRun, CostState
from labkit.papers.what_matters.experiments.healing import HealRun
from labkit.papers.what_matters.experiments.through_training import TrainingRun
from labkit.papers.what_matters.method.dropping import one_shot
from labkit.papers.what_matters.panels.cost import CostPanel
from labkit.papers.what_matters.panels.heal import HealPanel
from labkit.papers.what_matters.panels.through_training import ThroughTrainingPanel
from labkit.sweeps import LeaveOneOut

FEW = {"n_documents": 3, "n_questions": 4, "n_steps": 2}


@pytest.fixture(scope="module")
def handle():
    return toy(16, 5, ffn=24, init_std=0.1)


@pytest.fixture(scope="module")
def healed(handle):
    panel, before = HealPanel(handle, **FEW), labkit.fingerprint(handle)
    panel.set(cut="4 MLPs", steps=2)
    panel.run()
    assert labkit.fingerprint(handle) == before
    return panel


@pytest.fixture(scope="module")
def run_folder(handle, tmp_path_factory):
    """A training run's folder: two kept steps and the end."""
    folder = tmp_path_factory.mktemp("run")
    for step, seed in ((5, 3), (20, 2)):
        models.save(handle.model.config.build(seed=seed), folder / "steps" / f"{step:06d}")
    models.save(handle.model, folder / "final")
    (folder / "log.jsonl").write_text('{"step": 29}\n{"event": "finished", "step": 30}\n')
    return folder


@pytest.fixture(scope="module")
def trained(handle, run_folder):
    panel = ThroughTrainingPanel(handle, folder=run_folder, n_documents=3)
    panel.run()
    return panel


def heads(handle, seed, n=3):
    return [handle.encode(one.text)[:96] for one in world.documents("stories", n, seed=seed, split="test")]


# Healing -------------------------------------------------------------------------------------------------------------


def test_a_curve_is_what_heal_gives_step_by_step(handle, healed):
    curve = healed.data.curves["4 MLPs"]
    plan = one_shot(handle, heads(handle, 1), 4, "mlp")
    assert curve.gone == tuple(f"mlp {edit.layer}" for edit in plan) and curve.steps == (0, 2)
    asked = world.copying_questions(4, 0, "test")
    after = heal(handle, plan, steps=2)
    for place, model in ((0, shrink(handle, plan)), (-1, after.model)):
        found, expected = curve.loss[place], loss(model, heads(handle, 0))
        assert (found.value, found.low) == pytest.approx((expected.value, expected.low), abs=1e-5)
        assert curve.copying[place].value == choice_accuracy(model, asked).value
    assert curve.tokens == (0, after.log[-1]["tokens"])


def test_each_cut_is_trained_when_asked_for_and_kept(handle, healed):
    assert not healed.takes_long(healed.state)
    healed.set(steps=0)
    assert healed.data.steps == 0 and "before any training" in healed.shown.sentence
    before = healed.shown
    healed.set(cut="nothing", steps=2)  # the control is not there yet
    assert "Press Run" in healed.inquiry.notice and healed.shown is before
    seen = []
    job = healed.inquiry.long(5.0)
    while job.slice(0.0):
        if "nothing" in healed.data.curves:
            seen.append(len(healed.data.curves["nothing"].steps))
    assert seen[0] == 1 and set(healed.data.curves) == {"4 MLPs", "nothing"}  # the curve grew on the page
    assert healed.data.curves["nothing"].gone == () and healed.data.cut == "nothing"
    healed.set(cut="4 MLPs")
    assert "intact model trained as long" in healed.shown.sentence and not healed.inquiry.notice


def test_healed_share(healed):
    from dataclasses import replace

    data = healed.data

    def curve(*values):
        held = data.curves["4 MLPs"]
        return replace(held, loss=tuple(replace(held.loss[0], value=value) for value in values))

    made = replace(data, cut="4 MLPs", steps=2, curves={"nothing": curve(1.0, 0.9), "4 MLPs": curve(2.0, 1.25)})
    assert made.healed == pytest.approx(0.75) and replace(made, steps=1).healed == 0.0
    assert "75 % is back" in healed.sentence(made)
    assert "Little was lost" in healed.sentence(replace(made, curves={**made.curves, "4 MLPs": curve(1.0, 0.9)}))


def test_code_of_healing_runs(handle, healed, monkeypatch):
    monkeypatch.setattr(labkit, "load", {"lab/toy": handle}.__getitem__)
    healed.set(cut="4 MLPs", steps=2)
    names = {}
    exec(healed.code(healed.state).replace("steps=40", "steps=2"), names)
    assert names["after"].value == pytest.approx(healed.data.curves["4 MLPs"].loss[-1].value, abs=1e-5)


# Cost ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cost(handle):
    panel = CostPanel(handle, rounds=2)
    panel.set(batch=8, length=32, gone=4)
    panel.run()
    return panel


def test_sizes_are_those_of_shrunk_models(handle, cost):
    for row, part in zip(cost.data.rows, ("attention", "mlp", "blocks")):
        small = labkit.shrink(handle, labkit.drops(handle, **{part: [1, 2, 3, 4]}))
        for pair, of in ((row.parameters, "parameters"), (row.cache, "cache"), (row.flops, "flops")):
            for found, model in zip(pair, (handle, small)):
                sizes = sizes_of(model)
                expected = {
                    "parameters": sizes.parameters,
                    "cache": sizes.cache_bytes(47, 8),
                    "flops": sizes.generation_flops(32, 16, 8),
                }
                assert found == expected[of]
        assert row.parameters[1] == small.parameters
    attention, mlp, block = (row.left for row in cost.data.rows)
    assert mlp["cache"] == 1 and attention["cache"] == block["cache"] == pytest.approx(0.2)


def test_time_is_measured_in_turns_against_the_intact_model(handle, monkeypatch):
    """A clock that gives the intact model two seconds a call and every other one: the share left is a half."""
    now = [0.0]

    def clock():
        now[0] += 1.0
        return now[0]

    from labkit.measurements import speed

    panel, own, calls = CostPanel(handle, rounds=3), speed._one, []

    def one(module, ids_BL, new, read):
        times, held = own(module, ids_BL, new, read)
        calls.append(module)
        factor = 2 if module is handle.model else 1
        return tuple(factor * seconds for seconds in times), held

    monkeypatch.setattr(speed, "_one", one)
    monkeypatch.setattr("labkit.papers.what_matters.panels.cost.time.process_time", clock)
    panel.set(length=32)
    panel.run()
    assert [row.time.value for row in panel.data.rows] == pytest.approx([0.5] * 3)
    assert len(calls) == 4 * 4 and panel.data.rows[0].time.n == 3  # the first round warms up
    assert panel.data.rows[0].seconds == (32.0, 16.0) and "50 % of the time" in panel.shown.sentence


def test_a_model_without_so_many_layers_is_told(cost):
    with pytest.raises(BadInput, match="cannot lose 8"):
        cost.compute(CostState(gone=8))
    for changes in ({"batch": 2}, {"length": 33}, {"gone": 12}):
        with pytest.raises(BadInput):
            cost.set(**changes)


def test_code_of_cost_runs(handle, cost, monkeypatch):
    monkeypatch.setattr(labkit, "load", {"lab/toy": handle}.__getitem__)
    names = {}
    exec(cost.code(cost.state), names)
    row = cost.data.rows[0]
    assert names["test"].predicted("attention") == pytest.approx(row.flops[0] / row.flops[1])


# Through training ----------------------------------------------------------------------------------------------------


def test_every_kept_step_is_measured_as_it_stands(handle, trained):
    run = trained.data.run
    assert run.steps == (5, 20, 30) == trained.data.steps and trained.state.step == 30
    for place, model in ((0, handle.model.config.build(seed=3)), (2, handle.model)):
        truth = LeaveOneOut(parts=("mlp",))(model, heads(handle, 0))
        trained.set(step=run.steps[place], part="mlp", measure="loss")
        assert trained.data.values[place] == pytest.approx([one.value for one in truth.mlp], abs=1e-5)
        assert run.loss[place].value == pytest.approx(loss(model, heads(handle, 0)).value, abs=1e-6)
    assert trained.data.mean("mlp")[2] == pytest.approx(sum(trained.data.values[2][1:-1]) / 3)
    assert trained.data.map.names[0] == "step 5" and trained.data.map.values[2] == trained.data.values[2]


def test_the_means_are_of_the_middle_layers_on_an_axis_from_nought(trained):
    asked = [(state.part, state.measure) for state in trained.presets()]
    assert asked == [("mlp", "score"), ("mlp", "loss")]
    for state in trained.presets():
        data, figure = trained.compute(state), new_figure(trained.size)
        trained.draw(data, figure)
        right = figure.axes[1]
        (line,) = (line for line in right.lines if line.get_label() == "MLP")
        assert line.get_ydata().tolist() == list(data.mean("mlp")) and right.get_ylim()[0] == 0
        assert "layers 1 to 3" in trained.sentence(data)


def test_without_kept_steps_it_says_where_they_come_from(tmp_path):
    for folder in (None, tmp_path):
        with pytest.raises(NotAvailable, match="no steps"):
            ThroughTrainingPanel("lab/toy", folder=folder)


# All of them ---------------------------------------------------------------------------------------------------------


def test_they_can_be_drawn_read_and_printed(healed, cost, trained):
    healed.set(cut="4 MLPs", steps=2)
    cases = [(healed, [healed.state]), (cost, [cost.state]), (trained, trained.presets())]
    for panel, states in cases:
        for state in states:
            data = panel.data if panel is not trained else panel.compute(state)
            figure = new_figure(panel.size)
            panel.draw(data, figure)
            assert len(png(figure)) > 8000 and panel.sentence(data) and "\n" in str(panel.table(data))
        assert len(panel.presets()) in (2, 3, 4, 5)


REPLAYED = """
import json, sys
from labkit.papers.what_matters import CostPanel, HealPanel, ThroughTrainingPanel
heal, cost, trained = HealPanel("lab/toy"), CostPanel("lab/toy"), ThroughTrainingPanel("lab/toy")
heal.set(cut="4 MLPs", steps=10)
cost.page.fields["batch"].widget.value = 8
cost.set(length=32)
trained.set(step=20, measure="loss")
for panel in (heal, cost, trained):
    assert bytes(panel.page.picture.value).startswith(b"\\x89PNG") and panel.shown.replayed
    panel.page.table.value = panel.page.code.value = True
    assert "<table" in panel.page.drawer.value and "model = " in panel.page.drawer.value
assert "torch" not in sys.modules and "transformers" not in sys.modules
print(json.dumps([heal.shown.sentence, cost.shown.sentence, trained.shown.sentence]))
"""


def test_replay_needs_no_torch(handle, healed, cost, trained, tmp_path):
    folder = tmp_path / "sweeps"
    folder.mkdir()
    save_measured("02_heal", handle, "test", healed.made.as_dict(), folder)
    rows = {row.kind: row.as_list() for row in cost.data.rows}
    measured = {"model": "lab/toy", "clock": cost.data.clock}
    keys = (f"batch {batch}, length {length}, gone 4" for batch in (1, 8) for length in (32, 128))
    save_measured("02_cost", handle, "test", measured | dict.fromkeys(keys, rows), folder)
    save_measured("02_training", handle, "test", trained.made.as_dict(), folder)
    env = os.environ | {"LABKIT_DATA": str(tmp_path), "OMP_NUM_THREADS": "1"}
    replayed = REPLAYED.replace('heal.set(cut="4 MLPs", steps=10)', 'heal.set(cut="4 MLPs", steps=40)')
    done = subprocess.run([sys.executable, "-c", replayed], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sentences = json.loads(done.stdout)
    healed.set(cut="4 MLPs", steps=2)
    trained.set(step=20, measure="loss", part="attention")
    assert sentences[0] == healed.shown.sentence and sentences[1] == cost.shown.sentence
    assert sentences[2] == trained.shown.sentence


@pytest.mark.parametrize(
    ("kind", "of"), [(HealPanel, HealRun), (CostPanel, CostRun), (ThroughTrainingPanel, TrainingRun)]
)
def test_the_shipped_numbers_are_of_the_shipped_model(kind, of):
    try:
        by_name = kind("lab/deep")
    except NotAvailable:
        pytest.skip("nothing is stored for lab/deep")
    if by_name.kept is None:
        pytest.skip("nothing is stored for lab/deep")
    assert isinstance(by_name.kept, of) and kind(labkit.load("lab/deep")).kept is not None
    for state in by_name.presets():
        assert by_name.sentence(by_name.stored(state))


def test_a_second_model_has_a_file_of_its_own(handle, trained, tmp_path, monkeypatch):
    folder = tmp_path / "sweeps"
    folder.mkdir()
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    usual = zoo.Handle("lab/deep", handle.model, handle.tokenizer, {})
    paths = [
        save_measured("02_training", one, "test", trained.made.as_dict() | {"model": whose}, folder)
        for one, whose in ((usual, "the usual one"), (handle, "its own"))
    ]
    assert [path.name for path in paths] == ["02_training.json", "02_training_lab_toy.json"]
    assert ThroughTrainingPanel(usual).kept.model == "the usual one"
    assert ThroughTrainingPanel(handle).kept.model == "its own"
