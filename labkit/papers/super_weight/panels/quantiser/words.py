"""An answer of the quantiser in words, as a table, and as lines that run."""

from __future__ import annotations

from collections.abc import Sequence

from labkit.panels.tables import Table

from .data import OUTLIER, QuantiserData

__all__ = ["code_of", "sentence_of", "shown", "table_of"]


def shown(way: str) -> str:
    """Return the words for what is done about the outlier."""
    return next(words for words, kept in OUTLIER.items() if kept == way)


def sentence_of(data: QuantiserData) -> str:
    """Return what the picture shows, in words."""
    range_ = f"one range for {data.block:,} numbers" if data.block else "one range for the whole matrix"
    serve = (
        f"{data.bits} bits, {range_}: of {len(data.levels)} values in the weight's block of {data.address} "
        f"{data.ordinary} lie where 98 of 100 of its numbers are."
    )
    moved = f"The chosen weight was {data.value:.3f} and is now {data.value_after:.3f}."
    loss = f"Surprise at the texts, nats a token: {data.intact:.3f} before, {data.losses[data.outlier]:.3f} now."
    best = min(data.losses, key=data.losses.__getitem__)
    other = "" if best == data.outlier else f" Least it would be with “{shown(best)}”: {data.losses[best]:.3f}."
    return f"{serve} {moved} {loss}{other}"


def table_of(data: QuantiserData) -> Table:
    """Return the loss by what is done about the outlier."""
    rows = [("as trained", data.intact, 0.0)]
    rows += [(shown(way), loss, loss - data.intact) for way, loss in data.losses.items()]
    return Table(f"Nats a token at {data.bits} bits", ("the chosen weight", "loss", "rise"), rows)


def code_of(name: str, edit: str, texts: Sequence[str]) -> str:
    """Return the lines that read the texts with the matrix rounded."""
    lines = [
        "import labkit",
        "",
        f"model = labkit.load({name!r})",
        f"texts = {list(texts)!r}",
        f"rounded = labkit.{edit}",
        "swept = labkit.sweep(model, [rounded], [model.encode(text) for text in texts])",
        "loss = swept[rounded].measured.value",
        "print(loss, swept[rounded].change)",
    ]
    return "\n".join(lines)
