"""The house has one-way stairs: a layer imports only from its left, and the front door costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import labkit

ROOT = Path(labkit.__file__).parent
LAYERS = labkit._LAYERS


def _imports(path: Path) -> set[str]:
    """Return the labkit layers a file imports, at any depth of nesting, relative imports included."""
    here = ("labkit", *path.relative_to(ROOT).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("labkit.") and name.count(".")}
    return found & set(LAYERS)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_from_its_left(layer):
    allowed = set(LAYERS[: LAYERS.index(layer) + 1])
    wrong = {
        f"{path.relative_to(ROOT)} imports labkit.{name}"
        for path in (ROOT / layer).rglob("*.py")
        for name in _imports(path) - allowed
    }
    assert not wrong


def test_every_folder_is_a_layer():
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] not in "_."}
    assert folders == set(LAYERS)


def test_every_name_of_the_front_door_opens():
    for name in labkit._FRONT_DOOR:
        value = getattr(labkit, name)
        assert value.__doc__, f"labkit.{name} has no docstring"
    assert set(labkit.__all__) <= set(dir(labkit))
    with pytest.raises(AttributeError, match="nothing_here"):
        labkit.nothing_here  # noqa: B018


def test_importing_labkit_does_not_import_torch():
    code = "import sys, labkit; sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'matplotlib')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
