"""Reading what a class has handed in, without a server: progress files, exported answers, codes, notebooks.

What a learner's machine judged is taken as it is and called so; `again=True` executes the notebooks (`rerunning`).
Nothing here proves who wrote an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from labkit.base.data import lessons_dir
from labkit.base.errors import BadInput, LabkitError

from .catalogue import definitions
from .codes import decode, find_codes
from .predictions import CONFIDENCES
from .rerunning import Ran, run_again

__all__ = ["Submission", "collect", "table"]

STATUSES = ("right", "wrong", "not attempted")
SECONDS = 300.0  # for one notebook
_TRUST = ("run again", "progress file", "exported answers", "answer code")
_LESSON = r"[\w.-]{1,20}"


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One learner's work on one lesson, and where it was read; `problem` says why something could not be."""

    who: str
    lesson: str
    source: str
    predictions: dict[str, dict[str, Any]] = field(default_factory=dict)
    exercises: dict[str, dict[str, Any]] = field(default_factory=dict)
    problem: str = ""


def collect(
    folder: Path,
    *,
    lesson: str | None = None,
    again: bool = False,
    inside: bool = True,
    seconds: float = SECONDS,
    say: Callable[[str], None] = print,
) -> list[Submission]:
    """Return what was found in `folder` (or one text file of codes), the most trusted per learner and lesson.

    again: execute each notebook, for at most `seconds`; inside: in bubblewrap. A Ctrl-C ends it early: what was done
    is returned, and a row for each file that was not reached.
    """
    folder = Path(folder)
    if not folder.exists():
        raise BadInput(f"There is no {folder}.", expected="a folder with what the class handed in, or a file of codes")
    files = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if _is_submission(path))
    found: list[Submission] = []
    run = (lambda path: run_again(path, seconds, inside)) if again else None
    stopped = False
    for path in files:
        who = path.stem if folder.is_file() else _who(path.relative_to(folder))
        if again and path.suffix == ".ipynb" and not stopped:
            say(f"running {path.name} of {who}")
        try:
            if stopped:
                raise KeyboardInterrupt
            read = list(_read(path, who, run)) or [_nothing_in(path, who)]
            found += [one for one in read if lesson in (None, one.lesson) or one.problem]
        except KeyboardInterrupt:
            stopped = True
            found.append(Submission(who=who, lesson="", source=path.name, problem="not reached: grading was stopped"))
    found += _left_out(folder, files)
    if not found:
        raise BadInput(
            f"Nothing to grade was found in {folder}.",
            expected="progress.json, answers-NN.json, notebooks with an answer code, or text files of codes",
        )
    return _best(found)


def table(submissions: list[Submission]) -> list[list[str]]:
    """Return rows of text, first the columns' names: who, lesson, source, right, of, one per item, problem."""
    predictions = sorted({(one.lesson, name) for one in submissions for name in one.predictions})
    exercises = sorted({name for one in submissions for name in one.exercises})
    head = ["who", "lesson", "source", "right", "of", *(f"{lesson} {name}" for lesson, name in predictions)]
    rows = [[*head, *exercises, "problem"]]
    for one in submissions:
        known = definitions().get(one.lesson)
        total = len(known.exercises) if known else len(one.exercises)
        right = sum(entry.get("status") == "right" for entry in one.exercises.values())
        cells = [one.who, one.lesson, one.source, str(right), str(total)]
        cells += [_guess(one.predictions.get(name, {})) if lesson == one.lesson else "" for lesson, name in predictions]
        cells += [_tries(one.exercises[name]) if name in one.exercises else "" for name in exercises]
        rows.append([*cells, one.problem])
    return rows


def _is_submission(path: Path) -> bool:
    """Whether a file is read: also one that a browser or a learning platform has renamed ("progress (1).json")."""
    if any(part.startswith(".") for part in path.parts[-3:]) or path.is_symlink() or not path.is_file():
        return False
    if path.suffix == ".json":
        return "progress" in path.stem or "answers-" in path.stem
    return path.suffix in (".ipynb", ".txt")


