"""What is kept of a sweep: whole or absent, read without torch, continued where it stopped, nothing lost on the way."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from families import ids_of, make

from labkit.anatomy import fingerprint
from labkit.base.errors import BadInput, BrokenFile, UnknownName
from labkit.interventions import DropAttention, DropBlock, DropMLP, FromRun, Plan, ReplaceActivation, ScaleWeight, edit
from labkit.measurements import difference, loss, mean_over
from labkit.sweeps import Step, Sweep, every_sublayer, sweep, weights

TEXT = [ids_of(length, seed=number)[0] for number, length in enumerate((7, 7, 9, 4, 12))]


@pytest.fixture
def model():
    return make("labkit", depth=3)


@pytest.fixture
def passes(model):
    """Count how often the model is called; the hook is part of its fingerprint, so it is there from the start."""
    calls = []
    model.register_forward_hook(lambda *of: calls.append(1))
    return calls


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sublayers.json"


# What a sweep answers.


def test_values_changes_and_intervals_are_those_of_the_measurements(model):
    found = sweep(model, every_sublayer(model), TEXT)
    intact = loss(model, TEXT)
    for plan, point in zip(every_sublayer(model), found):
        with edit(model, plan):
            cut = loss(model, TEXT)
        for mine, theirs in ((found.base, intact), (point.measured, cut), (point.change, difference(cut, intact))):
            both = [(one.value, one.low, one.high) for one in (mine, theirs)]
            assert both[0] == pytest.approx(both[1], abs=3e-6)
            assert (mine.n, mine.over, mine.unit, mine.null) == (theirs.n, theirs.over, theirs.unit, theirs.null)
        again = mean_over(point.change.per_unit, weights=point.change.weights)
        assert (point.change.low, point.change.high) == pytest.approx((again.low, again.high))
        assert str(point) == f"{point.label}: {point.change}"


def test_points_are_found_by_plan_edit_tables_and_label(model):
    plans = [DropMLP(1), [DropAttention(0), DropMLP(2)], ScaleWeight("head[3, 2]", 0.5)]
    found = sweep(model, plans, TEXT)
    assert [point.label for point in found] == [
        "drop MLP of layer 1",
        "drop attention of layer 0; drop MLP of layer 2",
        "scale head[3, 2] by 0.5",
    ]
    for number, plan in enumerate(plans):
        point = found.points[number]
        assert found[plan] is found[Plan(plan)] is found[point.label] is found[list(point.plan)] is point
    assert found[{"kind": "drop_mlp", "layer": 1}] is found.points[0]
    with pytest.raises(UnknownName, match="drop MLP of layer 1"):
        found[DropMLP(2)]
    with pytest.raises(UnknownName, match="did you mean drop MLP of layer 1"):
        found["drop MLP of layer 2"]


def test_equal_plans_are_measured_once_and_shown_wherever_they_stand(model, passes):
    sweep(model, [DropMLP(1)], TEXT)
    once = len(passes)
    sweep(model, [DropMLP(1)], TEXT)
    twice = len(passes) - once
    found = sweep(model, [DropMLP(1), Plan(DropMLP(1))], TEXT)
    assert len(passes) - once - twice == twice and len(found) == 2
    assert found.points[0].measured == found.points[1].measured


def test_the_table_and_the_ranking(model):
    found = sweep(model, every_sublayer(model), TEXT)
    lines = found.table().splitlines()
    assert lines[0] == "Decoder: loss in nats/token over 5 documents" and len(lines) == 3 + 1 + 6
    assert lines[4].startswith("drop attention of layer 0") and " to " in lines[4]
    changes = [point.change.value for point in found.ranked()]
    assert changes == sorted(changes, reverse=True)
    assert found.table(ranked=True).splitlines()[4].startswith(found.ranked()[0].label)


def test_one_document_gives_changes_without_intervals(model):
    found = sweep(model, [DropMLP(1)], TEXT[:1])
    assert np.isnan(found.points[0].change.low) and found.points[0].change.value != 0
    assert found.table().splitlines()[-1].rstrip().endswith(f"{found.points[0].change.value:+.4f}")


def test_a_plan_that_overflows_is_shown_as_such_and_kept(model, path):
    found = sweep(model, [ScaleWeight("final_norm", 1e38), DropMLP(0)], TEXT, path=path)
    assert "overflow" in found.table() and np.isnan(found.points[0].value)
    assert found.ranked()[0].label.startswith("scale final_norm")
    assert Sweep.load(path).table() == found.table()
    assert "NaN" not in path.read_text()


# The file.


def test_what_is_loaded_is_what_was_measured(model, path):
    plans = [*every_sublayer(model), ReplaceActivation("layers.1", FromRun((1, 2, 3, 4)), positions=(1,))]
    found = sweep(model, plans, TEXT, path=path)
    loaded = Sweep.load(path)
    assert loaded == found and loaded.table() == found.table()
    assert loaded[plans[-1]].change == found[plans[-1]].change
    copied = loaded.save(path.with_name("copy.json"))
    assert copied.read_bytes() == path.read_bytes()
    table = json.loads(path.read_text())
    assert table["finished"] and len(table["points"]) == 7
    assert all(value == round(value, 6) for point in table["points"] for value in point["values"])
    assert path.stat().st_size < 700 + 7 * (160 + 12 * len(TEXT))


WITHOUT_TORCH = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "matplotlib"):
            raise ImportError(name + " was imported")
sys.meta_path.insert(0, Refuse())
from labkit import Sweep
found = Sweep.load(sys.argv[1])
print(found.table())
point = found["drop MLP of layer 1"]
assert point is found[{"kind": "drop_mlp", "layer": 1}]
assert point.change.low <= point.change.value <= point.change.high
print(point)
found.save(sys.argv[1] + ".again")
try:
    found["drop MLP of layer 9"]
except KeyError as error:
    print(error)
assert "torch" not in sys.modules
"""


