"""The cut panel on a small random model: right numbers, nothing left behind, live, static and replayed."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict

import pytest
import torch
from toys import opened, toy

import labkit
from labkit import zoo
from labkit.base.errors import BadInput, BrokenFile, Busy
from labkit.measurements.readings import read
from labkit.models import generate
from labkit.panels import Panel
from labkit.papers.cut_compare_restore.experiments.cut import CutState, Reading
from labkit.papers.cut_compare_restore.experiments.cut_replay import Replay, store
from labkit.papers.cut_compare_restore.figures.cut_words import percent, sentence_of
from labkit.papers.cut_compare_restore.panels.cut import CutPanel

DROPS = {"attention": labkit.DropAttention, "mlp": labkit.DropMLP, "block": labkit.DropBlock}


@pytest.fixture(scope="module")
def handle():
    return toy()


@pytest.fixture
def panel(handle):
    with opened(handle, CutPanel(handle)) as panel:
        yield panel


@pytest.fixture(scope="module")
def stored(handle, tmp_path_factory):
    """The folder of data with the random model's stored answers in it."""
    data = tmp_path_factory.mktemp("data")
    store(handle, data / "sweeps", n_days=2)
    return data


@torch.no_grad()
def direct(handle, model, text, words):
    """What the panel ought to say, from one plain pass and a plain loop without a cache."""
    ids = handle.encode(text)
    logits = model(ids[None]).logits[0]
    first = [int(handle.encode(word.strip())[1]) for word in words]
    probabilities = logits[-1].softmax(-1)[first]
    loss = -logits[:-1].log_softmax(-1).gather(1, ids[1:, None]).mean()
    said = []
    while len(said) < 12:
        fresh = int(logits[-1].argmax())
        if fresh == handle.end:
            break
        said.append(fresh)
        logits = model(torch.cat((ids, torch.tensor(said)))[None]).logits[0]
    return probabilities.tolist(), float(loss), handle.decode(said).strip()


def assert_is(reading, expected):
    probabilities, loss, goes_on = expected
    assert reading.probabilities == pytest.approx(probabilities, rel=1e-4)
    assert reading.loss == pytest.approx(loss, abs=1e-5)
    assert reading.goes_on == goes_on


# The numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["nothing", *DROPS])
def test_both_readings_are_those_of_the_models(handle, panel, part):
    day = panel.days[1]
    panel.set(part=part, layer=2, story=day.title)
    data = panel.data
    assert (data.words, data.right, data.tokens) == (day.words, day.right, len(handle.encode(day.text)))
    assert_is(data.intact, direct(handle, handle.model, day.text, day.words))
    twin = handle.model if part == "nothing" else labkit.apply(handle, DROPS[part](2)).model
    assert_is(data.cut, direct(handle, twin, day.text, day.words))
    assert part == "nothing" or data.cut != data.intact


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"part": "attention", "layer": 1},
        {"part": "mlp"},
        {"part": "block", "layer": 2, "story": "Nils gave the lantern to Dalia. Who has the lantern?"},
        {"part": "mlp", "layer": 2, "story": "The wind got up"},
    ],
)
def test_code_runs_and_gives_what_is_shown(handle, panel, monkeypatch, changes):
    monkeypatch.setattr(labkit, "load", {"lab/toy": handle}.__getitem__)
    panel.set(**changes)
    names = {}
    exec(panel.code(panel.state), names)
    shown = panel.data.cut
    assert tuple(names["words"]) == panel.data.words
    assert names["probabilities"] == pytest.approx(shown.probabilities, rel=1e-4)
    assert names["loss"] == pytest.approx(shown.loss, abs=1e-5)
    assert names["said"][len(names["text"]) :].strip() == shown.goes_on


def test_the_intact_reading_is_taken_anew_when_the_model_is_another(handle, panel):
    panel.set(part="attention", layer=1)
    before = panel.data.intact
    panel.set(layer=2)
    assert panel.data.intact is before
    with labkit.edit(handle, labkit.DropMLP(0)):
        panel.set(layer=1)
        other = panel.data.intact
    day = panel.days[0]
    assert_is(other, direct(handle, labkit.apply(handle, labkit.DropMLP(0)).model, day.text, day.words))
    assert other != before
    panel.set(layer=2)
    assert panel.data.intact == before


