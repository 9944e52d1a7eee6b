"""What a lesson's notebook holds in its hand: `lesson = labkit.open_lesson("00")`.

It asks predictions, gives exercises, keeps what the reader did, and prints nothing a screen reader could not read.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import labkit
from labkit.base.errors import BadInput, BrokenFile, unknown
from labkit.base.files import write_atomically
from labkit.base.speech import tell

from .catalogue import definition
from .codes import encode
from .exercises import Exercise, Outcome, judge
from .lesson_definition import LessonDefinition
from .predictions import OpenPrediction
from .progress import ProgressStore
from .showing import is_static, keep_words_whole, say, show_markdown, show_widget

__all__ = ["Lesson", "LessonExercise", "open_lesson"]


def open_lesson(lesson: str | LessonDefinition, store: ProgressStore | None = None) -> Lesson:
    """Return a lesson by id ("00") and print what it needs: versions, device, threads, minutes."""
    if not isinstance(lesson, str | LessonDefinition):
        raise BadInput(f"{lesson!r} is no lesson.", expected='its number as a text, such as "00"')
    facts = definition(lesson) if isinstance(lesson, str) else lesson
    opened = Lesson(facts, store or ProgressStore())
    tell(opened.heading())
    keep_words_whole()
    return opened


class Lesson:
    """An open lesson: `predict`, `result`, `exercise`, `progress`, `export`, `start_over`."""

    def __init__(self, facts: LessonDefinition, store: ProgressStore):
        self.facts, self._store = facts, store
        self._predictions: dict[str, OpenPrediction] = {}

    @property
    def id(self) -> str:
        return self.facts.id

    def heading(self) -> str:
        """Return the block that opens a lesson."""
        name = f"Lesson {self.id}" if self.id.isdigit() else self.id.capitalize()
        lines = [f"{name} · {self.facts.title} · {self.facts.minutes} minutes", _machine()]
        if not is_static():
            lines.append(self._summary())
        return "\n".join(lines)

    def predict(
        self, prediction_id: str, question: str = "", *, options: Sequence[str] | None = None
    ) -> OpenPrediction:
        """Show a question and its options, and return the prediction: also a gate for panels.

        Both stand with the lesson's exercises; a notebook of your own may give them here.
        """
        if options is None:
            facts = self.facts.prediction(prediction_id)
            question, options = facts.question, facts.options
        prediction = self._predictions.get(prediction_id)
        if prediction is None:
            prediction = OpenPrediction(self.id, prediction_id, question, options, self._store)
            self._predictions[prediction_id] = prediction
        else:
            prediction.ask(question, options)
        if is_static():
            show_markdown(prediction.text())
        else:
            from .prediction_view import buttons

            show_widget(buttons(prediction), prediction.text())
        return prediction

    def result(
        self,
        prediction_id: str,
        answer: int | str | Sequence[int] | None = None,
        because: str = "",
        *,
        found: Any = None,
    ) -> None:
        """Show the stored prediction beside the result.

        found: what the measurement gave, from which the lesson's key decides. answer: the option, or the places of all
        that tie, where the notebook decides itself.
        """
        prediction = self._predictions.get(prediction_id)
        if prediction is None:
            raise unknown(
                "prediction asked in this notebook",
                prediction_id,
                self._predictions,
                do="run the cell with its question",
            )
        if answer is None:
            facts = self.facts.prediction(prediction_id)
            answer, because = facts.decide(found), because or facts.because
        tied = [answer] if isinstance(answer, int | str) else list(answer)
        answers = [prediction.option(one) for one in tied]
        entry = self._saved(lambda: prediction.reveal(answers)) or {}
        lines = []
        if entry.get("choice"):
            letter = prediction.letter(entry["choice"])
            lines.append(f"Your prediction: {letter}. {entry['choice']} ({entry['confidence']})")
        elif not is_static():
            lines.append("Your prediction: none")
        shown = "; and, no different from it, ".join(f"{prediction.letter(text)}. {text}" for text in answers)
        lines.append(f"The result: {shown}")
        verdict = {True: "✓ as you predicted. ", False: "✗ not as you predicted. "}.get(entry.get("right"), "")
        if verdict or because:
            lines.append((verdict + because).rstrip())
        say("\n".join(lines))

    def exercise(self, exercise_id: str) -> LessonExercise:
        """Show an exercise's task and return it: `.check(answer)`, `.hint()`, `.solution()`."""
        bound = LessonExercise(self.facts.exercise(exercise_id), self)
        show_markdown(bound.task())
        return bound

    def progress(self) -> None:
        """Print what was predicted and solved, and the one-line answer code for a teacher."""
        part = self._store.lesson(self.id)
        print(self._summary(part))
        for name, entry in sorted(part["predictions"].items()):
            if entry.get("skipped"):
                print(f"  prediction {name}: skipped")
            else:
                seen = {True: ", as it turned out", False: ", it turned out otherwise"}.get(entry.get("right"), "")
                print(f"  prediction {name}: {entry.get('letter')}, {entry.get('confidence')}{seen}")
        waiting = 0  # in the deeper notebook, which the hour does not ask for
        for exercise in self.facts.exercises:
            status = part["exercises"].get(exercise.id, {}).get("status", "not attempted")
            if exercise.deeper and status == "not attempted":
                waiting += 1
            else:
                print("  " + str(Outcome(status, exercise.title, exercise.id)))
        if waiting:
            print(f"  {waiting} more in the deeper notebook, for another day")
        print(f"Answer code: {self.code(part)}")

    def code(self, part: dict[str, Any] | None = None) -> str:
        """Return the answer code: one line, to paste into a form or read by `labkit grade`."""
        return encode(self.id, part or self._store.lesson(self.id), [exercise.id for exercise in self.facts.exercises])

    def export(self, path: str | os.PathLike | None = None) -> Path:
        """Write this lesson's predictions and answers to one file to hand in, and return its path."""
        import json

        part = self._store.lesson(self.id)
        path = Path(path) if path is not None else self._store.path.parent / f"answers-{self.id}.json"
        table = {"labkit": labkit.__version__, "lesson": self.id, "code": self.code(part), **part}
        write_atomically(path, json.dumps(table, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        print(f"Written: {path.name}, in the folder of your progress.")
        return path

    def start_over(self) -> None:
        """Begin this lesson afresh; what was there is kept in the progress file under `earlier`."""

        def change(record: dict[str, Any]) -> None:
            part = record["lessons"].pop(self.id, None)
            if part:
                record.setdefault("earlier", []).append({self.id: part})

        self._store.update(change)
        print(f"Lesson {self.id} begins afresh. Run its cells from the top.")

    def _summary(self, part: dict[str, Any] | None = None) -> str:
        part = part or self._store.lesson(self.id)
        kinds = {"": [one for one in self.facts.exercises if not one.deeper]}
        kinds |= {" of the deeper notebook": [one for one in self.facts.exercises if one.deeper]}
        made = sum(not entry.get("skipped", False) for entry in part["predictions"].values())
        stored = f"{made} prediction{'s' if made != 1 else ''} stored"
        right = {
            kind: sum(part["exercises"].get(one.id, {}).get("status") == "right" for one in ones)
            for kind, ones in kinds.items()
        }
        solved = [f"{right[kind]} of {len(ones)} exercises{kind} right" for kind, ones in kinds.items() if ones]
        return f"So far: {stored}, {', '.join(solved)}"

    def _saved(self, action: Any) -> Any:
        """Do `action` on the record; when the disk refuses, say so and go on with the lesson."""
        try:
            return action()
        except BrokenFile as error:
            print(f"(not saved: {error.what})")
            return None


class LessonExercise:
    """An exercise in the reader's hand; every outcome is printed in words and kept."""

    def __init__(self, facts: Exercise, lesson: Lesson):
        self.facts, self._lesson = facts, lesson

    @property
    def id(self) -> str:
        return self.facts.id

    def task(self) -> str:
        """Return the task as Markdown."""
        facts = self.facts
        head = f"**Exercise {facts.id} · {facts.title}** · {facts.minutes} min · {facts.difficulty}"
        return f"{head}\n\n{facts.task}\n\n*Serves: {facts.objective}*"

    def check(self, answer: Any = ...) -> Outcome:
        """Show and return the outcome: not attempted, wrong because ..., or right. Never raises."""
        outcome = judge(self.facts, answer)
        say(str(outcome))
        if outcome.status != "not attempted":
            self._keep(lambda entry: _after(entry, outcome))
        return outcome

    def hint(self, which: int | None = None) -> None:
        """Show the next of three hints, or hint `which` (1, 2 or 3) again."""
        if which is not None and which not in (1, 2, 3):
            raise BadInput(f"There is no hint {which!r}.", expected="1, 2 or 3, or nothing for the next one")
        taken = self._entry().get("hints", 0)
        if which is None and taken == 3:
            say("That was the last hint. `.hint(1)` shows the first again, `.solution()` shows ours.")
            return
        number = which or taken + 1
        say(f"Hint {number} of 3: {self.facts.hints[number - 1]}")
        self._keep(lambda entry: {"hints": max(number, entry.get("hints", 0))})

    def solution(self) -> None:
        """Show our solution; the record notes that it was opened."""
        show_markdown(f"**Solution {self.id}**\n\n{self.facts.solution}")
        self._keep(lambda entry: {"solution_seen": True})

    def _entry(self) -> dict[str, Any]:
        return self._lesson._store.lesson(self._lesson.id)["exercises"].get(self.id, {})

    def _keep(self, change: Any) -> None:
        lesson = self._lesson
        lesson._saved(lambda: lesson._store.change(lesson.id, "exercises", self.id, change))

    def _ipython_display_(self) -> None:
        """Show nothing: `lesson.exercise` has shown the task already."""


def _after(entry: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    solved = entry.get("status") == "right"  # once right stays right; further tries still count
    return {"attempts": entry.get("attempts", 0) + (not solved), "status": "right" if solved else outcome.status}


def _machine() -> str:
    """Return versions, device and threads in one line, without importing torch."""
    parts = [f"labkit {labkit.__version__}", f"Python {platform.python_version()}"]
    for package in ("torch", "transformers"):
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            parts.append(f"{package} missing")
    torch = sys.modules.get("torch")
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # it may be a list, one for each level
    threads = torch.get_num_threads() if torch else int(first) if first.isdigit() else os.cpu_count() or 1
    return " · ".join([*parts, f"device cpu, {threads} thread{'s' if threads != 1 else ''}"])
