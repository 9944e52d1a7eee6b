"""An answer of the weight panel in words, as a table, and as lines that run."""

from __future__ import annotations

import math

from labkit.panels.tables import Table

from .data import WeightData, WeightState

_NOTHING = 1e-3  # nats a token, or 1 - cosine

__all__ = ["KINDS", "code_of", "sentence_of", "small", "table_of"]


# The kinds of nulls, as the reader sees them.
KINDS = {"largest": "the largest", "comparable": "nearest in size", "random": "drawn at random"}


def small(number: float) -> str:
    """Return a change in as many digits as it has to say: 0.0003, 2.41, "under 0.000001"."""
    if number == 0:
        return "0"
    if number < 1e-6:
        return "under 0.000001"
    return f"{number:.2f}" if number >= 0.1 else f"{number:.{math.ceil(-math.log10(number))}f}"


def sentence_of(data: WeightData) -> str:
    """Return what the picture shows, in words."""
    most = data.most
    if data.factor == 1:
        says = f"Nothing is changed: {data.address} is as trained, {data.value:.4g}."
    else:
        says = (
            f"{data.address} times {data.factor:g} (it is {data.value:.4g}) moves the model by {small(data.change)} "
            f"({data.unit}). Of {len(data.nulls)} others of the same {_home(data.address)} none moves it by more than "
            f"{small(most.change)}."
        )
        if data.change < _NOTHING:
            says += " That is next to nothing."
        elif data.change > 10 * most.change:
            says += " No other weight here comes near it."
        elif data.change <= most.change:
            says += " So it is nothing special."
    best, now = (max(range(len(side)), key=side.__getitem__) for side in (data.intact, data.cut))
    was, then = f"“{data.labels[best]}” ({data.intact[best]:.2f})", f"“{data.labels[now]}” ({data.cut[now]:.2f})"
    reading = f"Highest before: {was}; now: {then}."
    shown = ", ".join(f"“{word}”" for word in data.unseen[:5])
    return " ".join(part for part in (says, reading, f"Words it has never seen: {shown}." if shown else "") if part)


def table_of(data: WeightData) -> Table:
    """Return every weight with its value and what changed."""
    rows = [("chosen", data.address, f"{data.value:.4g}", f"{data.change:.3g}")]
    rows += [(KINDS[null.kind], null.address, f"{null.value:.4g}", f"{null.change:.3g}") for null in data.nulls]
    return Table(f"Change ({data.unit}) by {data.factor:g} times one weight", ("", "weight", "value", "change"), rows)


def code_of(name: str, state: WeightState, encoder: bool) -> str:
    """Return the lines that measure the change by the chosen weight."""
    head = [
        "import labkit",
        "",
        f"model = labkit.load({name!r})",
        f"text = {state.text!r}",
        f"scaled = labkit.ScaleWeight({state.weight!r}, {state.factor!r})",
        "",
    ]
    if encoder:
        body = [
            "before = model.embed([text])[0]",
            "with labkit.edit(model, scaled):",
            "    after = model.embed([text])[0]",
            "change = 1 - float(before @ after)  # both have length 1",
        ]
    else:
        body = [
            "change = abs(labkit.sweep(model, [scaled], [model.encode(text)])[scaled].change.value)  # nats a token"
        ]
    return "\n".join([*head, *body, "print(change)"])


def _home(address: str) -> str:
    name = address.split("[")[0]
    return "norm" if "norm" in name else "bias" if name.endswith(".bias") else "matrix"