def _nothing_in(path: Path, who: str) -> Submission:
    return Submission(who=who, lesson="", source=path.name, problem=f"{path.name} holds no answers and no whole code")


def _left_out(folder: Path, files: list[Path]) -> list[Submission]:
    """Return a row for each learner of whom nothing was read, naming what was handed in."""
    if folder.is_file():
        return []
    seen = {_who(path.relative_to(folder)) for path in files}
    rows = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if place.name not in seen:
            # A link may lead to the whole disk: it is not followed, here either.
            names = [] if place.is_symlink() else sorted(path.name for path in place.rglob("*") if path.is_file())
            said = f"nothing to grade among {', '.join(names[:3])}" if names else "nothing was handed in"
            said = "it is a link, which is not followed" if place.is_symlink() else said
            rows.append(Submission(who=place.name, lesson="", source="", problem=said))
    return rows


def _who(path: Path) -> str:
    """Return the learner's name: the folder they handed in, or the file where there is none."""
    return path.parts[0] if len(path.parts) > 1 else path.stem


def _read(path: Path, who: str, run: Callable[[Path], Ran] | None) -> Iterator[Submission]:
    try:
        if path.suffix == ".json":
            record = json.loads(path.read_text(encoding="utf-8"))
            if "lessons" in record:
                for lesson, part in record["lessons"].items():
                    yield _told(who, lesson, "progress file", part)
            else:
                yield _submission(who, record["lesson"], "exported answers", record)
        elif path.suffix == ".ipynb":
            yield from _read_notebook(path, who, run)
        else:
            # In a learner's own folder no line names another.
            yield from _read_codes(path.read_text(encoding="utf-8"), who, by_line=who == path.stem)
    except Exception as error:  # whatever one file does, the class has its rows
        yield _unread(who, "", path.name, error)


def _told(who: str, lesson: str, source: str, part: dict[str, Any]) -> Submission:
    """Return what a part of a record says, or why it cannot be read: the parts and learners after it still count."""
    try:
        return _submission(who, lesson, source, part)
    except Exception as error:
        return _unread(who, lesson, source, error)


def _unread(who: str, lesson: str, source: str, error: Exception) -> Submission:
    bent = f"it is not what labkit writes ({type(error).__name__}: {error})"
    reason = error.what if isinstance(error, LabkitError) else bent
    problem = f"could not be read: {reason}".splitlines()[0][:300]
    return Submission(who=who, lesson=lesson if re.fullmatch(_LESSON, lesson) else "", source=source, problem=problem)


def _read_notebook(path: Path, who: str, run: Callable[[Path], Ran] | None) -> Iterator[Submission]:
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    recorded = list(_read_codes("\n".join(str(output.get("text", "")) for output in outputs), who))
    if "solutions" in path.stem.split("_") or _code_of(notebook) in _solutions():
        raise BadInput(f"{path.name} holds our solutions")
    if run is None:
        if not recorded:
            raise BadInput(f"{path.name} holds no answer code: its last cell was not run")
        yield from recorded
        return
    ran = run(path)
    told = f"{path.name}: {ran.problem}" if ran.problem else ""
    # made with buttons, so not in the cells
    guesses = {one.lesson: one.predictions for one in recorded if not one.problem}
    for lesson in sorted({*ran.exercises, *guesses} if ran.exercises else ()):
        part = {"predictions": guesses.get(lesson, {}), "exercises": ran.exercises.get(lesson, {})}
        yield replace(_submission(who, lesson, "run again", part), problem=told)
    if not ran.exercises:  # what it says of itself still counts, as what it is
        yield from recorded
        none = f"{path.name}: it was run, and attempted no exercise"
        yield Submission(who=who, lesson="", source=path.name, problem=told or none)


def _code_of(notebook: Any) -> tuple[str, ...]:
    return tuple(cell.source for cell in notebook.cells if cell.cell_type == "code")


