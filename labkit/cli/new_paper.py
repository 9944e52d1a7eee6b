"""Lay out the folders of a new paper, with a lesson, a ledger and tests that fail until they are filled.

Everything that belongs to the paper lies in labkit/papers/SLUG, lessons/NN_SLUG, tests/papers/SLUG and
data/claims/NN.toml; no other file is touched. What is there already is never overwritten.
"""

from __future__ import annotations

import argparse
import re
from importlib import invalidate_caches
from pathlib import Path
from string import Template

from labkit.base.data import lessons_dir
from labkit.base.errors import BadInput, NotAvailable
from labkit.base.files import write_atomically
from labkit.base.papers import papers

__all__ = ["add_arguments", "lay_out", "run"]

_FILES = {
    "labkit/papers/$slug/__init__.py": '''
"""$title."""

from labkit.base.papers import Paper

PAPER = Paper(
    number="$number",
    slug="$slug",
    lesson="${number}_$slug",
    title="$title",
    authors="",
    year=0,
    arxiv="",
    code="",
    experiments={},  # module -> the names it brings: {"method": ("MyLayer",), "experiments": ("my_result",)}
    panels={},
)
__all__, __getattr__, __dir__ = PAPER.lazily()
''',
    "labkit/papers/$slug/method.py": '''
"""The method of $title: some forty lines of difference from the baseline. Shapes: B batch, L length, D width."""

from __future__ import annotations

__all__: list[str] = []
''',
    "labkit/papers/$slug/experiments.py": '''
"""What is measured: functions from a model and texts to a frozen result with its per-unit records."""

from __future__ import annotations

__all__: list[str] = []
''',
    "labkit/papers/$slug/claims.py": '''
"""Which experiment, at which arguments, decides which sentence: functions that return `labkit.claims.Measured`."""

from __future__ import annotations

__all__: list[str] = []
''',
    "labkit/papers/$slug/exercises.py": '''
"""The lesson: its definition, its predictions with their keys, its exercises with hints, checks and wrong answers."""

from __future__ import annotations

from labkit.course import LessonDefinition

__all__ = ["LESSON"]

LESSON = LessonDefinition(
    id="$number",
    name="${number}_$slug",
    title="$title",
    question="",
    minutes=60,
    objectives=(),
    exercises=(),
    predictions=(),
)
''',
    "lessons/${number}_$slug/src/${number}_$slug.py": """
# %% [markdown]
# # $number · $title
#
# {{badges}}
#
# The surprising fact, why it should not be so, what you will do about it.

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}"
    import labkit

lesson = labkit.open_lesson("$number")

# %% [markdown]
# ## Before you begin · 2 min
""",
    "lessons/${number}_$slug/src/${number}_${slug}_solutions.py": """
# %% [markdown]
# # $number · $title: solutions
#
# One entry per exercise. Try first; a wrong answer's message is worth more than a right answer's line.

# %% tags=["setup"]
import labkit

lesson = labkit.open_lesson("$number")
""",
    "lessons/${number}_$slug/teach.md": """
# Teaching lesson $number: $title

**In one sentence.**

**What students need.**

**How long.**

## 45 minutes

## 90 minutes

## Where students stumble

## To discuss
""",
    "data/claims/$number.toml": """
# Lesson $number: $title.
# What decides a verdict (kind, measure, scale, null, direction, delta, n, seeds, number_on_scale) is fixed by
# `registered`; see labkit/claims/entry.py. Values, intervals and verdicts are nowhere typed: they come from records/.

lesson = "$number"
""",
    "tests/papers/$slug/test_${slug}.py": '''
"""$title: its method by law and oracle, its experiments on a toy, its lesson."""

from labkit.base.papers import paper
from labkit.claims import ledger

PAPER = paper("$number")


def test_it_says_where_it_comes_from():
    assert PAPER.authors and PAPER.year and PAPER.arxiv and PAPER.code


def test_it_brings_a_method_experiments_and_a_panel():
    assert PAPER.experiments and PAPER.panels


def test_its_lesson_asks_predicts_and_exercises():
    lesson = PAPER.module("exercises").LESSON
    assert lesson.question and lesson.objectives and len(lesson.exercises) >= 3 and len(lesson.predictions) >= 3


def test_its_ledger_holds_ten_claims():
    assert sum(claim.lesson == "$number" for claim in ledger()) >= 10
''',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", help='the lesson\'s number, such as "13"')
    parser.add_argument("slug", help="the folder's name: lower-case words with underscores")
    parser.add_argument("title", help="the paper's title")


def run(options: argparse.Namespace) -> int:
    for path in lay_out(options.number, options.slug, options.title):
        print(path)
    print(f"Fill them, then: labkit build {options.number}, and make check LESSON={options.number}")
    return 0


def lay_out(number: str, slug: str, title: str, root: Path | None = None) -> list[Path]:
    """Write the files of a new paper under `root` (the checkout by default) and return their paths.

    Raises `BadInput` for a number or slug that is taken or is none, and `NotAvailable` outside a checkout.
    """
    if not re.fullmatch(r"\d\d", number) or not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", slug) or not title.strip():
        raise BadInput(
            f"number {number!r}, slug {slug!r}, title {title!r}.",
            expected="two digits, lower-case words with underscores, and a title",
            do='labkit new-paper 13 sparse_feedforward "Sparse Feed-Forward Layers"',
        )
    taken = [one for one in papers().values() if number == one.number or slug == one.slug]
    root = root or lessons_dir().parent
    if not (root / "pyproject.toml").is_file():
        raise NotAvailable("A paper is added to a checkout, and this is an installed copy.", do="git clone the course")
    words = {"number": number, "slug": slug, "title": title.strip().replace('"', "'")}
    made = {root / Template(path).substitute(words): Template(text).substitute(words) for path, text in _FILES.items()}
    there = [path for path in made if path.exists()]
    if taken or there:
        name = f"{taken[0].number} {taken[0].slug}" if taken else there[0].relative_to(root)
        raise BadInput(f"{name} is there already.", expected="a number and a slug that no paper has")
    for path, text in made.items():
        write_atomically(path, text.lstrip("\n"))
    invalidate_caches()
    papers.cache_clear()  # it is found at once
    return list(made)
