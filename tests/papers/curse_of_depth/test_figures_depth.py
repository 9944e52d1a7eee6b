"""The pictures of paper 08: every result has one, and its sentence says what the picture shows."""

import math

import pytest

from labkit.figures import describe, draw, png
from labkit.figures.style import new_figure
from labkit.measurements.curve_pairs import compare_curves
from labkit.measurements.estimate import mean_over
from labkit.measurements.profiles import profile
from labkit.papers.curse_of_depth.method.distances import AngularDistances
from labkit.papers.curse_of_depth.method.theory import theory_curves
from labkit.training.curves import Curve, Curves


def run(name, seed, status="finished"):
    steps = tuple(range(20, 401, 20)) if status == "finished" else (20, 40)
    loss = tuple(round(5.0 - 0.01 * step + 0.1 * seed + len(name) / 100, 4) for step in steps)
    tokens = tuple(1000 * step for step in steps)
    plain = {
        "size": "cpu",
        "lr": 1e-3,
        "planned": 400,
        "model": {},
        "gradient": loss,
        "said": "nan at step 41",
    }
    return Curve(recipe=name, seed=seed, status=status, step=steps, tokens=tokens, loss=loss, **plain)


def angles(depth=3):
    rows = tuple(tuple(0.1 * (n + 1) + 0.01 * l for l in range(depth - n)) for n in range(depth))
    adjacent = tuple(mean_over([0.1 + 0.01 * l, 0.1]) for l in range(depth))
    return AngularDistances(value=rows, low=rows, high=rows, adjacent=adjacent, tokens="all", n=2)


CURVES = Curves((*(run(n, s) for n in ("pre", "scaled") for s in range(5)), run("post", 0, "diverged")))
LINES = {"a": [[1.0, 2.0], [400.0, 300.0]], "b": [[2.0, 3.0], [5.0, 6.0]]}
RESULTS = [
    (profile("What is it?", "size", LINES), ["a is highest at layer 1 (350", "lowest at layer 0 (1.5"]),
    (profile("Alone?", "size", {"a": [[1.0], [0.5]]}, null=0.0), ["a is highest at layer 0"]),
    (angles(), ["block 3 turns it most", "block 1 least", "2 documents"]),
    (angles(1), ["block 1 turns it most"]),
    (theory_curves(64), ["pre-norm, lemma 1,001", "scaling, lemma 64"]),
    (theory_curves(5, "gradient"), ["Log of the bound at block 5"]),
    (CURVES, ["scaled", "5 of 5 runs finished", "post, lr 0.001, seed 0 diverged: nan at step 41"]),
    (compare_curves(CURVES, "pre", "scaled"), ["scaled minus that of pre", "5 seeds", "nowhere"]),
]


@pytest.mark.parametrize(("result", "said"), RESULTS)
def test_every_result_is_drawn_and_told(result, said):
    figure = draw(result)
    assert len(png(figure)) > 5000
    assert all(part in describe(result) for part in said), describe(result)
    halves = new_figure((10, 4)).subfigures(1, 2)
    draw(result, halves[0])
    for ax in figure.axes:
        for text in (ax.xaxis.label, ax.yaxis.label):
            box = text.get_window_extent()
            assert not text.get_text() or (box.x0 >= 0 and box.y0 >= 0), f"{text.get_text()!r} is cut off"


def test_more_lines_than_marks_are_all_drawn_and_told_apart():
    many = profile("Many?", "size", {str(i): [[1.0 + i], [2.0 + i]] for i in range(7)})
    lines = draw(many).axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == len(lines) == 7


def test_what_diverged_is_marked_and_does_not_stretch_the_axes():
    wild = Curve(**{**vars(run("post", 1, "diverged")), "loss": (4.0, math.inf)})
    figure = draw(Curves((*CURVES.runs, wild)))
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "X"]
    assert len(crosses) == 2
    assert figure.axes[0].get_ylim()[1] < 10
