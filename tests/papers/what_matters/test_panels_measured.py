"""Panels over one measurement, on a small random model: the race and the truth, live, kept in a file, without torch."""

import json
import os
import subprocess
import sys

import pytest
from toys import toy

import labkit
from labkit import world, zoo
from labkit.base.errors import BadInput
from labkit.figures import new_figure, png
from labkit.measurements import choice_accuracy, difference, loss
from labkit.panels.measured import in_slices
from labkit.panels.stored import load_measured
from labkit.papers.what_matters.experiments.race_steps import PROBES, RaceData, RaceRun
from labkit.papers.what_matters.experiments.score_vs_ablation import METRICS, ScoreVsAblationRun
from labkit.papers.what_matters.figures.race_steps import describe
from labkit.papers.what_matters.method.dropping import one_shot
from labkit.papers.what_matters.panels.race import RacePanel
from labkit.papers.what_matters.panels.score_vs_ablation import ScoreVsAblationPanel
from labkit.sweeps import LeaveOneOut, every_sublayer, score_agreement, sweep

FEW = {"n_documents": 4, "n_questions": 6, "n_orders": 2}


@pytest.fixture(scope="module")
def handle():
    return toy(16, 3, ffn=24)


@pytest.fixture(scope="module")
def race(handle):
    panel = RacePanel(handle, **FEW)
    panel.set(gone=2)
    panel.run()
    return panel


@pytest.fixture(scope="module")
def truth(handle):
    panel = ScoreVsAblationPanel(handle, n_documents=4)
    panel.set(metric="cosine")
    panel.run()
    return panel


@pytest.fixture(scope="module")
def stored(handle, tmp_path_factory):
    """The folder of data with what was measured on the random model."""
    data = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RacePanel, "thorough", FEW)
        patch.setattr(ScoreVsAblationPanel, "thorough", {"n_documents": 4})
        said = []
        RacePanel.store(handle, data / "sweeps", said.append)
        ScoreVsAblationPanel.store(handle, data / "sweeps")
    assert said[-1] == "02_race: 100%"
    return data


def stories(handle, seed):
    return [handle.encode(one.text) for one in world.documents("stories", 4, seed=seed, split="test")]


# One measurement, many views -----------------------------------------------------------------------------------------


def test_a_sweep_in_slices_is_the_sweep(handle):
    plans, documents = every_sublayer(handle), stories(handle, 0)
    steps, progress = in_slices(handle, plans, documents, every=4), []
    try:
        while True:
            progress.append(next(steps))
            assert labkit.audit(handle).clean
    except StopIteration as stop:
        found = stop.value
    whole = sweep(handle, plans, documents)
    assert progress == pytest.approx([4 / 6, 1.0]) and found.finished
    assert [point.value for point in found] == pytest.approx([point.value for point in whole], abs=1e-6)


def test_it_is_run_once_and_then_only_looked_at(handle, race, monkeypatch):
    fresh = RacePanel(handle, **FEW)
    fresh.set(gone=1)
    assert "Press Run" in fresh.inquiry.notice and fresh.inquiry.shown is None and fresh.is_long
    monkeypatch.setattr(RacePanel, "measure", None)
    before = race.data.race
    race.set(gone=3, probe="facts")
    assert race.data == RaceData(3, "facts", before) and not race.is_long
    race.restore()
    assert race.data.gone == 0 and "Nothing is gone yet" in race.shown.sentence


@pytest.mark.parametrize(("strategy", "k"), [("attention", 2), ("mlp", 1), ("block", 2), ("joint", 3)])
def test_race_is_the_loss_and_the_skill_of_each_plan(handle, race, strategy, k):
    run = race.data.race
    plan = one_shot(handle, stories(handle, 1), k, strategy)
    intact = loss(handle, stories(handle, 0))
    with labkit.edit(handle, plan):
        cut = loss(handle, stories(handle, 0))
        copying = choice_accuracy(handle, world.copying_questions(6, 0, "test"))
    change, found = difference(cut, intact), run.loss[strategy][k]
    expected = (change.value, change.low, change.high)
    assert (found.value, found.low, found.high) == pytest.approx(expected, abs=1e-5)
    assert run.base.value == pytest.approx(intact.value, abs=1e-6)
    skill = run.probes["copying"][strategy][k]
    assert (skill.value, skill.low) == pytest.approx((copying.value, copying.low))
    assert skill.null == run.intact["copying"].null == copying.null
    assert run.orders[strategy][:k] == tuple(f"{e.kind.removeprefix('drop_')} {e.layer}" for e in plan)


