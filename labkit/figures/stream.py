"""The picture the whole course uses: the residual stream as a line upwards, and what reads from it and writes to it.

Addresses are places in it. `layers.2` is the stream after block 2, `layers.2.mlp` the box that writes there,
`layers.2.mlp.down[12, 7]` one number in a matrix of that box.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import FancyBboxPatch

from labkit.base.errors import BadInput, unknown

from .drawing import Drawing
from .style import FAINT, INK, MARKS, PAPER, RULE, SOFT, axes, inches

__all__ = ["DRAWINGS", "StreamMap"]

ENDS = ("embed", "positions", "embed_norm", "final_norm", "head")
PARTS = {"attn": ("q", "k", "v", "o"), "mlp": ("gate", "up", "down")}
UNSEEN = {"attn": ("q_norm", "k_norm"), "mlp": ("neurons",)}  # too small to draw: the whole box is marked
SPOKEN = {"attn": "attention", "mlp": "MLP"}
MOST_LAYERS = 4  # drawn in full; of deeper models the first, the last and those that are spoken of
CHOSEN = "#ffd75e"  # after ink only

ROW, GAP, END = 0.52, 0.36, 0.75  # inches: a sub-layer, a run of layers left out, an end of the model
WIDTH = 8.6
STREAM, LEFT, BOX, RIGHT = 2.3, 2.1, 3.2, 6.0  # inches from the left: the line, labels, a box's two sides


@dataclass(frozen=True, kw_only=True)
class StreamMap:
    """A model of `depth` blocks, the chosen address to point at, and what is cut out of it.

    cut: sites such as "layers.2.mlp", "layers.0.attn", or "layers.1" for both. note: what to say at the address.
    """

    depth: int
    chosen: str | None = None
    cut: tuple[str, ...] = ()
    title: str | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise BadInput(f"A model of {self.depth} blocks has no stream to draw.", expected="at least one block")
        for place in (*self.cut, *((self.chosen,) if self.chosen else ())):
            layer, _, _ = _split(place)
            if layer is not None and layer >= self.depth:
                raise BadInput(f"{place} is beyond the last block.", expected=f"layers.0 to layers.{self.depth - 1}")
        for place in self.cut:
            if not re.fullmatch(r"layers\.\d+(\.attn|\.mlp)?", place):
                raise BadInput(f"{place} cannot be drawn as cut.", expected="a block or a sub-layer")

    @property
    def missing(self) -> frozenset[tuple[int, str]]:
        """The sub-layers that are cut, as (layer, "attn" or "mlp")."""
        found = set()
        for place in self.cut:
            layer, part, _ = _split(place)
            found |= {(layer, kind) for kind in PARTS if not part or part == kind}
        return frozenset(found)


def paint(picture: StreamMap, figure: FigureBase) -> None:
    """Draw the stream from the words read at the bottom to the next word at the top."""
    width, height = _size(picture)
    (ax,) = axes(figure, picture.title or _title(picture), left=0.1, right=0.1, bottom=0.05)
    ax.set_xlim(0, width - 0.2)
    ax.set_ylim(0, height - 0.5)
    ax.set_axis_off()
    pen = _Pen(ax, picture, min(side / own for side, own in zip(inches(figure), (width, height))))
    top = height - 0.5
    pen.arrow((STREAM, 0.1), (STREAM, top - 0.05), FAINT, width=4, head=20)
    pen.text(STREAM + 0.2, 0.14, "the words so far", 10.5, color=SOFT)
    pen.text(STREAM + 0.2, top - 0.16, "the next word", 10.5, color=SOFT)
    pen.end("embed", 0.48)
    y = END
    for run in _runs(picture):
        if len(run) > 1:
            pen.left_out(run, y)
            y += GAP
            continue
        for kind in PARTS:
            pen.sublayer(run[0], kind, y)
            y += ROW
        pen.boundary(run[0], y)
    pen.end("final_norm", y + 0.3)
    pen.end("head", y + 0.66)


def describe(picture: StreamMap) -> str:
    """Return the picture in words, from the bottom up."""
    said = [
        f"The residual stream of a model with {picture.depth} blocks, drawn upwards from the words read to the next "
        "word. In each block first the attention, then the MLP reads from the stream and adds to it."
    ]
    if picture.chosen:
        said.append(f"Marked: {picture.chosen}, {_where(picture.chosen)}.")
    if picture.cut:
        said.append(f"Cut: {', '.join(picture.cut)}; there the stream passes on unchanged.")
    return " ".join(said)


class _Pen:
    """Draws the parts of one picture; y is the height of a part's lower edge, in inches."""

    def __init__(self, ax: Axes, picture: StreamMap, scale: float):
        self.ax, self.picture, self.scale = ax, picture, min(1.0, scale)
        self.layer, self.part, self.piece = _split(picture.chosen) if picture.chosen else (None, None, None)

    def text(self, x: float, y: float, text: str, size: float = 10.5, **options) -> None:
        options = {"color": INK, "va": "center", "zorder": 8, **options}
        self.ax.text(x, y, text, fontsize=max(6.0, size * self.scale), **options)

    def end(self, name: str, y: float) -> None:
        """Draw an end of the model as a box on the stream."""
        chosen = self.part == name and self.layer is None
        self.box(STREAM - 0.55, y - 0.14, 1.1, 0.28, INK if chosen else RULE, chosen)
        self.text(STREAM, y, name, family="monospace", ha="center")
        if chosen:
            self.callout(STREAM + 0.55, y)

    def left_out(self, run: range, y: float) -> None:
        self.text(STREAM + 0.2, y + GAP / 2, f"⋮  blocks {run[0]} to {run[-1]}, built the same", 10, color=SOFT)

    def boundary(self, layer: int, y: float) -> None:
        """Draw the stream after a block, where the next one reads."""
        chosen = self.layer == layer and not self.part
        self.ax.plot(STREAM, y, "o", color=CHOSEN if chosen else PAPER, markersize=12 if chosen else 6,
                     markeredgecolor=INK if chosen else RULE, zorder=6)  # fmt: skip
        weight = "bold" if chosen else "normal"
        self.text(LEFT, y, f"layers.{layer}", family="monospace", ha="right", weight=weight)
        if chosen and self.picture.note:
            self.callout(STREAM + 0.1, y)

    def sublayer(self, layer: int, kind: str, y: float) -> None:
        """Draw one sub-layer: the norm it reads through, its matrices, and the sum it writes to."""
        part = self.part if self.layer == layer else ""
        if (layer, kind) in self.picture.missing:
            self.box(BOX, y + 0.08, RIGHT - BOX, 0.36, MARKS["cut"].colour, dashed=True)
            self.text(BOX + 0.12, y + 0.25, f"{SPOKEN[kind]}: cut", color=MARKS["cut"].colour, weight="bold")
        else:
            self.connect(layer, kind, y)
            self.box(BOX, y + 0.08, RIGHT - BOX, 0.36, _colour(kind), part == kind and not self.piece)
            self.text(BOX + 0.12, y + 0.255, SPOKEN[kind], weight="bold" if part == kind else "normal")
            self.pieces(kind, y, self.piece if part == kind else None)
        if part == kind:
            self.callout(RIGHT, y + 0.25)
        elif part == f"{kind}_norm":
            self.callout(RIGHT, y + 0.25, STREAM + 0.5, y + 0.06)

    def connect(self, layer: int, kind: str, y: float) -> None:
        """Draw how a sub-layer reads from the stream, below, and adds to it, above."""
        reads, writes, colour = y + 0.15, y + 0.37, _colour(kind)
        self.arrow((STREAM, reads), (BOX, reads), colour)
        self.arrow((BOX, writes), (STREAM + 0.08, writes), colour)
        chosen = self.layer == layer and self.part == f"{kind}_norm"
        self.box(STREAM + 0.26, reads - 0.085, 0.46, 0.17, INK if chosen else RULE, chosen)
        self.text(STREAM + 0.49, reads, "norm", 8.5, ha="center")
        self.ax.plot(STREAM, writes, "o", color=PAPER, markersize=13 * self.scale, markeredgecolor=colour, zorder=6)
        self.ax.plot(STREAM, writes, "+", color=colour, markersize=8 * self.scale, markeredgewidth=1.8, zorder=7)

    def pieces(self, kind: str, y: float, chosen: str | None) -> None:
        """Draw the matrices of a sub-layer as small plates in its box."""
        left = BOX + 1.05
        step = (RIGHT - left) / len(PARTS[kind])
        for place, name in enumerate(PARTS[kind]):
            x = left + place * step
            self.box(x, y + 0.15, step - 0.1, 0.22, INK if name == chosen else RULE, name == chosen)
            self.text(x + (step - 0.1) / 2, y + 0.255, name, 9.5, family="monospace", ha="center")

    def callout(self, x: float, y: float, *via: float) -> None:
        """Write the address beside its place, with a line between them."""
        if via:  # from a place under the box, round its lower edge
            self.ax.plot(
                [via[0], via[0], RIGHT + 0.1, RIGHT + 0.1], [y - 0.19, via[1] - 0.04, via[1] - 0.04, y], color=INK, lw=1
            )
            x = RIGHT + 0.1
        self.ax.plot([x, RIGHT + 0.2], [y, y], color=INK, linewidth=1, zorder=3)
        raised = 0.09 if self.picture.note else 0.0
        self.text(RIGHT + 0.26, y + raised, self.picture.chosen, 10, family="monospace", weight="bold")
        self.text(RIGHT + 0.26, y - 0.11, self.picture.note, 10, color=SOFT)

    def box(
        self, x: float, y: float, width: float, height: float, edge: str, chosen: bool = False, dashed: bool = False
    ) -> None:
        self.ax.add_patch(
            FancyBboxPatch(
                (x, y),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=CHOSEN if chosen else PAPER,
                edgecolor=edge,
                linewidth=2.2 if chosen else 1.4,
                linestyle=(0, (4, 3)) if dashed else "-",
                zorder=5,
            )
        )

    def arrow(
        self, start: tuple[float, float], end: tuple[float, float], colour: str, width: float = 1.5, head: float = 11
    ) -> None:
        style = {"arrowstyle": "-|>", "lw": width, "color": colour, "shrinkA": 0, "shrinkB": 0, "mutation_scale": head}
        self.ax.annotate("", end, start, arrowprops=style, zorder=2)


