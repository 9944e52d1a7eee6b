"""What an address names, in words: its size, what it reads and writes, and between what it stands."""

from __future__ import annotations

from collections.abc import Sequence

from labkit.base.numbers import number

from ..experiments.place import ROLES, PlaceData

__all__ = ["describe", "form", "note_of"]

_TABLES = ("embed", "positions")  # rows are looked up, not multiplied


def describe(data: PlaceData) -> str:
    """Return what the address names, how large it is, and between what it stands."""
    role = ROLES[data.part]
    many = f"{data.numbers:,} numbers" if data.numbers > 1 else "one number"
    if data.value is not None:
        many += f", {number(data.value)}"
    said = [f"{data.address} is {many}: {_what(data)} {role.name}, {form(data.shape)}."]
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


def _percent(share: float) -> str:
    return f"{number(100 * share, 2)} percent"


def form(shape: Sequence[int]) -> str:
    """Return the shape of a weight in words."""
    if len(shape) == 1:
        return f"a vector of {shape[0]:,}"
    return f"a matrix of {shape[0]:,} × {shape[1]:,} (out × in)"