@cache
def _solutions() -> frozenset[tuple[str, ...]]:
    """Return the code of our notebooks with solutions, to know them under any name."""
    import nbformat

    paths = lessons_dir().glob("*/*_solutions.ipynb")
    return frozenset(_code_of(nbformat.read(path, as_version=4)) for path in paths)


def _read_codes(text: str, who: str, by_line: bool = False) -> Iterator[Submission]:
    """Yield what the codes in `text` say; in a list, what stands before a code on its line names the learner."""
    for line in text.splitlines():
        for code in find_codes(line):
            name = line.split(code, 1)[0].strip(" ,;:\t") if by_line else ""
            try:
                part = decode(code)
            except (BadInput, ValueError) as error:  # more digits than a number may have
                yield _unread(name or who, code[2:4], "answer code", error)
            else:
                yield _told(name or who, part["lesson"], "answer code", part)


def _submission(who: str, lesson: str, source: str, part: dict[str, Any]) -> Submission:
    """Return what a part of a record says; raise `BadInput` naming the entry that a person or a program has bent."""
    if not isinstance(lesson, str) or not re.fullmatch(_LESSON, lesson):
        raise BadInput(f"{str(lesson)[:20]!r} is no lesson")
    if not isinstance(part, dict):
        raise BadInput(f"its lesson {lesson} is no table")
    known = definitions().get(lesson)
    if known and (strange := set(part.get("exercises", {})) - {one.id for one in known.exercises}):
        raise BadInput(f"lesson {lesson} has no exercise {str(min(map(str, strange)))[:40]!r}")
    predictions, exercises = part.get("predictions", {}), part.get("exercises", {})
    for kind, entries, words, counts in (
        ("prediction", predictions, ("choice", "letter", "confidence"), ()),
        ("exercise", exercises, ("status",), ("attempts", "hints")),
    ):
        for name, entry in entries.items():
            fits = (
                isinstance(entry, dict)
                and all(isinstance(entry.get(word), str | None) for word in words)
                and all(isinstance(entry.get(count, 0), int) for count in counts)
                and (not entry.get("letter") or entry.get("confidence") in CONFIDENCES)
                and entry.get("status", "right") in STATUSES
            )
            if not fits:
                raise BadInput(f"its {kind} {name} of lesson {lesson} is not what labkit writes")
    predictions, exercises = dict(predictions), dict(exercises)
    return Submission(who=who, lesson=str(lesson), source=source, predictions=predictions, exercises=exercises)


def _best(found: list[Submission]) -> list[Submission]:
    """Return one submission per learner and lesson, the most trusted and then the last; problems always stay."""
    best: dict[tuple[str, str], Submission] = {}
    problems = [one for one in found if one.problem and not one.exercises]
    for one in found:
        if one in problems:
            continue
        held = best.get((one.who, one.lesson))
        if held is not None and one.source == held.source == "run again":  # the hour and the deeper notebook
            one = replace(
                one,
                predictions={**held.predictions, **one.predictions},
                exercises={**held.exercises, **one.exercises},
                problem="; ".join(filter(None, (held.problem, one.problem))),
            )
        if held is None or _TRUST.index(one.source) <= _TRUST.index(held.source):
            best[one.who, one.lesson] = one
    return sorted([*best.values(), *problems], key=lambda one: (one.who, one.lesson))


def _guess(entry: dict[str, Any]) -> str:
    if entry.get("skipped"):
        return "skipped"
    return f"{entry['letter']}, {entry['confidence']}" if entry.get("letter") else ""


def _tries(entry: dict[str, Any]) -> str:
    words = [entry.get("status", "not attempted")]
    for key, word in (("attempts", "tries"), ("hints", "hints")):
        if entry.get(key):
            words.append(f"{entry[key]} {word}")
    words += ["solution opened"] if entry.get("solution_seen") else []
    return ", ".join([*words, *(["called where it ran"] if entry.get("called") else [])])
