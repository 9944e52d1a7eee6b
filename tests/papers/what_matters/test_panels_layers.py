"""The grid of layers on a small random model: what is shown is what the drops do, by hand, by `set` and from a file."""

import json
import os
import subprocess
import sys

import pytest
from toys import opened, toy

import labkit
from labkit import world, zoo
from labkit.base.errors import BadInput, BrokenFile
from labkit.figures import new_figure, png
from labkit.measurements import difference, loss, sizes_of
from labkit.panels import Grid
from labkit.panels.grid import GridField
from labkit.papers.what_matters.experiments.grid_readout import whole_stories
from labkit.papers.what_matters.experiments.layer_grid import as_lists, ready_cuts
from labkit.papers.what_matters.experiments.score_vs_ablation import ScoreVsAblationRun, kept_scores
from labkit.papers.what_matters.figures.layer_grid import name_of
from labkit.papers.what_matters.panels.layer_grid import LayerGridPanel

GRID = Grid("gone", depth=3, ready={"none": (), "deep": (("attention", 2), ("mlp", 2))})


@pytest.fixture(scope="module")
def handle():
    return toy()


@pytest.fixture
def panel(handle):
    with opened(handle, LayerGridPanel(handle, n_documents=4)) as panel:
        yield panel


# The control ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        [("mlp", 2), ("attention", 0)],
        {"mlp": [2], "attention": (0,)},
        [["attention", 0], ("mlp", 2), ("mlp", 2)],
        labkit.Plan([labkit.DropMLP(2), labkit.DropAttention(0)]),
        iter([labkit.DropAttention(0), ("mlp", 2)]),
    ],
)
def test_one_choice_of_parts_however_it_is_said(value):
    assert GRID.check(value) == (("attention", 0), ("mlp", 2))


def test_a_block_is_both_its_parts_and_a_title_stands_for_its_parts():
    whole = (("attention", 2), ("mlp", 2))
    assert GRID.check({"block": [2]}) == GRID.check([labkit.DropBlock(2)]) == GRID.check("deep") == whole
    assert GRID.check(()) == GRID.check("none") == ()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"mlp": [3]}, "layers 0 to 2"),
        ([("mlp", -1)], "layers 0 to 2"),
        ([("mlp", True)], "cannot hold"),
        ([("head", 1)], "cannot hold"),
        (["mlp 1"], "cannot hold"),
        (3, "cannot hold"),
        ("dep", "did you mean deep"),
    ],
)
def test_what_is_no_part_of_the_model_is_refused(value, words):
    with pytest.raises(BadInput, match=words):
        GRID.check(value)


def test_the_boxes_follow_and_a_hand_is_told_of_once():
    field, told = GridField(GRID, (("mlp", 1),)), []
    field.watch(lambda name, value: told.append((name, value)))
    assert field.value == (("mlp", 1),) and field.list.value == "my own choice"
    field.boxes["attention", 1].value = True  # both are gone now, so the whole layer is
    assert field.boxes["block", 1].value and told == [("gone", (("attention", 1), ("mlp", 1)))]
    field.list.value = "deep"
    assert told[1:] == [("gone", (("attention", 2), ("mlp", 2)))]
    assert field.boxes["block", 2].value and not field.boxes["mlp", 1].value
    field.boxes["block", 2].value = False
    assert told[2:] == [("gone", ())] and not field.boxes["attention", 2].value and field.list.value == "none"
    field.boxes["block", 0].value = True
    assert field.value == (("attention", 0), ("mlp", 0)) and len(told) == 4
    field.put((("attention", 2), ("mlp", 2)))
    assert field.list.value == "deep" and len(told) == 4
    assert all(box.description for box in field.boxes.values())
    field.box.close()