def test_random_orders_are_averaged_and_guessing_is_by_frequency(handle, race):
    from labkit.papers.what_matters.method.metrics import RandomOrder

    run, values = race.data.race, []
    for seed in range(2):
        with labkit.edit(handle, one_shot(handle, None, 2, "joint", RandomOrder(seed))):
            values.append(loss(handle, stories(handle, 0)).value - run.base.value)
    assert run.loss["random"][2].value == pytest.approx(sum(values) / 2, abs=1e-5)
    assert run.loss["random"][2].over == "orders" and run.loss["random"][2].n == 2
    assert 3.0 < run.guess < 7.03  # of 1137 pieces, better than guessing evenly


def test_the_sentence_tells_where_the_skill_falls_first(race):
    from dataclasses import replace

    def with_values(one, value, low=None, high=None):
        return replace(one, value=value, low=value - 0.01, high=value + 0.01)

    run = race.data.race
    loss_line = tuple(with_values(one, 0.1 * k) for k, one in enumerate(run.loss["mlp"]))
    skill = tuple(with_values(one, 1 - 0.2 * k) for k, one in enumerate(run.probes["copying"]["mlp"]))
    still = {name: tuple(with_values(one, 0.0) for one in line) for name, line in run.loss.items()}
    full = {name: tuple(with_values(one, 1.0) for one in line) for name, line in run.probes["copying"].items()}
    made = replace(
        run, base=with_values(run.base, 1.0), guess=2.0, intact={"copying": with_values(run.intact["copying"], 1.0)},
        loss={**still, "mlp": loss_line}, probes={"copying": {**full, "mlp": skill}},
    )  # fmt: skip
    chance = made.intact["copying"].null
    data = RaceData(2, "copying", made)
    assert data.kept_loss("mlp") == pytest.approx(0.8)
    assert data.kept_skill("mlp") == pytest.approx((0.6 - chance) / (1 - chance))
    says = describe(data)
    assert (
        "has fallen furthest, compared with the loss, for MLP: 80 % of what the loss had won" in says
        and "MLP +0.20 and 60 %" in says
    )
    level = RaceData(2, "copying", replace(made, loss=still, probes={"copying": full}))
    assert "Nowhere has the skill fallen further" in describe(level)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("part", ["joint", "mlp", "block"])
def test_truth_is_the_agreement_with_leave_one_out(handle, truth, metric, part, monkeypatch):
    if part != "joint":
        with pytest.raises(BadInput, match=r"four|inside"):  # three layers have no rank correlation
            truth.set(metric=metric, part=part)
        return
    truth.set(metric=metric, part=part)
    found = truth.data
    monkeypatch.setattr(labkit, "load", {"lab/toy": handle}.__getitem__)
    names = {}
    exec(truth.code(truth.state).replace("print(", "str("), names)
    expected = names["agreement"]
    assert found.agreement.guess == pytest.approx(expected.guess) and len(found.agreement.labels) == 6
    assert found.agreement.truth == pytest.approx(expected.truth, abs=2e-6)
    assert found.agreement.correlation.value == pytest.approx(expected.correlation.value)


def test_truth_is_measured_on_other_stories_than_the_scores(handle, truth):
    whole = LeaveOneOut()(handle, stories(handle, 0))
    run = truth.data
    for part in ("attention", "mlp", "block"):
        assert [one.value for one in run.truth.of(part)] == pytest.approx([e.value for e in whole.of(part)], abs=2e-6)
    again = score_agreement(run.scores, run.truth)
    truth.set(metric=run.metric)
    assert truth.data.agreement.correlation == again.correlation


def test_code_of_the_race_runs_and_gives_what_is_shown(handle, race, monkeypatch):
    monkeypatch.setattr(labkit, "load", {"lab/toy": handle}.__getitem__)
    race.set(gone=2, probe="recall")
    names = {}
    exec(race.code(race.state), names)
    run = race.data.race
    for name in ("attention", "block", "joint"):
        (lost,), (skill,) = names["losses"].lines[name], names["skills"].measured[name]
        assert lost.value == pytest.approx(run.loss[name][2].value, abs=1e-5)
        assert skill.value == pytest.approx(run.probes["recall"][name][2].value)


