"""The learner's copies: without outputs, without a way back to the sources, and never overwritten."""

import json
import shutil

import pytest

from labkit.course.editions import lay_out, learner_edition

NAME = "99_lantern/99_lantern.ipynb"


@pytest.fixture
def my(tmp_path):
    return tmp_path / "my"


@pytest.fixture
def put(lessons, my):
    """Return a function that lays out the lessons and returns (names written, what was said)."""

    def lay():
        said = []
        written = lay_out(my, lessons, say=said.append)
        return sorted(path.relative_to(my).as_posix() for path in written), said

    return lay


def _new_version(lessons, words="Who has it today?"):
    path = lessons / NAME
    path.write_text(path.read_text(encoding="utf-8").replace("Who has it?", words, 1), encoding="utf-8")


def test_outputs_counts_badges_and_pairing_are_gone(lessons):
    path = lessons / NAME
    table = json.loads(path.read_text())
    table["metadata"]["jupytext"] = {"formats": "ipynb,src//py:percent"}
    path.write_text(json.dumps(table))
    text = learner_edition(path)
    copy = json.loads(text)
    assert set(copy["metadata"]) == {"kernelspec", "language_info"}
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in copy["cells"] if "outputs" in cell)
    assert "img.shields.io" not in text
    assert "jupytext" not in text
    sources = ["".join(cell["source"]) for cell in copy["cells"]]
    assert sources[1:] == ["".join(cell["source"]) for cell in table["cells"]][1:]


def test_first_time_all_second_time_nothing(put, my):
    written, _ = put()
    assert written == [NAME, "99_lantern/solutions_99_lantern.ipynb", "START_HERE.md"]
    assert put() == ([], [])
    assert "99_lantern/99_lantern.ipynb" in (my / "START_HERE.md").read_text()


def test_what_a_notebook_is_stands_first_in_its_name_and_in_links_to_it(put, my, lessons):
    path = lessons / NAME
    table = json.loads(path.read_text())
    table["cells"][0]["source"] = "On: [deeper](99_lantern_deeper.ipynb), [00](../00_a/00_a_solutions.ipynb#run-it)"
    path.write_text(json.dumps(table))
    put()
    said = json.loads((my / NAME).read_text())["cells"][0]["source"]
    assert "".join(said) == "On: [deeper](deeper_99_lantern.ipynb), [00](../00_a/solutions_00_a.ipynb#run-it)"
    assert "(99_lantern/solutions_99_lantern.ipynb)" in (my / "START_HERE.md").read_text()


def test_a_copy_nobody_touched_is_refreshed(put, my, lessons):
    put()
    _new_version(lessons)
    assert put() == ([NAME], [])
    assert "Who has it today?" in (my / NAME).read_text()


def test_what_the_reader_wrote_is_never_overwritten(put, my, lessons):
    put()
    mine = (my / NAME).read_text().replace("islands = ...", "islands = 7")
    (my / NAME).write_text(mine)
    assert put() == ([], [])
    _new_version(lessons)
    written, said = put()
    assert written == ["99_lantern/99_lantern.newer.ipynb"]
    assert "is yours and stays as it is" in said[0]
    assert (my / NAME).read_text() == mine
    assert put() == ([], []), "told once, not every day"


def test_a_second_newer_version_replaces_the_first_only_if_it_is_untouched(put, my, lessons):
    put()
    (my / NAME).write_text("mine")
    _new_version(lessons)
    put()
    path = lessons / NAME
    path.write_text(path.read_text().replace("Who has it today?", "Who has it at last?"))
    written, _ = put()
    assert written == ["99_lantern/99_lantern.newer.ipynb"]
    (my / "99_lantern/99_lantern.newer.ipynb").write_text("mine too")
    path.write_text(path.read_text().replace("Who has it at last?", "Who?"))
    written, _ = put()
    assert written == ["99_lantern/99_lantern.newer-2.ipynb"]
    assert (my / NAME).read_text() == "mine"
    assert (my / "99_lantern/99_lantern.newer.ipynb").read_text() == "mine too"


def test_a_deleted_copy_comes_back_fresh(put, my):
    put()
    (my / NAME).write_text("mine")
    (my / NAME).unlink()
    assert put() == ([NAME], [])


def test_a_file_that_was_there_before_us_is_the_readers(put, my):
    (my / NAME).parent.mkdir(parents=True)
    (my / NAME).write_text("mine, from before")
    written, _ = put()
    assert "99_lantern/99_lantern.newer.ipynb" in written
    assert (my / NAME).read_text() == "mine, from before"


@pytest.mark.parametrize("note", ["{", "[]", ""])
def test_with_a_damaged_note_every_file_counts_as_the_readers(put, my, lessons, note):
    put()
    (my / ".editions.json").write_text(note)
    assert put() == ([], [])
    (my / ".editions.json").write_text(note)
    before = (my / NAME).read_text()
    _new_version(lessons)
    assert put()[0] == ["99_lantern/99_lantern.newer.ipynb"]
    assert (my / NAME).read_text() == before


def test_progress_and_other_files_are_not_touched(put, my):
    my.mkdir()
    (my / "progress.json").write_text("{}")
    (my / "notes.md").write_text("mine")
    put()
    assert (my / "progress.json").read_text() == "{}"
    assert (my / "notes.md").read_text() == "mine"


def test_the_index_follows_the_route_not_the_numbers(tmp_path):
    from labkit.course.start_here import start_here

    for name in ("02_b", "08_c", "00_a", "03_d", "10_e"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.ipynb").write_text("{}")
    text = start_here(tmp_path)
    places = [text.index(f"({name}/{name}.ipynb)") for name in ("00_a", "02_b", "08_c", "10_e", "03_d")]
    assert places == sorted(places)


def test_the_primer_is_laid_out_beside_the_lessons_and_named_on_the_first_page(tmp_path):
    """It carries no number, and is opened like a lesson all the same."""
    import labkit

    lessons, my = tmp_path / "lessons", tmp_path / "my"
    empty = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    for name in ("primer/primer", "01_one/01_one", ".ipynb_checkpoints/old"):
        (lessons / name).parent.mkdir(parents=True)
        (lessons / f"{name}.ipynb").write_text(empty)
    written = {path.relative_to(my).as_posix() for path in lay_out(my, lessons)}
    assert written == {"primer/primer.ipynb", "01_one/01_one.ipynb", "START_HERE.md"}
    page = (my / "START_HERE.md").read_text()
    assert "](primer/primer.ipynb)" in page
    assert "| [primer" not in page
    (lessons / "primer" / "primer.ipynb").unlink()
    lay_out(my, lessons)
    assert "primer" not in (my / "START_HERE.md").read_text()
    assert labkit.course.definition("primer").minutes == 35


def test_a_damaged_lesson_is_told_and_the_others_are_laid_out(tmp_path):
    from labkit.base.data import lessons_dir

    lessons, said = tmp_path / "lessons", []
    shutil.copytree(lessons_dir() / "primer", lessons / "primer")
    (lessons / "00_x").mkdir()
    (lessons / "00_x" / "00_x.ipynb").write_text('{"cells": [1')
    lay_out(tmp_path / "my", lessons, said.append)
    assert any("00_x.ipynb is damaged" in line for line in said) and list((tmp_path / "my" / "primer").glob("*.ipynb"))
