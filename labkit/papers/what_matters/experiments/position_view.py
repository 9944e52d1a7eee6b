"""What the score panel is asked and what it answers, as values; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Reading", "ScoreData", "ScoreRun", "ScoreState"]

Row = tuple[float, ...]
NAMES = {"attention": "The attention", "mlp": "The MLP", "block": "The whole"}


@dataclass(frozen=True)
class ScoreState:
    """Whose score is shown, and on which text."""

    part: str = "attention"
    layer: int = 0
    text: str = ""


@dataclass(frozen=True)
class Reading:
    """A text as pieces, and the score of every part ("attention 3") at each of them.

    scores: 1 - cosine of the stream before and after; bare: of what a sub-layer reads and returns (blocks have none).
    """

    pieces: tuple[str, ...]
    scores: Mapping[str, Row]
    bare: Mapping[str, Row]
    unseen: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values, scores in three digits."""
        rows = {name: {key: [float(f"{v:.3g}") for v in row] for key, row in getattr(self, name).items()}
                for name in ("scores", "bare")}  # fmt: skip
        return {"pieces": self.pieces, **rows}

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Reading:
        """Return what `as_dict` gave."""
        rows = [{key: tuple(row) for key, row in table[name].items()} for name in ("scores", "bare")]
        return cls(tuple(table["pieces"]), *rows)


@dataclass(frozen=True)
class ScoreRun:
    """Readings of the ready texts, by text; texts: by title."""

    depth: int
    texts: Mapping[str, str]
    readings: Mapping[str, Reading]

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> ScoreRun:
        """Return what a file holds."""
        texts = table["texts"]
        return cls(table["depth"], texts, {text: Reading.of(table[title]) for title, text in texts.items()})


@dataclass(frozen=True)
class ScoreData:
    """The score of one part at each piece of a text; bare: without the residual, None for a block."""

    part: str
    layer: int
    pieces: tuple[str, ...]
    scores: Row
    bare: Row | None
    unseen: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Mean over all tokens: what the paper takes."""
        return _mean(self.scores)

    @property
    def mean_without_first(self) -> float:
        """Mean over all tokens but the first."""
        return _mean(self.scores[1:])

    @property
    def bare_mean(self) -> float | None:
        """The mean without the residual."""
        return None if self.bare is None else _mean(self.bare)

    @property
    def bare_mean_without_first(self) -> float | None:
        """The same without the first token."""
        return None if self.bare is None else _mean(self.bare[1:])


def _mean(row: Row) -> float:
    return sum(row) / len(row)
