"""From source to notebook and never back: the same bytes for everybody, slim, stamped, and checked without running."""

import base64
import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from labkit.base.errors import BadInput, BrokenFile, NotAvailable, UnknownName
from labkit.base.files import write_atomically
from labkit.course import build as building
from labkit.course.build import build, differences
from labkit.course.executing import execute, slim
from labkit.course.sources import convert, pages
from labkit.course.stamps import fill, readme_badges, repository, stamp_regions, without_badges

ADDRESS = "https://github.com/some-one/some.thing"


@pytest.fixture
def page(lessons):
    return pages("99", lessons)[0]


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _edit_notebook(path, change):
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


class TestConvert:
    def test_ids_come_from_the_text_and_differ(self, page):
        one, two = convert(page), convert(page)
        ids = [cell.id for cell in one.cells]
        assert ids == [cell.id for cell in two.cells]
        assert len(set(ids)) == len(ids)
        nbformat.validate(one)

    def test_equal_cells_get_different_ids_and_a_new_cell_changes_no_other_id(self, page):
        before = [cell.id for cell in convert(page).cells]
        text = page.source.read_text()
        page.source.write_text(text + "\n# %%\n1 + 1\n\n# %%\n1 + 1\n")
        after = [cell.id for cell in convert(page).cells]
        assert after[: len(before)] == before
        assert len(set(after)) == len(before) + 2

    def test_only_tags_survive_as_metadata(self, page):
        _edit(
            page.source,
            '# %% tags=["setup", "network", "collapsed"]',
            '# %% tags=["setup", "network"] collapsed=true slideshow={}',
        )
        assert convert(page).cells[1].metadata == {"tags": ["setup", "network"]}

    def test_the_install_line_is_a_magic_in_the_notebook_and_stamped(self, page):
        setup = convert(page, ADDRESS).cells[1].source
        assert f'    %pip install -q --no-deps "transformer-surgery @ git+{ADDRESS}"' in setup
        assert "{{" not in "".join(cell.source for cell in convert(page).cells)

    def test_kinds_and_order(self, lessons):
        assert [(page.lesson, page.kind) for page in pages(root=lessons)] == [
            ("99_lantern", "hour"),
            ("99_lantern", "solutions"),
        ]
        assert pages("99_lantern", lessons) == pages("99", lessons)

    def test_a_stray_source_and_an_unknown_lesson_are_told(self, lessons):
        with pytest.raises(UnknownName, match="99_lantern"):
            pages("98", lessons)
        (lessons / "99_lantern" / "src" / "99_lantern_notes.py").write_text("# %%\n")
        with pytest.raises(BrokenFile, match="belongs to no notebook"):
            pages("99", lessons)


class TestBuilt:
    def test_it_is_what_its_source_gives(self, lessons):
        assert differences(root=lessons) == []

    def test_building_twice_gives_the_same_bytes(self, lessons):
        before = {path: path.read_bytes() for path in lessons.glob("*/*.ipynb")}
        assert len(before) == 2
        build(root=lessons, say=lambda line: None)
        assert {path: path.read_bytes() for path in lessons.glob("*/*.ipynb")} == before

    def test_what_a_reader_sees(self, page):
        notebook = nbformat.read(page.notebook, as_version=4)
        assert notebook.metadata == {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
        assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
        text = page.notebook.read_text(encoding="utf-8")
        assert "widget" not in text
        assert "- **B.** the right one" in text
        assert "○ 99.1 not attempted" in text
        assert "right bar: 2.00 nats" in text
        assert page.notebook.stat().st_size < 60_000

    def test_a_build_leaves_no_record_of_the_author(self, lessons):
        assert not list(lessons.parent.rglob("progress.json"))

    def test_a_cell_that_fails_leaves_the_old_notebook(self, lessons, page):
        before = page.notebook.read_bytes()
        _edit(page.source, "islands = ...", "islands = 1 / 0")
        with pytest.raises(BrokenFile, match="ZeroDivisionError"):
            build("99", lessons, say=lambda line: None)
        assert page.notebook.read_bytes() == before

    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ("islands = ...", "islands = 6", "cell 10: line 1 is 'islands = ...', the source has 'islands = 6'"),
            ('# %% tags=["nbval-check-output"]', "# %%", "cell 5: its metadata is not the tags []"),
            ("# %%\ncount =", "# %% [markdown]\n# more\n\n# %%\ncount =", "11 cells, the source has 12"),
            ("# Who has it?", "# Who had it?", "cell 1: line 3"),
        ],
    )
    def test_check_sees_a_source_that_was_edited(self, lessons, page, old, new, told):
        _edit(page.source, old, new)
        assert any(told in line for line in differences("99", lessons)), differences("99", lessons)

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (lambda n: n.cells[8].update(source="islands = 7"), "cell 9: line 1"),
            (lambda n: n.cells[8].update(id="mine"), "cell 9: id"),
            (lambda n: n.cells[8].metadata.update(collapsed=True), "cell 9: its metadata"),
            (lambda n: n.metadata.update(jupytext={"formats": "ipynb,py"}), "its metadata is not"),
            (lambda n: n.cells.pop(), "10 cells, the source has 11"),
        ],
    )
    def test_check_sees_a_notebook_that_was_edited(self, lessons, page, change, told):
        _edit_notebook(page.notebook, change)
        assert any(told in line for line in differences("99", lessons)), differences("99", lessons)

    def test_check_sees_a_missing_and_a_broken_notebook(self, lessons, page):
        page.notebook.write_text("{")
        assert any("not a notebook" in line for line in differences("99", lessons))
        page.notebook.unlink()
        assert any("not built yet" in line for line in differences("99", lessons))


