"""Files that were damaged: no traceback at the command line, and no number that is silently another.

Each case damages one file of a small copy of the data, or of what a class handed in, and runs a command on it: it says
what it said before, or says that something is wrong. `LABKIT_MUTATED=1400 pytest tests/labkit/test_mutated_files.py`
(`make mutated`) tries more of them.
"""

import json
import os
import random
import re
import shutil
import zlib

import pytest

import labkit
from labkit.base.data import data_dir
from labkit.cli.entry import main

CASES = int(os.environ.get("LABKIT_MUTATED", "60"))
VALUES = [b"null", b"-1", b"1e999", b"[]", b"{}", b'""', b"true", b"9" * 400, b"[" * 5000, b'"\\u0000"', b"7"]
OTHERS = [b"", b"{}", b"[]", b"null", b"\xff\xfe\x00", b"\x80\x04K\x01.", b"PK\x03\x04", b"<html>"]
NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Return a folder with one model, one lesson's claims, a reader's record and a class."""
    place, data = tmp_path_factory.mktemp("clean"), data_dir()
    shutil.copytree(data / "models" / "lab" / "tiny", place / "data" / "models" / "lab" / "tiny")
    for folder in ("records", "pilots"):
        (place / "data" / "claims" / folder).mkdir(parents=True)
        for path in (data / "claims" / folder).glob("00*"):
            shutil.copy(path, place / "data" / "claims" / folder)
    shutil.copy(data / "claims" / "00.toml", place / "data" / "claims")
    record = {
        "format": 1,
        "lessons": {"00": {"predictions": {}, "exercises": {"00.1": {"status": "right", "attempts": 1}}}},
    }
    body = "TS00|p1:Bf|1:r2"
    code = f"{body}|{zlib.crc32(body.encode()) & 0xFFFF:04x}"
    cell = {"cell_type": "code", "source": "1", "metadata": {}, "execution_count": 1, "id": "a"}
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": code}]
    for name, content in {
        "my/progress.json": json.dumps(record),
        "class/anna/progress.json": json.dumps(record),
        "class/ben/00.ipynb": json.dumps({**NOTEBOOK, "cells": [cell]}),
        "class/cleo/code.txt": code,
    }.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(content)
    return place


def damaged(raw: bytes, dice: random.Random) -> bytes:
    """Return a file's bytes after what disks, editors and downloads do to them."""
    at, to = sorted((dice.randrange(len(raw) + 1), dice.randrange(len(raw) + 1)))
    numbers = [*re.finditer(rb"-?\d+(\.\d+)?", raw[:4000])]
    words = [*re.finditer(rb'"[^"\n]*"', raw[:4000])]
    kinds = (
        ["flip", "cut", "hole", "twice", "zeros", "other"] + 3 * ["number"] * bool(numbers) + 3 * ["word"] * bool(words)
    )
    kind = dice.choice(kinds)
    if kind in ("number", "word"):
        found = dice.choice(numbers if kind == "number" else words)
        new = dice.choice(
            [b"null", b"-1", b"1e999", b"[]", b"{}", b'""', b"true", b"9" * 400, b"[" * 5000, b'"\\u0000"', b"7"]
        )
        return raw[: found.start()] + new + raw[found.end() :]
    if kind == "flip":
        at = min(at, len(raw) - 1)
        return raw[:at] + bytes([raw[at] ^ (1 << dice.randrange(8))]) + raw[at + 1 :]
    return {
        "cut": raw[:at],
        "hole": raw[:at] + raw[to:],
        "twice": raw[:to] + raw[at:],
        "zeros": raw[:at] + bytes(to - at) + raw[to:],
        "other": dice.choice(
            [b"", b"{}", b"[]", b"null", b"\xff\xfe\x00", b"\x80\x04K\x01.", b"PK\x03\x04", b"<html>"]
        ),
    }[kind]


def said(place, command, capsys, monkeypatch):
    """Run a command on a folder and return (its exit code, what it printed, what it told)."""
    monkeypatch.setenv("LABKIT_DATA", str(place / "data"))
    monkeypatch.setenv("LABKIT_MY", str(place / "my"))
    code = main([word.replace("PLACE", str(place)) for word in command])
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


def numbers(command, out):
    """Return what must not silently be another: numbers and verdicts of claims, models that are whole, a class."""
    if command[0] == "claims":
        ours = {row["id"]: row["ours"] for row in json.loads(out)}
        keys = ("value", "low", "high", "verdict", "null", "delta")
        return {name: {key: one.get(key) for key in keys} for name, one in ours.items() if one}
    if command[0] == "models":
        return {one["name"]: (one["params"], one["bytes"]) for one in json.loads(out) if one.get("ok")}
    return out


COMMANDS = {
    "data/claims": ["claims", "--json"],
    "data/models": ["models", "--json"],
    "class": ["grade", "PLACE/class"],
}


def test_a_damaged_file_is_told_or_changes_nothing(clean, tmp_path, capsys, monkeypatch):
    expected = {kind: said(clean, command, capsys, monkeypatch) for kind, command in COMMANDS.items()}
    files = [path.relative_to(clean) for path in sorted(clean.rglob("*")) if path.is_file()]
    tally: dict[str, int] = {}
    failed: list[str] = []
    for seed in range(CASES):
        dice = random.Random(seed)
        file = dice.choice(files)
        place = tmp_path / "damaged"
        shutil.copytree(clean, place)
        try:
            raw = (place / file).read_bytes()
            (place / file).write_bytes(new := damaged(raw, dice))
            what = f"seed {seed}: {file}"
            kind = next((kind for kind in COMMANDS if str(file).startswith(kind)), None)
            if kind is None:  # a reader's own record: a lesson opens on it, and sets aside what it cannot read
                monkeypatch.setenv("LABKIT_MY", str(place / "my"))
                labkit.open_lesson("00").exercise("00.1").check(1.0)
                end = "opened"
            else:
                code, out, err = said(place, COMMANDS[kind], capsys, monkeypatch)
                told = code != 0 or bool(err)
                same = not told and numbers(COMMANDS[kind], out) == numbers(COMMANDS[kind], expected[kind][1])
                if kind == "class":  # a row with a reason, or the same row; the others have theirs
                    same = same or "could not be read" in out or "is no" in out or len(out.splitlines()) >= 4
                assert told or same or new == raw, f"{what}: silently another\n{out[:600]}"
                end = "told" if told else "the same"
            tally[end] = tally.get(end, 0) + 1
        except (Exception, SystemExit) as error:  # all of them are shown together
            failed.append(f"seed {seed}: {file}: {type(error).__name__}: {str(error)[:300]}")
        finally:
            capsys.readouterr()
            shutil.rmtree(place)
    print(f"{CASES} damaged files: {tally}")
    assert not failed, "\n".join(failed)
