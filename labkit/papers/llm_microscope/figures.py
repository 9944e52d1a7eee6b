"""How this paper's results are drawn: a map of tokens by levels, and what each result says in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.base.errors import BadInput
from labkit.figures.drawing import Drawing
from labkit.figures.plain import Bars, Lines, paint_bars, paint_lines
from labkit.figures.sheet import drawable
from labkit.figures.style import INK, MARKS, SIZES, SOFT, axes, bars, label_axes, row_names, text_width, whiskers

from .experiments.retrained import named

if TYPE_CHECKING:
    from .experiments.linear import LinearityProfile
    from .experiments.removal import Stripped
    from .experiments.retrained import TwoByTwo

__all__ = ["DRAWINGS", "TokenMap", "gap_rows", "paint_stripped", "paint_token_map"]

ROW = 0.21  # inches of a level
MOST = 60  # tokens side by side


@dataclass(frozen=True, kw_only=True)
class TokenMap:
    """Values [rows][tokens] as a grey map, dark for high; `words` are written in the cells where they are given.

    chosen: a token to point at. low, high: the ends of the greys (default: those of the values).
    """

    title: str
    tokens: Sequence[str]
    rows: Sequence[str]
    values: Sequence[Sequence[float]]
    label: str
    sentence: str
    words: Sequence[Sequence[str]] | None = None
    chosen: int | None = None
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.tokens) <= MOST or any(len(row) != len(self.tokens) for row in self.values):
            raise BadInput(
                f"{len(self.tokens)} tokens with rows of {sorted({len(row) for row in self.values})} cannot be drawn.",
                expected=f"1 to {MOST} tokens and one value for each in every row",
                do="take a shorter text",
            )


def paint_token_map(picture: TokenMap, figure: FigureBase) -> None:
    """Draw one column a token, named below, and one row a level."""
    shown = [drawable(token.strip()) or "␣" for token in picture.tokens]
    deep = max(text_width(one, "note") for one in shown)
    (ax,) = axes(
        figure, picture.title, left=0.25 + max(map(text_width, picture.rows)), right=1.05, bottom=0.2 + min(deep, 1.1)
    )
    known = [value for row in picture.values for value in row if not math.isnan(value)]
    low = min(known) if picture.low is None else picture.low
    high = max(known) if picture.high is None else picture.high
    image = ax.imshow(
        picture.values, cmap="Greys", vmin=low, vmax=high if high > low else low + 1, aspect="auto",
        interpolation="nearest", origin="lower",
    )  # fmt: skip
    ax.set_xticks(range(len(shown)), shown, rotation=90, fontsize=SIZES["note"])
    step = max(1, -(-len(picture.rows) // 14))
    ax.set_yticks(range(0, len(picture.rows), step), picture.rows[::step], fontsize=SIZES["note"])
    if picture.words is not None:
        _write_cells(picture, ax, low, high)
    if picture.chosen is not None:
        ax.axvspan(picture.chosen - 0.5, picture.chosen + 0.5, fill=False, edgecolor=MARKS["cut"].colour, linewidth=2)
        ax.get_xticklabels()[picture.chosen].set_fontweight("bold")
    bar = figure.colorbar(image, ax=ax, fraction=0.04, pad=0.015)
    bar.ax.tick_params(labelsize=SIZES["note"], labelcolor=SOFT)
    bar.set_label(picture.label, fontsize=SIZES["note"], color=SOFT)


def _write_cells(picture: TokenMap, ax, low: float, high: float) -> None:
    width = ax.bbox.width / ax.get_figure().dpi / len(picture.tokens)
    for r, (row, values) in enumerate(zip(picture.words or (), picture.values)):
        for c, (word, value) in enumerate(zip(row, values)):
            word = drawable(word.strip()) or "␣"
            while len(word) > 1 and text_width(word, "note") * 0.78 > width:
                word = word[:-2] + "…" if len(word) > 2 else word[0]
            dark = (value - low) > 0.55 * (high - low)
            ax.text(c, r, word, ha="center", va="center", fontsize=SIZES["note"] - 2, color="white" if dark else INK)


def _size_of_map(picture: TokenMap) -> tuple[float, float]:
    deep = max(text_width(token.strip() or "␣", "note") for token in picture.tokens)
    return 8.6, 0.85 + min(deep, 1.1) + ROW * max(4, len(picture.rows))


def _profile_lines(found: LinearityProfile) -> Lines:
    inner, held = found.residual[1:-1], found.held_out[1:-1]
    return Lines(
        title="How linear is each step?",
        x=range(1, len(found.residual) + 1),
        lines={
            "with residual": found.held_out,
            "without residual": found.no_residual_held_out,
            "unrelated, in sample": [found.chance] * len(found.residual),
        },
        x_label="step into level",
        y_label="linearity, held out",
        sentence=f"Over {found.tokens:,} tokens of {found.model}: with residual the inner steps score "
        f"{min(inner):.2f} to {max(inner):.2f} in sample and {min(held):.2f} to {max(held):.2f} held out; without it "
        f"{min(found.no_residual_held_out):.2f} to {max(found.no_residual_held_out):.2f} held out.",
        dots=True,
    )


LONGEST = "stop words and punctuation"  # what the names of rows take, so that the axis stays where it is


def paint_stripped(found: Stripped, figure: FigureBase) -> None:
    """Draw one bar a condition with its interval, and the line of guessing."""
    names = list(found.accuracy)
    shown = [f"as many {name.split(' as many as ')[0]}" if " as many as " in name else name for name in names]
    if len(set(shown)) < len(shown):  # controls of several rules
        shown = names
    left = 0.25 + max(map(text_width, (*shown, LONGEST)))
    (ax,) = axes(figure, "Questions answered right after tokens are taken out", left=left, right=0.6)
    kinds = {"intact": "intact", "random": "mlp", "content": "attention"}
    for row, name in enumerate(names):
        one = found.accuracy[name]
        mark = next((MARKS[mark] for start, mark in kinds.items() if name.startswith(start)), MARKS["cut"])
        bars(ax, [row], [one.value], mark, 0.7, across=True)
        whiskers(ax, [row], [one.low], [one.high], across=True)
        ax.annotate(
            f"{one.value:.2f}", (max(one.value, one.high), row), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=SIZES["note"], color=INK,
        )  # fmt: skip
    ax.axvline(found.chance, color=INK, linestyle=":", linewidth=1.5)
    row_names(ax, shown)
    ax.set_xlim(0, 1.12)
    ax.set_ylim(len(names) - 0.4, -0.6)
    label_axes(ax, x="share of questions answered right (dotted: a guess)")
    ax.xaxis.label.set_color(SOFT)


def _say_stripped(found: Stripped) -> str:
    said = [
        f"{name} {one.value:.2f} ({one.low:.2f} to {one.high:.2f}, {found.removed[name]:.0f} tokens out)"
        for name, one in found.accuracy.items()
    ]
    questions = next(iter(found.accuracy.values())).n
    listed = "; ".join(said)
    return f"Of {questions} questions {found.model} answers: {listed}. A guess is right {found.chance} of the time."


def _grid_bars(found: TwoByTwo) -> Bars:
    """Return a row for each kind of test: the models that went on reading whole texts, and those used to the kind."""
    tests = [test for test in found.tested if test != "intact" and (test, test) in found.cells]
    rows = [("full", "intact", "full"), *(("full", test, test) for test in tests)]
    groups = {
        "read whole texts": [found.cells[first, test] for first, test, _ in rows],
        "read such texts": [found.cells[own, test] for _, test, own in rows],
    }
    return Bars(
        title="Asked about stripped texts, before and after getting used to them",
        labels=[named(test) for _, test, _ in rows],
        groups={name: [one.value for one in row] for name, row in groups.items()},
        intervals={name: [(one.low, one.high) for one in row] for name, row in groups.items()},
        x_label=f"share of questions answered right (a guess: {found.chance})",
        sentence="Right answers: "
        + "; ".join(
            f"{named(test)}: {found.cells[first, test].value:.2f} after reading whole texts, "
            f"{found.cells[own, test].value:.2f} after reading such texts"
            for first, test, own in rows
        )
        + ".",
    )


def gap_rows(gaps: Sequence) -> Bars:
    """Return bars of several `Gap` results, one row a gap, with intervals."""
    labels = [f"{one.quantity}{', matched' if one.matched else ''}" for one in gaps]
    first, second = gaps[0].first, gaps[0].second
    values = {f"{first} − {second}": [one.difference.value for one in gaps]}
    return Bars(
        title=f"Is {first} easier to read the past from than a {second}?",
        labels=labels,
        groups=values,
        intervals={name: [(one.difference.low, one.difference.high) for one in gaps] for name in values},
        x_label=f"{first} minus {second}, nats a word",
        sentence="Differences: "
        + "; ".join(f"{label}: {one.difference.value:+.3f}" for label, one in zip(labels, gaps))
        + ".",
        digits=3,
    )


DRAWINGS = {
    "TokenMap": Drawing(paint_token_map, lambda picture: picture.sentence, _size_of_map),
    "LinearityProfile": Drawing(
        lambda found, figure: paint_lines(_profile_lines(found), figure), lambda found: _profile_lines(found).sentence
    ),
    "TwoByTwo": Drawing(
        lambda found, figure: paint_bars(_grid_bars(found), figure),
        lambda found: _grid_bars(found).sentence,
        lambda found: (8.6, 1.1 + 0.48 * len(_grid_bars(found).labels)),
    ),
    "Stripped": Drawing(paint_stripped, _say_stripped, lambda found: (8.6, 1.1 + 0.32 * len(found.accuracy))),
}