def test_a_stored_sweep_is_replayed_without_torch(model, path):
    found = sweep(model, every_sublayer(model), TEXT, path=path)
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(found.table() + "\n" + str(found["drop MLP of layer 1"]))
    assert "did you mean drop MLP of layer 2" in done.stdout
    assert path.with_name(path.name + ".again").read_bytes() == path.read_bytes()


def test_a_file_cut_short_anywhere_is_refused(model, path):
    sweep(model, every_sublayer(model), TEXT, path=path)
    whole = path.read_bytes()
    for size in [*range(0, len(whole) - 2, 37), len(whole) - 3]:
        path.write_bytes(whole[:size])
        with pytest.raises(BrokenFile, match="not a whole sweep"):
            Sweep.load(path)


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda table: table.update(format="labkit sweep 9"), BrokenFile, "labkit sweep 9"),
        (lambda table: table.update(fingerprimt="x"), UnknownName, "fingerprint"),
        (lambda table: table.pop("intact"), BrokenFile, "intact"),
        (lambda table: table["points"][0].pop("plan"), BrokenFile, "plan"),
        (lambda table: table["points"][1]["values"].pop(), BrokenFile, "one value for each of 5 documents"),
        (lambda table: table["points"][1].update(values=["0.5"] * 5), BrokenFile, "'0.5' is not a number"),
        (lambda table: table["weights"].append(3), BrokenFile, "one value for each"),
    ],
)
def test_a_damaged_file_is_refused(model, path, spoil, error, message):
    sweep(model, every_sublayer(model), TEXT, path=path)
    table = json.loads(path.read_text())
    spoil(table)
    path.write_text(json.dumps(table))
    with pytest.raises(error, match=message):
        Sweep.load(path)
    with pytest.raises(error, match=message):  # and not silently begun anew
        sweep(model, every_sublayer(model), TEXT, path=path)


def test_files_that_are_no_sweeps_are_refused(path):
    for text in ("", "[1, 2]", "not json", '{"a": 1}', "\x00\x01"):
        path.write_text(text)
        with pytest.raises(BrokenFile, match="not a whole sweep"):
            Sweep.load(path)
    with pytest.raises(BrokenFile, match="Could not read"):
        Sweep.load(path.with_name("absent.json"))


# Progress, cancel, resume.


def test_progress_is_told_after_each_plan(model):
    steps = []
    found = sweep(model, every_sublayer(model), TEXT, progress=steps.append)
    expected = [Step(n, 6, point.label, pytest.approx(point.change.value)) for n, point in enumerate(found, 1)]
    assert steps == expected


