"""What Binder will do with this repository, read from the Dockerfile that its own tool writes; nothing is built."""

import re
from pathlib import Path

import pytest

pytest.importorskip("repo2docker", reason="not installed: pip install jupyter-repo2docker")
from repo2docker.buildpacks import PythonBuildPack

from labkit.base import toml

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)")


@pytest.fixture(scope="module")
def pack():
    """The build pack that repo2docker chooses here, as on mybinder.org."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        pack = PythonBuildPack(base_image="docker.io/library/buildpack-deps:jammy")
        assert pack.detect(), "repo2docker does not see a Python repository"
        pack.platform = "linux/amd64"
        pack.dockerfile = pack.render({}).splitlines()
        yield pack


def _line(pack, part):
    (found,) = [number for number, line in enumerate(pack.dockerfile) if part in line]
    return found


def test_the_binder_folder_rules_and_names_the_python(pack):
    assert pack.binder_dir == "binder" and pack.python_version == "3.12"
    (frozen,) = re.findall(r"frozen for Python (\d[.\d]*\d),", (ROOT / "binder" / "requirements.txt").read_text())
    assert frozen == pack.python_version


def test_the_big_layer_is_built_before_the_repository_is_copied(pack):
    """So that a commit to a lesson does not install torch again."""
    requirements = _line(pack, 'pip install --no-cache-dir -r "binder/requirements.txt"')
    copied = _line(pack, "COPY --chown=1000:1000 src/ ${REPO_DIR}/")
    assert requirements < copied < _line(pack, "RUN ./binder/postBuild")
    local = [line for line in _pinned_lines() if line.startswith((".", "/", "-e", "file:"))]
    assert not local  # a path of the repository would forbid that order


def test_scripts_can_run_and_the_start_script_hands_over(pack):
    for name in ("postBuild", "start"):
        path = ROOT / "binder" / name
        assert path.stat().st_mode & 0o111 and path.read_text().startswith("#!/bin/bash\n")
    assert pack.get_start_script() == "${REPO_DIR}/binder/start"
    assert (ROOT / "binder" / "start").read_text().rstrip().endswith('exec "$@"')
    assert "set -euo pipefail" in (ROOT / "binder" / "postBuild").read_text()


def test_everything_a_lesson_needs_is_pinned_to_the_tested_versions():
    pinned = dict(NAME.match(line).groups() for line in _pinned_lines())
    tested = dict(
        match.groups() for line in (ROOT / "constraints.txt").read_text().splitlines() if (match := NAME.match(line))
    )
    project = toml.read(ROOT / "pyproject.toml")["project"]
    needed = [
        _plain(entry)
        for entry in project["dependencies"]
        if "python_version < '3.11'" not in entry  # tomli, for an older Python than Binder's
    ]
    assert {_plain(name) for name in needed} <= {_plain(name) for name in pinned}
    versions = {_plain(name): version.partition("+")[0] for name, version in tested.items()}
    differing = {
        name: (version, versions[_plain(name)])
        for name, version in pinned.items()
        if _plain(name) in versions and version.partition("+")[0] != versions[_plain(name)]
    }
    assert not differing


def test_no_build_of_torch_for_graphics_cards_is_drawn_in():
    names = [NAME.match(line)[1] for line in _pinned_lines()]
    assert not [name for name in names if name.startswith(("nvidia", "triton", "cuda"))]


def _pinned_lines():
    lines = (ROOT / "binder" / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("#", "--"))]


def _plain(entry):
    return re.split(r"[<>=;\[ ]", entry)[0].lower().replace("_", "-").replace(".", "-")


def test_every_pin_has_its_hash():
    """One hash in the file and pip takes nothing without; torch's is that of the build for the CPU."""
    lines = _pinned_lines()
    hashed = dict(re.fullmatch(r"(\S+==\S+) --hash=sha256:([0-9a-f]{64})", line).groups() for line in lines)
    assert len(set(hashed.values())) == len(hashed) == len(lines)
    assert hashed["torch==2.13.0"].startswith("4ca4a939")  # torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl


def test_actions_are_pinned_by_commit():
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        used = re.findall(r"uses: (\S+)", path.read_text())
        assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one) for one in used)
