"""Grading: every learner has a row, whatever one file does; a bent record is a problem of its own row alone."""

import json
import zlib
from pathlib import Path

import pytest

import labkit
from labkit.base.data import lessons_dir
from labkit.cli.entry import main
from labkit.course import grading, sandbox
from labkit.course.grading import collect, table
from labkit.course.running import from_plain, plain

GOOD = {"format": 1, "lessons": {"00": {"predictions": {}, "exercises": {"00.1": {"status": "right", "attempts": 1}}}}}


def _with(**part):
    return {"format": 1, "lessons": {"00": {"predictions": {}, "exercises": {}, **part}}}


BENT = {
    "a status that is a word alone": _with(exercises={"00.1": "right"}),
    "a status that is a number": _with(exercises={"00.1": {"status": 1}}),
    "a status nobody gives": _with(exercises={"00.1": {"status": "excellent"}}),
    "attempts in words": _with(exercises={"00.1": {"status": "right", "attempts": "many"}}),
    "a letter without confidence": _with(predictions={"p1": {"letter": "B"}}),
    "a confidence of another course": _with(predictions={"p1": {"letter": "B", "confidence": "very"}}),
    "predictions as a list": _with(predictions=["p1"]),
    "a lesson that is a list": {"format": 1, "lessons": {"00": []}},
    "lessons that are a list": {"format": 1, "lessons": []},
    "a list": [],
    "nested deep": "[" * 100_000,
    "no JSON": "{oops",
    "not UTF-8": b"\xff\xfe\x00",
}


@pytest.fixture
def handed_in(tmp_path):
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "progress.json").write_text(json.dumps(GOOD))
    (tmp_path / "ben").mkdir()
    return tmp_path


def _write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def _rows(folder):
    head, *rows = table(collect(folder))
    return {row[0]: dict(zip(head, row)) for row in rows}


@pytest.mark.parametrize("content", BENT.values(), ids=BENT.keys())
def test_a_bent_record_is_a_problem_of_its_own_row(handed_in, content):
    _write(handed_in / "ben" / "progress.json", content)
    rows = _rows(handed_in)
    assert rows["anna"]["right"] == "1" and not rows["anna"]["problem"]
    assert rows["ben"]["right"] == "0" and rows["ben"]["problem"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("code.txt", "TS00|1:r"), ("code.txt", ""), ("progress.json", {"format": 1, "lessons": {}})],
)
def test_a_file_in_which_nothing_is_found_has_a_row(handed_in, name, content):
    _write(handed_in / "ben" / name, content)
    assert "no whole code" in _rows(handed_in)["ben"]["problem"]


@pytest.mark.parametrize("name", ["progress (1).json", "smithben_123_progress.json", "progress-final.json"])
def test_a_renamed_file_counts(handed_in, name):
    _write(handed_in / "ben" / name, GOOD)
    assert _rows(handed_in)["ben"]["right"] == "1"


def test_who_handed_in_nothing_readable_has_a_row_that_names_it(handed_in):
    (handed_in / "ben" / "essay.docx").write_text("")
    (handed_in / "cleo").mkdir()
    rows = _rows(handed_in)
    assert "essay.docx" in rows["ben"]["problem"] and "nothing was handed in" in rows["cleo"]["problem"]


@pytest.mark.parametrize("notebook", [{"metadata": {}, "nbformat": 4, "nbformat_minor": 5}, {"cells": []}, {}])
def test_a_notebook_that_is_none_is_told(handed_in, notebook):
    _write(handed_in / "ben" / "00.ipynb", notebook)
    assert _rows(handed_in)["ben"]["problem"]


def test_our_own_solutions_earn_nothing(handed_in):
    from labkit.base.data import lessons_dir

    name = "00_cut_compare_restore_solutions.ipynb"
    (handed_in / "ben" / name).write_bytes((lessons_dir() / "00_cut_compare_restore" / name).read_bytes())
    assert "our solutions" in _rows(handed_in)["ben"]["problem"]


def test_without_a_room_code_is_run_only_when_its_teacher_says_so(handed_in, capsys, monkeypatch):
    monkeypatch.setattr(sandbox, "isolated", lambda: False)
    assert main(["grade", str(handed_in), "--run"]) == 2
    assert "--trusted" in capsys.readouterr().err


def test_no_learner_speaks_for_another(handed_in):
    body = "TS00|1:w9"
    _write(handed_in / "ben" / "code.txt", f"anna, {body}|{zlib.crc32(body.encode()) & 0xFFFF:04x}")
    rows = _rows(handed_in)
    assert rows["anna"]["right"] == "1" and rows["ben"]["00.1"] == "wrong, 9 tries"


def test_a_link_is_not_followed(handed_in):
    (handed_in / "ben" / "progress.json").symlink_to(handed_in / "anna" / "progress.json")
    assert _rows(handed_in)["ben"]["problem"]


# ------------------------------------------------------------------------------------------------- run again