@pytest.mark.parametrize("kind", ["event", "function"])
def test_a_cancelled_sweep_returns_what_is_done_and_says_what_is_not(model, path, kind):
    event = threading.Event()
    cancel = event if kind == "event" else event.is_set
    partial = sweep(
        model, every_sublayer(model), TEXT, path=path, progress=lambda s: s.done == 2 and event.set(), cancel=cancel
    )
    assert not partial.finished and len(partial) == 2 and len(partial.missing) == 4
    assert "(stopped: 4 of 6 plans not measured)" in partial.table()
    assert Sweep.load(path) == partial
    with pytest.raises(UnknownName, match="it goes on where it stopped"):
        partial[DropMLP(2)]


def test_a_cancel_is_heard_between_the_passes_of_one_plan(model, passes):
    asked = []

    def third_time():
        asked.append(1)
        return len(asked) == 3

    before = len(passes)
    partial = sweep(model, every_sublayer(model), TEXT, cancel=third_time)
    assert len(partial) == 0 and partial.table() and len(partial.missing) == 6
    assert len(passes) - before < 4 + 2 * 6 + 4 + 3


@pytest.mark.parametrize("store", ["path", "memory"])
def test_a_resumed_sweep_measures_only_what_is_missing(model, passes, path, store):
    whole = sweep(model, every_sublayer(model), TEXT)
    event = threading.Event()
    places = {"path": path} if store == "path" else {}
    partial = sweep(
        model, every_sublayer(model), TEXT, **places, progress=lambda s: s.done == 4 and event.set(), cancel=event
    )
    more = places or {"resume": partial}
    count, steps = len(passes), []
    found = sweep(model, every_sublayer(model), TEXT, **more, progress=steps.append)
    batches = 4  # documents of four lengths: one intact pass, then the two plans that are left
    assert len(passes) - count == batches * 3
    assert [step.done for step in steps] == [5, 6] and steps[0].label == "drop attention of layer 2"
    assert found.finished and found.values == whole.values and found.intact == whole.intact
    count = len(passes)
    again = sweep(model, every_sublayer(model), TEXT, **(places or {"resume": found}))
    assert len(passes) == count and again == found


def test_a_resumed_file_is_the_file_of_an_unbroken_sweep(model, path):
    sweep(model, every_sublayer(model), TEXT, path=path)
    other = path.with_name("broken.json")
    sweep(model, every_sublayer(model), TEXT, path=other, cancel=_after(3))
    sweep(model, every_sublayer(model), TEXT, path=other)
    whole, joined = (json.loads(file.read_text()) for file in (path, other))
    assert joined.pop("work") != whole.pop("work")  # a second intact pass
    assert joined == whole


def _after(points):
    """Return a cancel that comes true after so many points of a text in four batches."""
    asked = []
    return lambda: asked.append(1) or len(asked) > 4 * points


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model", "another model"),
        ("text", "another text"),
        ("order", "another text"),
        ("measure", r"another measure \(loss, now KL\)"),
        ("plans", "another plans .*plan 5 was 'drop MLP of layer 2', now 'drop block 2'"),
        ("fewer plans", "another plans .*6 then, 5 now"),
        ("model and text", "another model .* and another text"),
    ],
)
def test_a_sweep_of_something_else_is_not_continued(model, path, change, message):
    plans = every_sublayer(model)
    sweep(model, plans, TEXT, path=path, cancel=_after(2))
    before = path.read_bytes()
    other = make("labkit", depth=3, seed=1) if "model" in change else model
    text = TEXT[::-1] if change == "order" else TEXT[:3] if "text" in change else TEXT
    asked = plans[:-1] if "fewer" in change else [*plans[:-1], DropBlock(2)] if change == "plans" else plans
    with pytest.raises(BadInput, match=message) as caught:
        sweep(other, asked, text, "kl" if change == "measure" else "loss", path=path)
    assert str(path) in str(caught.value) and "choose another path" in str(caught.value)
    assert path.read_bytes() == before


def test_a_model_under_an_edit_is_another_model(model, path):
    sweep(model, every_sublayer(model), TEXT, path=path)
    with edit(model, ScaleWeight("final_norm[0]", 2)), pytest.raises(BadInput, match="another model"):
        sweep(model, every_sublayer(model), TEXT, path=path)


