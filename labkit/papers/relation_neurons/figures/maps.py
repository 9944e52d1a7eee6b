"""Maps of relations by relations: what silencing costs, what is left beyond drawn sets, shared neurons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import Rectangle

from labkit.figures.drawing import Drawing
from labkit.figures.plain import Bars, paint_bars
from labkit.figures.style import INK, MARKS, SIZES, axes, inches

from ..experiments import DamageMap, DamageNull, NeuronOverlap

__all__ = ["DRAWINGS"]

ALPHA = 0.05
WHAT = {
    "top": "those of the silenced relation",
    "bottom": "its worst neurons",
    "random": "as many at random",
    "matched": "as many of the same layers and modules",
    "permuted": "neurons found with shuffled labels",
}


def _paint_map(found: DamageMap, figure: FigureBase) -> None:
    """Draw the drops in greys, own relation framed; a number where the sign test says p < 0.05 for that cell alone."""
    if len(found.silenced) == 1:
        paint_bars(_left(found), figure)
        return
    title = f"Drop of accuracy, {found.k} neurons off: {WHAT[found.by]}"
    _paint_cells(found, title, found.matrix(), figure)


def _left(found: DamageMap) -> Bars:
    """Return what is left of each relation where one is silenced."""
    (name,) = found.silenced
    left = {asked: 1 - found.drop(asked, name) for asked in found.relations}
    others = [value for asked, value in left.items() if asked != name] or [left[name]]
    return Bars(
        title=f"What is left with the neurons of {name} off",
        labels=list(left),
        groups={"accuracy left": list(left.values())},
        x_label="share of the intact accuracy",
        sentence=f"{found.k} neurons of {name} off: {left.get(name, 0):.0%} of it is left, of the other relations "
        f"{min(others):.0%} to {max(others):.0%}.",
    )


def _describe_map(found: DamageMap) -> str:
    if len(found.silenced) == 1:
        return _left(found).sentence
    cells = [(r, s) for s in found.silenced for r in found.relations]
    fallen = [(r, s) for r, s in cells if r != s and found.p_value(r, s) < ALPHA and found.drop(r, s) > 0]
    risen = [(r, s) for r, s in cells if r != s and found.p_value(r, s) < ALPHA and found.drop(r, s) < 0]
    return (
        f"A map of {len(found.silenced)} silenced by {len(found.relations)} asked relations, {found.k} neurons off. "
        f"Mean drop of the relation whose neurons are off {found.own().value:.2f}, of the others "
        f"{found.others().value:.3f}. "
        f"Off the diagonal {len(fallen)} cells fall and {len(risen)} rise with p < {ALPHA:g}, each taken alone."
    )


def _paint_null(found: DamageNull, figure: FigureBase) -> None:
    """Draw what is left of the drops beyond the drawn sets; bold where a cell is beyond the largest of a drawn map."""
    title = f"Drop beyond that of {len(found.null)} drawn sets"
    _paint_cells(found, title, found.excess, figure, bold=found.beyond())


def _describe_null(found: DamageNull) -> str:
    cells = [(s, r) for s in found.silenced for r in found.relations if found.p_value(r, s) < ALPHA]
    own, beyond = sum(s == r for s, r in cells), found.beyond()
    diagonal, p = found.diagonal()
    return (
        f"Each drop minus its mean over {len(found.null)} sets of the same layers and modules. The diagonal keeps "
        f"{diagonal:.2f} on average (p = {p:.3f}). Numbers stand where fewer than one drawn set in twenty costs that "
        f"relation as much: {own} cells of the diagonal, {len(cells) - own} others. Bold, {len(beyond)} cells: above "
        f"the largest cell of 95 in 100 drawn maps."
    )


def _paint_overlap(found: NeuronOverlap, figure: FigureBase) -> None:
    (ax,) = axes(figure, f"Neurons in common, of {found.k}", left=1.5, right=0.95, bottom=1.2)
    shared = np.array(found.shared, dtype=float)
    np.fill_diagonal(shared, np.nan)
    image = ax.imshow(shared, cmap="Greys", vmin=0, vmax=max(found.k / 4, np.nanmax(shared)), aspect="auto")
    for row, column in zip(*np.nonzero(~np.isnan(shared))):
        dark = shared[row, column] > 0.55 * image.get_clim()[1]
        ax.text(column, row, f"{int(shared[row, column])}", ha="center", va="center", fontsize=SIZES["note"] - 1,
                color="white" if dark else INK)  # fmt: skip
    _names(ax, found.relations, found.relations)
    _bar(figure, image, ax, "neurons in common")


def _describe_overlap(found: NeuronOverlap) -> str:
    pairs = [(found.share(a, b), a, b) for i, a in enumerate(found.relations) for b in found.relations[i + 1 :]]
    most, a, b = max(pairs)
    return (
        f"Neurons that two relations have in common, of {found.k} each. Most: {a} and {b}, {most * found.k:.0f}. "
        f"Two random sets would share {found.expected:.1f}."
    )


def _cell(ax: Axes, row: int, column: int, drop: float, shown: bool, own: bool, bold: bool = False) -> None:
    text = f"{drop:.2f}".replace("0.", ".").replace("-.", "−.") if shown else "·"
    weight = "bold" if bold else "normal"
    ax.text(column, row, text, ha="center", va="center", fontsize=SIZES["note"] - (0 if bold else 1), weight=weight,
            color="white" if drop > 0.55 else INK)  # fmt: skip
    if own:
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=MARKS["cut"].colour, linewidth=2))


def _paint_cells(
    found: DamageMap | DamageNull,
    title: str,
    drops: np.ndarray,
    figure: FigureBase,
    bold: Sequence[tuple[str, str]] = (),
) -> None:
    """Draw drops by silenced relation and relation asked; numbers where one cell taken alone has p < 0.05."""
    (ax,) = axes(figure, title, left=1.5, right=0.95, bottom=1.2)
    image = ax.imshow(np.clip(drops, 0, 1), cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    for row, silenced in enumerate(found.silenced):
        for column, asked in enumerate(found.relations):
            shown = found.p_value(asked, silenced) < ALPHA
            _cell(ax, row, column, drops[row, column], shown, silenced == asked, (silenced, asked) in bold)
    _names(ax, found.silenced, found.relations)
    ax.set_ylabel("silenced", fontsize=SIZES["label"])
    ax.set_xlabel("asked about", fontsize=SIZES["label"])
    _bar(figure, image, ax, "relative drop of accuracy")


def _names(ax: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Name rows and columns of a map; the columns' names lean."""
    ax.set_yticks(range(len(rows)), rows, fontsize=SIZES["tick"])
    ax.set_xticks(range(len(columns)), columns, rotation=38, ha="right", rotation_mode="anchor", fontsize=SIZES["tick"])


def _bar(figure: FigureBase, image: Any, ax: Axes, label: str) -> None:
    width, _ = inches(figure)
    box = ax.get_position()
    bar = figure.colorbar(image, cax=figure.add_axes((box.x1 + 0.12 / width, box.y0, 0.14 / width, box.height)))
    bar.ax.tick_params(labelsize=SIZES["note"])
    bar.set_label(label, fontsize=SIZES["note"])


DRAWINGS = {
    "DamageMap": Drawing(
        _paint_map,
        _describe_map,
        lambda found: (8.6, 4.3 if len(found.silenced) == 1 else 1.9 + 0.29 * len(found.silenced)),
    ),
    "DamageNull": Drawing(_paint_null, _describe_null, lambda found: (8.6, 1.9 + 0.29 * len(found.silenced))),
    "NeuronOverlap": Drawing(_paint_overlap, _describe_overlap, lambda found: (8.6, 5.2)),
}
