"""A place in words, as a table, and as lines that run."""

from __future__ import annotations

from collections.abc import Sequence

from labkit.base.numbers import number
from labkit.panels.tables import Table

from .data import ROLES, PlaceData

__all__ = ["code_of", "note_of", "sentence_of", "table_of"]


def sentence_of(data: PlaceData) -> str:
    """Return what the address names, how large it is, and between what it stands."""
    role = ROLES[data.part]
    many = f"{data.numbers:,} numbers" if data.numbers > 1 else "one number"
    if data.value is not None:
        many += f", {number(data.value)}"
    said = [f"{data.address} is {many}: {_what(data)} {role.name}, {_form(data.shape)}."]
    said.append(f"That is {_percent(data.share)} of the model." if data.numbers > 1 else "")
    said.append(f"{role.name[0].upper()}{role.name[1:]} reads {role.reads} and writes {role.writes}.")
    if any(place is not None for place in data.at):
        said.append(_meaning(data))
    if data.shared:
        said.append(f"The same numbers serve as {' and '.join(data.shared)}.")
    return " ".join(part for part in said if part)


def note_of(data: PlaceData) -> str:
    """Return the few words beside the place in the picture."""
    if data.numbers == 1:
        return "one number"
    whole = all(place is None for place in data.at) and len(data.shape) == 2
    return f"{data.shape[0]:,} × {data.shape[1]:,}" if whole else f"{data.numbers:,} numbers"


def table_of(data: PlaceData) -> Table:
    """Return every weight around the place."""
    rows = [(address, _form(shape), f"{numbers:,}") for address, shape, numbers in data.around]
    return Table(
        "Every weight of the same layer, or at the ends of the model", ("address", "out × in", "numbers"), rows
    )


def code_of(name: str, address: str) -> str:
    """Return the lines that look at the place."""
    lines = [
        "import labkit",
        "",
        f"model = labkit.load({name!r})",
        f"seen = labkit.view(model, {address!r})",
        "numbers = seen.read().numel()",
        "print(seen.shape, numbers)",
    ]
    return "\n".join(lines)


def _what(data: PlaceData) -> str:
    if all(place is None for place in data.at):
        return "all of"
    if len(data.shape) == 1 or None not in data.at:
        return "an entry of"
    return "a row of" if data.at[1] is None else "a column of"


def _meaning(data: PlaceData) -> str:
    role, out = ROLES[data.part], data.at[0]
    made = None if out is None else role.out.format(out)
    if len(data.shape) == 1:
        return f"It is the factor on {made}." if "norm" in data.part else f"It belongs to {made}."
    read = None if data.at[1] is None else role.into.format(data.at[1])
    if made and read:
        return f"It stands between {read} and {made}." if data.part not in _TABLES else f"It is {read} of {made}."
    if made:
        return f"A row is one output: {made}."
    return f"A column is one input: {read}." if data.part not in _TABLES else f"A column is {read}, for every row."


_TABLES = ("embed", "positions")  # rows are looked up, not multiplied


def _form(shape: Sequence[int]) -> str:
    if len(shape) == 1:
        return f"a vector of {shape[0]:,}"
    return f"a matrix of {shape[0]:,} × {shape[1]:,} (out × in)"


def _percent(share: float) -> str:
    return f"{number(100 * share, 2)} percent"