# The numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [{"attention": [1, 2]}, {"mlp": [0], "attention": [2]}, {"block": [1]}, ()])
def test_loss_size_and_words_are_those_of_a_shrunk_copy(handle, panel, gone):
    panel.set(gone=gone)
    data = panel.data
    plan = labkit.drops(handle, **as_lists(data.gone))
    twin = labkit.shrink(handle, plan) if data.gone else handle
    documents = whole_stories(handle, 4)
    assert len({len(ids) for ids in documents}) == 1
    assert all(handle.decode(ids).endswith((".", "‹end›")) for ids in documents), "whole, to the answer"
    intact, cut = loss(handle, documents), loss(twin, documents)
    change = difference(cut, intact)
    assert (data.intact.value, data.cut.value) == pytest.approx((intact.value, cut.value), abs=1e-5)
    found = (data.change.value, data.change.low, data.change.high)
    assert found == pytest.approx((change.value, change.low, change.high), abs=2e-5)
    text = panel.state.text
    said = [one.generate(text, max_new_tokens=12)[len(text) :].strip() for one in (handle, twin)]
    assert data.goes_on == tuple(said)
    assert data.parameters == (handle.parameters, twin.parameters)
    assert data.cache_bytes[1] == sizes_of(twin).cache_bytes(320) and data.context == 320
    assert data.sublayers == (6 - len(data.gone), 6)


def test_code_runs_and_gives_what_is_shown(handle, panel, monkeypatch):
    monkeypatch.setattr(labkit, "load", {"lab/toy": handle}.__getitem__)
    panel.set(gone={"attention": [2], "mlp": [0]}, text="Hana gave the lantern to Nils.")
    names = {}
    exec(panel.code(panel.state), names)
    assert names["cut"].value == pytest.approx(panel.data.cut.value, abs=1e-5)
    assert names["said"].strip() == panel.data.goes_on[1]


def test_a_hand_on_a_box_does_what_set_does(panel):
    panel.set(gone={"mlp": [2]})
    expected = panel.data
    panel.set(gone=())
    panel.page.fields["gone"].boxes["mlp", 2].value = True
    assert panel.data == expected and "the MLP of layer 2" in panel.page.words.value
    panel.page.restore.click()
    assert panel.data.gone == () and "bit for bit" in panel.page.words.value
    assert not panel.page.fields["gone"].boxes["mlp", 2].value


def test_everything_left_out_is_refused_and_said(panel):
    before = panel.shown
    panel.page.fields["gone"].put({"block": [0, 1]})
    panel.page.fields["gone"].boxes["block", 2].value = True
    assert "every sub-layer" in panel.page.notice.value and panel.shown is before


def test_the_intact_model_is_read_anew_when_it_is_another(handle, panel):
    panel.set(gone={"mlp": [2]})
    before = panel.data
    with labkit.edit(handle, labkit.ScaleWeight("layers.0.mlp.down", 0.5)):
        panel.set(gone={"mlp": [1]})
        assert panel.data.intact.value != before.intact.value
    panel.set(gone={"mlp": [2]})
    assert panel.data == before


def test_ready_cuts_hold_all_the_middle_where_that_is_more_than_a_few():
    deep, flat = ready_cuts(12), ready_cuts(3)
    for part, said in (("attention", "attentions"), ("mlp", "MLPs")):
        assert deep[f"all 10 middle {said}"] == tuple((part, layer) for layer in range(1, 11))
    assert not any("middle" in title for title in flat)
    shipped = LayerGridPanel("lab/deep")
    asked = [state.gone for state in shipped.presets()]
    assert [len(gone) for gone in asked] == [4, 4, 10, 10] and all(shipped.kept.find(s) for s in shipped.presets())


def test_words_and_picture(panel):
    assert name_of(()) == "nothing"
    gone = (("attention", 0), ("mlp", 0), ("attention", 1), ("mlp", 2))
    assert name_of(gone) == "the attention of layer 1, the MLP of layer 2, the whole of layer 0"
    for state in panel.presets():
        data, figure = panel.compute(state), new_figure(panel.size)
        panel.draw(data, figure)
        assert len(png(figure)) > 8000 and name_of(state.gone) in panel.sentence(data) + str(panel.table(data))
    assert 3 <= len(panel.presets()) <= 5
    panel.set(text="Hana met a zebra.")
    assert "zebra" in panel.shown.sentence


# Replay --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(handle, tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    LayerGridPanel.store(handle, data / "sweeps")
    return data


