"""The registry of papers: found by scanning, free of torch, and what it names is there."""

import subprocess
import sys

import pytest

from labkit.base import papers as registry
from labkit.base.errors import BadInput, UnknownName
from labkit.base.papers import Paper, bring, brought, paper, papers

SORTS = (
    "edits",
    "configs",
    "drawings",
    "panels",
    "experiments",
    "sweeps",
    "tokenizers",
    "measures",
    "cards",
    "budgets",
    "loaders",
)


def test_reading_the_registry_imports_no_torch():
    code = "import sys; from labkit.base.papers import papers; papers(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("sort", SORTS)
def test_everything_a_paper_brings_is_there(sort):
    for name in brought(sort):
        assert bring(sort, name) is not None, f"{sort}: {name}"


def test_no_two_papers_bring_the_same_name():
    """But for experiments, which are found in their paper's own package: two papers may both have a `mix`."""
    for sort in set(SORTS) - {"experiments"}:
        names = [name for one in papers().values() for name in getattr(one, sort)]
        assert len(names) == len(set(names)), sort


def test_a_paper_is_found_by_number_and_slug_or_named_as_unknown():
    for one in papers().values():
        assert paper(one.number) is paper(one.slug) is one
        assert one.folder.is_dir() and one.slug in one.package
    with pytest.raises(UnknownName, match="no paper called 'ninety'"):
        paper("ninety")
    assert bring("configs", "no such kind") is None


def test_a_folder_without_its_paper_is_told(tmp_path, monkeypatch):
    import labkit.papers as package

    (tmp_path / "nameless").mkdir()
    (tmp_path / "nameless" / "__init__.py").write_text("PAPER = None\n")
    monkeypatch.setattr(package, "__path__", [str(tmp_path)])
    registry.papers.cache_clear()
    try:
        with pytest.raises(BadInput, match="nameless holds no paper"):
            papers()
    finally:
        registry.papers.cache_clear()


def test_a_citation_holds_what_it_needs():
    text = Paper(number="08", slug="x", title="T", authors="Ann Ba, Cy Do", year=2025, arxiv="2502.05795").cite()
    assert "@misc{ba2025," in text and "Ann Ba and Cy Do" in text and "eprint = {2502.05795}" in text


def test_a_name_that_two_papers_have_is_asked_back(monkeypatch):
    import labkit

    twins = {slug: Paper(number="9", slug=slug, title="T", experiments={"method": ("blend",)}) for slug in ("a", "b")}
    monkeypatch.setattr(registry, "papers", lambda: twins)
    with pytest.raises(AttributeError, match=r"labkit\.papers\.a or labkit\.papers\.b"):
        labkit.blend  # noqa: B018
