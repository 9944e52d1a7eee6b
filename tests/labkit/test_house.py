"""The house has one-way stairs: who may import whom, who may name a paper, and a public API that costs nothing."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import labkit
from labkit.base.papers import papers

ROOT = Path(labkit.__file__).parent
LAYERS = labkit._LAYERS
FILES = {
    ".".join(("labkit", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
    if "_data" not in path.parts and "_lessons" not in path.parts
}
# Inside a paper each room imports only from those before it. `operate` is the one paper that reads the others.
ROOMS = ("task", "method", "training", "experiments", "claims", "figures", "panels", "exercises")
READS_ALL = "operate"
NAMELESS = {"cut_compare_restore"}  # lesson 00 has no paper: its title is three plain verbs


def _imports(name: str) -> set[str]:
    """Return the modules of labkit a file imports at any depth of nesting, but for type checkers alone."""
    path = FILES[name]
    here = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found, waiting = set(), [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "labkit"}
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module.split(".")[0] == "labkit":
                found |= {f"{module}.{a.name}" if f"{module}.{a.name}" in FILES else module for a in node.names}
    return found


def _layer(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _paper(module: str) -> str:
    parts = module.split(".")
    return parts[2] if parts[:2] == ["labkit", "papers"] and len(parts) > 2 else ""


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_from_its_left(layer):
    allowed = set(LAYERS[: LAYERS.index(layer) + 1])
    wrong = {
        f"{name} imports {other}"
        for name in FILES
        if _layer(name) == layer
        for other in _imports(name)
        if _layer(other) in LAYERS and _layer(other) not in allowed
    }
    assert not wrong


def test_every_folder_is_a_layer():
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] not in "_."}
    assert folders == set(LAYERS)


def test_a_paper_imports_the_spine_and_itself():
    wrong = {
        f"{name} imports {other}"
        for name in FILES
        if _paper(name) not in ("", READS_ALL)
        for other in _imports(name)
        if _paper(other) not in ("", _paper(name))
    }
    assert not wrong


def test_the_spine_imports_no_paper():
    assert not {
        f"{name} imports {other}" for name in FILES if not _paper(name) for other in _imports(name) if _paper(other)
    }


@pytest.mark.parametrize(
    "one", [paper for paper in papers().values() if paper.slug not in NAMELESS], ids=lambda one: one.slug
)
def test_the_spine_names_no_paper(one):
    said = [re.escape(one.slug), re.escape(one.title), re.escape(one.arxiv or one.title), rf"lesson ?{one.number}\b"]
    pattern = re.compile("|".join(said), re.IGNORECASE)
    wrong = {
        f"{name}: {match[0]}"
        for name, path in FILES.items()
        if not _paper(name) and (match := pattern.search(path.read_text(encoding="utf-8")))
    }
    assert not wrong


def test_rooms_of_a_paper_have_one_way_stairs():
    wrong = set()
    for name in FILES:
        if not _paper(name):
            continue
        room = [*name.split("."), ""][3]
        for other in _imports(name):
            theirs = [*other.split("."), "", ""][3] if _paper(other) else ""
            if room in ROOMS and theirs in ROOMS and ROOMS.index(theirs) > ROOMS.index(room):
                wrong.add(f"{name} imports {other}")
    assert not wrong


def test_every_room_of_a_paper_has_a_name_from_the_list():
    for one in papers().values():
        rooms = {path.stem for path in one.folder.iterdir() if path.name[0] not in "_."}
        assert rooms <= {*ROOMS, "recipes"}, one.slug


def test_no_file_imports_itself_round_a_corner():
    needs = {name: {other for other in _imports(name) if other in FILES} for name in FILES}
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise AssertionError(" imports ".join((*path[path.index(name) :], name)))
        if name not in done:
            for other in needs[name]:
                if not name.startswith(f"{other}."):  # a package's own __init__ stands before its files
                    walk(other, (*path, name))
            done.add(name)

    for name in needs:
        walk(name, ())


def test_every_name_of_the_public_api_opens():
    for name in labkit._PUBLIC:
        value = getattr(labkit, name)
        assert value.__doc__, f"labkit.{name} has no docstring"
    assert set(labkit.__all__) <= set(dir(labkit))
    with pytest.raises(AttributeError, match="nothing_here"):
        labkit.nothing_here  # noqa: B018


def test_what_a_paper_brings_is_found_from_the_top_and_shadows_nothing():
    for one in papers().values():
        for name in (*one.experiments, *one.panels):
            assert name not in labkit.__all__
        for name in one.panels:
            assert getattr(labkit, name) is getattr(one.module(one.panels[name]), name)


def test_importing_labkit_does_not_import_torch():
    code = "import sys, labkit; sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'matplotlib')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("layer", LAYERS)
def test_every_name_that_a_layer_offers_is_there(layer):
    module = __import__(f"labkit.{layer}", fromlist=["_"])
    for name in getattr(module, "__all__", ()):
        assert getattr(module, name) is not None, name
