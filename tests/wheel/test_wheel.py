"""The wheel carries the course: built here, installed into an empty environment, used outside the repository."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(REPOSITORY)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(out.glob("transformer_surgery-*.whl"))


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """Return a function that runs a command in a new environment holding only the wheel and the dependencies.

    The dependencies are borrowed from this environment by path, without its .pth files, so that the editable
    install of the repository is out of sight.
    """
    home = tmp_path_factory.mktemp("elsewhere")
    venv.create(home / "venv", with_pip=False)
    purelib = Path(sysconfig.get_path("purelib", vars={"base": str(home / "venv")}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(purelib)
    (purelib / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(*arguments: str) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("LABKIT", "PYTHON"))}
        environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [home / "venv" / "bin" / "python", *arguments],
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run.home = home
    return run


def test_the_wheel_carries_data_and_lessons_and_little_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert any(name.startswith("labkit/_data/models/lab/tiny/") and name.endswith(".safetensors") for name in names)
    assert any(name.startswith("labkit/_lessons/00") and name.endswith(".ipynb") for name in names)
    assert {
        f"labkit/course/site/templates/course/{name}" for name in ("conf.json", "index.html.j2", "page.html.j2")
    } <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]
    assert wheel.stat().st_size < 56 * 2**20


def test_it_works_in_an_empty_environment_outside_the_repository(elsewhere):
    where = elsewhere("-c", "import labkit; print(labkit.__file__)").strip()
    assert Path(where).is_relative_to(elsewhere.home)
    code = (
        "import labkit; tiny = labkit.load('lab/tiny');"
        "text = labkit.world.documents('stories', 1, seed=5)[0].text.split('.')[0] + '.';"
        "whole = tiny.generate(text, max_new_tokens=8)\n"
        "with labkit.edit(tiny, labkit.DropMLP(0)): cut = tiny.generate(text, max_new_tokens=8)\n"
        "assert tiny.generate(text, max_new_tokens=8) == whole; print(whole != cut)"
    )
    assert elsewhere("-c", code).strip() == "True"


def test_its_command_line_knows_the_shipped_model(elsewhere):
    models = json.loads(elsewhere("-m", "labkit", "models", "--json"))
    assert "lab/tiny" in [model["name"] for model in models]


def test_the_learner_edition_can_be_laid_out_anywhere(elsewhere):
    elsewhere("-m", "labkit", "lab", "--prepare")
    assert list((elsewhere.home / "my").glob("00_*.ipynb")) or list((elsewhere.home / "my").glob("**/00_*.ipynb"))
