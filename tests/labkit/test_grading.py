"""Grading: every learner has a row, whatever one file does; a bent record is a problem of its own row alone."""

import json

import pytest

from labkit.cli.entry import main
from labkit.course.grading import collect, table

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


def test_code_is_run_only_when_its_teacher_says_so(handed_in, capsys):
    assert main(["grade", str(handed_in), "--run"]) == 2
    assert "--trusted" in capsys.readouterr().err


def test_no_cell_of_the_table_is_a_formula(handed_in, capsys):
    (handed_in / "=cmd()").mkdir()
    _write(handed_in / "=cmd()" / "progress.json", GOOD)
    assert main(["grade", str(handed_in)]) == 0
    assert "\n'=cmd()," in capsys.readouterr().out
