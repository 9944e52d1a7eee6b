"""Tests never touch the reader's own folder: each session gets an empty one. One tiny lesson is built once."""

import importlib.util
import os
import shutil
import signal
from pathlib import Path

import pytest

HERE = Path(__file__).parent

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # what a shell's background jobs begin with; Ctrl-C is under test
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _a_folder_of_our_own(tmp_path_factory):
    before = os.environ.get("LABKIT_MY")
    os.environ["LABKIT_MY"] = str(tmp_path_factory.mktemp("my"))
    yield
    if before is None:
        del os.environ["LABKIT_MY"]
    else:
        os.environ["LABKIT_MY"] = before


@pytest.fixture(scope="session")
def tiny_lesson():
    """Return the definition of the lesson in tests/lessons/fixture."""
    spec = importlib.util.spec_from_file_location(
        "fixture_lesson", HERE / "lessons" / "fixture" / "99_lantern" / "fixture_lesson.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.LESSON


@pytest.fixture(scope="session")
def _built(tmp_path_factory):
    from labkit.course.build import build

    root = tmp_path_factory.mktemp("repository") / "lessons"
    shutil.copytree(HERE / "lessons" / "fixture", root)
    build(root=root, say=lambda line: None)
    return root


@pytest.fixture
def lessons(_built, tmp_path):
    """Return a folder of lessons with the tiny lesson built in it, free to be spoiled."""
    root = tmp_path / "repository" / "lessons"
    shutil.copytree(_built, root)
    return root
