"""Pairs of one score against their costs, made by hand; the ringed pair and its names cover no other point."""

import pytest
from matplotlib.text import Text

from labkit.base.errors import BadInput
from labkit.figures import describe, draw
from labkit.measurements import LayerScores
from labkit.measurements.estimate import Estimate
from labkit.papers.what_matters import EqualScores, equal_scores


def line(*values):
    return tuple(Estimate(name="x", value=value, low=value, high=value, n=1, over="texts") for value in values)


def layers(attention, mlp):
    empty = (None,) * len(attention)
    return LayerScores(metric="m", unit="", text="t", attention=line(*attention), mlp=line(*mlp), block=empty)


SCORES = layers((0.9, 0.100, 0.20, 0.3), (0.8, 0.105, 0.21, 0.5))
COSTS = layers((5.0, 0.6, 0.10, 0.2), (9.0, 0.2, 0.05, 0.1))


def test_pairs_are_those_within_a_tenth_the_smallest_ratio_first():
    found = equal_scores(SCORES, COSTS, [1, 2, 3])
    assert [pair[:2] for pair in found.pairs] == [(2, 2), (1, 1)]
    assert [pair[2] for pair in found.pairs] == pytest.approx([2.0, 3.0])
    assert found.middle[:2] == (1, 1) and "attention 1" in found.table() and found.agreement.labels.count("MLP 3") == 1
    assert len(equal_scores(SCORES, COSTS, [1, 2, 3], within=0.55).pairs) > 2
    assert EqualScores.from_dict(found.as_dict()) == found


def test_layers_that_are_not_asked_for_and_idle_mlps_make_no_pair():
    assert [pair[:2] for pair in equal_scores(SCORES, COSTS, [2]).pairs] == [(2, 2)]
    idle = layers((5.0, 0.6, 0.1, 0.2), (9.0, -0.2, 0.0, 0.1))
    with pytest.raises(BadInput, match="within 10%"):
        equal_scores(SCORES, idle, [1, 2, 3])


def test_the_middle_pair_is_ringed_named_and_told():
    found = equal_scores(SCORES, COSTS, [1, 2, 3])
    figure = draw(found)
    (ax,) = figure.axes
    rings = [one.get_xydata()[0].tolist() for one in ax.lines if one.get_markerfacecolor() == "none"]
    assert rings == [[0.100, 0.6], [0.105, 0.2]]
    assert {"attention 1", "MLP 1", "attention 0", "MLP 0"} == {one.get_text() for one in ax.texts}
    assert "Ringed are attention 1 and MLP 1" in describe(found)
    figure.canvas.draw()
    boxes = [Text.get_window_extent(one) for one in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
