"""Files are whole or absent, TOML comes back as it went, interrupts wait, errors say what to do."""

import importlib
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.base import files, toml
from labkit.base.data import data_dir, lessons_dir, my_dir
from labkit.base.errors import BadInput, BrokenFile, LabkitError, UnknownName, unknown
from labkit.base.interrupts import deferred_interrupts


def test_an_error_says_what_happened_what_was_expected_and_what_to_do():
    text = str(LabkitError("It broke.", expected="wholeness", do="mend it"))
    assert text == "It broke.\nExpected: wholeness\nTry: mend it"


def test_an_unknown_name_is_answered_with_the_nearest_one():
    error = unknown("model", "lab/tinny", ["lab/tiny", "lab/base", "minilm"])
    assert isinstance(error, UnknownName) and isinstance(error, KeyError)
    assert "lab/tiny" in error.do and "minilm" in error.expected
    assert str(error).startswith("There is no model called 'lab/tinny'.")


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = files.write_atomically(tmp_path / "deep" / "a.json", "one")
    files.write_atomically(path, b"two")
    assert path.read_text() == "two"
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_full_disk_leaves_the_old_file_and_no_crumbs(tmp_path, monkeypatch):
    path = files.write_atomically(tmp_path / "a.json", "old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BrokenFile, match="No space left"):
        files.write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_kill_while_saving_leaves_a_whole_file(tmp_path):
    """A process that saves without pause is killed; what is on disk is always one of the whole versions."""
    path = tmp_path / "a.bin"
    size = 1 << 20
    code = f"""
from labkit.base.files import write_atomically
n = 0
while True:
    write_atomically({str(path)!r}, bytes([n % 251]) * {size})
    n += 1
"""
    for pause in (0.05, 0.11, 0.17):
        process = subprocess.Popen([sys.executable, "-c", code])
        deadline = time.monotonic() + 20
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(pause)
        process.kill()
        process.wait()
        content = path.read_bytes()
        assert len(content) == size and len(set(content)) == 1
        path.unlink()


def test_sha256_is_the_known_one(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert files.sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


_keys = st.text(min_size=1, max_size=8)
_scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(blacklist_categories=("Cs",)), max_size=20),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_keys, inner, max_size=3)),
    max_leaves=8,
)


def _printable(value):
    """Control characters are not what this writer is for; every other text must survive."""
    if isinstance(value, dict):
        return all(_printable(k) and _printable(v) for k, v in value.items())
    if isinstance(value, list):
        return all(map(_printable, value))
    return not isinstance(value, str) or all(c.isprintable() or c in "\n\t" for c in value)


@given(st.dictionaries(_keys, _values, max_size=4).filter(_printable))
def test_toml_comes_back_as_it_went(tmp_path_factory, table):
    path = tmp_path_factory.getbasetemp() / "t.toml"
    path.write_text(toml.dumps(table), encoding="utf-8")
    assert toml.read(path) == table


def test_toml_keeps_nan_and_infinity(tmp_path):
    (tmp_path / "t.toml").write_text(toml.dumps({"a": math.inf, "b": -math.inf, "c": math.nan}))
    table = toml.read(tmp_path / "t.toml")
    assert table["a"] == math.inf and table["b"] == -math.inf and math.isnan(table["c"])


def test_toml_that_does_not_parse_is_told_with_its_line(tmp_path):
    (tmp_path / "t.toml").write_text("a = 1\nb = = 2\n")
    with pytest.raises(BrokenFile, match="line 2"):
        toml.read(tmp_path / "t.toml")


def test_a_misspelt_key_is_refused_by_name():
    with pytest.raises(UnknownName, match="delta"):
        toml.check_keys({"dleta": 1}, {"delta", "null"}, "a claim")


def test_toml_refuses_what_it_cannot_say():
    with pytest.raises(BadInput, match="complex"):
        toml.dumps({"a": 1j})


@pytest.fixture
def ctrl_c():
    """Let Ctrl-C raise: a suite started in the background of a shell inherits an ignored SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_waits_for_the_end_of_the_block(ctrl_c):
    reached = []
    with pytest.raises(KeyboardInterrupt), deferred_interrupts():
        signal.raise_signal(signal.SIGINT)
        reached.append("the end")
    assert reached == ["the end"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_exception_inside_the_block_is_not_swallowed():
    with pytest.raises(ValueError, match="mine"), deferred_interrupts():
        raise ValueError("mine")


def test_data_and_lessons_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert data_dir().is_dir() and lessons_dir().is_dir()
    monkeypatch.setenv("LABKIT_MY", str(tmp_path / "mine"))
    assert my_dir() == Path(tmp_path / "mine")


def test_a_lazy_package_imports_a_name_when_it_is_used_and_no_sooner(tmp_path, monkeypatch):
    package = tmp_path / "lazy_house"
    package.mkdir()
    package.joinpath("room.py").write_text("guest = object()\n")
    package.joinpath("__init__.py").write_text(
        "from labkit.base.lazy import lazy_names\n"
        '__all__, __getattr__, __dir__ = lazy_names(__name__, {"room": ("guest",)})\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    house = importlib.import_module("lazy_house")
    assert house.__all__ == ["guest"] and "guest" in dir(house)
    assert "lazy_house.room" not in sys.modules and "guest" not in vars(house)
    assert house.guest is house.guest is sys.modules["lazy_house.room"].guest
    assert "guest" in vars(house)
    with pytest.raises(AttributeError, match="'lazy_house' has no attribute 'gest'"):
        getattr(house, "gest")  # noqa: B009 (what is tested)
