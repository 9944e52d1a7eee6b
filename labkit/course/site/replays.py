"""A panel without a kernel: every stored answer as picture, sentence, table and code, and the controls to choose it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from html import escape
from itertools import product
from math import prod
from typing import Any

from labkit.base.errors import LabkitError, unknown
from labkit.base.papers import bring, brought
from labkit.figures import new_figure
from labkit.figures.output import NOTEBOOK_DPI, png
from labkit.panels import Panel
from labkit.panels.controls import Choice, Control, Slider, Text, Toggle
from labkit.panels.inquiry import in_words

__all__ = ["Replayed", "named_panel", "replay"]

MOST_STATES = 2000
_WORDS = {
    "missing": "There is no stored answer for these values. In JupyterLab the panel asks the model itself.",
    "how": "Stored answers: this page runs nothing. In JupyterLab the same panel also asks the model.",
}


@dataclass(frozen=True)
class Replayed:
    """A panel as HTML, and the pictures it shows by file name."""

    html: str
    pictures: dict[str, bytes]


def named_panel(named: Mapping[str, Any]) -> Panel:
    """Return the panel that a notebook's picture says it was: {"panel": "CutPanel", "model": …, "start": …}.

    Raises `UnknownName` for anything but a panel that a paper brings: a notebook's metadata is not to be run.
    """
    kind = bring("panels", str(named["panel"]))
    if not _is_panel(kind):
        raise unknown("panel", named["panel"], brought("panels"))
    options = {"start": kind.State(**named["start"])} if named.get("start") else {}
    return kind(named["model"], **options) if named.get("model") else kind(**options)


def replay(panel: Panel, name: str) -> Replayed | None:
    """Return the panel with all its stored answers, or None when it has none; `name` begins its pictures' names."""
    offered = {control.name: _offered(control) for control in panel.controls}
    if prod(map(len, offered.values())) > MOST_STATES or not all(offered.values()):
        return None
    answers, pictures = {}, {}
    for places in product(*(range(len(values)) for values in offered.values())):
        chosen = {key: values[place][1] for place, (key, values) in zip(places, offered.items())}
        state, key = panel.State(**chosen), ",".join(map(str, places))
        try:
            data = panel.stored(state)
        except LabkitError as problem:  # a question that has no answer, and the panel says why
            answers[key] = {"sentence": in_words(problem)}
            continue
        if data is None:
            continue
        drawn = _picture(panel, data)
        file = f"{name}-{hashlib.sha256(drawn).hexdigest()[:10]}.png"
        pictures[file] = drawn
        answers[key] = {
            "picture": file,
            "sentence": panel.sentence(data),
            "table": panel.table(data).html(),
            "code": panel.code(state),
        }
    if not pictures:
        return None
    start = asdict(panel.start)
    first = [_place(values, start[key]) for key, values in offered.items()]
    if "picture" not in answers.get(",".join(map(str, first)), {}):
        first = [int(place) for place in next(key for key in answers if "picture" in answers[key]).split(",")]
    return Replayed(_html(panel, name, offered, answers, first), pictures)


def _offered(control: Control) -> list[tuple[str, Any]]:
    """Return what a control can be set to as (words shown, value); empty when that cannot be listed."""
    if isinstance(control, Choice):
        return list(control.pairs)
    if isinstance(control, Slider):
        steps = round((control.high - control.low) / control.step)
        values = [control.check(control.low + step * control.step) for step in range(steps + 1)]
        return [(f"{value:g}", value) for value in values]
    if isinstance(control, Toggle):
        return [("off", False), ("on", True)]
    if isinstance(control, Text):
        return [(title, control.check(title)) for title in control.ready]
    return [(title, control.check(title)) for title in getattr(control, "ready", {})]


def _place(values: list[tuple[str, Any]], wanted: Any) -> int:
    return next((place for place, (_, value) in enumerate(values) if value == wanted), 0)


def _picture(panel: Panel, data: Any) -> bytes:
    figure = new_figure(panel.size)
    panel.draw(data, figure)
    return png(figure, NOTEBOOK_DPI, slim=True)


def _html(panel: Panel, name: str, offered: dict, answers: dict, first: list[int]) -> str:
    controls = "".join(
        _control(control, f"{name}-{control.name}", offered[control.name], place)
        for control, place in zip(panel.controls, first)
    )
    shown = answers[",".join(map(str, first))]
    # "</" would end the script element inside a string
    data = json.dumps({"answers": answers, "missing": _WORDS["missing"]}, ensure_ascii=False).replace("</", "<\\/")
    question = escape(panel.question)
    return (
        f'<section class="replay" aria-label="{question}"><p class="question">{question}</p>'
        f'<div class="controls">{controls}</div>'
        f'<img src="{shown["picture"]}" alt="{escape(shown["sentence"])}">'
        f'<p class="said" role="status" aria-live="polite">{escape(shown["sentence"])}</p>'
        f'<p class="how">{_WORDS["how"]}</p>'
        f"<details><summary>Table</summary><div class='numbers'>{shown['table']}</div></details>"
        f'<details><summary>Show as code</summary><pre tabindex="0">{escape(shown["code"])}</pre></details>'
        f'<script type="application/json">{data}</script></section>'
    )


def _control(control: Control, name: str, values: list[tuple[str, Any]], place: int) -> str:
    label = f'<label for="{name}">{escape(control.title)}</label>'
    if isinstance(control, Slider):
        marks = escape(json.dumps([words for words, _ in values]))
        field = (
            f'<input type="range" id="{name}" min="0" max="{len(values) - 1}" value="{place}" data-marks="{marks}">'
            f'<output for="{name}">{escape(values[place][0])}</output>'
        )
    else:
        options = "".join(
            f'<option value="{number}"{" selected" if number == place else ""}>{escape(words)}</option>'
            for number, (words, _) in enumerate(values)
        )
        field = f'<select id="{name}">{options}</select>'
    return f"<span>{label} {field}</span>"


def _is_panel(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, Panel)
