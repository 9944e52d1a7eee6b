"""Figures: readable without colour and on any page, described in words, drawn without pyplot or torch."""

import itertools
import subprocess
import sys
from base64 import b64decode
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from io import BytesIO

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text
from PIL import Image

from labkit import figures
from labkit.base.errors import BadInput, UnknownName
from labkit.claims.assessment import Assessment
from labkit.claims.entry import Claim, Paper
from labkit.figures import output, style
from labkit.figures.drawing import _HOMES
from labkit.measurements import ResidualStats, Vitals, mean_over, proportion
from labkit.sweeps.keys import plan_key
from labkit.sweeps.result import Sweep

DRAW = np.random.default_rng(7)


def around(middle, n=24, **words):
    return mean_over(DRAW.normal(middle, 0.1, n), **words)


def sweep_of(plans, cost=lambda table: 0.2):
    base = DRAW.normal(1.2, 0.1, 16)
    values = {plan_key(plan): tuple(base + cost(plan[0]) + DRAW.normal(0, 0.02, 16)) for plan in plans}
    return Sweep(
        model="lab/tiny",
        fingerprint="f",
        text="t",
        documents=16,
        tokens=1600,
        measure="loss",
        unit="nats/token",
        over="documents",
        weights=(1.0,) * 16,
        intact=tuple(base),
        labels=tuple(" ".join(map(str, plan[0].values())) for plan in plans),
        plans=tuple(plans),
        values=values,
    )


OUTWEIGHS = {"kind": "drop_mlp", "layer": 0}


def sublayers(depth):
    return [({"kind": kind, "layer": k},) for k in range(depth) for kind in ("drop_attention", "drop_mlp")]


def claim(**changes):
    fields = {
        "id": "00-x",
        "lesson": "00",
        "kind": "model",
        "sentence": "Attention is cheaper to lose than an MLP.",
        "scale": "cost of attention / cost of the MLP",
        "over": "documents",
        "n": 64,
        "null": 1.0,
        "delta": 0.1,
        "settles": "more documents",
        "direction": "below",
        "seeds": (1,),
        "measure": "a.b",
        "number": "0.4 of 3.4 points",
        "number_on_scale": 0.12,
        "setting": "Mistral-7B",
        "place": "Table 1",
        "paper": Paper(authors="He and others", title="What matters", arxiv="2406.15786", year=2024),
    }
    return Claim(**{**fields, **changes})


def assessed(value=0.4, low=0.3, high=0.5, verdict="reproduced", **changes):
    n = 0 if value is None else 64
    return Assessment(
        claim=claim(**changes),
        value=value,
        low=low,
        high=high,
        n=n,
        over="documents",
        verdict=verdict,
        reason="so it is",
    )


def comparison(cut=(1.3, 2.4), **changes):
    fields = {
        "title": "What does the cut cost?",
        "unit": "loss, nats per token",
        "labels": ("drop layers.2.attn", "drop layers.2.mlp"),
        "intact": (around(1.2), around(1.2)),
        "cut": tuple(around(value) if isinstance(value, float) else value for value in cut),
        "limits": (0.0, 3.0),
    }
    return figures.Comparison(**{**fields, **changes})


def words(**changes):
    fields = {
        "title": "“Bo gives the lantern to Odile. Who has the lantern?”",
        "words": (" Odile", " Bo", " the"),
        "intact": (0.84, 0.09, 0.0002),
        "cut": (0.31, 0.44, 0.05),
        "right": " Odile",
    }
    return figures.NextWords(**{**fields, **changes})


def residuals(depth):
    boundaries = ("embed", *(f"layers.{k}" for k in range(depth)))
    grown = tuple(around(3 + k, 5) for k in range(depth + 1))
    each = dict.fromkeys(ResidualStats.__dataclass_fields__, grown)
    return ResidualStats(**{**each, "boundaries": boundaries})


def vitals(tracking=0.9, nats=0.06, slips=0.8, hub=False):
    shares = {"tracking": tracking, "places": 0.6, "recall": 0.7, "copying": 0.97} | ({} if hub else {"facts": 0.8})
    signs = {name: proportion([1] * round(64 * p) + [0] * round(64 * (1 - p)), null=0.25, name=name)
             for name, p in shares.items()}  # fmt: skip
    if not hub:
        signs["whole_stories"] = proportion([1] * 40 + [0] * 24, null=0.0, name="whole stories")
        signs["above_floor"] = mean_over([nats, 1.2 * nats], null=0.0, name="loss above the floor")
        signs["contradictions"] = mean_over([slips, 1.2 * slips], null=0.0, name="contradictions")
    return Vitals(model="lab/tiny", params=949_504, n=64, seed=0, **signs)


