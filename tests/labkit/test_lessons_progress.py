"""The reader's record: nothing lost between two notebooks, nothing lost to a damaged file or a full disk."""

import json
import os
import subprocess
import sys
import threading

import pytest

import labkit
from labkit.base.errors import BadInput, BrokenFile
from labkit.course.progress import ProgressStore


@pytest.fixture
def store(tmp_path):
    return ProgressStore(tmp_path / "progress.json")


def _set(**fields):
    return lambda entry: fields


def test_an_entry_is_merged_into_what_is_there(store):
    store.change("00", "predictions", "p1", _set(choice="a", confidence="guess"))
    store.change("00", "predictions", "p1", _set(confidence="certain"))
    store.change("01", "exercises", "01.1", _set(status="right"))
    assert store.lesson("00")["predictions"] == {"p1": {"choice": "a", "confidence": "certain"}}
    assert ProgressStore(store.path).lesson("01")["exercises"] == {"01.1": {"status": "right"}}


def test_what_it_does_not_know_is_kept(store):
    store.path.write_text(json.dumps({"format": 1, "lessons": {"00": {"later": [1]}}, "also": "mine"}))
    store.change("00", "exercises", "00.1", _set(status="wrong"))
    record = json.loads(store.path.read_text())
    assert record["also"] == "mine"
    assert record["lessons"]["00"]["later"] == [1]


def test_threads_lose_nothing(store):
    def work(name):
        for _ in range(25):
            store.change("00", "exercises", "00.1", lambda entry: {"attempts": entry.get("attempts", 0) + 1})
            store.change("00", "predictions", name, _set(choice=name))

    threads = [threading.Thread(target=work, args=(f"p{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    part = store.lesson("00")
    assert part["exercises"]["00.1"]["attempts"] == 100
    assert set(part["predictions"]) == {"p0", "p1", "p2", "p3"}


def test_two_notebooks_at_once_lose_nothing(store):
    code = (
        "import sys; from labkit.course.progress import ProgressStore; store = ProgressStore(sys.argv[1])\n"
        "for i in range(60): store.change('00', 'exercises', '00.1', lambda e: {'attempts': e.get('attempts', 0) + 1})"
    )
    kernels = [subprocess.Popen([sys.executable, "-c", code, store.path]) for _ in range(3)]
    assert [kernel.wait(60) for kernel in kernels] == [0, 0, 0]
    assert store.lesson("00")["exercises"]["00.1"]["attempts"] == 180


@pytest.mark.parametrize(
    "damage",
    [
        b'{"format": 1, "lessons": {"00": {"predic',
        b"",
        b"\xff\xfe\x00",
        b"[]",
        b'{"format": 7, "lessons": {}}',
        b'{"format": 1, "lessons": {"00": {"exercises": {"00.1": "right"}}}}',
        b'{"format": 1, "lessons": {"00": []}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_kept_aside_and_a_new_one_begins(tmp_path, damage):
    said = []
    store = ProgressStore(tmp_path / "progress.json", say=said.append)
    store.path.write_bytes(damage)
    store.change("00", "exercises", "00.1", _set(status="right"))
    assert (tmp_path / "progress.json.broken").read_bytes() == damage
    assert store.lesson("00")["exercises"]["00.1"] == {"status": "right"}
    assert len(said) == 1
    assert "progress.json.broken" in said[0]


def test_a_second_damage_does_not_replace_the_first(tmp_path):
    store = ProgressStore(tmp_path / "progress.json", say=lambda line: None)
    for damage in ("one", "two"):
        store.path.write_text(damage)
        assert store.read()["lessons"] == {}
    assert (tmp_path / "progress.json.broken").read_text() == "one"
    assert (tmp_path / "progress.json.broken-2").read_text() == "two"


def test_reading_writes_nothing(store):
    assert store.read()["lessons"] == {}
    assert list(store.path.parent.iterdir()) == []


def test_a_full_disk_leaves_the_old_record(store, monkeypatch):
    store.change("00", "exercises", "00.1", _set(status="wrong"))
    before = store.path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BrokenFile, match="No space left"):
        store.change("00", "exercises", "00.1", _set(status="right"))
    assert store.path.read_bytes() == before


def test_a_change_that_fails_writes_nothing(store):
    with pytest.raises(RuntimeError):
        store.change("00", "exercises", "00.1", lambda entry: (_ for _ in ()).throw(RuntimeError("no")))
    assert not store.path.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokenFile, match="LABKIT_MY"):
        ProgressStore(tmp_path / "file" / "progress.json").change("00", "exercises", "00.1", _set(status="right"))


@pytest.mark.parametrize("name", [0, None, ["00"]])
def test_what_is_no_name_of_a_lesson_is_told(name):
    with pytest.raises(BadInput, match="is no lesson"):
        labkit.open_lesson(name)


@pytest.mark.parametrize(("static", "listens", "shown"), [("", True, 1), ("1", True, 0), ("", False, 0)])
def test_a_live_notebook_is_told_to_keep_printed_words_whole(static, listens, shown, store, monkeypatch):
    displayed = []
    monkeypatch.setattr("IPython.display.display", lambda *args, **kwargs: displayed.append(args[0]))
    monkeypatch.setattr("labkit.course.showing.in_notebook", lambda: listens)
    monkeypatch.setenv("LABKIT_STATIC", static)
    labkit.open_lesson("00", store)
    assert len(displayed) == shown
    assert all("word-break: normal" in bundle["text/html"] for bundle in displayed)


@pytest.mark.parametrize("entry", [{"attempts": []}, {"attempts": True}, {"hints": "many"}, {"status": "excellent"}])
def test_one_wrong_word_is_told_and_the_file_kept(tmp_path, monkeypatch, capsys, entry):
    monkeypatch.setenv("LABKIT_MY", str(tmp_path))
    record = {"format": 1, "lessons": {"00": {"predictions": {}, "exercises": {"00.1": entry}}}}
    (tmp_path / "progress.json").write_text(json.dumps(record))
    labkit.open_lesson("00").exercise("00.1").check(1.0)
    assert "not what labkit writes" in capsys.readouterr().out and list(tmp_path.glob("progress.json.broken*"))
