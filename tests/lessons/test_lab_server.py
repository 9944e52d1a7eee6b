"""The real JupyterLab server: a learner's save never reaches the sources; an author edits them without a header."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from labkit.cli.lab import jupyter_command, jupyter_environment

pytestmark = pytest.mark.slow
PATIENCE = 300  # seconds, on a busy machine


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def _serving(command, environment, folder, runtime):
    """Run a server and yield `ask(method, path, body)`, which uses the token the server wrote for its own clients."""
    log = open(runtime / "log", "w+")  # noqa: SIM115 (closed below)
    environment = {**environment, "JUPYTER_RUNTIME_DIR": str(runtime), "JUPYTER_DATA_DIR": str(runtime / "data")}
    environment["JUPYTER_CONFIG_DIR"] = str(runtime / "config")  # nobody's own settings
    server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE
        while not (found := [path for path in runtime.glob("jpserver-*.json") if path.stat().st_size]):
            assert server.poll() is None, (runtime / "log").read_text()
            assert time.monotonic() < deadline, (runtime / "log").read_text()
            time.sleep(0.2)
        known = json.loads(found[0].read_text())
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever proxy this machine has

        def ask(method, path, body=None, token=known["token"]):
            request = urllib.request.Request(
                f"http://127.0.0.1:{known['port']}/{path}",
                method=method,
                data=None if body is None else json.dumps(body).encode(),
                headers={"Authorization": f"token {token}", "Content-Type": "application/json"},
            )
            while True:
                try:
                    with direct.open(request, timeout=PATIENCE) as answer:
                        return answer.read().decode()
                except urllib.error.HTTPError:
                    raise
                except urllib.error.URLError:
                    assert time.monotonic() < deadline, (runtime / "log").read_text()
                    time.sleep(0.2)

        yield ask
    finally:
        server.terminate()
        server.wait(PATIENCE)
        log.close()


def test_a_learners_save_stays_in_my(lessons, tmp_path, monkeypatch):
    """Even a notebook that asks to be paired writes no script: jupytext is off."""
    from labkit.course.editions import lay_out

    my, runtime = tmp_path / "my", tmp_path / "runtime"
    runtime.mkdir()
    lay_out(my, lessons)
    monkeypatch.setenv("LABKIT_MY", str(my))
    command = [sys.executable, "-m", "labkit", "lab", "--no-browser", "--port", str(_free_port())]
    with _serving(command, dict(os.environ), tmp_path, runtime) as ask:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            ask("GET", "api/contents/", token="guess")
        place = "api/contents/99_lantern/99_lantern.ipynb"
        model = json.loads(ask("GET", f"{place}?content=1"))
        model["content"]["metadata"]["jupytext"] = {"formats": "ipynb,src//py:percent"}
        model["content"]["cells"][0]["source"] = "# changed by the learner"
        ask("PUT", place, {"type": "notebook", "content": model["content"]})
        page = ask("GET", "lab")
        viewers = json.loads(ask("GET", "lab/api/settings/@jupyterlab/docmanager-extension:plugin"))["schema"]
    assert "changed by the learner" in (my / "99_lantern" / "99_lantern.ipynb").read_text()
    assert not list(my.rglob("*.py"))
    assert '"jupyterlab-jupytext"' in page.split('"disabledExtensions"')[1].split("]")[0]
    assert viewers["properties"]["defaultViewers"]["default"] == {"markdown": "Markdown Preview"}


def test_an_author_opens_a_source_as_a_notebook_and_saves_no_header(lessons, tmp_path):
    folder, runtime = lessons.parent, tmp_path / "runtime"
    runtime.mkdir()
    source = lessons / "99_lantern" / "src" / "99_lantern.py"
    before = source.read_text()
    command = jupyter_command(folder, author=True, browser=False, port=_free_port())
    with _serving(command, jupyter_environment(folder, author=True), folder, runtime) as ask:
        place = "api/contents/lessons/99_lantern/src/99_lantern.py"
        content = json.loads(ask("GET", f"{place}?type=notebook&content=1"))["content"]
        assert len(content["cells"]) == 11
        content["metadata"]["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        for cell in content["cells"]:
            cell["metadata"]["collapsed"] = True
            cell["source"] = cell["source"].replace("Who has it?", "Who had it?")
        ask("PUT", place, {"type": "notebook", "content": content})
    assert source.read_text() == before.replace("Who has it?", "Who had it?")
    assert not [path for path in folder.rglob("*.ipynb") if path.stem == "99_lantern" and path.parent.name == "src"]