SAMPLES = {
    "vitals": vitals,
    "vitals, hub": lambda: vitals(hub=True),
    "vitals, cut": lambda: vitals().beside(vitals(tracking=0.3, nats=1.7, slips=14.0)),
    "comparison": comparison,
    "comparison, one leaves the axis": lambda: comparison(limits=(0.0, 1.5)),
    "accuracy": lambda: comparison(
        labels=("who has the lantern",),
        intact=(proportion([1] * 91 + [0] * 9, null=0.25),),
        cut=(proportion([1] * 34 + [0] * 66, null=0.25),),
        limits=(0.0, 1.1),
    ),
    "words": words,
    "words, one model": lambda: words(cut=None, right=None),
    "sweep of 4 layers": lambda: sweep_of(sublayers(4), lambda t: 1.0 if t["kind"] == "drop_mlp" else -0.2),
    "sweep of 30 layers": lambda: sweep_of(sublayers(30)),
    "sweep, one part outweighs": lambda: sweep_of(sublayers(4), lambda t: 0.04 + 8 * (t == OUTWEIGHS)),
    "sweep, one part outweighs gains": lambda: sweep_of(sublayers(8), lambda t: -0.004 + 8 * (t == OUTWEIGHS)),
    "sweep of blocks": lambda: sweep_of([({"kind": "drop_block", "layer": k},) for k in range(6)]),
    "sweep of weights": lambda: sweep_of(
        [({"kind": "zero_weight", "address": f"layers.{k}.mlp.down[{k * 13}, {k * 7}]"},) for k in range(30)]
    ),
    "claim": assessed,
    "claim, not measured": lambda: assessed(None, None, None, "unresolved"),
    "identity": lambda: assessed(0.0, 0.0, 0.0, "exact", kind="identity", null=0.0, delta=0.0),
    "claim far above": lambda: assessed(
        9.0, 8.0, 9.5, "contradicted", null=2.0, direction="below", number_on_scale=1.0
    ),
    "loss": lambda: around(1.2, name="loss", unit="nats/token"),
    "share": lambda: proportion([1] * 91 + [0] * 9, name="choice accuracy", null=0.25),
    "residuals": lambda: residuals(12),
    "residuals of 40 layers": lambda: residuals(40),
    "stream": lambda: figures.StreamMap(depth=4, chosen="layers.2.mlp.down[12, 7]", note="one number of 49,152"),
    "stream, cut": lambda: figures.StreamMap(depth=12, chosen="layers.5", cut=("layers.7", "layers.2.attn")),
    "stream, norm": lambda: figures.StreamMap(depth=30, chosen="layers.9.attn_norm[4]", note="one gain"),
    "stream, end": lambda: figures.StreamMap(depth=2, chosen="head"),
    "lines": lambda: figures.Lines(
        title="How much of a matrix?",
        x=range(20),
        lines={kind: [k * (order - 1) for k in range(20)] for order, kind in enumerate(("trained", "random", "none"))},
        x_label="singular values kept",
        y_label="share of the squares",
        sentence="Three lines over twenty values.",
        dots=True,
    ),
    "a bundle of lines": lambda: figures.Lines(
        title="From noise",
        x=(0.0, 0.5, 1.0),
        lines={f"path {k}": (k - 4.5, 0.0, 2.0) for k in range(9)},
        x_label="share of the way",
        y_label="x",
        sentence="Nine paths end in one place.",
    ),
    "bars": lambda: figures.Bars(
        title="Four names, changed in three ways",
        labels=("Wren", "Lena", "Kofi", "Edda"),
        groups={"as they are": (0.4, 0.3, 0.2, 1e-6), "doubled": (0.7, -0.2, 0.0, 0.1), "halved": (0.3, 0.3, 0.2, 0.2)},
        x_label="probability",
        sentence="Doubling raises the largest of the four.",
    ),
    "bars of one kind": lambda: figures.Bars(
        title="Surprise",
        labels=tuple("abcdefghijkl"),
        groups={"nats": range(12)},
        x_label="surprise (nats)",
        sentence="Twelve words and their surprise.",
    ),
    "bars with intervals": lambda: figures.Bars(
        title="What two kinds of parts are worth",
        labels=("block 1", "block 2"),
        groups={"attention": (0.4, 0.1), "MLP": (0.02, -0.001)},
        intervals={"attention": ((0.3, 0.5), (0.05, 0.2)), "MLP": ((0.0, 0.04), (-0.01, 0.01))},
        x_label="rise of the loss",
        sentence="An attention is worth more than an MLP.",
    ),
    "islands": figures.Islands,
    "islands, lit": lambda: figures.Islands(holder="Odile", island="Hollow"),
}


