"""The command: every command has help, every problem is words and exit code 2, every report is one JSON value."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import labkit
from labkit.base.errors import BadInput, LabkitError
from labkit.cli import budgets, health, main
from labkit.cli.entry import COMMANDS, parser
from labkit.cli.lab import jupyter_command, jupyter_environment
from labkit.course.progress import ProgressStore


@pytest.fixture
def said(capsys):
    """Return a function that runs a command and returns (exit code, standard output, standard error)."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: labkit {command}")
    first = COMMANDS[command].__doc__.split("\n")[0]
    assert first in out


def test_every_option_says_what_it_does():
    for action in parser()._subparsers._group_actions[0].choices.values():
        for option in action._actions:
            assert option.help or option.dest == "seed", f"{action.prog} {option.dest}"


def test_without_a_command_it_shows_them(said):
    code, out, _ = said()
    assert code == 0
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize(("typed", "meant"), [("doctr", "doctor"), ("model", "models"), ("swep", "sweep")])
def test_a_misspelt_command_is_answered_by_the_nearest(said, typed, meant):
    code, out, err = said(typed)
    assert (code, out) == (2, "")
    assert f"did you mean {meant}" in err
    assert "Traceback" not in err


def test_problems_are_words_and_code_two(said, monkeypatch):
    def fails(options):
        raise BadInput("It is wrong.", expected="right", do="mend it")

    monkeypatch.setattr(COMMANDS["claims"], "run", fails)
    assert said("claims") == (2, "", "It is wrong.\nExpected: right\nTry: mend it\n")


