"""Errors that say what happened, what was expected, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

__all__ = [
    "BadInput",
    "BrokenFile",
    "Busy",
    "LabkitError",
    "ModelChanged",
    "NoNetwork",
    "NotAvailable",
    "OutOfOrder",
    "UnknownName",
    "unknown",
]


class LabkitError(Exception):
    """A problem told in up to three lines: what happened, what was expected, what to do."""

    def __init__(self, what: str, expected: str | None = None, do: str | None = None):
        self.what, self.expected, self.do = what, expected, do
        super().__init__(what)

    def __str__(self) -> str:
        lines = [self.what]
        if self.expected:
            lines.append(f"Expected: {self.expected}")
        if self.do:
            lines.append(f"Try: {self.do}")
        return "\n".join(lines)


class BadInput(LabkitError, ValueError):
    """A value that cannot be used as it is."""


class UnknownName(LabkitError, KeyError):
    """A name that nothing answers to."""

    __str__ = LabkitError.__str__  # KeyError would show the repr of its first argument instead


class BrokenFile(LabkitError, OSError):
    """A file that is truncated, corrupt, of the wrong kind, or not what its hash says."""

    __str__ = LabkitError.__str__


class ModelChanged(LabkitError, RuntimeError):
    """Something other than the edit itself wrote to an edited place; found: what was there, by place."""

    found: dict[str, Any]


class OutOfOrder(LabkitError, RuntimeError):
    """An edit was asked to leave before the edits made after it."""


class Busy(LabkitError, RuntimeError):
    """The model is in use by an edit, a sweep or a panel elsewhere."""


class NotAvailable(LabkitError, RuntimeError):
    """Something that needs the network, a package or a file that is not here."""


class NoNetwork(NotAvailable):
    """What is wanted is not on this machine, and the place it comes from cannot be reached."""


def unknown(kind: str, name: object, known: Iterable[str], do: str | None = None) -> UnknownName:
    """Return the error for a name that is not among `known` (a sequence keeps its order), with the nearest ones."""
    names = list(known) if isinstance(known, Sequence) else sorted(known)
    near = get_close_matches(str(name), names, n=3, cutoff=0.5)
    shown = ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
    hint = f"did you mean {' or '.join(near)}?" if near else do
    return UnknownName(f"There is no {kind} called {name!r}.", expected=f"one of: {shown}", do=hint)
