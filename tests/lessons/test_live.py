"""A lesson as a learner runs it: LIVE, in a real kernel, from the learner edition."""

import os

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from labkit.course.editions import learner_edition
from labkit.course.executing import kernels_of_this_python

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def ran(_built, tmp_path_factory):
    """Return the learner edition of the tiny lesson after a first learner's hour."""
    notebook = nbformat.reads(learner_edition(_built / "99_lantern" / "99_lantern.ipynb"), as_version=4)
    predict = next(number for number, cell in enumerate(notebook.cells) if "lesson.predict" in cell.source)
    notebook.cells.insert(predict + 1, new_code_cell('guess.set("A", "fairly sure")'))
    notebook.cells += [new_code_cell("count.check(6)\nislands = 7"), new_code_cell("count.check(islands).right")]
    notebook.cells += [new_code_cell("count.hint(); count.solution()"), new_code_cell("lesson.progress()")]
    environment = {**os.environ, "LABKIT_MY": str(tmp_path_factory.mktemp("my")), "OMP_NUM_THREADS": "1"}
    environment.pop("LABKIT_STATIC", None)
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=kernels_of_this_python()),
        timeout=300,
        store_widget_state=False,
        resources={"metadata": {"path": str(_built / "99_lantern")}},
    )
    client.execute(env=environment)
    return notebook


def _outputs(notebook, source):
    return next(cell.outputs for cell in notebook.cells if source in cell.source)


def _text(outputs):
    return "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs)


def test_a_prediction_is_a_widget_once(ran):
    outputs = _outputs(ran, "lesson.predict")
    assert len(outputs) == 1
    assert WIDGET in outputs[0].data


def test_the_result_stands_beside_what_was_predicted(ran):
    said = _text(_outputs(ran, "lesson.result"))
    assert "Your prediction: A. the left one (fairly sure)" in said
    assert "✗ not as you predicted. It was drawn so." in said


def test_a_task_and_an_outcome_are_shown_once(ran):
    task = _outputs(ran, 'lesson.exercise("99.1")')
    assert len(task) == 1
    assert task[0].data["text/markdown"].startswith("**Exercise 99.1")
    outcome = _outputs(ran, "islands = ...")
    assert [output.output_type for output in outcome] == ["display_data"] and "text/html" in outcome[0].data
    assert _text(outcome).count("not attempted") == 1


def test_an_outcome_is_shown_wherever_it_stands_in_a_cell(ran):
    assert "✗ 99.1 wrong: you counted the ferries." in _text(_outputs(ran, "count.check(6)"))
    outputs = _outputs(ran, "count.check(islands).right")
    assert "✓ 99.1 right" in _text(outputs)
    assert outputs[-1].data["text/plain"] == "True"


def test_progress_counts_what_was_done(ran):
    said = _text(_outputs(ran, "lesson.progress()"))
    assert "1 prediction stored, 1 of 2 exercises right" in said
    assert "prediction p1: A, fairly sure, it turned out otherwise" in said
    assert "Answer code: TS99|p1:Af|1:r2h1s|2:n|" in said
