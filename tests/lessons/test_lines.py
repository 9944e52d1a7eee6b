"""Lines of cells fit a browser: 88 letters of code."""

import re

import pytest

from labkit.base.toml import read
from labkit.course.sources import pages

LONGEST = 88
PAGES = pages()


def _lines(page):
    for cell in re.split(r"^(?=# %%)", page.source.read_text(encoding="utf-8"), flags=re.M):
        if "[markdown]" not in cell.partition("\n")[0]:
            yield from cell.splitlines()


@pytest.mark.parametrize("page", PAGES, ids=[page.source.stem for page in PAGES])
def test_no_line_of_a_cell_is_wider_than_the_page(page):
    rules = read(page.root / "ruff.toml")
    assert rules["line-length"] == LONGEST
    wide = [line for line in _lines(page) if len(line) > LONGEST and "%pip install" not in line]
    assert not wide, "\n".join(wide)