class TestSlim:
    def _cell(self, *outputs):
        return new_notebook(cells=[new_code_cell("x", outputs=list(outputs), execution_count=1)])

    def test_noise_goes_and_text_stays(self):
        widget = "application/vnd.jupyter.widget-view+json"
        notebook = self._cell(
            new_output("stream", name="stdout", text="one\n"),
            new_output("stream", name="stderr", text="a warning\n"),
            new_output("stream", name="stdout", text="two\n"),
            new_output("display_data", data={widget: {"model_id": "x"}, "text/plain": "Slider()"}),
            new_output("execute_result", data={"text/plain": "3", "application/javascript": "alert()"}),
        )
        notebook.cells[0].metadata = {"execution": {"iopub.execute_input": "2026"}, "tags": ["a"]}
        notebook.metadata = {"widgets": {}, "kernelspec": {"name": "python3"}, "language_info": {"version": "3.11.7"}}
        assert slim(notebook) == ["cell 1: a warning"]
        assert [output.output_type for output in notebook.cells[0].outputs] == ["stream", "execute_result"]
        assert notebook.cells[0].outputs[0].text == "one\ntwo\n"
        assert notebook.cells[0].outputs[1].data == {"text/plain": "3"}
        assert notebook.cells[0].metadata == {"tags": ["a"]}
        assert notebook.metadata == {"kernelspec": {"name": "python3"}, "language_info": {"name": "python"}}

    def test_a_picture_gets_smaller_and_looks_the_same(self):
        from matplotlib.figure import Figure

        figure, png = Figure(figsize=(5, 3)), io.BytesIO()
        figure.subplots().bar(range(5), [3, 1, 4, 1, 5], color=["C0", "C1", "C2", "C3", "C4"])
        figure.savefig(png, format="png")
        encoded = base64.b64encode(png.getvalue()).decode()
        notebook = self._cell(
            new_output("display_data", {"image/png": encoded}, metadata={"image/png": {"alt": "bars"}})
        )
        slim(notebook)
        output = notebook.cells[0].outputs[0]
        after = base64.b64decode(output.data["image/png"])
        assert len(after) < 0.7 * len(png.getvalue())
        assert b"Matplotlib" in png.getvalue()
        assert b"Matplotlib" not in after
        assert output.metadata["image/png"]["alt"] == "bars"
        was, now = (Image.open(io.BytesIO(data)).convert("RGB") for data in (png.getvalue(), after))
        assert was.size == now.size
        worst = max(abs(a - b) for a, b in zip(was.tobytes(), now.tobytes()))
        assert worst <= 24  # of 255, at the soft edge of a letter

    def test_of_a_picture_in_two_forms_the_one_with_its_alt_text_is_kept(self):
        both = {"image/png": "aGk=", "text/html": '<img src="data:image/png;base64,aGk=" alt="bars">'}
        told = self._cell(new_output("display_data", dict(both), metadata={"image/png": {"alt": "bars"}}))
        slim(told)
        assert told.cells[0].outputs[0].data == {"image/png": "aGk="}
        untold = self._cell(new_output("display_data", dict(both)))
        slim(untold)
        assert untold.cells[0].outputs[0].data == both

    def test_what_is_no_picture_is_left_alone(self):
        notebook = self._cell(new_output("display_data", {"image/png": base64.b64encode(b"not a png").decode()}))
        slim(notebook)
        assert notebook.cells[0].outputs[0].data["image/png"] == base64.b64encode(b"not a png").decode()