def _split(place: str) -> tuple[int | None, str, str | None]:
    """Return (layer, part, drawn matrix) of an address or site; raise `UnknownName` when there is no such place."""
    name = re.sub(r"\[[^\]]*\]$", "", place).removesuffix(".bias")
    if name in ENDS:
        return None, "embed" if name in ("positions", "embed_norm") else name, None
    match = re.fullmatch(r"layers\.(\d+)(?:\.(attn|mlp)(_norm|_post_norm)?(?:\.(\w+))?)?", name)
    part, norm, piece = match.groups()[1:] if match else ("", "", None)
    if match is None or (piece and (norm or piece not in PARTS[part] + UNSEEN[part])):
        known = [*ENDS, "layers.0", *(f"layers.0.{kind}{end}" for kind in PARTS for end in ("", "_norm", "_post_norm"))]
        known += [f"layers.0.{kind}.{name}" for kind in PARTS for name in PARTS[kind] + UNSEEN[kind]]
        raise unknown("place in the picture of the stream", place, known)
    drawn = piece if part and piece in PARTS[part] else None
    return int(match[1]), (part or "") + ("_norm" if norm == "_norm" else ""), drawn


def _runs(picture: StreamMap) -> Iterator[range]:
    """Yield the layers from below: alone when drawn, together when left out."""
    spoken = {_split(place)[0] for place in (*picture.cut, picture.chosen or "embed")}
    whole = picture.depth <= MOST_LAYERS
    shown = {layer for layer in range(picture.depth) if whole or layer in spoken or layer in (0, picture.depth - 1)}
    layer = 0
    while layer < picture.depth:
        end = layer + 1
        while layer not in shown and end < picture.depth and end not in shown:
            end += 1
        yield range(layer, end)
        layer = end


def _size(picture: StreamMap) -> tuple[float, float]:
    rows = sum(GAP if len(run) > 1 else 2 * ROW for run in _runs(picture))
    return WIDTH, rows + END + 1.75


def _title(picture: StreamMap) -> str:
    return f"Where {picture.chosen} is" if picture.chosen else "The residual stream, and what reads and writes it"


def _colour(kind: str) -> str:
    return MARKS["attention" if kind == "attn" else "mlp"].colour


def _where(place: str) -> str:
    layer, part, piece = _split(place)
    if layer is None:
        return "an end of the model"
    if not part:
        return f"the stream after block {layer}"
    if part.endswith("_norm"):
        return f"the norm through which the {SPOKEN[part.removesuffix('_norm')]} of block {layer} reads"
    return f"in the {SPOKEN[part]} of block {layer}" if piece else f"the {SPOKEN[part]} of block {layer}"


DRAWINGS = {"StreamMap": Drawing(paint, describe, _size)}
