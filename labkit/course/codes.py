"""One line that carries a reader's predictions and answers to the teacher: `TS00|p1:Bf|1:r2h1|…|checksum`.

A prediction is its letter and g, f or c (guess, fairly sure, certain), `skip`, or `-`. An exercise is r, w or n (right,
wrong, not attempted), the number of attempts, `hN` for hints taken and `s` when the solution was opened.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from labkit.base.errors import BadInput

from .predictions import CONFIDENCES

__all__ = ["decode", "encode", "find_codes"]

_CODE = re.compile(r"TS\d\d(?:\|[\w.]+:[\w-]+)*\|[0-9a-f]{4}\b")
_EXERCISE = re.compile(r"([rwn])(\d*)(?:h(\d))?(s?)$")
_STATUS = {"r": "right", "w": "wrong", "n": "not attempted"}


def encode(lesson_id: str, part: Mapping[str, Any], exercise_ids: Iterable[str]) -> str:
    """Return the code of a lesson's part of the progress record."""
    fields = [f"TS{lesson_id}"]
    for name, entry in sorted(part["predictions"].items()):
        fields.append(f"{name}:{_prediction(entry)}")
    for exercise_id in exercise_ids:
        fields.append(f"{exercise_id.split('.', 1)[-1]}:{_exercise(part['exercises'].get(exercise_id, {}))}")
    body = "|".join(fields)
    return f"{body}|{_checksum(body)}"


def decode(code: str) -> dict[str, Any]:
    """Return `{"lesson", "predictions", "exercises"}` of a code; raise `BadInput` when it was mistyped."""
    body, _, checksum = code.strip().rpartition("|")
    if not _CODE.fullmatch(code.strip()) or checksum != _checksum(body):
        raise BadInput(
            f"{code.strip()[:60]!r} is not a whole answer code.",
            expected="the line that `lesson.progress()` prints, from TS to the last letter",
            do="copy the line again rather than typing it",
        )
    lesson, *fields = body.split("|")
    result: dict[str, Any] = {"lesson": lesson[2:], "predictions": {}, "exercises": {}}
    for name, value in (field.split(":", 1) for field in fields):
        match = _EXERCISE.match(value) if name[0].isdigit() else None
        if match:
            status, attempts, hints, seen = match.groups()
            result["exercises"][f"{lesson[2:]}.{name}"] = {
                "status": _STATUS[status],
                "attempts": int(attempts or 0),
                "hints": int(hints or 0),
                "solution_seen": bool(seen),
            }
        else:
            result["predictions"][name] = _read_prediction(value)
    return result


def find_codes(text: str) -> list[str]:
    """Return the answer codes that stand anywhere in `text`, in order."""
    return _CODE.findall(text)


def _prediction(entry: Mapping[str, Any]) -> str:
    if entry.get("skipped"):
        return "skip"
    return f"{entry['letter']}{entry['confidence'][0]}" if entry.get("letter") else "-"


def _read_prediction(value: str) -> dict[str, Any]:
    if value in ("skip", "-"):
        return {"skipped": True} if value == "skip" else {}
    known = {word[0]: word for word in CONFIDENCES}
    if len(value) != 2 or value[1] not in known:
        raise BadInput(f"{value!r} in an answer code is no prediction.", expected="a letter and g, f or c")
    return {"letter": value[0], "confidence": known[value[1]]}


def _exercise(entry: Mapping[str, Any]) -> str:
    letter = {name: letter for letter, name in _STATUS.items()}[entry.get("status", "not attempted")]
    attempts, hints = entry.get("attempts", 0), entry.get("hints", 0)
    return (
        letter
        + (str(attempts) if attempts else "")
        + (f"h{hints}" if hints else "")
        + "s" * bool(entry.get("solution_seen"))
    )


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()) & 0xFFFF:04x}"