@lru_cache
def sampled(name):
    return SAMPLES[name]()


@lru_cache
def drawn(name):
    figure = figures.draw(sampled(name))
    figure.canvas.draw()
    return figure


@pytest.fixture(params=SAMPLES)
def name(request):
    return request.param


def visible_texts(figure):
    def shown(text):
        axes = text.axes
        dressing = axes is not None and not axes.axison and text in (axes.xaxis.label, axes.yaxis.label)
        return text.get_visible() and text.get_text().strip() and not dressing

    ticks = {
        id(label): label
        for ax in figure.findobj(matplotlib.axes.Axes)
        for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim()))
        for label in axis.get_ticklabels()
        if not ax.axison
        or not min(limits) <= (label.get_position()[0] if axis is ax.xaxis else label.get_position()[1]) <= max(limits)
    }
    return [text for text in figure.findobj(Text) if shown(text) and id(text) not in ticks]


def test_every_text_is_inside_the_picture_and_on_no_other_text(name):
    figure = drawn(name)
    whole = figure.bbox
    boxes = [(text, text.get_window_extent()) for text in visible_texts(figure)]
    assert len(boxes) >= 4
    for text, box in boxes:
        inside = whole.x0 - 1 <= box.x0 and box.x1 <= whole.x1 + 1 and whole.y0 - 1 <= box.y0 and box.y1 <= whole.y1 + 1
        assert inside, f"{text.get_text()!r} leaves the picture"
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert wide < 2 or high < 3, f"{one.get_text()!r} lies on {other.get_text()!r}"


def test_every_text_is_dark_enough_and_large_enough(name):
    for text in visible_texts(drawn(name)):
        red, green, blue, alpha = to_rgba(text.get_color())
        colour = "#" + "".join(f"{round(channel * 255):02x}" for channel in (red, green, blue))
        assert alpha == 1
        assert style.contrast(colour) >= 4.5, (text.get_text(), colour)
        assert text.get_fontsize() >= 8.5, text.get_text()


def test_every_result_describes_itself_in_a_sentence_that_show_accepts(name):
    assert output._sentence(figures.describe(sampled(name)))


@pytest.mark.parametrize("kind", ["comparison", "claim", "sweep of weights", "stream"])
def test_show_puts_picture_alternative_and_sentence_into_the_notebook(kind, monkeypatch, capsys):
    displayed = []
    monkeypatch.setattr("IPython.display.display", lambda *args, **kwargs: displayed.append((args, kwargs)))
    figures.show(sampled(kind))
    ((picture,), options), alt = displayed[0], figures.describe(sampled(kind))
    assert capsys.readouterr().out == alt + "\n"
    assert options == {"raw": True, "metadata": {"image/png": {"alt": alt}}}
    data = b64decode(picture["image/png"], validate=True)
    source = f"data:image/png;base64,{picture['image/png']}"
    assert picture["text/html"].startswith(f'<img src="{source}" alt="{escape(alt)}"')
    assert len(data) < 40_000  # a notebook holds six pictures and may weigh 400 KB
    assert Image.open(BytesIO(data)).convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_drawing_on_a_part_of_a_figure_leaves_the_rest_alone(name):
    whole = Figure(figsize=(17.2, 8))
    left, right = whole.subfigures(1, 2)
    assert figures.draw(sampled(name), left) is left
    assert left.axes
    assert not right.axes


@pytest.mark.parametrize("mark", list(style.MARKS))
def test_a_mark_is_seen_on_white(mark):
    assert style.contrast(style.MARKS[mark].colour) >= 3


