"""The guard over every committed notebook, and proof that it sees each hole it was made for."""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from labkit.course.guard import lesson_problems, page_problems, stated_minutes
from labkit.course.sources import pages

ROOT = Path(__file__).resolve().parents[2]
PAGES = pages()
LESSONS = sorted({page.lesson for page in PAGES})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.source.stem)
def test_the_notebook_passes_the_guard(page):
    assert page_problems(page) == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_lesson_its_solutions_and_its_definition_fit_together(lesson):
    assert lesson_problems([page for page in PAGES if page.lesson == lesson]) == []


def test_there_is_a_lesson():
    assert "00_cut_compare_restore" in LESSONS


def test_no_notebook_without_a_source():
    notebooks = set((ROOT / "lessons").rglob("*.ipynb")) - {page.notebook for page in PAGES}
    assert not {path for path in notebooks if ".ipynb_checkpoints" not in path.parts}


def test_nothing_syncs_both_ways():
    """`jupytext --sync` trusts file times, and a clone scrambles them."""
    scripts = [
        ROOT / "Makefile",
        *(ROOT / ".ci").rglob("*"),
        *(ROOT / ".github").rglob("*"),
        *(ROOT / "binder").rglob("*"),
    ]
    scripts += [*(ROOT / "labkit").rglob("*.py"), *(ROOT / "labkit" / "course" / "jupyter").rglob("*.json")]
    texts = {path: path.read_text(encoding="utf-8") for path in scripts if path.is_file()}
    assert len(texts) > 20
    assert not [path for path, text in texts.items() if re.search(r"--sync\b|formats\b.*ipynb,", text)]


