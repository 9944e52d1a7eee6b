"""Predict first: stored before, shown beside, locked after; a gate for panels; buttons that do what `set` does."""

import threading

import pytest

import labkit
from labkit.base.errors import BadInput, BrokenFile, OutOfOrder, UnknownName
from labkit.course.prediction_view import buttons
from labkit.course.progress import ProgressStore
from labkit.panels.gate import Gate

OPTIONS = ["the left one", "the right one", "neither <b>"]


@pytest.fixture
def lesson(tiny_lesson, tmp_path, monkeypatch):
    monkeypatch.delenv("LABKIT_STATIC", raising=False)
    return labkit.open_lesson(tiny_lesson, ProgressStore(tmp_path / "progress.json"))


@pytest.fixture
def prediction(lesson):
    return lesson.predict("p1", "Which is higher?", options=OPTIONS)


def _again(lesson):
    return labkit.open_lesson(lesson.facts, lesson._store)


@pytest.mark.parametrize("choice", [1, "B", "b", "the right one"])
def test_a_choice_may_be_named_in_three_ways(prediction, choice):
    prediction.set(choice=choice, confidence="fairly sure")
    stored = prediction.stored
    assert (stored["choice"], stored["letter"], stored["confidence"]) == ("the right one", "B", "fairly sure")
    assert prediction.said == "the right one, fairly sure"


@pytest.mark.parametrize("choice", [3, -1, "D", "", 1.0, None, "the middle one"])
def test_other_choices_are_refused_and_nothing_is_stored(prediction, choice):
    with pytest.raises(UnknownName, match="option of prediction p1"):
        prediction.set(choice=choice)
    assert not prediction.ready


def test_an_unknown_confidence_is_refused(prediction):
    with pytest.raises(UnknownName, match="fairly sure"):
        prediction.set(choice=0, confidence="fairly shure")
    assert not prediction.ready


@pytest.mark.parametrize("options", [[], ["one"], ["a", "a"], list("abcdefghi")])
def test_a_question_needs_two_to_eight_different_options(lesson, options):
    with pytest.raises(BadInput, match="2 to 8"):
        lesson.predict("p2", "?", options=options)


def test_it_is_a_gate_that_opens_once(prediction):
    calls = []
    assert isinstance(prediction, Gate)
    prediction.on_ready(lambda: calls.append("early"))
    assert not prediction.ready
    assert calls == []
    prediction.set(choice=0)
    prediction.set(choice=1)
    prediction.on_ready(lambda: calls.append("late"))
    assert prediction.ready
    assert calls == ["early", "late"]


def test_skipping_opens_the_gate_but_never_replaces_a_choice(lesson, prediction):
    prediction.skip()
    assert prediction.ready
    assert prediction.said == ""
    prediction.set(choice=2)
    prediction.skip()
    assert prediction.stored["choice"] == OPTIONS[2]


def test_running_the_cell_again_keeps_the_panels_waiting_on_the_same_gate(lesson, prediction):
    calls = []
    prediction.on_ready(lambda: calls.append(1))
    again = lesson.predict("p1", "Which is higher?", options=OPTIONS)
    again.set(choice=0)
    assert calls == [1]


def test_it_is_still_there_tomorrow(lesson, prediction):
    prediction.set(choice=1, confidence="certain")
    assert _again(lesson).predict("p1", "Which?", options=OPTIONS).said == "the right one, certain"


def test_a_question_with_new_options_is_asked_anew(lesson, prediction):
    prediction.set(choice=1)
    assert not _again(lesson).predict("p1", "Which?", options=["up", "down"]).ready


@pytest.mark.parametrize(("choice", "words"), [(1, "✓ as you predicted. So."), (0, "✗ not as you predicted. So.")])
def test_the_result_stands_beside_the_prediction_and_locks_it(lesson, prediction, capsys, choice, words):
    prediction.set(choice=choice, confidence="certain")
    capsys.readouterr()
    lesson.result("p1", answer=1, because="So.")
    said = capsys.readouterr().out
    assert f"Your prediction: {'AB'[choice]}. {OPTIONS[choice]} (certain)" in said
    assert "The result: B. the right one" in said
    assert words in said
    with pytest.raises(OutOfOrder, match="start_over"):
        prediction.set(choice=2)
    assert prediction.stored["right"] is (choice == 1)
    assert prediction.stored["choice"] == OPTIONS[choice]