def test_text_and_lines_are_seen_on_white_and_on_the_band():
    for colour in (style.INK, style.SOFT):
        assert min(style.contrast(colour), style.contrast(colour, style.BAND)) >= 4.5
    assert style.contrast(style.RULE) >= 3
    assert style.contrast(style.INK, "#ffd75e") >= 4.5


def test_contrast_is_that_of_the_standard():
    assert style.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert style.contrast("#777777") == pytest.approx(4.48, abs=0.005)  # the textbook case just below 4.5
    assert style.contrast("#ff0000") == pytest.approx(4.0, abs=0.005)


# Machado, Oliveira and Fernandes 2009, severity 1: what a reader without one cone type sees, in linear light.
SIGHT = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def as_lab(colour, sight):
    channels = np.array(to_rgba(colour)[:3])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(sight) @ linear, 0, 1)
    xyz = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]) @ linear
    f = np.cbrt(xyz / [0.9505, 1, 1.089])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
def test_marks_stay_apart_for_every_eye(sight):
    for one, other in itertools.combinations(style.MARKS.values(), 2):
        assert np.linalg.norm(as_lab(one.colour, SIGHT[sight]) - as_lab(other.colour, SIGHT[sight])) > 18


def test_no_pair_is_told_apart_by_colour_alone():
    for pair in (("intact", "cut"), ("attention", "mlp")):
        one, other = (style.MARKS[name] for name in pair)
        assert one.hatch != other.hatch
        assert one.line != other.line
    markers = [mark.marker for mark in style.MARKS.values()]
    assert len(set(markers)) == len(markers)


def test_a_png_is_opaque_on_white_and_as_large_as_asked():
    image = Image.open(BytesIO(figures.png(figures.draw(comparison()), dpi=50)))
    pixels = np.asarray(image.convert("RGBA"))
    assert image.size == (430, 155)
    assert (pixels[..., 3] == 255).all()
    for corner in (pixels[0, 0], pixels[0, -1], pixels[-1, 0], pixels[-1, -1]):
        assert corner.tolist() == [255, 255, 255, 255]
    assert (pixels[..., :3] != 255).any()


def test_the_same_result_gives_the_same_bytes():
    result = comparison()
    assert figures.png(figures.draw(result)) == figures.png(figures.draw(result))