def test_the_readers_own_text(panel):
    panel.set(story="Hana met a zebra. Nils told Hana about  the laptop. Who has the lantern?", part="mlp")
    data = panel.data
    assert data.words == (" Hana", " Nils") and data.right is None
    assert {"zebra", "laptop"} <= set(data.unseen)
    assert "zebra" in panel.shown.sentence and "who has the lantern" not in panel.shown.sentence
    panel.set(story="The wind")  # nobody is named: the words the intact model finds likeliest
    assert len(data.words) == 2 and len(panel.data.words) == 4
    assert list(panel.data.intact.probabilities) == sorted(panel.data.intact.probabilities, reverse=True)


@pytest.mark.parametrize(
    ("text", "words"), [("", "is empty"), ("lantern " * 400, "tokens"), ("x" * 5000, "at most 4,000")]
)
def test_a_text_that_cannot_be_read_is_said_in_the_panel(panel, text, words):
    before = panel.shown
    panel.page.fields["story"].widget.value = text
    assert words in panel.page.notice.value and panel.shown is before
    with pytest.raises(BadInput):
        panel.set(story=text)
    panel.set(layer=1)
    assert not panel.page.notice.value


def test_a_module_without_a_tokenizer_is_refused(handle):
    with pytest.raises(BadInput, match="tokenizer"):
        CutPanel(handle.model)


def test_the_sentence_says_what_changed(panel):
    data = panel.data
    right = data.words.index(data.right)
    other = next(number for number in range(4) if number != right)

    def reading(best, probability):
        return type(data.intact)(tuple(probability if n == best else 0.01 for n in range(4)), 1.0, "")

    def said(part, intact, cut):
        fields = {name: getattr(data, name) for name in ("layer", "words", "right", "tokens", "unseen")}
        return sentence_of(type(data)(part=part, intact=intact, cut=cut, **fields))

    knows, errs, babbles = reading(right, 0.9), reading(other, 0.7), reading(right, 0.02)
    name, wrong = data.right.strip(), data.words[other].strip()
    assert f"Nothing is cut. The model says {name} (90 %). It knows who" in said("nothing", knows, knows)
    assert "none of these names: together they have 5 %. It does not know" in said("nothing", babbles, babbles)
    same = said("mlp", knows, reading(right, 0.8))
    assert f"Without the MLP of layer 0 the model still says {name} (80 %, intact 90 %). It still knows" in same
    lost = said("attention", knows, errs)
    assert f"says {wrong} (70 %) and no longer {name} (1 %, intact 90 %). It no longer knows" in lost
    assert f"where {name} alone had 90 %. It no longer knows" in said("block", knows, babbles)
    assert "nor does it now" in said("block", errs, errs) and "nor does it now" in said("block", errs, babbles)
    assert "and said none of them before. Now it knows" in said("block", babbles, knows)
    assert [percent(share) for share in (0, 0.004, 0.05, 0.994, 0.9999)] == [
        "under 1 %",
        "under 1 %",
        "5 %",
        "99 %",
        "over 99 %",
    ]


@pytest.mark.filterwarnings("error")
def test_what_a_damaged_model_says_can_be_drawn(panel):
    from labkit.figures import new_figure, png
    from labkit.figures.sheet import drawable

    assert drawable("Nils\x05 has\u0383\x1c ☃ 你") == "Nils▯ has▯▯ ☃ ▯"
    data = panel.data
    said = type(data.cut)(data.cut.probabilities, 123.0, "\x05\u0383\x1c" * 40)
    strange = {"words": ("\x05", "\u0383", " a", " b"), "right": "\x05", "cut": said}
    figure = new_figure(panel.size)
    panel.draw(type(data)(**{**vars(data), **strange}), figure)
    assert png(figure)


# Nothing is left behind ----------------------------------------------------------------------------------------------


def test_restore_proves_that_everything_is_back(handle, panel):
    panel.set(part="block", layer=1)
    cut = panel.data.cut
    panel.page.restore.click()
    assert panel.data.part == "nothing" and panel.data.cut == panel.data.intact != cut
    assert panel.page.fields["part"].value == "nothing"
    assert f"bit for bit (fingerprint {labkit.fingerprint(handle)[:8]})" in panel.page.words.value
    with labkit.edit(handle, labkit.ZeroWeight("layers.0.mlp.down[0, 0]")):
        panel.page.restore.click()
        assert "not as this panel first met it" in panel.page.notice.value


