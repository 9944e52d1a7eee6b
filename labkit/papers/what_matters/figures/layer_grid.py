"""The picture of the grid of layers: what is left, the loss beside the intact one, sizes, and how both go on."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.numbers import signed
from labkit.figures.drawing import Drawing
from labkit.figures.sheet import Sheet, write_goes_on
from labkit.figures.style import INK, MARKS, PAPER, RULE, SIZES, SOFT, axes, inches, label_axes, row_names
from labkit.panels.reader import never_seen

from ..experiments.layer_grid import Cells, LayerGridData, as_lists

__all__ = ["DRAWINGS", "describe", "end", "name_of"]

FOOT, SIDE = 0.62, 3.9  # inches: the two lines below, losses and sizes on the right
AXIS_MIN, AXIS_MAX = 0.2, 20.0  # nats a token, the ends of the axis
ROWS = {"attention": "attention", "mlp": "MLP"}


def paint(data: LayerGridData, figure: FigureBase) -> None:
    """Draw the model part by part left, what that costs and saves right, on axes that do not move."""
    width, height = inches(figure)
    upper, lower = figure.subfigures(2, 1, height_ratios=(height - FOOT, FOOT))
    left, right = upper.subfigures(1, 2, width_ratios=(width - SIDE, SIDE))
    _parts(left, data)
    top, bottom = right.subfigures(2, 1, height_ratios=(1, 1))
    _loss(top, data)
    _sizes(bottom, data)
    write_goes_on(lower, *data.goes_on)


def _parts(figure: FigureBase, data: LayerGridData) -> None:
    """Draw a filled box for each part that is left, an empty one with a cross for each that is gone."""
    left, all_ = data.sublayers
    sheet = Sheet(figure, f"{left} of {all_} parts are left")
    start, cell = 0.9, (sheet.width - 1.1) / data.depth
    for row, part in enumerate(ROWS):
        top, mark = 0.6 + 0.84 * row, MARKS[part]
        box = {layer: (start + cell * (layer + 0.08), top, 0.84 * cell, 0.67) for layer in range(data.depth)}
        gone = [box.pop(layer) for own, layer in data.gone if own == part]
        sheet.boxes(list(box.values()), facecolor=mark.colour, edgecolor=PAPER, hatch=mark.hatch, linewidth=0)
        sheet.boxes(gone, facecolor=PAPER, edgecolor=RULE)
        for x, *_ in gone:
            sheet.write(x + 0.42 * cell, top + 0.33, "×", ha="center", fontsize=24)
        sheet.write(start - 0.08, top + 0.33, ROWS[part], ha="right")
    for layer in range(0, data.depth, max(1, -(-data.depth // 16))):
        sheet.write(start + cell * (layer + 0.5), 2.4, str(layer), ha="center")
    middle = start + cell * data.depth / 2
    sheet.write(middle, 2.64, "layer (0 is next to the text); × is left out", "label", ha="center")


def _loss(figure: FigureBase, data: LayerGridData) -> None:
    """Draw both losses as points on one line each, the cut one with the interval of the change."""
    (ax,) = axes(figure, "Loss on held-out stories", left=0.75, right=0.95, bottom=0.55)
    start, change = data.intact.value, data.change
    ax.axvline(start, color=RULE, linewidth=1, linestyle=":")
    ends = [min(max(start + end, AXIS_MIN), AXIS_MAX) for end in (change.low, change.high)] if data.gone else []
    for row, (name, estimate) in enumerate((("intact", data.intact), ("cut", data.cut))):
        mark, place = MARKS[name], min(max(estimate.value, AXIS_MIN), AXIS_MAX)
        if name == "cut" and ends:
            ax.hlines(row, *ends, color=INK, linewidth=1.8)
        ax.plot([place], [row], mark.marker, color=mark.colour, markersize=9, markeredgecolor=PAPER)
        added = f" ({signed(change.value, 2)})" if name == "cut" and data.gone else ""
        _write(ax, place, row, f"{estimate.value:.2f}{added}")
    ax.set_xscale("log")
    ax.set_xlim(AXIS_MIN, AXIS_MAX)
    ax.set_xticks([0.2, 1, 5, 20], ["0.2", "1", "5", "20"])
    ax.minorticks_off()
    row_names(ax, ["intact", "cut"])
    ax.set_ylim(1.6, -0.6)
    label_axes(ax, x="nats a token")


def _sizes(figure: FigureBase, data: LayerGridData) -> None:
    """Draw the shares of parameters and cache that are left."""
    sheet = Sheet(figure, "Size that is left")
    start, length = 0.75, sheet.width - 0.75 - 0.95
    for row, (name, (before, after)) in enumerate((("weights", data.parameters), ("cache", data.cache_bytes))):
        share, top = after / before, 0.5 + 0.3 * row
        sheet.boxes([(start, top, length, 0.17)], facecolor=PAPER, edgecolor=RULE)
        sheet.boxes([(start, top, share * length, 0.17)], color=MARKS["intact"].colour)
        sheet.write(start - 0.05, top + 0.09, name, ha="right")
        sheet.write(start + length + 0.08, top + 0.09, f"{share:.0%}".replace("%", " %"))
    sheet.write(start, 1.2, f"cache: one text of {data.context:,} tokens", "label", color=SOFT)


def _write(ax: Axes, place: float, row: int, text: str) -> None:
    """Write a number beside its point, on the side where there is room."""
    late = place > 6.0
    ax.annotate(
        text, (place, row), xytext=(-10 if late else 10, 0), textcoords="offset points",
        ha="right" if late else "left", va="center", fontsize=SIZES["tick"], color=INK,
    )  # fmt: skip


def describe(data: LayerGridData) -> str:
    """Return what the picture shows, in words."""
    over = f"{data.intact.n} held-out stories"
    if not data.gone:
        says = f"Nothing is left out. The loss is {data.intact.value:.3f} nats a token over {over}."
        return f"{says} The model has {data.parameters[0]:,} weights. {never_seen(data.unseen)}".rstrip()
    left, all_ = data.sublayers
    change = data.change
    says = f"Without {name_of(data.gone)} ({left} of {all_} parts left) the loss is {data.cut.value:.3f} nats a token, "
    says += f"intact {data.intact.value:.3f}: {signed(change.value, 2)} ({end(change.low)} to {end(change.high)}, "
    says += f"95 % interval over {over}). "
    says += _verdict(data)
    weights, cache = (1 - after / before for before, after in (data.parameters, data.cache_bytes))
    says += f" Saved: {weights:.0%} of the weights, {cache:.0%} of the cache.".replace("%", " %")
    same = data.goes_on[0] == data.goes_on[1]
    says += (
        " It goes on word for word as before."
        if same
        else f" It goes on: “{data.goes_on[1] or '(it ends)'}” instead of as before."
    )
    return f"{says} {never_seen(data.unseen)}".rstrip()


def end(value: float) -> str:
    """Return an end of an interval, 0 without a sign."""
    return signed(value, 2) if value else "0"


def _verdict(data: LayerGridData) -> str:
    change = data.change
    if not change.excludes(0.0):
        return "On these stories no difference can be told from none."
    return "That is worse, beyond chance." if change.value > 0 else "That is better, beyond chance."


def name_of(gone: Cells) -> str:
    """Return parts in words: "the attention of layers 3 and 4, the whole of layer 7"."""
    lists = as_lists(gone)
    both = [layer for layer in lists.get("attention", ()) if layer in lists.get("mlp", ())]
    said = []
    for part, spoken in (("attention", "the attention of"), ("mlp", "the MLP of")):
        if alone := [layer for layer in lists.get(part, ()) if layer not in both]:
            said.append(f"{spoken} {_layers(alone)}")
    if both:
        said.append(f"the whole of {_layers(both)}")
    return ", ".join(said) or "nothing"


def _layers(layers: list[int]) -> str:
    if len(layers) == 1:
        return f"layer {layers[0]}"
    return f"layers {', '.join(map(str, layers[:-1]))} and {layers[-1]}"


DRAWINGS = {"LayerGridData": Drawing(paint, describe, lambda data: (8.6, 3.9))}
