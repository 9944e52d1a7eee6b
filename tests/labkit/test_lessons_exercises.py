"""Exercises answer back: each definition is judged by its own answers, and the judge by everything else."""

import dataclasses

import pytest

import labkit
from labkit.base.errors import BadInput, LabkitError, UnknownName
from labkit.course import close_to, definition, definitions, holds, number, one_of, report
from labkit.course.codes import decode
from labkit.course.exercises import NotAttempted, judge
from labkit.course.lesson_definition import LessonDefinition
from labkit.course.progress import ProgressStore

DEFINED = [exercise for lesson in definitions().values() for exercise in lesson.exercises]


@pytest.fixture
def lesson(tiny_lesson, tmp_path, capsys):
    opened = labkit.open_lesson(tiny_lesson, ProgressStore(tmp_path / "progress.json"))
    capsys.readouterr()
    return opened


def _judged_as_promised(exercise):
    for blank in (..., None):
        assert judge(exercise, blank).status == "not attempted"
    assert judge(exercise, exercise.answer).status == "right", judge(exercise, exercise.answer)
    for answer, words in exercise.typical_wrong:
        outcome = judge(exercise, answer)
        assert outcome.status == "wrong", (answer, outcome)
        assert words in outcome.message
        assert "Look at:" in outcome.message and exercise.hints[2] not in outcome.message
        if isinstance(exercise.answer, str) and len(exercise.answer) > 2:
            assert exercise.answer not in outcome.message, "the message gives the answer away"


@pytest.mark.parametrize("exercise", DEFINED, ids=lambda exercise: exercise.id)
def test_every_exercise_of_the_course_is_judged_as_it_promises(exercise):
    assert len(exercise.typical_wrong) >= 6
    _judged_as_promised(exercise)


@pytest.mark.parametrize("exercise", DEFINED, ids=lambda exercise: exercise.id)
def test_the_last_hint_does_not_hold_the_line(exercise):
    lines = {"".join(line.split()) for line in exercise.solution.splitlines() if len(line.strip()) > 12}
    assert not any(line in "".join(exercise.hints[2].split()) for line in lines)


@pytest.mark.parametrize("index", [0, 1])
def test_the_tiny_lesson_is_judged_as_it_promises(tiny_lesson, index):
    _judged_as_promised(tiny_lesson.exercises[index])


class Strange:
    def __str__(self):
        raise RuntimeError("no words")

    __repr__ = __str__


@pytest.mark.parametrize(
    "answer",
    [
        "seven",
        [],
        {},
        object(),
        b"seven",
        float("nan"),
        float("inf"),
        10**400,
        (7, 7),
        lambda: 7,
        print,
        {"a": 1},
        Strange(),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_nothing_a_learner_hands_in_breaks_the_lesson(tiny_lesson, answer):
    for exercise in tiny_lesson.exercises:
        assert judge(exercise, answer).status == "wrong"


@pytest.mark.parametrize("stub", [..., None, "", " ... ", "…", [1, ...], (..., ...), {"a": ...}])
def test_a_stub_is_not_an_attempt(tiny_lesson, stub):
    for exercise in tiny_lesson.exercises:
        assert judge(exercise, stub).status == "not attempted"


def test_a_stubbed_function_is_not_an_attempt(tiny_lesson):
    def calls(function):
        return labkit.course.right() if function(2) + 0 == 4 else labkit.course.wrong("no.", "the sum")

    exercise = dataclasses.replace(tiny_lesson.exercises[0], check=calls)

    def not_written(x):
        raise NotImplementedError

    assert judge(exercise, lambda x: ...).status == "not attempted"
    assert judge(exercise, not_written).status == "not attempted"
    assert judge(exercise, lambda x: x + 2).status == "right"
    assert judge(exercise, lambda x: x + 3).status == "wrong"
    assert "ZeroDivisionError" in judge(exercise, lambda x: x / 0).message


def test_a_check_may_say_not_attempted(tiny_lesson):
    def check(answer):
        raise NotAttempted

    assert judge(dataclasses.replace(tiny_lesson.exercises[0], check=check), 1).status == "not attempted"


def test_outcomes_are_words_and_symbols(lesson, capsys):
    count = lesson.exercise("99.1")
    capsys.readouterr()
    assert count.check(...).status == "not attempted"
    assert count.check(6).status == "wrong"
    assert count.check(7).right
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["○ 99.1 not attempted", "✗ 99.1 wrong", "✓ 99.1 right"]
    assert "you counted the ferries. Look at: the island that has none." in lines[1]


def test_only_attempts_are_counted_and_right_stays_right(lesson):
    count = lesson.exercise("99.1")
    for answer in (..., 6, 1, 7, 6):
        count.check(answer)
    assert lesson._store.lesson("99")["exercises"]["99.1"] == {"attempts": 3, "status": "right"}


def test_three_hints_one_at_a_time(lesson, capsys):
    count = lesson.exercise("99.1")
    capsys.readouterr()
    for _ in range(4):
        count.hint()
    count.hint(1)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:12] for line in lines[:3]] == ["Hint 1 of 3:", "Hint 2 of 3:", "Hint 3 of 3:"]
    assert "last hint" in lines[3]
    assert lines[4] == "Hint 1 of 3: Draw them."
    assert lesson._store.lesson("99")["exercises"]["99.1"]["hints"] == 3
    with pytest.raises(BadInput, match="1, 2 or 3"):
        count.hint(4)