def notebook(*cells):
    """Return a notebook of code cells as text."""
    made = [
        {"cell_type": "code", "source": cell, "metadata": {}, "execution_count": None, "outputs": [], "id": f"c{i}"}
        for i, cell in enumerate(cells)
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


RIGHT = "import labkit\nlesson = labkit.open_lesson('00')\nlesson.exercise('00.1').check(2.718281828 ** 0.16)"
SPY = """import os, pathlib, socket
found = [name for name in os.environ if "SECRET" in name]
for what in (lambda: pathlib.Path(HOME, "progress.json").write_text("{}"), lambda: pathlib.Path(HOME).rmdir(),
             lambda: pathlib.Path(PACKAGE, "__init__.py").write_text(""),
             lambda: socket.create_connection(("192.0.2.1", 80), 1)):
    try:
        what(); found.append("done")
    except OSError:
        pass
raise RuntimeError(f"harm {found} {os.path.exists(HOME)}")"""
OPEN = "import labkit\nlesson = labkit.open_lesson('00')\n"
HANDED_IN = {
    "anna": (RIGHT,),
    "ends itself": (RIGHT, "import os; os._exit(1)"),
    "goes on for ever": (RIGHT, "while True: pass"),
    "reads the answers": (OPEN + "for one in lesson.facts.exercises: lesson.exercise(one.id).check(one.answer)",),
    "judges itself": (
        OPEN + "from labkit.course.exercises import right\nfacts = lesson.facts.exercise('00.1')",
        "object.__setattr__(facts, 'check', lambda answer: right())",
        "lesson.exercise('00.1').check(77.0)",
    ),
    "an own file": (OPEN + "import helper\nlesson.exercise('00.1').check(helper.answer)",),
    "code": (OPEN + "lesson.exercise('00.2').check(lambda *given: 1)",),
    "takes memory": ("x = bytearray(8 << 30)",),
    "untouched": (OPEN + "lesson.exercise('00.1').check(...)",),
}


@pytest.mark.skipif(not sandbox.isolated(), reason="bubblewrap does not work here")
def test_hand_ins_are_run_where_they_do_no_harm_and_their_values_are_judged_outside(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    package = str(Path(labkit.__file__).parent)
    spy = SPY.replace("HOME", repr(str(tmp_path))).replace("PACKAGE", repr(package))
    for who, cells in {**HANDED_IN, "spy": (spy,)}.items():
        (tmp_path / who).mkdir()
        (tmp_path / who / "00.ipynb").write_text(notebook(*cells))
    (tmp_path / "an own file" / "helper.py").write_text("answer = 2.718281828 ** 0.16")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    found = collect(tmp_path, again=True, seconds=40, say=lambda line: None)
    head, *rows = table(found)
    rows = {row[0]: dict(zip(head, row)) for row in rows}
    assert set(rows) == {*HANDED_IN, "spy"} and len(found) == len(rows)
    right = {who for who, row in rows.items() if row["right"] == "1"}
    assert right == {"anna", "ends itself", "goes on for ever", "an own file"}
    assert "stopped after 40 s" in rows["goes on for ever"]["problem"] and not rows["anna"]["problem"]
    assert "ended by itself" in rows["ends itself"]["problem"]
    assert "attempted no exercise" in rows["reads the answers"]["problem"] + rows["untouched"]["problem"]
    assert rows["judges itself"]["00.1"] == "wrong, 1 tries", "the teacher's own process has the last word"
    assert rows["code"]["00.2"].endswith("called where it ran")
    assert "harm [] False" in rows["spy"]["problem"] and "MemoryError" in rows["takes memory"]["problem"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_stopped_grading_keeps_what_is_done(tmp_path, monkeypatch):
    for who in ("anna", "ben", "cleo"):
        (tmp_path / who).mkdir()
        (tmp_path / who / "00.ipynb").write_text(notebook(RIGHT))

    def run(path, seconds, inside):
        if path.parent.name == "ben":
            raise KeyboardInterrupt
        return grading.Ran({"00": {"00.1": {"status": "right", "attempts": 1}}})

    monkeypatch.setattr(grading, "run_again", run)
    rows = {one.who: one for one in collect(tmp_path, again=True, say=lambda line: None)}
    assert rows["anna"].exercises and "stopped" in rows["ben"].problem and "stopped" in rows["cleo"].problem


@pytest.mark.parametrize("answer", [None, True, 3, 2.5, float("inf"), "B", (0.5, 1), [1, "a"], {1: (2,)}, {4, 5}])
def test_an_answer_that_is_data_comes_back_as_it_went(answer):
    assert from_plain(json.loads(json.dumps(plain(answer)))) == answer


@pytest.mark.parametrize("kept", [[1], {"a": 1}, {"int": "x" * 500}, {"list": 3}, {"__class__": []}, {"int": 1}, 5])
def test_what_a_hand_in_may_have_written_itself_is_no_answer(kept):
    with pytest.raises((ValueError, TypeError)):
        from_plain(kept)


def test_code_is_not_data():
    with pytest.raises(TypeError):
        plain(lambda: 1)


def test_our_solutions_are_known_under_another_name(handed_in):
    name = "00_cut_compare_restore_solutions.ipynb"
    (handed_in / "ben" / "mine.ipynb").write_bytes((lessons_dir() / "00_cut_compare_restore" / name).read_bytes())
    assert "our solutions" in _rows(handed_in)["ben"]["problem"]


def test_no_cell_of_the_table_is_a_formula(handed_in, capsys):
    (handed_in / "=cmd()").mkdir()
    _write(handed_in / "=cmd()" / "progress.json", GOOD)
    assert main(["grade", str(handed_in)]) == 0
    assert "\n'=cmd()," in capsys.readouterr().out
