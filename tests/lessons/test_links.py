"""Every link inside the course leads somewhere: to a file that is there, and to a heading that is in it."""

import re

import nbformat
import pytest

from labkit.course.sources import convert, pages

PAGES = pages()
LINK = re.compile(r"\]\(((?:[^()\s]|\([^()\s]*\))+)\)")
WORKED = re.compile(r"[^\w\- ]")


def headings(path):
    """Return the anchors of a page: as JupyterLab makes them for notebooks, as GitHub does for Markdown."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
        return {
            line.lstrip("#").strip().replace(" ", "-")
            for text in texts
            for line in text.splitlines()
            if line[:1] == "#"
        }
    lines = path.read_text(encoding="utf-8").splitlines()
    return {WORKED.sub("", line.lstrip("#").strip().lower()).replace(" ", "-") for line in lines if line[:1] == "#"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.source.stem)
def test_every_link_of_a_notebook_leads_somewhere(page):
    cells = [cell.source for cell in convert(page).cells if cell.cell_type == "markdown"]
    links = {link for text in cells for link in LINK.findall(text) if "://" not in link}
    for link in links:
        name, _, anchor = link.partition("#")
        target = (page.notebook.parent / name).resolve() if name else page.notebook
        assert target.is_file(), f"{link}: no such file"
        assert not anchor or anchor in headings(target), f"{link}: {target.name} has no such heading"


def test_the_primer_is_linked_by_its_headings():
    (primer,) = [page for page in PAGES if page.lesson == "primer"]
    text = primer.source.read_text(encoding="utf-8")
    asked = re.findall(r"^# ## (.+)$", text, re.MULTILINE)
    assert len(asked) == 7
    assert all(f"](#{heading.replace(' ', '-')})" in text for heading in asked)