def test_two_panels_on_one_model_do_not_disturb_each_other(handle, panel):
    other = CutPanel(handle)
    panel.set(part="attention", layer=0)
    first = panel.data
    other.set(part="block", layer=2)
    assert panel.data is first and other.data.intact == first.intact and other.data.cut != first.cut
    panel.set(part="mlp")
    panel.set(part="attention")
    assert panel.data == first
    other.close()
    panel.set(part="block", layer=2)  # and closing one leaves the other
    assert panel.data.cut == other.inquiry.shown.data.cut


def test_an_interrupt_in_the_middle_leaves_model_and_panel_as_they_were(handle, panel, monkeypatch):
    before = panel.shown

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("labkit.measurements.readings._go_on", interrupted)
    with pytest.raises(KeyboardInterrupt):
        panel.set(part="attention")
    assert panel.shown is before and labkit.audit(handle).clean


def test_a_guess_spares_passes_and_changes_nothing(handle, panel):
    text = panel.days[1].text
    ids, passes = handle.encode(text), []
    plain, said = read(handle, ids, [3, 4]), generate(handle.model, ids[None], 12)[0, len(ids) :].tolist()
    wrong = said[5] + 1
    hook = handle.model.register_forward_pre_hook(lambda *_: passes.append(1))
    for guess, needed in ((said, 1), ([*said[:5], wrong, wrong], 7), ([wrong, *said], 12), ([*said, 5, 6, 7], 1)):
        passes.clear()
        assert read(handle, ids, [3, 4], guess=guess) == Reading(
            pytest.approx(plain.probabilities), pytest.approx(plain.loss), plain.goes_on
        )
        assert len(passes) == needed
    hook.remove()


def test_another_name_in_the_middle_costs_one_more_pass_and_not_one_a_token():
    deep, passes = labkit.load("lab/deep"), []
    story = labkit.world.document("stories", 0, 3, "test").text
    ids = deep.encode(story[: story.rindex(" The lantern is")])
    intact = read(deep, ids, ()).goes_on
    draft = deep.encode(f"{deep.decode(ids)} {intact}")[len(ids) :].tolist()
    hook = deep.model.register_forward_pre_hook(lambda *_: passes.append(1))
    with labkit.edit(deep, labkit.DropAttention(5)):
        alone = read(deep, ids, ()).goes_on
        one_by_one = len(passes)
        assert read(deep, ids, (), guess=draft).goes_on == alone
    hook.remove()
    assert alone != intact and [*map(str.isalpha, alone.split())] == [*map(str.isalpha, intact.split())]
    assert len(passes) - one_by_one == 2 < one_by_one


# A second thread -----------------------------------------------------------------------------------------------------


def in_thread(call):
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_set_from_a_second_thread(panel):
    panel.set(part="mlp", layer=1)
    expected = panel.data
    panel.set(part="nothing")
    in_thread(lambda: panel.set(part="mlp", layer=1)).join(30)
    assert panel.data == expected and "the MLP of layer 1" in panel.page.words.value


def test_hands_on_two_threads_leave_one_consistent_answer(panel):
    """Sliders dragged beside a running cell: whatever is shown last is the answer to the last state asked for."""
    slider = panel.page.fields["layer"].widget
    panel.set(part="block")

    def drag():
        for layer in (0, 1, 2, 1):
            slider.value = layer

    other = in_thread(drag)
    for part in ("mlp", "attention", "mlp"):
        panel.page.fields["part"].widget.value = part
    other.join(30)
    panel.moved({"layer": 1, "part": "mlp"})
    data = panel.data
    assert (data.part, data.layer) == (panel.state.part, panel.state.layer) == ("mlp", 1)
    assert panel.inquiry.shown.sentence == panel.sentence(data) and "layer 1" in panel.page.words.value