class TestTheGuardSees:
    """Each hole is made in a built lesson, and the guard must name it."""

    @pytest.fixture
    def page(self, lessons):
        return pages("99", lessons)[0]

    def _told(self, page, change):
        notebook = nbformat.read(page.notebook, as_version=4)
        change(notebook)
        nbformat.write(notebook, page.notebook)
        return "\n".join(page_problems(page))

    def _told_of_source(self, page, old, new):
        """Change source and notebook alike, so that only the hole itself is left to see."""
        for path in (page.source, page.notebook):
            text = path.read_text(encoding="utf-8")
            assert old in text
            path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return "\n".join(page_problems(page))

    def test_nothing_wrong_in_a_sound_lesson(self, lessons, tiny_lesson):
        assert [problem for page in pages(root=lessons) for problem in page_problems(page)] == []
        assert lesson_problems(pages(root=lessons), tiny_lesson) == []

    def test_a_compared_cell_that_was_never_executed(self, page):
        told = self._told(page, lambda n: n.cells[4].update(execution_count=None, outputs=[]))
        assert "cell 5: tagged nbval-check-output but never executed" in told

    def test_a_compared_cell_without_output(self, page):
        told = self._told(page, lambda n: n.cells[4].update(outputs=[]))
        assert "cell 5: tagged nbval-check-output but printed nothing" in told

    def test_a_picture_without_alt(self, page):
        told = self._told(page, lambda n: n.cells[5].outputs[0].update(metadata={}))
        assert "cell 6: a picture (image/png) has no alt text" in told

    @pytest.mark.parametrize("alt", ["", "  "])
    def test_a_picture_with_an_empty_alt(self, page, alt):
        told = self._told(page, lambda n: n.cells[5].outputs[0].update(metadata={"image/png": {"alt": alt}}))
        assert "has no alt text" in told

    def test_html_and_markdown_pictures_without_alt(self, page):
        html = new_output("display_data", {"text/html": '<p><img src="x.png"></p>'})
        assert "<img> has no alt" in self._told(page, lambda n: n.cells[4].outputs.append(html))
        assert "no alt text" in self._told(page, lambda n: n.cells[0].update(source="# T\n\n![](x.png)"))

    def test_missing_minutes(self, page):
        assert "does not say how many minutes" in self._told_of_source(page, "One experiment · 7 min", "One experiment")

    def test_more_than_an_hour(self, page):
        assert "take 61 minutes" in self._told_of_source(page, "One experiment · 7 min", "One experiment · 56 min")

    def test_minutes_that_are_not_the_definition_s(self, page, tiny_lesson):
        self._told_of_source(page, "One experiment · 7 min", "One experiment · 8 min")
        assert stated_minutes(page) == [8, 5]
        assert any("13 minutes" in problem for problem in lesson_problems([page], tiny_lesson))

    @pytest.mark.parametrize("path", ["/home/me/x.json", "/tmp/x", "C:\\\\Users", "/Users/ada/data"])
    def test_an_absolute_path_in_a_cell_or_an_output(self, page, path):
        assert "cell 10: names an absolute path" in self._told(
            page, lambda n: n.cells[9].update(source=f'open("{path}")')
        )
        said = new_output("stream", name="stdout", text=f"saved to {path}\n")
        assert "cell 5: prints an absolute path" in self._told(page, lambda n: n.cells[4].outputs.append(said))

    def test_a_timing(self, page):
        said = new_output("stream", name="stdout", text="done in 12.5 ms\n")
        assert "prints a timing" in self._told(page, lambda n: n.cells[4].outputs.append(said))

    @pytest.mark.parametrize(
        "code",
        [
            "%pip install x",
            'labkit.load("HuggingFaceTB/SmolLM2-135M")',
            "import requests",
            'AutoModel.from_pretrained("gpt2/x")',
            '!curl "https://example.org"',
        ],
    )
    def test_network_without_the_tag(self, page, code):
        assert "cell 10: uses the network" in self._told(page, lambda n: n.cells[9].update(source=code))
        tagged = self._told(page, lambda n: n.cells[9].update(metadata={"tags": ["network"]}))
        assert "uses the network" not in tagged

    def test_shipped_models_are_not_the_network(self, page):
        for name in ("lab/tiny", "depth/lns"):
            source = f'labkit.load("{name}")'
            assert "network" not in self._told(page, lambda n, source=source: n.cells[9].update(source=source))
            source += '\nlabkit.load("depth/none")'
            assert '(load("depth/none")' in self._told(page, lambda n, source=source: n.cells[9].update(source=source))

    def test_a_long_cell(self, page):
        assert "cell 10: 26 lines" in self._told(page, lambda n: n.cells[9].update(source="\n".join(["x = 1"] * 26)))

    def test_a_heavy_notebook(self, page):
        heavy = new_output("stream", name="stdout", text="x" * 410_000)
        assert "KB, at most 400" in self._told(page, lambda n: n.cells[4].outputs.append(heavy))

    def test_widget_state_and_widget_views(self, page):
        assert "widget state" in self._told(page, lambda n: n.metadata.update(widgets={"state": {}}))
        view = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}})
        assert "widget view" in self._told(page, lambda n: n.cells[4].outputs.append(view))

    def test_headings_out_of_order(self, page):
        assert "jumps from level 2 to 4" in self._told(
            page, lambda n: n.cells[2].update(source="## A · 1 min\n\n#### B")
        )
        assert "a second title" in self._told(page, lambda n: n.cells[2].update(source="# A"))
        assert "does not begin with a title" in self._told(page, lambda n: n.cells[0].update(source="no title"))

    def test_a_hash_in_a_code_block_is_no_heading(self, page):
        text = "# T\n\n```\n# a comment\n```"
        assert "title" not in self._told(page, lambda n: n.cells[0].update(source=text))

    def test_a_cell_that_ends_in_an_error(self, page):
        error = new_output("error", ename="ValueError", evalue="", traceback=[])
        assert "ends in ValueError" in self._told(page, lambda n: n.cells[4].outputs.append(error))

    def test_a_notebook_that_is_not_its_source(self, page):
        assert "not what its source gives" in self._told(page, lambda n: n.cells.append(new_code_cell("1")))

    def test_a_placeholder_left_over(self, page):
        assert "placeholder" in self._told(page, lambda n: n.cells[2].update(source="## A · 1 min\n\n{{bagdes}}"))

    def test_a_missing_notebook(self, page):
        page.notebook.unlink()
        assert "not built yet" in page_problems(page)[0]

    def test_an_exercise_without_a_solution_and_a_stranger(self, lessons, tiny_lesson):
        hour, solutions = pages("99", lessons)
        for page in (hour, solutions):
            page.source.write_text(page.source.read_text().replace('"99.2"', '"99.9"'))
        told = "\n".join(lesson_problems([hour, solutions], tiny_lesson))
        for words in (
            "exercise 99.2 is missing from its hour notebook",
            "exercise 99.2 is missing from its solutions notebook",
            "its solutions notebook has 99.9, which is not one of its exercises",
        ):
            assert words in told

    def test_a_solution_that_is_not_right(self, lessons, tiny_lesson):
        solutions = pages("99", lessons)[1]
        solutions.notebook.write_text(solutions.notebook.read_text().replace("✓ 99.1 right", "✗ 99.1 wrong"))
        assert any("99.1 is not judged right" in told for told in lesson_problems(pages("99", lessons), tiny_lesson))

    def test_a_lesson_without_a_definition(self, lessons):
        assert "no paper's exercises hold its LESSON" in lesson_problems(pages("99", lessons))[0]