def test_solution_and_progress_and_code(lesson, capsys):
    lesson.exercise("99.2").solution()
    lesson.exercise("99.1").check(7)
    lesson.predict("p1", "?", options=["a", "b"]).set("B", "certain")
    capsys.readouterr()
    lesson.progress()
    said = capsys.readouterr().out
    assert "1 prediction stored, 1 of 2 exercises right" in said
    assert "✓ 99.1 right: Count the islands" in said
    assert "○ 99.2 not attempted: Who holds it" in said
    code = said.splitlines()[-1].removeprefix("Answer code: ")
    assert decode(code) == {
        "lesson": "99",
        "predictions": {"p1": {"letter": "B", "confidence": "certain"}},
        "exercises": {
            "99.1": {"status": "right", "attempts": 1, "hints": 0, "solution_seen": False},
            "99.2": {"status": "not attempted", "attempts": 0, "hints": 0, "solution_seen": True},
        },
    }


def test_progress_counts_what_waits_in_the_deeper_notebook_and_lists_it_once_begun(tiny_lesson, tmp_path, capsys):
    first, second = tiny_lesson.exercises
    facts = dataclasses.replace(tiny_lesson, exercises=(first, dataclasses.replace(second, deeper=True)))
    lesson = labkit.open_lesson(facts, ProgressStore(tmp_path / "progress.json"))
    lesson.progress()
    said = capsys.readouterr().out
    assert "99.2" not in said and "1 more in the deeper notebook" in said
    lesson.exercise("99.2").check(second.typical_wrong[0][0])
    capsys.readouterr()
    lesson.progress()
    said = capsys.readouterr().out
    assert "✗ 99.2 wrong" in said and "more in the deeper" not in said


def test_a_disk_that_refuses_does_not_stop_the_lesson(lesson, monkeypatch, capsys):
    count = lesson.exercise("99.1")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert count.check(7).right
    count.hint()
    count.solution()
    assert capsys.readouterr().out.count("(not saved: ") == 3


def test_an_unknown_exercise_or_lesson(lesson):
    with pytest.raises(UnknownName, match=r"99\.1"):
        lesson.exercise("99.7")
    with pytest.raises(UnknownName, match="00"):
        labkit.open_lesson("0")


def test_the_heading_names_versions_device_threads_minutes(tiny_lesson, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("LABKIT_STATIC", raising=False)
    labkit.open_lesson(tiny_lesson, ProgressStore(tmp_path / "progress.json"))
    said = capsys.readouterr().out
    for words in ("Lesson 99 · The lantern · 12 minutes", "torch 2", "device cpu", "thread", "0 of 2 exercises right"):
        assert words in said


def test_every_lesson_can_be_found_by_id_and_name():
    for one in definitions().values():
        assert definition(one.id) is definition(one.name) is one
        assert sum(exercise.minutes for exercise in one.exercises if not exercise.deeper) <= one.minutes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hints": ("one",)}, "three"),
        ({"typical_wrong": ()}, "two"),
        ({"minutes": 0}, "1 to 15"),
        ({"difficulty": "brutal"}, "easy"),
    ],
)
def test_a_careless_exercise_is_refused(tiny_lesson, change, words):
    with pytest.raises(BadInput, match=words):
        dataclasses.replace(tiny_lesson.exercises[0], **change)


@pytest.mark.parametrize(
    "change", [{"name": "lantern"}, {"minutes": 61}, {"objectives": ("another",)}, {"id": "98", "name": "98_x"}]
)
def test_a_careless_lesson_is_refused(tiny_lesson, change):
    with pytest.raises(BadInput):
        dataclasses.replace(tiny_lesson, **change)


def test_two_exercises_of_one_name_are_refused(tiny_lesson):
    first = tiny_lesson.exercises[0]
    with pytest.raises(BadInput, match="different ids"):
        LessonDefinition(
            id="99",
            name="99_x",
            title="",
            question="",
            minutes=5,
            objectives=(first.objective,),
            exercises=(first,) * 2,
        )


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "digits", "said"),
        [(1.005, 2, "1.00"), (-0.0001, 2, "0.00"), (-1.25, 1, "-1.2"), (3, 0, "3"), (float("nan"), 2, "nan")],
    )
    def test_report_rounds(self, capsys, value, digits, said):
        report(value, digits)
        assert capsys.readouterr().out == said + "\n"

    def test_report_prints_the_interval_of_a_measurement(self, capsys):
        from labkit.measurements import mean_over

        report(mean_over([1.0, 2.0, 3.0, 4.0], "documents", unit="nats"), digits=1, label="loss")
        said = capsys.readouterr().out
        assert said.startswith("loss: 2.5 [")
        assert said.endswith("] nats\n")

    def test_holds_prints_or_raises(self, capsys):
        holds(2 > 1, "Two is more.")
        assert capsys.readouterr().out == "Two is more.\n"
        with pytest.raises(LabkitError, match="no longer true"):
            holds(1 > 2, "One is more.")

    def test_a_number_is_judged_by_its_mistakes(self):
        check = number(lambda: 0.5, "Yes.", tol=0.01, mistakes=[(2.0, "inverted.", "the ratio")])
        assert check(0.505).right
        assert "inverted" in check(2.0).message
        assert "not the number" in check(0.7).message

    def test_a_tolerance_must_be_given(self):
        with pytest.raises(BadInput, match="tolerance"):
            close_to(1, 1)

    def test_one_of_knows_its_words_in_any_case(self):
        check = one_of("the head", "", {"the tail": ("reversed.", "the direction")})
        assert check(" The  Head ").right
        assert "reversed" in check("THE TAIL").message
        assert "not one of the choices" in check("the middle").message