def test_a_result_seen_without_a_prediction_is_not_a_prediction(lesson, prediction, capsys):
    lesson.result("p1", answer="A")
    assert "Your prediction: none" in capsys.readouterr().out
    prediction.skip()
    lesson.result("p1", answer="A")
    said = capsys.readouterr().out
    assert "predicted" not in said
    assert prediction.stored["right"] is None


def test_a_result_of_a_question_that_was_not_asked(lesson):
    with pytest.raises(UnknownName, match="run the cell with its question"):
        lesson.result("p9", answer=0)


def test_start_over_unlocks_and_keeps_the_past(lesson, prediction, capsys):
    prediction.set(choice=0)
    lesson.result("p1", answer=0)
    lesson.start_over()
    assert not prediction.ready
    prediction.set(choice=1)
    assert lesson._store.read()["earlier"][0]["99"]["predictions"]["p1"]["letter"] == "A"


def test_static_shows_the_question_as_text(lesson, monkeypatch, capsys):
    monkeypatch.setenv("LABKIT_STATIC", "1")
    lesson.predict("p3", "Which is higher?", options=OPTIONS)
    said = capsys.readouterr().out
    assert "**Predict.** Which is higher?" in said
    assert "- **B.** the right one" in said


class TestButtons:
    def test_store_does_what_set_does(self, prediction):
        view = buttons(prediction)
        view.choice.index = 1
        view.sure.value = "certain"
        view.store.click()
        assert prediction.said == "the right one, certain"
        assert "Stored: B, certain." in view.status.value

    def test_nothing_chosen_nothing_stored(self, prediction):
        view = buttons(prediction)
        view.store.click()
        assert not prediction.ready
        assert "Choose one" in view.status.value

    def test_a_prediction_made_in_code_is_seen_on_the_buttons(self, prediction):
        view = buttons(prediction)
        assert "Nothing stored" in view.status.value
        prediction.set("A", "certain")
        assert "Stored: A, certain." in view.status.value
        assert view.choice.index == 0 and view.sure.value == "certain"

    def test_skip(self, prediction):
        view = buttons(prediction)
        view.skip.click()
        assert prediction.ready
        assert "Skipped." in view.status.value

    def test_a_new_view_shows_what_is_stored_and_is_shut_after_the_result(self, lesson, prediction, capsys):
        prediction.set(choice=2, confidence="fairly sure")
        assert buttons(prediction).choice.index == 2
        lesson.result("p1", answer=0)
        view = buttons(prediction)
        assert all(control.disabled for control in (view.choice, view.sure, view.store, view.skip))
        assert "stays" in view.status.value

    def test_a_full_disk_is_told_beside_the_buttons(self, prediction, monkeypatch):
        view = buttons(prediction)
        view.choice.index = 0

        def full(*_, **__):
            raise BrokenFile("Could not write progress.json (no space).")

        monkeypatch.setattr(ProgressStore, "change", full)
        view.store.click()
        assert "no space" in view.status.value

    def test_the_question_is_text_not_markup(self, lesson):
        view = buttons(lesson.predict("p5", "Is 1 < 2 & <i>so</i>?", options=["yes", "no"]))
        assert "&lt;i>" in view.children[0].value

    def test_from_a_second_thread(self, prediction):
        view = buttons(prediction)
        calls = []
        prediction.on_ready(lambda: calls.append(threading.current_thread().name))
        view.choice.index = 0
        thread = threading.Thread(target=view.store.click, name="callbacks")
        thread.start()
        thread.join()
        assert calls == ["callbacks"]
        assert prediction.ready


def test_the_lowest_of_some_estimates_and_what_ties_with_it():
    from labkit.course import lowest
    from labkit.measurements import proportion

    shares = [proportion([True] * right + [False] * (100 - right), over="days") for right in (60, 20, 26, 90)]
    assert lowest(shares) == (1, 2)  # 0.20 [0.13, 0.29] and 0.26 [0.18, 0.35] touch
    assert lowest(reversed(shares)) == (1, 2)
    assert lowest([shares[0], shares[3]]) == (0,)
