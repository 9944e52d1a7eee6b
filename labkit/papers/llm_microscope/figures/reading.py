"""What was read out of tokens, by class and by level, and how linear each step is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.plain import Bars, Lines, paint_bars, paint_lines
from labkit.figures.sheet import Sheet, drawable
from labkit.figures.style import INK, MARKS, RULE, axes, bars, label_axes, text_width, whiskers

if TYPE_CHECKING:
    from ..experiments.levels import LevelProfile
    from ..experiments.linear import LinearityProfile
    from ..experiments.memory import Gap, Memory, Rebuilt

__all__ = ["DRAWINGS", "gap_rows"]


WIDE, LEFT, LINE, GAP = 8.6, 1.25, 0.32, 0.22  # inches: the sheet, where words begin, one line, between two pairs


def _rebuilt_lines(found: Rebuilt) -> list[list[tuple[float, str, str]]]:
    """Return word pairs (x, written, true) in as many lines as they take."""
    lines: list[list[tuple[float, str, str]]] = [[]]
    x = LEFT
    for pair in zip(found.written_pieces, found.true_pieces):
        written, true = (drawable(word.strip()) or "␣" for word in pair)
        width = 0.13 + max(text_width(written), text_width(true))
        if x + width > WIDE:
            lines.append([])
            x = LEFT
        lines[-1].append((x, written, true))
        x += width
    return lines


def _paint_rebuilt(found: Rebuilt, figure: FigureBase) -> None:
    """Write what the decoder wrote above what stood there, word over word; a wrong word is boxed."""
    sheet = Sheet(figure, f"Read from one {drawable(found.token.strip())!r} (boxed: not what stood there)")
    y, look = 0.6, MARKS["cut"].colour
    for line in _rebuilt_lines(found):
        for name, row in (("read from it", 1), ("stood there", 2)):
            sheet.write(0.15, y + LINE * (row - 1), name, weight="bold")
            for word in line:
                wrong = row == 1 and word[1] != word[2]
                sheet.write(word[0], y + LINE * (row - 1), word[row], color=look if wrong else INK)
        boxed = [(x - 0.04, y - 0.14, text_width(written) + 0.08, 0.27) for x, written, true in line if written != true]
        sheet.boxes(boxed, fill=False, edgecolor=look, linewidth=1.5)
        y += 2 * LINE + GAP


def _say_rebuilt(found: Rebuilt) -> str:
    return (
        f"From {found.token.strip()!r} the decoder writes: “{found.written}”. There stood: “{found.true}”. "
        f"{found.right} of {found.words} words in place."
    )


def _memory_bars(found: Memory) -> Bars:
    """Return two bars a class of tokens, the most context first: its context, and what its own word tells."""
    means = {kind: {name: found.mean(name, kind).value for name in found.present} for kind in ("context", "own word")}
    order = sorted(found.present, key=lambda name: -means["context"][name])
    return Bars(
        title="What a token tells of the words before it",
        labels=order,
        groups={kind: [values[name] for name in order] for kind, values in means.items()},
        x_label="nats a word",
        sentence="Mean gain by class of token; the two bars add up to it: "
        + "; ".join(f"{name} {means['context'][name] + means['own word'][name]:.2f}" for name in order)
        + ".",
    )


def _paint_levels(found: LevelProfile, figure: FigureBase) -> None:
    """Draw what each level tells alone beside the weight it has where all are pooled."""
    alone, pooled = axes(figure, "What one level tells alone", "Weights in the pooling", left=0.95, between=1.0)
    mark = MARKS["intact"]
    alone.plot(found.levels, [one.value for one in found.gain], mark.line, color=mark.colour, marker=mark.marker, lw=2)
    whiskers(alone, found.levels, [one.low for one in found.gain], [one.high for one in found.gain])
    alone.axhline(found.pooled.value, color=INK, linestyle=":", linewidth=1.5)
    ends = [0.0, found.pooled.value, *(end for one in found.gain for end in (one.low, one.high))]
    alone.set_ylim(min(ends), 1.2 * max(ends))
    alone.axhline(0, color=RULE, linewidth=1)
    label_axes(alone, x="level (dotted: all of them pooled)", y="gain, nats a word")
    bars(pooled, range(len(found.weights)), found.weights, mark, 0.7)
    pooled.axhline(1 / len(found.weights), color=INK, linestyle=":", linewidth=1.5)
    label_axes(pooled, x="level (dotted: all alike)", y="weight")
    for ax in (alone, pooled):
        ax.set_xticks(range(0, len(found.weights), 2))


def _say_levels(found: LevelProfile) -> str:
    said = "; ".join(f"level {level} {one.value:.2f}" for level, one in zip(found.levels, found.gain))
    return (
        f"Information gain of one level alone, nats a word: {said}; all levels pooled {found.pooled.value:.2f}. "
        f"Pooled, the weights run from {min(found.weights):.3f} to {max(found.weights):.3f}."
    )


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


def gap_rows(gaps: Sequence[Gap]) -> Bars:
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
    "Rebuilt": Drawing(
        _paint_rebuilt,
        _say_rebuilt,
        lambda found: (WIDE, 0.42 + (2 * LINE + GAP) * len(_rebuilt_lines(found))),
    ),
    "Memory": Drawing(
        lambda found, figure: paint_bars(_memory_bars(found), figure),
        lambda found: _memory_bars(found).sentence,
        lambda found: (8.6, 1.1 + 0.34 * len(found.present)),
    ),
    "LevelProfile": Drawing(_paint_levels, _say_levels),
    "LinearityProfile": Drawing(
        lambda found, figure: paint_lines(_profile_lines(found), figure), lambda found: _profile_lines(found).sentence
    ),
}