def test_a_stopped_command_is_no_problem(said, monkeypatch):
    def stopped(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(COMMANDS["claims"], "run", stopped)
    assert said("claims") == (130, "", "Stopped.\n")


def test_a_bug_is_not_hidden(monkeypatch):
    monkeypatch.setattr(COMMANDS["claims"], "run", lambda options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["claims"])


def test_a_closed_pipe_ends_quietly():
    command = f"{sys.executable} -m labkit build --help | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("usage: labkit build")
    assert done.stderr == ""


def test_it_runs_as_a_module_and_as_a_script():
    for command in ([sys.executable, "-m", "labkit"], [str(Path(sys.executable).parent / "labkit")]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == f"labkit {labkit.__version__}"


def test_help_needs_no_torch():
    code = "import sys, labkit.cli; labkit.cli.main([]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


class TestDoctor:
    def test_json_holds_what_it_promises(self, said):
        code, out, _ = said("doctor", "--json")
        report = json.loads(out)
        assert {"ok", "versions", "threads", "memory", "problems"} <= set(report)
        assert report["ok"] is (not report["problems"])
        assert code == int(not report["ok"])
        assert report["versions"]["torch"].startswith("2")
        assert report["threads"]["torch"] >= 1
        assert report["memory"]["total_mb"] > 500
        assert all(set(problem) == {"what", "fix"} and problem["fix"] for problem in report["problems"])

    @pytest.mark.parametrize(
        ("versions", "words"),
        [
            ({"transformers": "6.0.0"}, "transformers 6.0.0 is outside"),
            ({"torch": "2.3.9+cu118"}, "torch 2.3.9+cu118 is outside"),
            ({"ipywidgets": "7.7.0"}, "ipywidgets 7.7.0 is outside"),
            ({"jupytext": None}, "jupytext is not installed"),
        ],
    )
    def test_each_package_problem_comes_with_the_command_that_mends_it(self, monkeypatch, versions, words):
        from importlib.metadata import PackageNotFoundError, version

        def pretend(name):
            if name in versions and versions[name] is None:
                raise PackageNotFoundError(name)
            return versions.get(name) or version(name)

        monkeypatch.setattr(health, "version", pretend)
        problems = health.examine()["problems"]
        found = [problem for problem in problems if words in problem["what"]]
        assert len(found) == 1
        assert "-m pip install" in found[0]["fix"]

    def test_accepted_versions_are_no_problem(self, monkeypatch):
        colab = {"torch": "2.11.0+cpu", "transformers": "5.15.0", "ipywidgets": "7.7.1", "numpy": "2.1.3"}
        from importlib.metadata import version

        monkeypatch.setattr(health, "version", lambda name: colab.get(name) or version(name))
        assert not [one for one in health.examine()["problems"] if "outside" in one["what"]]

    def test_little_memory_no_lessons_no_place_to_write(self, monkeypatch, tmp_path):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("LABKIT_MY", str(tmp_path / "file" / "my"))
        monkeypatch.setattr(health, "memory_mb", lambda: {"total_mb": 900, "available_mb": 512, "limit_mb": None})
        monkeypatch.setattr(health, "lessons_dir", lambda: tmp_path)
        told = " ".join(problem["what"] for problem in health.examine()["problems"])
        assert "512 MB of memory are free" in told
        assert "no lessons" in told

    def test_a_damaged_record_is_told_and_left_alone(self, monkeypatch, tmp_path):
        monkeypatch.setenv("LABKIT_MY", str(tmp_path))
        (tmp_path / "progress.json").write_text("{")
        assert any("damaged" in problem["what"] for problem in health.examine()["problems"])
        assert (tmp_path / "progress.json").read_text() == "{"

    def test_a_shipped_model_that_was_cut_short_is_told(self, monkeypatch):
        from labkit import zoo

        broken = {"name": "lab/tiny", "ok": False, "problem": "model.safetensors has 3 bytes.\nExpected: 9"}
        monkeypatch.setattr(zoo, "models", lambda: [broken])
        found = [one for one in health.examine()["problems"] if "lab/tiny" in one["what"]]
        assert "has 3 bytes" in found[0]["what"]

    def test_in_words(self, said):
        _, out, _ = said("doctor")
        assert "versions  torch" in out
        assert ("✓ all is well" in out) is ("✗" not in out)


class TestBudgets:
    def test_a_budget_that_cannot_be_measured_does_not_hide_the_others(self, monkeypatch):
        def broken():
            raise LabkitError("There is no model.", do="train one")

        for name in ("_replay", "_sizes", "_panel", "_sweep", "_notebooks"):
            monkeypatch.setattr(budgets, name, broken)
        rows = budgets.measure_all(say=lambda words: None)
        assert [row["ok"] for row in rows] == [rows[0]["ok"]] + [None] * 6
        assert rows[-1]["what"] == "load while measuring"
        assert rows[0]["what"] == "import labkit"
        assert 0 < rows[0]["value"] < 10
        text = budgets.render(rows)
        assert "– panel: not measured (There is no model. Try: train one)" in text
        assert "import labkit" in text.splitlines()[0]

    def test_over_the_limit_is_not_ok(self):
        assert budgets._row("x", 2.0, 1.0, "s")["ok"] is False
        assert budgets.render([budgets._row("x", 2.0, 1.0, "s")]) == "✗ x: 2 s, at most 1 s"

    def test_a_notebook_is_timed_cell_by_cell_and_its_memory_asked(self, lessons):
        from labkit.course.sources import pages

        page = pages("99", lessons)[1]
        rows = {row["what"].split(", ")[1]: row for row in budgets._notebook(page)}
        assert set(rows) == {"all cells", "slowest cell", "peak memory"}
        assert rows["all cells"]["limit"] == 30
        assert 0 < rows["slowest cell"]["value"] < rows["all cells"]["value"]
        assert 30 < rows["peak memory"]["value"] < 4000


class TestLab:
    def test_prepare_lays_out_and_stops(self, said, monkeypatch, tmp_path):
        monkeypatch.setenv("LABKIT_MY", str(tmp_path / "my"))
        code, out, _ = said("lab", "--prepare")
        assert code == 0
        assert (tmp_path / "my" / "START_HERE.md").is_file()
        assert str(tmp_path / "my") in out

    def test_the_learner_gets_a_token_our_settings_and_live_notebooks(self, monkeypatch, tmp_path):
        monkeypatch.setenv("LABKIT_STATIC", "1")
        monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/elsewhere")
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        command = jupyter_command(tmp_path, author=False, browser=False, port=9999)
        assert f"--ServerApp.root_dir={tmp_path}" in command
        assert "--ServerApp.port=9999" in command
        assert "--no-browser" in command
        assert not [part for part in command if "token=" in part or "password=" in part]
        environment = jupyter_environment(tmp_path, author=False)
        assert "LABKIT_STATIC" not in environment
        assert environment["LABKIT_MY"] == str(tmp_path)
        assert environment["OMP_NUM_THREADS"] == "1"
        ours, theirs = environment["JUPYTER_CONFIG_PATH"].split(os.pathsep)
        assert theirs == "/elsewhere"
        settings = json.loads((Path(ours) / "jupyter_server_config.d" / "labkit.json").read_text())
        assert settings["ServerApp"]["jpserver_extensions"] == {"jupyterlab_jupytext": False}

    def test_the_author_gets_jupytext_without_headers(self, monkeypatch, tmp_path):
        monkeypatch.delenv("JUPYTER_CONFIG_PATH", raising=False)
        command = jupyter_command(tmp_path, author=True, browser=True, port=8888)
        assert "--AsyncJupytextContentsManager.notebook_metadata_filter=-all" in command
        assert "--no-browser" not in command
        assert "JUPYTER_CONFIG_PATH" not in jupyter_environment(tmp_path, author=True)

    @pytest.mark.parametrize("port", ["0", "70000"])
    def test_a_port_that_is_none(self, said, port):
        code, _, err = said("lab", "--prepare", "--port", port)
        assert code == 2
        assert "is not a port" in err

    def test_without_jupyterlab(self, said, monkeypatch, tmp_path):
        monkeypatch.setenv("LABKIT_MY", str(tmp_path / "my"))
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        code, _, err = said("lab", "--no-browser")
        assert code == 2
        assert 'pip install "transformer-surgery[lab]"' in err


class TestBuild:
    @pytest.fixture(autouse=True)
    def _here(self, monkeypatch, lessons):
        for module in ("build", "sources"):
            monkeypatch.setattr(f"labkit.course.{module}.lessons_dir", lambda: lessons)

    def test_check_passes_and_fails(self, said, lessons):
        assert said("build", "--check")[:2] == (0, "The notebooks are what their sources give.\n")
        source = lessons / "99_lantern" / "src" / "99_lantern.py"
        source.write_text(source.read_text().replace("islands = ...", "islands = 6"))
        code, out, _ = said("build", "99", "--check")
        assert code == 1
        assert "cell 10: line 1" in out
        assert "labkit build 99" in out

    def test_an_unknown_lesson(self, said):
        code, _, err = said("build", "42", "--check")
        assert code == 2
        assert "99_lantern" in err

    def test_it_builds(self, said, lessons):
        solutions = lessons / "99_lantern" / "99_lantern_solutions.ipynb"
        before = solutions.read_bytes()
        solutions.unlink()
        code, out, _ = said("build", "99")
        assert code == 0
        assert "99_lantern_solutions.ipynb: 5 cells" in out
        assert solutions.read_bytes() == before


class TestGrade:
    @pytest.fixture
    def handed_in(self, tiny_lesson, tmp_path, capsys):
        folder = tmp_path / "class"
        lesson = labkit.open_lesson(tiny_lesson, ProgressStore(folder / "ada" / "progress.json"))
        lesson.predict("p1", "?", options=["a", "b"]).set("B", "certain")
        lesson.exercise("99.1").check(7)
        lesson.exercise("99.2").check("Mara")
        (folder / "ben").mkdir()
        lesson.export(folder / "ben" / "answers-99.json")
        (folder / "codes.txt").write_text(f"cy: {lesson.code()}\ndi, {lesson.code()[:-1]}0\n")
        (folder / "eve").mkdir()
        (folder / "eve" / "progress.json").write_text("{")
        capsys.readouterr()
        return folder

    def _rows(self, out):
        return {row["who"]: row for row in csv.DictReader(io.StringIO(out))}

    def test_one_row_a_learner_and_nobody_is_lost(self, said, handed_in):
        code, out, _ = said("grade", handed_in)
        assert code == 0
        rows = self._rows(out)
        for who, source in (("ada", "progress file"), ("ben", "exported answers"), ("cy", "answer code")):
            assert rows[who]["source"] == source
            assert rows[who]["99 p1"] == "B, certain"
            assert (rows[who]["right"], rows[who]["of"]) == ("1", "2")
            assert rows[who]["99.2"] == "wrong, 1 tries"
        assert "not a whole answer code" in rows["di"]["problem"]
        assert "could not be read" in rows["eve"]["problem"]

    def test_one_lesson_to_a_file(self, said, handed_in, tmp_path):
        code, _, _ = said("grade", handed_in, "--lesson", "99", "--out", tmp_path / "marks.csv")
        assert code == 0
        assert "ada,99,progress file" in (tmp_path / "marks.csv").read_text()

    def test_running_again_judges_what_is_in_the_cells(self, said, lessons, tmp_path):
        """The notebook claims a right answer by its code; its cells hold a wrong one."""
        import nbformat
        from nbformat.v4 import new_code_cell, new_output

        page = lessons / "99_lantern" / "99_lantern.ipynb"
        notebook = nbformat.read(page, as_version=4)
        here = f"import sys; sys.path.insert(0, {str(page.parent)!r})"
        notebook.cells.insert(1, new_code_cell(here))
        next(cell for cell in notebook.cells if cell.source.startswith("islands")).source = "count.check(6)"
        from labkit.course.codes import encode

        claimed = {"predictions": {"p1": {"letter": "A", "confidence": "guess"}}, "exercises": {}}
        claimed["exercises"]["99.1"] = {"status": "right", "attempts": 1}
        code = encode("99", claimed, ["99.1", "99.2"])
        said_it = [new_output("stream", name="stdout", text=f"Answer code: {code}\n")]
        notebook.cells.append(new_code_cell("lesson.progress()", outputs=said_it))
        (tmp_path / "class" / "fay").mkdir(parents=True)
        nbformat.write(notebook, tmp_path / "class" / "fay" / "99_lantern.ipynb")
        believed = self._rows(said("grade", tmp_path / "class")[1])["fay"]
        assert (believed["source"], believed["99.1"]) == ("answer code", "right, 1 tries")
        judged = self._rows(said("grade", tmp_path / "class", "--run", "--trusted")[1])["fay"]
        assert (judged["source"], judged["99.1"]) == ("run again", "wrong, 1 tries, called where it ran")
        assert judged["99 p1"] == "A, guess"

    def test_nothing_there(self, said, tmp_path):
        (tmp_path / "empty").mkdir()
        assert "Nothing to grade" in said("grade", tmp_path / "empty")[2]
        assert "There is no" in said("grade", tmp_path / "nowhere")[2]


class TestModelsClaimsSweepTrain:
    def test_models_json(self, said):
        from labkit import zoo

        code, out, _ = said("models", "--json")
        assert code == 0
        assert [one["name"] for one in json.loads(out)] == [*(one["name"] for one in zoo.models()), "minilm"]

    def test_an_absent_encoder_is_named_and_nothing_is_wrong(self, said, monkeypatch):
        from labkit.zoo import packaged

        monkeypatch.setattr(packaged, "_MODULE", "no_such_package")
        code, out, _ = said("models")
        assert (code, out.splitlines()[-1]) == (0, f"· minilm  not here: {packaged.INSTALL}")
        assert not [one for one in health.examine()["problems"] if "minilm" in one["what"]]
        assert f"encoder   minilm is not here: {packaged.INSTALL}" in said("doctor")[1]

    def test_models_are_listed_without_torch(self):
        code = "import sys; from labkit.cli import main; main(['models']); sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0

    def test_a_damaged_model_is_marked(self, said, monkeypatch):
        from labkit import zoo

        broken = {"name": "lab/x", "params": 5, "bytes": 9, "ok": False, "problem": "It is cut short.", "card": {}}
        monkeypatch.setattr(zoo, "models", lambda: [broken])
        code, out, _ = said("models")
        assert code == 1
        assert "✗ lab/x" in out
        assert "It is cut short." in out

    def test_claims_in_three_forms(self, said):
        code, out, _ = said("claims", "--json")
        assert code == 0
        for claim in json.loads(out):
            assert {"id", "lesson", "kind", "paper", "ours", "null", "delta", "verdict"} <= set(claim)
            assert {"value", "low", "high", "n", "over"} <= set(claim["ours"])
        assert said("claims", "--markdown")[1].startswith("| claim |")
        assert said("claims")[0] == 0

    def test_an_unknown_claim(self, said):
        code, _, err = said("claims", "--run", "00.nothing")
        assert code == 2
        assert "no claim called '00.nothing'" in err

    def test_sweep_keeps_and_prints(self, said, monkeypatch, tmp_path):
        from labkit import world

        config = labkit.DecoderConfig(
            vocab=world.tokenizer().vocab_size, width=16, depth=2, heads=2, ffn=32, context=256
        )
        handle = labkit.zoo.Handle("lab/test", config.build(0).eval(), world.tokenizer())
        monkeypatch.setattr("labkit.load", lambda name: handle, raising=False)
        out = tmp_path / "swept.json"
        code, printed, progress = said(
            "sweep", "blocks", "--model", "lab/test", "--documents", 2, "--out", out, "--json"
        )
        assert code == 0
        assert len(json.loads(printed)["points"]) == 2
        assert "2/2" in progress
        assert len(labkit.Sweep.load(out)) == 2

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("sweep", "heads"), "sublayers"),
            (("sweep", "--documents", "0"), "at least one"),
            (("sweep", "--model", "lab/nothing"), "lab/nothing"),
            (("train", "lab/tinny"), "did you mean lab/tiny"),
            (("train", "lab/tiny", "--size", "tpu"), "cpu"),
        ],
    )
    def test_bad_names_are_told(self, said, arguments, words):
        code, _, err = said(*arguments)
        assert code == 2
        assert words in err

    def test_train_lists_its_recipes(self, said):
        assert "lab/tiny" in said("train")[1].splitlines()

    @pytest.fixture
    def recipe(self, tmp_path):
        """The file of a recipe of two steps, the first of which is kept."""
        from labkit.base import toml

        table = {
            "name": "lab/test",
            "about": "A test.",
            "documents": {"facts": 2},
            "groups": 1,
            "lr": 1e-3,
            "warmup": 1,
            "log_every": 1,
            "model": {"width": 16, "depth": 1, "heads": 2, "ffn": 32, "context": 256},
            "cpu": {"steps": 2, "keep": [1]},
        }
        (tmp_path / "test.toml").write_text(toml.dumps(table))
        return tmp_path / "test.toml"

    def test_train_trains_and_resumes(self, said, tmp_path, recipe):
        arguments = ("train", recipe, "--seed", 3, "--out", tmp_path / "run")
        code, out, _ = said(*arguments)
        assert code == 0
        assert "step 2  loss" in out
        assert "finished at step 2" in out
        assert said(*arguments)[0] == 0
        code, _, err = said(*arguments, "--no-resume")
        assert code == 2
        assert "already holds a run" in err

    def test_what_another_seed_came_to_is_stored_beside_the_shipped_one(self, said, tmp_path, monkeypatch, recipe):
        from labkit.base import toml

        monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "data"))
        monkeypatch.setattr("labkit.measurements.card._N", 3)
        for seed in (0, 3):
            run = ("train", recipe, "--seed", seed, "--out", tmp_path / f"run{seed}")
            code, _, err = said(*run, "--card", "--history", "--defect", "It knows nothing.")
            assert code == 0, err
        found = sorted(path.relative_to(tmp_path / "data").as_posix() for path in (tmp_path / "data").rglob("*.*"))
        assert found == [
            "sweeps/lab_test_card_0.toml",
            "sweeps/lab_test_card_3.toml",
            "sweeps/lab_test_history.json",
            "sweeps/lab_test_history_3.json",
        ]
        card = toml.read(tmp_path / "data" / found[1])
        assert (card["seed"], card["steps"], card["defects"]) == (3, 2, ["It knows nothing."])
        assert card["cool_stories_that_pass"]["n"] == 3
        of_0, of_3 = (tmp_path / "data" / path for path in found[2:])
        assert of_0.read_text() != of_3.read_text()
        code, _, err = said(*run, "--ship", "--history")
        assert code == 0, err
        assert of_0.read_text() == of_3.read_text(), "what is shipped brings its history, whatever its seed"
