"""Where nothing runs: the panel at its preset values, as one picture and its sentences.

The environment variable LABKIT_STATIC alone decides (1: static; empty or 0: live). Committed notebooks are built with
it, so that they hold no widget at all and GitHub, a printer and a screen reader get the whole answer.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .panel import Panel

__all__ = ["is_static", "show_static"]


def is_static() -> bool:
    """Return whether panels are to be printed rather than operated."""
    return os.environ.get("LABKIT_STATIC", "") not in ("", "0")


def show_static(panel: Panel) -> None:
    """Display the small multiples of a panel, with one sentence each; the prediction gate is left aside."""
    from labkit.figures import new_figure, show

    answers = [panel.inquiry.find(state) for state in panel.presets()]
    width, height = panel.size
    figure = new_figure((width, height * len(answers)))  # one below the other: a page's width keeps them readable
    for data, cell in zip(answers, figure.subfigures(len(answers), 1, squeeze=False).flat):
        panel.draw(data, cell)
    sentences = [f"{number}. {panel.sentence(data)}" for number, data in enumerate(answers, start=1)]
    show(figure, alt="\n".join([panel.question, *sentences]), about=_about(panel))


def _about(panel: Panel) -> dict[str, Any]:
    """Return what a page without a kernel needs to open this panel again; nothing where no answers are stored."""
    if not panel.is_stored():
        return {}
    kind = type(panel)
    named = {"panel": kind.__name__, "start": asdict(panel.start)}
    return {"labkit": {**named, "model": panel.model_name} if panel.model_name else named}
