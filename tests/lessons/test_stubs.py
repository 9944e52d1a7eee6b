"""What a reader is given to fill in is the solution without the lines that are to be found, and nothing else."""

import ast
import re

import pytest

from labkit.course import definitions
from labkit.course.sources import pages

_ASKED = re.compile(r"^(\w+) = lesson\.exercise\(\"(\d\d\.\w+)\"\)", re.M)


def _cells(page):
    return re.split(r"^# %%.*$", page.source.read_text(encoding="utf-8"), flags=re.M)


def _functions(cell):
    """Return the functions of a cell by name, as lines without indents, comments and doubled blanks."""
    found = {}
    lines = cell.splitlines()
    for node in ast.parse(cell).body:
        if isinstance(node, ast.FunctionDef):
            text = (line.split("#")[0].strip() for line in lines[node.lineno - 1 : node.end_lineno])
            found[node.name] = [line for line in text if line]
    return found


def _stubs():
    for page in pages():
        cells = _cells(page)
        for place, cell in enumerate(cells):
            for _, exercise in _ASKED.findall(cell) if page.kind in ("hour", "deeper") else ():
                for later in cells[place : place + 3]:
                    if "def " in later and "..." in later and ".check(" in later:
                        stub = dict(list(_functions(later).items())[-1:])
                        yield from ((page, exercise, name, lines) for name, lines in stub.items())


def _pattern(stub):
    """Return what the solution must look like: any line may be missing, `a = ...` misses its rest."""
    kept = (line.split("...")[0].rstrip() for line in stub if line not in ("...", "return ..."))
    missing = r"(?:.*\n)*?"
    return missing + missing.join(re.escape(line) + (r".*\n" if line not in stub else r"\n") for line in kept) + missing


_ANOTHER_FORM = {"05.2", "11.2"}  # their open conditions are written otherwise in the solution, to the same effect
STUBS = [stub for stub in _stubs() if stub[1] not in _ANOTHER_FORM]


@pytest.mark.parametrize(
    ("page", "exercise", "name", "stub"), STUBS, ids=[f"{exercise}-{name}" for _, exercise, name, _ in STUBS]
)
def test_a_stub_is_its_solution_without_the_lines_to_be_found(page, exercise, name, stub):
    solutions = next(one for one in pages(page.lesson[:2]) if one.kind == "solutions")
    solved = [_functions(cell) for cell in _cells(solutions) if f'exercise("{exercise}")' in cell]
    (whole,) = (list(functions.values())[-1] for functions in solved if functions)
    whole[0] = whole[0].replace(whole[0].split("(")[0], f"def {name}")  # a page of solutions has one judge of each kind
    assert re.fullmatch(_pattern(stub), "\n".join(whole) + "\n"), "\n".join([*stub, "—", *whole])


def test_every_lesson_has_a_stub():
    assert {page.lesson[:2] for page, *_ in STUBS} >= {"00", "01", "02", "08"}
    assert len(STUBS) >= len(definitions()) - 1