def test_neither_pyplot_nor_torch_is_imported_and_no_setting_is_left_changed():
    code = """
import sys, matplotlib
def settings():  # reading rcParams["backend"] would import pyplot
    return {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != "backend"}
before = settings()
from labkit import figures
from labkit.measurements import mean_over
from labkit.sweeps import Sweep
for result in (figures.StreamMap(depth=3), figures.Islands(), mean_over([1.0, 2.0, 4.0])):
    figures.png(figures.draw(result))
assert settings() == before
print(sorted({"matplotlib.pyplot", "torch"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


@pytest.mark.parametrize("alt", [None, "", "   ", "figure", "Loss by layer", "loss by layer for four cuts.", 7,
                                 "Loss by layer for four cuts"])  # fmt: skip
def test_a_figure_without_a_real_sentence_is_refused(alt, capsys):
    with pytest.raises(BadInput, match="text alternative"):
        figures.show(figures.draw(comparison()), alt=alt)
    assert capsys.readouterr().out == ""


def test_a_part_of_a_figure_is_no_picture():
    with pytest.raises(BadInput, match="SubFigure"):
        figures.png(Figure().subfigures(1, 1))


def test_every_home_holds_the_drawing_of_a_type_that_exists():
    for (layer, name), home in _HOMES.items():
        owner = sys.modules.get(layer) or __import__(layer, fromlist=[name])
        assert isinstance(getattr(owner, name), type)
        module = __import__(f"labkit.figures.{home}", fromlist=["DRAWINGS"])
        assert name in module.DRAWINGS


def test_a_kind_of_estimate_is_drawn_as_one():
    from labkit.measurements import ChoiceAccuracy, Loss

    for kind in (Loss, ChoiceAccuracy):
        assert figures.drawing_of(kind(name="x", value=0.5, low=0.4, high=0.6, n=3, over="documents")).paint


def test_a_type_without_a_drawing_is_named_and_can_be_given_one():
    @dataclass
    class Mine:
        value: float

    with pytest.raises(BadInput, match="Mine"):
        figures.draw(Mine(1.0))
    drawing = figures.Drawing(
        lambda mine, figure: figure.text(0.5, 0.5, str(mine.value)), lambda mine: "A number of mine."
    )
    figures.drawing_of.register(Mine, lambda mine: drawing)
    assert [text.get_text() for text in figures.draw(Mine(1.5)).texts] == ["1.5"]


def widths_of(figure):
    return [patch.get_width() for patch in figure.axes[0].patches]


def test_bars_are_as_long_as_the_numbers_and_intervals_lie_where_they_are():
    result = comparison()
    figure = figures.draw(result)
    assert widths_of(figure) == pytest.approx([e.value for e in (*result.intact, *result.cut)])
    ends = [tuple(segment[:, 0]) for lines in figure.axes[0].collections for segment in lines.get_segments()]
    for estimate in (*result.intact, *result.cut):
        assert any(end == pytest.approx((estimate.low, estimate.high)) for end in ends)


def test_axes_do_not_move_when_the_numbers_do():
    before, after = (figures.draw(comparison(cut=cut)).axes[0] for cut in ((1.3, 2.4), (0.4, 1.9)))
    assert before.get_xlim() == after.get_xlim() == (0.0, 3.0)
    assert before.get_position().bounds == after.get_position().bounds


def test_a_bar_that_leaves_the_axis_still_says_its_number():
    result = comparison(cut=(1.3, 7.0), limits=(0.0, 3.0))
    texts = [text.get_text() for text in visible_texts(figures.draw(result))]
    assert any((text.endswith("→") and text.startswith("7.0")) or text.startswith("6.9") for text in texts)


def test_a_comparison_that_does_not_compare_is_refused():
    for changes in ({"labels": ()}, {"labels": ("one",)}, {"limits": (1.0, 1.0)}):
        with pytest.raises(BadInput):
            comparison(**changes)


def test_a_sweep_is_drawn_layer_by_layer():
    cost = {"drop_attention": 0.1, "drop_mlp": 0.9}
    sweep = sweep_of(sublayers(5), lambda table: cost[table["kind"]] * (1 + table["layer"]))
    figure = figures.draw(sweep)
    bars = {round(patch.get_x() + patch.get_width() / 2, 2): patch.get_height() for patch in figure.axes[0].patches}
    for point in sweep:
        layer, kind = point.plan[0]["layer"], point.plan[0]["kind"]
        assert bars[layer + (0.2 if kind == "drop_mlp" else -0.2)] == pytest.approx(point.change.value)
    assert "drop_mlp 4" in figures.describe(sweep)
    assert "drop_attention 0" in figures.describe(sweep)


def test_a_sweep_in_which_one_part_outweighs_the_others_shows_them_all():
    sweep = sampled("sweep, one part outweighs")
    ax = drawn("sweep, one part outweighs").axes[0]
    assert ax.get_yscale() == "log"
    assert "log scale" in ax.get_ylabel()
    assert not ax.patches  # a bar would measure from a zero that is not there
    dots = {(round(x, 2), y) for line in ax.lines for x, y in zip(line.get_xdata(), line.get_ydata())}
    for point in sweep:
        side = 0.2 if point.plan[0]["kind"] == "drop_mlp" else -0.2
        assert (round(point.plan[0]["layer"] + side, 2), point.change.value) in dots
    ends = {round(end, 9) for lines in ax.collections for path in lines.get_paths() for end in path.vertices[:, 1]}
    assert {round(end, 9) for point in sweep for end in (point.change.low, point.change.high)} <= ends
    assert "ten times the one before" in figures.describe(sweep)


def test_gains_and_doubtful_changes_stay_on_a_logarithmic_axis():
    ax = drawn("sweep, one part outweighs gains").axes[0]
    assert ax.get_yscale() == "symlog"
    bottom, top = ax.get_ylim()
    for point in sampled("sweep, one part outweighs gains"):
        assert bottom < point.change.low < point.change.high < top
    exact = sweep_of(sublayers(2), lambda table: 0.0)
    still = {**exact.values, plan_key(exact.plans[0]): exact.intact, plan_key(exact.plans[1]): [9.0] * 16}
    assert figures.png(figures.draw(Sweep(**{**vars_of(exact), "values": still})))


def test_sweeps_of_one_size_keep_their_bars():
    assert drawn("sweep of 4 layers").axes[0].get_yscale() == "linear"
    assert len(drawn("sweep of 4 layers").axes[0].patches) == 8


def test_lines_and_bars_are_drawn_where_their_numbers_are():
    ax, lines = drawn("lines").axes[0], sampled("lines")
    assert [list(line.get_ydata()) for line in ax.lines[:3]] == [list(values) for values in lines.lines.values()]
    assert len({line.get_linestyle() for line in ax.lines[:3]}) == 3
    assert drawn("a bundle of lines").axes[0].get_legend() is None
    few = figures.Lines(title="t", x=range(-1, 4), lines={"a": range(5)}, x_label="x", y_label="y", sentence="s")
    assert list(figures.draw(few).axes[0].get_xticks()) == [-1, 0, 1, 2, 3]  # no half blocks
    widths = sorted(patch.get_width() for patch in drawn("bars").axes[0].patches)
    assert widths == sorted(value for values in sampled("bars").groups.values() for value in values)
    assert "0.00" in [text.get_text() for text in drawn("bars").axes[0].texts]


def test_bars_named_like_a_part_look_like_it_and_carry_their_intervals():
    ax = drawn("bars with intervals").axes[0]
    colours = [style.MARKS[kind].colour for kind in ("attention", "mlp")]
    assert [to_hex(bars.patches[0].get_facecolor()) for bars in ax.containers] == colours
    ends = [tuple(float(x) for x in path.vertices[:, 0]) for lines in ax.collections for path in lines.get_paths()]
    assert (0.3, 0.5) in ends and (-0.01, 0.01) in ends
    words = {text.get_text(): text for text in ax.texts}
    assert words["0.40"].xy[0] == 0.5 and words["0.00"].xy[0] == 0.01  # behind the interval, never across it


def test_lines_and_bars_of_unequal_length_are_refused():
    words = {"title": "t", "x_label": "x", "sentence": "s"}
    with pytest.raises(BadInput, match="drawn over 2"):
        figures.Lines(**words, y_label="y", x=(1, 2), lines={"a": (1, 2), "b": (1,)})
    with pytest.raises(BadInput):
        figures.Bars(**words, labels=(), groups={"a": ()})
    with pytest.raises(BadInput, match="at most 4"):
        figures.Bars(**words, labels=("one",), groups=dict.fromkeys("abcde", (1.0,)))
    with pytest.raises(UnknownName, match="kind of bars"):
        figures.Bars(**words, labels=("one",), groups={"a": (1.0,)}, intervals={"b": ((0.0, 2.0),)})


def vars_of(sweep):
    return {name: getattr(sweep, name) for name in Sweep.__dataclass_fields__}


def test_a_sweep_that_was_stopped_says_so():
    sweep = sweep_of(sublayers(4))
    kept = dict(list(sweep.values.items())[:3])
    stopped = Sweep(**{**{name: getattr(sweep, name) for name in Sweep.__dataclass_fields__}, "values": kept})
    assert "5 cuts are not measured" in figures.describe(stopped)
    assert len(figures.draw(stopped).axes[0].patches) == 3
    empty = Sweep(**{**{name: getattr(sweep, name) for name in Sweep.__dataclass_fields__}, "values": {}})
    assert "nothing has been measured" in figures.describe(empty)
    assert figures.png(figures.draw(empty))


def test_a_claim_is_drawn_where_its_numbers_are():
    ax = figures.draw(assessed()).axes[0]
    drawn = {tuple(np.round(line.get_xdata(), 6)) for line in ax.lines}
    assert {(0.3, 0.5), (0.4,), (0.12,), (1.0, 1.0)} <= drawn
    (band,) = ax.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.9, 1.1))
    said = figures.describe(assessed())
    for words_in in ("0.4 of 3.4 points", "0.400", "0.300 to 0.500", "Null 1, margin 0.1", "reproduced"):
        assert words_in in said


def test_places_that_no_stream_has_are_named():
    with pytest.raises(UnknownName, match="down"):
        figures.StreamMap(depth=4, chosen="layers.2.mlp.dwon")
    with pytest.raises(BadInput, match="last block"):
        figures.StreamMap(depth=4, chosen="layers.4.mlp.down")
    with pytest.raises(BadInput, match="cut"):
        figures.StreamMap(depth=4, cut=("embed",))
    with pytest.raises(BadInput):
        figures.StreamMap(depth=0)


def test_every_address_has_a_place_in_the_picture():
    from labkit.anatomy.address import ENDS, LAYER_PARTS

    sites = ["layers.1", "layers.1.attn", "layers.1.mlp", "layers.1.mlp.neurons"]
    for address in (*ENDS, *(f"layers.1.{part}" for part in LAYER_PARTS), *sites, "layers.1.attn.q.bias", "head[3, :]"):
        plain, marked = (figures.draw(figures.StreamMap(depth=2, chosen=chosen)) for chosen in (None, address))
        yellow = [p for p in marked.findobj(FancyBboxPatch) if to_hex(p.get_facecolor()) == "#ffd75e"]
        dots = [line for line in marked.axes[0].lines if line.get_color() == "#ffd75e"]
        assert len(yellow) + len(dots) == 1, address
        assert not [p for p in plain.findobj(FancyBboxPatch) if to_hex(p.get_facecolor()) == "#ffd75e"]


@pytest.mark.parametrize(("cut", "boxes"), [((), 0), (("layers.1.mlp",), 1), (("layers.1", "layers.0.attn"), 3)])
def test_what_is_cut_is_said_in_the_picture(cut, boxes):
    texts = [text.get_text() for text in visible_texts(figures.draw(figures.StreamMap(depth=3, cut=cut)))]
    assert sum(text.endswith(": cut") for text in texts) == boxes
    assert texts.count("norm") == 6 - boxes


def test_deep_models_leave_out_what_nobody_speaks_of():
    texts = [t.get_text() for t in visible_texts(figures.draw(figures.StreamMap(depth=30, chosen="layers.9.attn.q")))]
    assert {"layers.0", "layers.9", "layers.29"} <= set(texts)
    assert "layers.5" not in texts
    assert any("blocks 10 to 28" in text for text in texts)


def test_probabilities_are_probabilities():
    for changes in (
        {"intact": (0.5, 0.5)},
        {"intact": (1.5, 0.0, 0.0)},
        {"intact": (float("nan"), 0, 0)},
        {"words": ()},
    ):
        with pytest.raises(BadInput):
            words(**changes)
    said = figures.describe(words())
    assert "Odile 0.84 intact, 0.31 cut" in said
    assert "the < 0.01 intact" in said
    assert "The true word is Odile" in said


def test_the_map_knows_the_residents():
    with pytest.raises(UnknownName, match="Odile"):
        figures.Islands(holder="Odil")
    with pytest.raises(UnknownName, match="Hollow"):
        figures.Islands(island="Holow")
    assert figures.Islands(holder="Odile").lantern_at == "Lull"
    assert "The lantern is on Hollow, with Odile." in figures.describe(figures.Islands(holder="Odile", island="Hollow"))


def test_names_stand_at_their_rows_and_columns_as_plain_text():
    figure = style.new_figure()
    (ax,) = style.axes(figure, "Names", left=1.5)
    style.row_names(ax, ["one", "two"], bold=["two"])
    style.column_names(ax, ["a", "b"], [0.5, 2])
    ax.set_ylim(1.5, -0.5)
    ax.set_xlim(0, 2)
    figure.canvas.draw()
    names = {text.get_text(): text for text in ax.texts}
    assert not ax.get_xticks().size and not ax.get_yticks().size and names["two"].get_weight() == "bold"
    for row, name in enumerate(["one", "two"]):
        box = names[name].get_window_extent()
        assert box.x1 < ax.bbox.x0 and box.y0 < ax.transData.transform((0, row))[1] < box.y1
    for place, name in ((0.5, "a"), (2, "b")):
        box = names[name].get_window_extent()
        assert box.y1 < ax.bbox.y0 and box.x0 < ax.transData.transform((place, 0))[0] < box.x1


@pytest.mark.parametrize("named_first", [True, False])
def test_an_axis_of_names_shows_its_label_whichever_came_first(named_first):
    (ax,) = style.axes(style.new_figure(), "Names")
    steps = [lambda: style.row_names(ax, ["one"]), lambda: style.label_axes(ax, y="what")]
    for step in steps if named_first else reversed(steps):
        step()
    assert ax.yaxis.get_visible() and ax.yaxis.label.get_text() == "what"
    style.column_names(ax, ["a"])
    assert not ax.xaxis.get_visible(), "no label: nothing to draw"