# Kept in a file ------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_what_was_measured(handle, race, truth, stored):
    table = json.loads((stored / "sweeps" / "02_race_lab_toy.json").read_text())
    kept, live = RaceRun.of(table["measured"]), race.made
    assert table["fingerprint"] == labkit.fingerprint(handle) and "seed 1" in table["how"]
    assert json.loads(json.dumps(kept.as_dict())) == json.loads(json.dumps(live.as_dict()))
    assert kept.probes["facts"]["random"][2].over == "orders" and kept.counts == (0, 1, 2, 3)
    assert set(kept.probes) == set(PROBES.values())
    table = json.loads((stored / "sweeps" / "02_truth_lab_toy.json").read_text())
    again = ScoreVsAblationRun.of(table["measured"])
    assert again.as_dict() == json.loads(json.dumps(truth.made.as_dict()))
    assert again.scores["without residual"].block == (None,) * 3


REPLAYED = """
import json, sys
from labkit.papers.what_matters import RacePanel, ScoreVsAblationPanel
race, truth = RacePanel("lab/toy"), ScoreVsAblationPanel("lab/toy")
race.page.fields["gone"].widget.value = 2
race.set(probe="recall")
truth.page.fields["metric"].widget.value = "relative magnitude"
for panel in (race, truth):
    assert bytes(panel.page.picture.value).startswith(b"\\x89PNG") and panel.shown.replayed
    panel.page.table.value = panel.page.code.value = True
    assert "<table" in panel.page.drawer.value and "import labkit" in panel.page.drawer.value
    panel.restore()
assert "torch" not in sys.modules and "transformers" not in sys.modules
race.page.recompute.click()  # asks the model: that takes long, so Run is offered
print(json.dumps([race.page.notice.value, truth.data.agreement.correlation.value]))
"""


def test_replay_needs_no_torch(stored, truth):
    env = os.environ | {"LABKIT_DATA": str(stored), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", REPLAYED], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    notice, correlation = json.loads(done.stdout)
    truth.set(metric="cosine")
    assert "Press Run" in notice and correlation == pytest.approx(truth.data.agreement.correlation.value)


def test_a_handle_is_answered_from_the_file_of_its_own_weights_only(handle, stored, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", str(stored))
    panel = RacePanel(handle, n_documents=7)
    panel.set(gone=1)
    thorough = RacePanel.thorough["n_documents"]
    assert panel.shown.replayed and f"'stories', {thorough}," in panel.code(panel.state)
    panel.recompute()
    assert "'stories', 7," in panel.code(panel.state)
    other = zoo.Handle("lab/toy", labkit.apply(handle, labkit.ZeroWeight("layers.0.mlp.down[0, 0]")).model, None, {})
    assert RacePanel(other).kept is None and load_measured("lab/other", RacePanel.file) is None


def test_they_can_be_drawn_and_are_refused_what_no_mouse_could_say(race, truth):
    for panel in (race, truth):
        for state in panel.presets():
            data, figure = panel.compute(state), new_figure(panel.size)
            panel.draw(data, figure)
            assert len(png(figure)) > 8000 and panel.sentence(data) and str(panel.table(data))
    for changes in ({"gone": 13}, {"gone": -1}, {"probe": "arithmetic"}):
        with pytest.raises(BadInput):
            race.set(**changes)
    with pytest.raises(BadInput, match="did you mean cosine"):
        truth.set(metric="cosin")


def test_the_race_shows_its_first_drops_close_up():
    panel, figure = RacePanel("lab/deep"), new_figure(RacePanel.size)
    assert [state.gone for state in panel.presets()] == [4, 8, 12]
    data = panel.stored(panel.presets()[0])
    panel.draw(data, figure)
    near, whole, skill = figure.axes
    ends = [[line.get_ydata()[-1] for line in ax.lines if len(line.get_ydata()) == 5] for ax in (near, whole)]
    assert ends[0] == ends[1] == [data.race.base.value + line[4].value for line in data.race.loss.values()]
    heights = [near.transData.transform((4, value))[1] for value in ends[0][:4]]
    assert min(abs(a - b) for i, a in enumerate(heights) for b in heights[:i]) > 10  # pixels
    assert whole.get_ylim()[0] > data.race.guess > near.get_ylim()[0] and skill.get_ylim()[1] > 1


@pytest.mark.parametrize("kind", [RacePanel, ScoreVsAblationPanel])
def test_the_shipped_numbers_are_of_the_shipped_model(kind):
    by_name = kind("lab/deep")
    if by_name.kept is None:
        pytest.skip("nothing is stored for lab/deep")
    assert kind(labkit.load("lab/deep")).kept is not None
    for state in by_name.presets():
        assert by_name.sentence(by_name.stored(state))