class TestExecute:
    def test_it_runs_static_offline_in_this_python(self, tmp_path, monkeypatch):
        monkeypatch.setenv("LABKIT_STATIC", "0")
        monkeypatch.setenv("LABKIT_MY", "/somewhere/else")
        names = ("LABKIT_STATIC", "HF_HUB_OFFLINE", "OMP_NUM_THREADS", "LABKIT_MY")
        code = f"import os, sys\nprint([os.environ[name] for name in {names}], sys.executable, os.getcwd())"
        notebook = new_notebook(cells=[new_markdown_cell("# t"), new_code_cell(code)])
        execute(notebook, tmp_path)
        said = notebook.cells[1].outputs[0].text
        assert said.startswith("['1', '1', '1', ")
        assert "/somewhere/else" not in said
        assert sys.executable in said
        assert str(tmp_path.resolve()) in said

    @pytest.mark.parametrize("code", ["while True: pass", "1 / 0", "1"])
    def test_a_cell_that_does_not_end_is_told_and_no_kernel_is_left(self, tmp_path, code):
        before = {one.pid for one in psutil.Process().children(recursive=True)}
        told = {"while True: pass": "every cell done within 1 s", "1 / 0": "division by zero"}.get(code)
        with pytest.raises(BrokenFile, match=told) if told else contextlib.nullcontext():
            execute(new_notebook(cells=[new_code_cell(code)]), tmp_path, timeout=1 if code.startswith("while") else 60)
        after = [one for one in psutil.Process().children(recursive=True) if one.pid not in before]
        assert not [one for one in after if one.status() != psutil.STATUS_ZOMBIE]


class TestStamps:
    def test_the_address_has_one_home(self):
        root = Path(__file__).resolve().parents[2]
        address = repository()
        assert f'"{address}"' in (root / "pyproject.toml").read_text()
        listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=False).stdout
        stamped = ("README.md", "pyproject.toml", ".ipynb")
        for name in listed.splitlines():
            path = root / name
            if (
                path.suffix in (".py", ".md", ".toml", ".yml", ".txt", "")
                and path.is_file()
                and not name.endswith(stamped)
            ):
                assert address not in path.read_text(encoding="utf-8", errors="ignore"), f"{name} names the address too"

    def test_in_a_wheel_it_comes_from_the_metadata(self, tmp_path, monkeypatch):
        from email.message import Message

        from labkit.course import stamps

        table = Message()
        table["Project-URL"] = f"Repository, {ADDRESS}"
        monkeypatch.setattr(stamps, "metadata", lambda name: table)
        assert repository(tmp_path / "pyproject.toml") == ADDRESS

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("[project]\nname = 'x'\n", NotAvailable),
            ("[project.urls]\nRepository = 'https://example.org/x'\n", BadInput),
            ("[project.urls]\nRepository = 'https://github.com/only-owner'\n", BadInput),
        ],
    )
    def test_an_address_that_is_none(self, tmp_path, text, error):
        (tmp_path / "pyproject.toml").write_text(text)
        with pytest.raises(error, match=r"Repository|OWNER/NAME"):
            repository(tmp_path / "pyproject.toml")

    def test_badges_open_the_same_notebook_in_three_places_and_go_away_again(self):
        source = "# T\n\n{{badges}}\n\nText."
        filled = fill(source, ADDRESS, "lessons/99_x/99_x.ipynb")
        assert "colab.research.google.com/github/some-one/some.thing/blob/main/lessons/99_x/99_x.ipynb" in filled
        assert "mybinder.org/v2/gh/some-one/some.thing/main?urlpath=lab%2Ftree%2Fmy%2F99_x%2F99_x.ipynb" in filled
        assert f"{ADDRESS}/blob/main/lessons/99_x/99_x.ipynb" in filled
        assert without_badges(filled) == "# T\n\nText."
        assert without_badges("![a](b)  \n\n\n\nx") == "![a](b)  \n\n\n\nx"

    def test_readme_regions_and_the_clone_command(self):
        text = "# T\n\n<!-- badges -->\nold\n<!-- /badges -->\n\n```\ngit clone <this repository> && cd x\n```\n"
        once = stamp_regions(text, ADDRESS, {"badges": readme_badges(ADDRESS, None)})
        assert "old" not in once
        assert f"git clone {ADDRESS} && cd some.thing" in once
        assert stamp_regions(once, ADDRESS, {"badges": readme_badges(ADDRESS, None)}) == once
        with pytest.raises(BadInput, match="claims"):
            stamp_regions(text, ADDRESS, {"claims": "x"})

    def test_a_readme_beside_the_lessons_is_stamped_and_checked(self, lessons):
        readme = lessons.parent / "README.md"
        readme.write_text("<!-- badges -->\n<!-- /badges -->\n<!-- claims -->\n<!-- /claims -->\n")
        stamped = building.stamped(lessons)
        assert [path.name for path in stamped] == ["README.md", "LEDGER.md"]
        assert len(differences(root=lessons)) == 2
        for path, text in stamped.items():
            write_atomically(path, text)
        assert differences(root=lessons) == []
        assert "99_lantern.ipynb" in readme.read_text() and "| 01 |" in readme.read_text()


def test_without_jupytext_the_message_says_how_to_get_it(page, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupytext", None)
    with pytest.raises(NotAvailable, match=r"transformer-surgery\[lab\]"):
        convert(page)


def test_opening_a_lesson_needs_no_torch(tmp_path):
    code = "import sys, labkit; labkit.open_lesson('00'); sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "LABKIT_MY": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_fixture_is_not_built_in_place():
    here = Path(__file__).parents[1] / "lessons" / "fixture"
    assert not list(here.rglob("*.ipynb"))
