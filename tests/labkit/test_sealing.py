"""Weights, checkpoints and claim records tell when they were changed after they were written."""

import hashlib
import json
import struct
import subprocess
import sys

import pytest
import torch
from families import make

from labkit.base.errors import BrokenFile
from labkit.claims import ledger, records
from labkit.models import load, read_tensors, save
from labkit.models.sealing import sealed
from labkit.training.checkpoint import read_checkpoint, write_checkpoint


@pytest.fixture
def saved(tmp_path):
    return save(make("labkit"), tmp_path / "model") / "model.safetensors"


def with_header(path, change):
    """Write the file anew with another header."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])


def test_one_number_changed_is_noticed(saved):
    raw = bytearray(saved.read_bytes())
    raw[-3] ^= 1
    saved.write_bytes(raw)
    with pytest.raises(BrokenFile, match="changed after it was saved"):
        load(saved.parent)


@pytest.mark.parametrize("kind", ["I32", "U32"])
def test_floating_numbers_read_as_others_are_refused(saved, kind):
    with_header(saved, lambda header: header["norm.weight"].update(dtype=kind))
    with pytest.raises(BrokenFile):
        load(saved.parent)

    def unseal(header):
        header["__metadata__"].pop("sha256")

    with_header(saved, unseal)  # an older file has no seal
    with pytest.raises(BrokenFile, match=r"norm\.weight is stored as"):
        load(saved.parent)


def test_a_file_without_a_seal_is_read(saved):
    with_header(saved, lambda header: header["__metadata__"].pop("sha256"))
    assert read_tensors(saved)[0]


def test_the_same_content_gives_the_same_bytes_in_any_process():
    content = "{'b': torch.ones(2), 'a': torch.zeros(3)}, {'z': '1', 'format': 'pt', 'config': 'x'}"
    code = f"import hashlib, torch; from labkit.models.sealing import sealed; b = sealed({content})"
    command = [sys.executable, "-c", f"{code}; print(hashlib.sha256(b).hexdigest())"]
    there = {subprocess.run(command, capture_output=True, text=True).stdout.strip() for _ in range(3)}
    here = sealed({"b": torch.ones(2), "a": torch.zeros(3)}, {"config": "x", "format": "pt", "z": "1"})
    assert there == {hashlib.sha256(here).hexdigest()}


def test_a_changed_checkpoint_is_refused(tmp_path):
    model = make("labkit")
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, model, torch.optim.AdamW(model.parameters()), {"step": 3, "tokens": 10})
    assert read_checkpoint(path)[1]["step"] == 3
    for change in (
        lambda header: header["__metadata__"].update(about='{"step": 4, "tokens": 10}'),
        lambda header: header["weight/norm.weight"].update(dtype="I32"),
    ):
        before = path.read_bytes()
        with_header(path, change)
        with pytest.raises(BrokenFile, match="changed after it was saved"):
            read_checkpoint(path)
        path.write_bytes(before)
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 64
    path.write_bytes(raw)
    with pytest.raises(BrokenFile, match="changed after"):
        read_checkpoint(path)


def test_a_changed_record_is_refused_and_an_older_one_is_read(tmp_path):
    claim = ledger().claim("00.attention_cheaper")
    record = records.read_record(claim)
    path = records.write_record(record, tmp_path)
    assert records.read_record(claim, tmp_path) == record
    table = json.loads(path.read_text())
    table["values"][0] += 0.5 if isinstance(table["values"][0], float) else [0.5]
    path.write_text(json.dumps(table))
    with pytest.raises(BrokenFile, match="changed after it was measured"):
        records.read_record(claim, tmp_path)
    table.pop("sha256")
    table["values"] = list(record.values)
    path.write_text(json.dumps(table))
    assert records.read_record(claim, tmp_path) == record