REPLAYED = """
import json, sys
from labkit.papers.what_matters import LayerGridPanel
panel = LayerGridPanel("lab/toy")
panel.page.fields["gone"].boxes["block", 1].value = True
picture = bytes(panel.page.picture.value)
assert picture.startswith(b"\\x89PNG") and panel.shown.replayed and panel.code(panel.state) and panel.table(panel.data)
panel.restore()
assert "torch" not in sys.modules and "transformers" not in sys.modules
panel.set(gone={"block": [1]})
print(json.dumps([panel.data.cut.value, panel.data.change.low, panel.data.goes_on, panel.data.parameters]))
"""


def test_stored_answers_are_those_of_the_model_and_need_no_torch(handle, stored):
    env = os.environ | {"LABKIT_DATA": str(stored), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", REPLAYED], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    value, low, goes_on, parameters = json.loads(done.stdout)
    live = LayerGridPanel(handle)
    live.set(gone={"block": [1]})
    assert (value, low) == pytest.approx((live.data.cut.value, live.data.change.low), abs=1e-5)
    assert tuple(goes_on) == live.data.goes_on and tuple(parameters) == live.data.parameters
    assert (stored / "sweeps" / "02_layer_grid_lab_toy.json").stat().st_size < 60_000


def test_recompute_and_what_is_not_stored_ask_the_model(handle, stored, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", str(stored))
    monkeypatch.setattr(zoo, "load", {"lab/toy": handle}.__getitem__)
    panel = LayerGridPanel("lab/toy")
    panel.set(gone={"attention": [0]})
    assert panel.shown.replayed
    panel.set(gone={"attention": [0, 1]})
    assert not panel.shown.replayed
    panel.set(gone={"attention": [0]})
    assert panel.shown.replayed
    kept = panel.data
    panel.recompute()
    assert not panel.shown.replayed and panel.data.cut.value == pytest.approx(kept.cut.value, abs=1e-5)


def test_a_damaged_file_is_told(stored, tmp_path, monkeypatch):
    (tmp_path / "sweeps").mkdir()
    path = tmp_path / "sweeps" / "02_layer_grid_lab_toy.json"
    whole = (stored / "sweeps" / "02_layer_grid_lab_toy.json").read_text()
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    for text in (whole[:-9], whole.replace("labkit panel 1", "labkit panel 9"), "[]"):
        path.write_text(text)
        with pytest.raises(BrokenFile, match="not whole"):
            LayerGridPanel("lab/toy")


def test_ready_choices_follow_what_parts_cost(handle, tmp_path, monkeypatch):
    from labkit.sweeps import LeaveOneOut

    documents = [handle.encode(one.text)[:20] for one in world.documents("stories", 3, seed=0, split="test")]
    truth = LeaveOneOut()(handle, documents)
    (tmp_path / "sweeps").mkdir()
    from labkit.panels.stored import save_measured

    measured = {"model": "lab/toy", "truth": kept_scores(truth), "cosine": kept_scores(truth)}
    save_measured("02_truth", handle, "for a test", measured, tmp_path / "sweeps")
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    assert ScoreVsAblationRun.of(measured).truth.mlp[1].value == pytest.approx(truth.mlp[1].value, abs=1e-5)
    panel = LayerGridPanel(handle, n_documents=2)
    cheapest = truth.ranked("mlp")[0]
    panel.set(gone="the 1 MLPs cheapest alone")
    assert panel.data.gone == (cheapest,)
    assert "the 1 attentions cheapest alone" in panel.ready


def test_the_shipped_answers_are_those_of_the_shipped_model():
    shipped = LayerGridPanel("lab/deep")
    if shipped.kept is None:
        pytest.skip("no answers are stored for lab/deep")
    live = LayerGridPanel(labkit.load("lab/deep"))
    assert live.kept is not None  # of the same weights
    for gone in ((), *list(shipped.ready.values())[1:2]):
        live.set(gone=gone)
        shipped.set(gone=gone)
        assert shipped.data.cut.value == pytest.approx(live.data.cut.value, abs=1e-4)
        assert shipped.shown.replayed and shipped.data.goes_on == live.data.goes_on
