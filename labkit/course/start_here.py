"""The page a learner lands on: the route through the course, and how a lesson is worked."""

from __future__ import annotations

from pathlib import Path

from .catalogue import definitions

__all__ = ["start_here"]

_ROUTE = ("00", "01", "02", "08", "10", "11", "07", "03", "04", "09", "05", "06", "12")
_HEAD = """# Transformer Surgery

You predict, cut a part out of a real trained model, measure what breaks, and put everything back.

These copies are yours: change every cell, nothing overwrites them. Click a lesson to open it.

| lesson | the question | minutes | more |
| --- | --- | --- | --- |
"""
_PRIMER = """
A word you would like refreshed? [The primer](primer/primer.ipynb) has seven, five minutes each.
"""
_FOOT = """
## How a lesson goes

1. Run the cells from the top (Shift + Enter). Each takes seconds.
2. Answer a question before you run what follows it. Nobody sees your answer but you.
3. An exercise answers back: `exercise.check(answer)`. `exercise.hint()` gives up to three hints.
4. `lesson.progress()` shows how far you are, and one line to send to a teacher.

Your predictions and answers are in `progress.json`, in this folder; `lesson.start_over()` begins a lesson afresh. For a
fresh notebook, delete yours and run `labkit lab` again. If something does not work, `labkit doctor` in a terminal says
what is missing.
"""


def start_here(lessons: Path) -> str:
    """Return the course's index as Markdown: the lessons that are here, in the order of the route."""
    names = sorted(path.parent.name for path in lessons.glob("[0-9]*/*.ipynb") if path.stem == path.parent.name)
    names.sort(key=lambda name: (_ROUTE.index(name[:2]) if name[:2] in _ROUTE else len(_ROUTE), name))
    primer = _PRIMER if (lessons / "primer" / "primer.ipynb").is_file() else ""
    return _HEAD + "".join(_row(name, lessons) for name in names) + primer + _FOOT


def _row(name: str, lessons: Path) -> str:
    facts = definitions().get(name[:2])
    title = f"{facts.id} · {facts.title}" if facts else name
    more = [
        f"[{word}]({name}/{name}_{kind}.ipynb)"
        for word, kind in (("deeper", "deeper"), ("solutions", "solutions"))
        if (lessons / name / f"{name}_{kind}.ipynb").is_file()
    ]
    question, minutes = (facts.question, facts.minutes) if facts else ("", "")
    return f"| [{title}]({name}/{name}.ipynb) | {question} | {minutes} | {', '.join(more)} |\n"