class held_elsewhere:
    """Another thread is in the middle of an edit of the model, as a running cell would be."""

    def __init__(self, handle):
        self.handle, self.inside, self.leave = handle, threading.Event(), threading.Event()

    def __enter__(self):
        def cell():
            with labkit.edit(self.handle, labkit.DropMLP(0)):
                self.inside.set()
                self.leave.wait(30)

        self.thread = in_thread(cell)
        assert self.inside.wait(10)
        return self

    def release(self):
        self.leave.set()
        self.thread.join(10)

    def __exit__(self, *_):
        self.release()


def test_busy_is_said_plainly_and_nothing_changes(handle, panel, monkeypatch):
    monkeypatch.setattr("labkit.panels.panel.PATIENCE", 0.1)
    monkeypatch.setattr("labkit.panels.inquiry.MOUSE_PATIENCE", 0.1)
    before = panel.shown
    with held_elsewhere(handle):
        with pytest.raises(Busy, match="running cell"):
            panel.set(part="block")
        panel.page.fields["part"].widget.value = "attention"  # no loop here, so nobody can try again
        assert "busy in a running cell" in panel.page.notice.value and panel.shown is before
    panel.set(part="attention")
    assert panel.data.intact == before.data.intact and not panel.page.notice.value


def test_a_busy_hand_is_answered_when_the_cell_has_finished(handle, panel, monkeypatch):
    monkeypatch.setattr("labkit.panels.inquiry.MOUSE_PATIENCE", 0.05)
    monkeypatch.setattr("labkit.panels.inquiry.AGAIN", 0.05)
    expected = panel.compute(CutState(panel.state.story, "mlp", 2))

    async def notebook():
        with held_elsewhere(handle) as cell:
            panel.page.fields["part"].widget.value = "block"  # given up for the next value
            panel.moved({"part": "mlp", "layer": 2})
            assert "answer comes when the cell has finished" in panel.page.notice.value
            await asyncio.sleep(0.3)
            assert panel.data.part == "attention"
            cell.release()
            end = time.monotonic() + 20
            while panel.data.part == "attention" and time.monotonic() < end:
                await asyncio.sleep(0.02)

    asyncio.run(notebook())
    assert panel.data == expected and not panel.page.notice.value


def test_slices_hold_the_model_only_while_they_work(handle):
    """A long job that edits in each step: cancelled half-way it leaves the model whole, and free between slices."""

    class Slow(CutPanel):
        compute = Panel.compute

        def steps(self, state):
            for layer in range(3):
                with labkit.edit(self.model, labkit.DropMLP(layer)):
                    threading.Event().wait(0.25)
                yield layer / 3
            raise AssertionError("it was cancelled")

    panel, before = Slow(handle), labkit.fingerprint(handle)
    free = []

    def take_and_give():
        free.append(labkit.interventions.model_lock(handle).acquire(timeout=0.01))
        labkit.interventions.model_lock(handle).release()

    async def notebook():
        panel.page.run.click()
        in_thread(take_and_give).join()
        free.append(labkit.fingerprint(handle) == before)
        panel.page.cancel.click()
        await asyncio.sleep(0.4)

    asyncio.run(notebook())
    assert free == [True, True] and labkit.fingerprint(handle) == before
    assert "Cancelled" in panel.page.notice.value


# Static --------------------------------------------------------------------------------------------------------------


def test_static_is_one_picture_and_its_sentences(panel, monkeypatch, capsys):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    InteractiveShell.instance()
    monkeypatch.setenv("LABKIT_STATIC", "1")
    with capture_output() as shown:
        panel._ipython_display_()
    (output,) = shown.outputs
    assert set(output.data) == {"image/png", "text/html", "text/plain"}  # no widget at all
    alt = output.metadata["image/png"]["alt"]
    assert alt == shown.stdout.strip() and alt.startswith(panel.question)
    for state in panel.presets():
        assert panel.sentence(panel.compute(state)) in alt
    assert len(panel.presets()) in (3, 4, 5) and panel._page is None
    monkeypatch.setenv("LABKIT_STATIC", "0")
    with capture_output() as shown:
        panel._ipython_display_()
    assert "application/vnd.jupyter.widget-view+json" in shown.outputs[0].data


# Replay --------------------------------------------------------------------------------------------------------------


