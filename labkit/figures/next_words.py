"""The next word: how probable a model finds each of a few words, intact and cut."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import FigureBase

from labkit.base.errors import BadInput

from .drawing import Drawing
from .style import INK, MARKS, SIZES, axes, bars, label_axes, legend, row_names, text_width

__all__ = ["DRAWINGS", "NextWords"]


@dataclass(frozen=True, kw_only=True)
class NextWords:
    """Probabilities of the words that may come next, in the order they are to be read.

    cut: the same words' probabilities after an edit, when there are two models to compare. right: the word that is
    true, marked when it is among them.
    """

    title: str
    words: tuple[str, ...]
    intact: tuple[float, ...]
    cut: tuple[float, ...] | None = None
    right: str | None = None

    def __post_init__(self) -> None:
        sides = [self.intact] if self.cut is None else [self.intact, self.cut]
        if not self.words or any(len(side) != len(self.words) for side in sides):
            raise BadInput("There is not one probability per word.", expected="as many probabilities as words")
        if not all(0 <= p <= 1 for side in sides for p in side):
            raise BadInput("A probability lies outside 0 to 1.", expected="softmax(logits), not logits")


def paint(strip: NextWords, figure: FigureBase) -> None:
    """Draw one row per word: its name, a bar from 0 to 1, the number beside it."""
    labels = [_label(word, strip.right) for word in strip.words]
    left = 0.3 + max(text_width(label, bold=True) for label in labels)
    (ax,) = axes(figure, strip.title, left=left, right=1.1 if strip.cut else 0.3)
    sides = [("intact", strip.intact)] if strip.cut is None else [("intact", strip.intact), ("cut", strip.cut)]
    height = 0.7 / len(sides)
    for order, (name, probabilities) in enumerate(sides):
        places = [place + (order - (len(sides) - 1) / 2) * height for place in range(len(strip.words))]
        bars(ax, places, probabilities, MARKS[name], 0.92 * height, across=True, label=name)
        for place, probability in zip(places, probabilities):
            ax.annotate(
                _share(probability), (probability, place), xytext=(5, 0), textcoords="offset points",
                va="center", fontsize=SIZES["tick"], color=INK,
            )  # fmt: skip
    row_names(ax, labels, bold=[label for label, word in zip(labels, strip.words) if word == strip.right])
    ax.set_ylim(len(strip.words) - 0.5, -0.5)
    ax.set_xlim(0, 1.1)
    ax.set_xticks([0, 0.5, 1])
    label_axes(ax, x="probability of being the next word")
    if strip.cut is not None:
        legend(ax)


def describe(strip: NextWords) -> str:
    """Return every word with its probabilities."""
    cut = strip.cut or (None,) * len(strip.words)
    listed = (
        f"{word.strip() or repr(word)} {_share(before)}" + ("" if after is None else f" intact, {_share(after)} cut")
        for word, before, after in zip(strip.words, strip.intact, cut)
    )
    true = f" The true word is {strip.right.strip()}." if strip.right in strip.words else ""
    return "Probability of each next word: " + "; ".join(listed) + "." + true


def _share(probability: float) -> str:
    return "0" if probability == 0 else "< 0.01" if probability < 0.005 else f"{probability:.2f}"


def _label(word: str, right: str | None) -> str:
    return ("✓ " if word == right else "") + (word.strip() or repr(word))


DRAWINGS = {"NextWords": Drawing(paint, describe, lambda s: (8.6, 1.1 + 0.4 * len(s.words) * (1.4 if s.cut else 1)))}
