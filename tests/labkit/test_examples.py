"""Every example in a docstring runs and gives what it shows."""

import ast
import doctest
from importlib import import_module
from pathlib import Path

import pytest

import labkit

ROOT = Path(labkit.__file__).parent
HOLDING = sorted(path for path in ROOT.rglob("*.py") if "    >>> " in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", HOLDING, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_examples_of_a_file_run(path):
    name = ".".join(("labkit", *path.relative_to(ROOT).with_suffix("").parts))
    module = import_module(name)
    wrong, tried = doctest.testmod(module, extraglobs={"labkit": labkit}, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried, f"{name} shows examples that doctest does not find"
    assert not wrong


def test_what_a_researcher_meets_first_has_an_example():
    with_example = {
        node.name
        for path in HOLDING
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ">>> " in (ast.get_docstring(node) or "")
    }
    assert {"load", "generate", "view", "record", "edit", "apply", "shrink", "sweep", "Plan"} <= with_example
    assert not any("+SKIP" in path.read_text(encoding="utf-8") for path in HOLDING), "an example that never runs"