# Interrupts and full disks.


def interrupted_by(kind, step):
    if step.done == 3:
        if kind == "signal":
            os.kill(os.getpid(), signal.SIGINT)
        raise {"interrupt": KeyboardInterrupt, "error": ZeroDivisionError}.get(kind, AssertionError)


@pytest.mark.parametrize("kind", ["interrupt", "signal", "error"])
def test_what_was_done_before_an_interrupt_is_saved_and_the_model_is_unchanged(model, path, kind):
    before = fingerprint(model)
    with pytest.raises(ZeroDivisionError if kind == "error" else KeyboardInterrupt):
        sweep(model, every_sublayer(model), TEXT, path=path, progress=lambda step: interrupted_by(kind, step))
    assert fingerprint(model) == before and torch.is_grad_enabled()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(Sweep.load(path)) == 3
    assert (
        sweep(model, every_sublayer(model), TEXT, path=path).values == sweep(model, every_sublayer(model), TEXT).values
    )


@pytest.mark.parametrize("pass_number", range(1, 47, 6))
@pytest.mark.parametrize("how", ["raise", "signal"])
def test_an_interrupt_in_any_pass_leaves_the_model_unchanged(model, path, pass_number, how):
    """The interrupt comes in the middle of a forward: in the intact pass, the probe, or under an edit and stubs."""
    calls = []

    def interrupt(*of):
        calls.append(1)
        if len(calls) == pass_number:
            if how == "raise":
                raise KeyboardInterrupt
            os.kill(os.getpid(), signal.SIGINT)

    model.norm.register_forward_hook(interrupt)
    before = fingerprint(model)
    plans = every_sublayer(model) + weights([f"layers.{layer}.mlp.down[1, 2]" for layer in range(3)])
    with pytest.raises(KeyboardInterrupt):
        sweep(model, plans, TEXT, path=path)
    assert fingerprint(model) == before
    calls.append("from now on never again")
    done = Sweep.load(path).values if path.exists() else {}
    found = sweep(model, plans, TEXT, path=path)
    assert found.finished and all(found.values[key] == values for key, values in done.items())
    assert found.values == sweep(model, plans, TEXT).values


def test_an_interrupt_while_saving_waits_until_the_file_is_whole(model, path, monkeypatch):
    own, saves = os.fsync, []

    def interrupted(*of):
        saves.append(1)
        if len(saves) == 2:  # the last one; the first was before the work
            os.kill(os.getpid(), signal.SIGINT)
        own(*of)

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(model, every_sublayer(model), TEXT, path=path)
    assert Sweep.load(path).finished


def test_a_place_that_cannot_be_written_to_is_told_before_the_work(model, passes, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokenFile, match="Could not write"):
        sweep(model, every_sublayer(model), TEXT, path=tmp_path / "file" / "sweep.json")
    assert len(passes) <= 2 + 6 + 4  # the probe and the intact pass


def test_a_disk_that_fills_up_costs_a_warning_and_no_result(model, path, monkeypatch):
    whole = sweep(model, every_sublayer(model), TEXT)

    def fill(step):
        if step.done == 2:

            def refuse(*of):
                raise OSError(errno.ENOSPC, "No space left on device")

            monkeypatch.setattr(os, "fsync", refuse)

    with pytest.warns(RuntimeWarning, match="No space left"):
        found = sweep(model, every_sublayer(model), TEXT, path=path, progress=fill)
    monkeypatch.undo()
    assert found.values == whole.values
    assert len(Sweep.load(path)) == 0 and not list(path.parent.glob(".*"))
    assert Sweep.load(found.save(path)) == found


def test_what_is_done_is_saved_on_the_way(model, path, monkeypatch):
    monkeypatch.setattr("labkit.sweeps.in_progress.SAVE_EVERY", 0.0)
    kept = []
    sweep(model, every_sublayer(model), TEXT, path=path, progress=lambda step: kept.append(len(Sweep.load(path))))
    assert kept == [0, 1, 2, 3, 4, 5]


def test_sweeps_are_values(model):
    found = sweep(model, [DropMLP(1)], TEXT)
    assert replace(found) == found
    assert json.dumps(found.as_dict(), allow_nan=False)
    with pytest.raises(AttributeError):
        found.model = "another"