def test_stored_answers_are_those_of_the_model(handle, stored):
    replay = Replay.of("lab/toy", stored / "sweeps")
    live = CutPanel(handle)
    assert Replay.of("lab/other", stored / "sweeps") is None and Replay.of("lab/toy", stored) is None
    assert replay.sweep.fingerprint == labkit.fingerprint(handle) and replay.depth == 3 and len(replay.days) == 2
    live.days = replay.days
    for day in replay.days:
        for state in [CutState(day.text, part, layer) for part in ("nothing", *DROPS) for layer in (0, 2)]:
            kept, computed = asdict(replay.find(state)), asdict(live.compute(state))
            for side in ("intact", "cut"):
                one, two = kept.pop(side), computed.pop(side)
                assert one["probabilities"] == pytest.approx(two["probabilities"], rel=1e-4)
                assert one["loss"] == pytest.approx(two["loss"], abs=2e-6) and one["goes_on"] == two["goes_on"]
            assert kept == computed
    assert replay.find(CutState("Some other text.", "mlp", 0)) is None
    assert replay.find(CutState(replay.days[0].text, "mlp", 9)) is None
    assert sum(path.stat().st_size for path in (stored / "sweeps").iterdir()) < 200_000


REPLAYED = """
import json, sys
from labkit.papers.cut_compare_restore import CutPanel
panel = CutPanel("lab/toy")
panel.page.fields["part"].widget.value = "mlp"
panel.set(layer=2, story=panel.days[1].title)
picture = bytes(panel.page.picture.value)
assert picture.startswith(b"\\x89PNG") and panel.shown.replayed and panel.code(panel.state)
assert "torch" not in sys.modules and "transformers" not in sys.modules
panel.restore()
assert "no model was touched" in panel.page.words.value and "torch" not in sys.modules
panel.page.recompute.click()  # lab/toy is no real model: the panel says so and stays
print(json.dumps([panel.page.notice.value, panel.shown.sentence, "torch" in sys.modules]))
"""


def test_replay_needs_no_torch(stored):
    env = os.environ | {"LABKIT_DATA": str(stored), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", REPLAYED], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    notice, sentence, torch_came = json.loads(done.stdout)
    assert "no model called" in notice and sentence.startswith("Nothing is cut") and torch_came


def test_recompute_asks_the_model(handle, stored, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", str(stored))
    monkeypatch.setattr(zoo, "load", {"lab/toy": handle}.__getitem__)
    panel = CutPanel("lab/toy")
    panel.set(part="attention", layer=1)
    kept = panel.data
    assert panel.shown.replayed
    panel.page.recompute.click()
    assert not panel.shown.replayed and panel.data.cut.loss == pytest.approx(kept.cut.loss, abs=2e-6)
    panel.set(layer=2)
    assert not panel.shown.replayed
    again = CutPanel("lab/toy")
    again.set(story="Nils gave Hana the lantern. Who has it?")  # not stored: the model is asked
    assert not again.shown.replayed
    again.set(story=again.days[0].title)
    assert again.shown.replayed


def test_files_of_two_runs_are_refused(stored, tmp_path):
    for name in ("00_cut.json", "00_cut.toml"):
        (tmp_path / name).write_bytes((stored / "sweeps" / name).read_bytes())
    path = tmp_path / "00_cut.toml"
    table = path.read_text()
    fingerprint = Replay.of("lab/toy", tmp_path).sweep.fingerprint
    path.write_text(table.replace(fingerprint, "0" * 32))
    with pytest.raises(BrokenFile, match="not of one model"):
        Replay.of("lab/toy", tmp_path)
    path.write_text(table)
    (tmp_path / "00_cut.json").write_text("{")
    with pytest.raises(BrokenFile, match="not a whole sweep"):
        Replay.of("lab/toy", tmp_path)


def test_the_shipped_answers_are_those_of_the_shipped_model():
    replay = Replay.of("lab/tiny")
    if replay is None:
        pytest.skip("no answers are stored for lab/tiny")
    panel = CutPanel(labkit.load("lab/tiny"))
    panel.days = replay.days
    assert replay.sweep.fingerprint == labkit.fingerprint(panel.model)
    for state in (CutState(day.text, "attention", 1) for day in replay.days):
        kept, computed = replay.find(state), panel.compute(state)
        assert kept.cut.probabilities == pytest.approx(computed.cut.probabilities, rel=1e-3)
        assert kept.cut.goes_on == computed.cut.goes_on
