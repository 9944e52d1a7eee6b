"""A paper is added by one command that touches no file outside its folders; its own tests fail until it is filled."""

import shutil
import sys
from pathlib import Path

import pytest

from labkit.base import papers as registry
from labkit.base.errors import BadInput, NotAvailable
from labkit.cli.entry import main
from labkit.cli.new_paper import lay_out

ROOT = Path(__file__).parents[2]
SHARED = (  # what a paper might be tempted to enter itself in
    "pyproject.toml", "README.md", "CONTRIBUTING.md", "Makefile", "labkit/__init__.py", "labkit/papers/__init__.py",
    "labkit/base/papers.py", "data/LEDGER.md", "lessons/ruff.toml",
)  # fmt: skip
HOMES = ("labkit/papers/toy_paper/", "lessons/98_toy_paper/", "tests/papers/toy_paper/", "data/claims/98.toml")


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


@pytest.fixture
def found(checkout, monkeypatch):
    """Have papers under `checkout` found beside the course's own, and forgotten again."""
    import labkit.papers as package

    monkeypatch.setattr(package, "__path__", [*package.__path__, str(checkout / "labkit" / "papers")])
    registry.papers.cache_clear()
    yield
    registry.papers.cache_clear()
    for name in [name for name in sys.modules if name.startswith("labkit.papers.toy_paper")]:
        del sys.modules[name]


def test_it_touches_only_the_papers_own_folders(checkout):
    for name in SHARED:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    before = contents(checkout)
    made = lay_out("98", "toy_paper", "A Toy", root=checkout)
    after = contents(checkout)
    assert {name: after.get(name) for name in before} == before
    assert after.keys() - before.keys() == {path.relative_to(checkout).as_posix() for path in made}
    assert all(name.startswith(HOMES) for name in after.keys() - before.keys())


def contents(folder):
    """Return every file below a folder with what stands in it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_paper_is_found_at_once_and_gone_with_its_folder(checkout, found):
    lay_out("98", "toy_paper", "A Toy", root=checkout)
    paper = registry.paper("98")
    assert paper.title == "A Toy" and paper.module("exercises").LESSON.name == "98_toy_paper"
    assert "toy_paper" in registry.papers()
    for path in sorted((checkout / "labkit").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    registry.papers.cache_clear()
    assert "toy_paper" not in registry.papers()


def test_its_tests_fail_until_it_is_filled(checkout, found):
    lay_out("98", "toy_paper", "A Toy", root=checkout)
    scope: dict = {}
    exec((checkout / "tests/papers/toy_paper/test_toy_paper.py").read_text(), scope)
    tests = [value for name, value in scope.items() if name.startswith("test_")]
    assert len(tests) == 4
    for test in tests:
        with pytest.raises(AssertionError):
            test()


@pytest.mark.parametrize("wrong", [("8", "toy", "T"), ("98", "Toy", "T"), ("98", "toy paper", "T"), ("98", "toy", " ")])
def test_what_cannot_be_a_paper_is_refused(checkout, wrong):
    with pytest.raises(BadInput, match="number"):
        lay_out(*wrong, root=checkout)
    assert not (checkout / "labkit").exists()


def test_what_is_there_is_never_overwritten(checkout):
    with pytest.raises(BadInput, match="02 what_matters is there already"):
        lay_out("02", "another", "T", root=checkout)
    lay_out("98", "toy_paper", "A Toy", root=checkout)
    mine = checkout / "labkit/papers/toy_paper/method.py"
    mine.write_text("mine")
    with pytest.raises(BadInput, match="is there already"):
        lay_out("98", "toy_paper", "A Toy", root=checkout)
    assert mine.read_text() == "mine"


def test_outside_a_checkout_it_says_so(tmp_path):
    with pytest.raises(NotAvailable, match="installed copy"):
        lay_out("98", "toy_paper", "A Toy", root=tmp_path)


def test_the_command_tells_a_problem_in_words(capsys):
    assert main(["new-paper", "2", "toy", "T"]) == 2
    assert "two digits" in capsys.readouterr().err
