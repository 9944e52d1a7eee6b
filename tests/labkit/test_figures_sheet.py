"""A sheet: what is written and drawn stands where its inches say, counted from the top left corner."""

import pytest
from matplotlib.patches import PathPatch

from labkit.figures import new_figure
from labkit.figures.sheet import Sheet
from labkit.figures.style import SIZES


@pytest.fixture
def halves():
    figure = new_figure((6.0, 2.0))
    return figure, figure.subfigures(1, 2, width_ratios=(2, 4))


def inches_of(figure, box):
    """Return (left, top, width, height) of what covers `box` pixels of a figure."""
    dpi = figure.dpi
    return (box.x0 / dpi, figure.get_figheight() - box.y1 / dpi, box.width / dpi, box.height / dpi)


def test_boxes_stand_at_their_inches_in_a_part_of_the_figure_too(halves):
    figure, (_, right) = halves
    sheet = Sheet(right, "Right")
    assert (sheet.width, sheet.height) == pytest.approx((4.0, 2.0))
    sheet.boxes([(0.5, 0.25, 1.0, 0.5), (2.5, 0.25, 1.0, 1.5)], facecolor="black", hatch="...")
    (patch,) = [artist for artist in right.get_children() if isinstance(artist, PathPatch)]
    assert patch.get_hatch() == "..." and len(patch.get_path().to_polygons()) == 2
    figure.canvas.draw()
    assert inches_of(figure, patch.get_window_extent()) == pytest.approx((2.5, 0.25, 3.0, 1.5))
    drawn = [polygon / figure.dpi for polygon in patch.get_path().to_polygons(patch.get_transform())]
    assert [polygon[:, 1].min() for polygon in drawn] == pytest.approx([1.25, 0.25])


def test_no_boxes_draw_nothing(halves):
    _, (left, _) = halves
    before = len(left.get_children())
    sheet = Sheet(left, "Left")
    sheet.boxes([], facecolor="black")
    assert len(left.get_children()) == before + 1, "the title alone"
    Sheet(left).boxes([])
    assert len(left.get_children()) == before + 1, "and none of those"


def test_words_stand_in_their_line_and_the_title_at_the_top(halves):
    figure, (left, _) = halves
    sheet = Sheet(left, "Left")
    sheet.write(1.0, 1.0, "here", ha="right")
    sheet.write(1.0, 1.0, "there", "label")
    figure.canvas.draw()
    title, here, there = left.texts
    assert (title.get_text(), title.get_weight(), title.get_fontsize()) == ("Left", "bold", SIZES["title"])
    assert here.get_fontsize() == SIZES["tick"] and there.get_fontsize() == SIZES["label"]
    x, y, width, height = inches_of(figure, here.get_window_extent())
    assert x + width == pytest.approx(1.0, abs=0.03) and y < 1.0 < y + height
    assert inches_of(figure, there.get_window_extent())[0] == pytest.approx(1.0, abs=0.03)
    assert inches_of(figure, title.get_window_extent())[1] < 0.2
