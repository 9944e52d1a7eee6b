"""The comparison itself: our flags pass an honest notebook, catch a changed one, and read every sanitizing rule."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output
from nbval.plugin import get_sanitize_patterns

from labkit.course.sources import pages

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "tests" / "nbval.cfg"


def _flags() -> list[str]:
    """Return the nbval flags of the Makefile's NBVAL, by which `notebooks` and `check` run."""
    target = re.search(r"^NBVAL = (.*?[^\\])\n", (ROOT / "Makefile").read_text(), re.MULTILINE | re.DOTALL)[1]
    return re.findall(r"--nbval[\w=./-]*|-p tests\.\w+", target)


def test_the_flags_are_those_we_count_on():
    assert _flags() == [
        "-p tests.nbval_rules",
        "--nbval-lax",
        "--nbval-current-env",
        "--nbval-cell-timeout=300",
        "--nbval-sanitize-with=tests/nbval.cfg",
    ]


def test_every_rule_is_read():
    """A `replace:` without its space is silently dropped by nbval."""
    text = CONFIG.read_text(encoding="utf-8")
    assert len(get_sanitize_patterns(text)) == text.count("\nregex:") == text.count("\n[") > 3


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("<object at 0x7f3a2b1c>", "<object at ADDRESS>"),
        ("took 1.25 s", "took TIME"),
        ("torch 2.13.0+cpu", "VERSION"),
        ("device cpu, 2 threads", "device cpu, THREADS"),
        ("right bar: 2.00 nats", "right bar: 2.00 nats"),
    ],
)
def test_rules_hide_what_machines_differ_in_and_nothing_else(text, clean):
    for pattern, replacement in get_sanitize_patterns(CONFIG.read_text(encoding="utf-8")):
        text = re.sub(pattern, replacement, text)
    assert text == clean


def test_honest_cells_pass_a_changed_number_fails_and_warnings_are_not_compared(lessons, tmp_path):
    page = pages("99", lessons)[0]
    notebook = nbformat.read(page.notebook, as_version=4)
    notebook.cells[4].source = "import sys\nprint('careful', file=sys.stderr)\n" + notebook.cells[4].source
    changed = new_code_cell("labkit.course.report(2.004)", execution_count=9, metadata={"tags": ["nbval-check-output"]})
    changed.outputs = [new_output("stream", name="stdout", text="2.01\n")]
    notebook.cells.append(changed)
    nbformat.write(notebook, page.notebook)
    flags = [part for flag in _flags() for part in flag.split()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(page.notebook), *flags, "-p", "no:cacheprovider", "-q"],
        cwd=ROOT,
        env={**os.environ, "LABKIT_STATIC": "1", "LABKIT_MY": str(tmp_path / "my"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 8 passed" in done.stdout, done.stdout
    assert "2.01" in done.stdout
