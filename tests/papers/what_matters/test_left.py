"""What is left as parts go, against the stored race by hand; and names on a picture that cover no point."""

import pytest
from matplotlib.text import Text

from labkit.base.errors import UnknownName
from labkit.figures import describe, draw
from labkit.figures.style import new_figure
from labkit.papers.what_matters import RacePanel, ScoreVsAblationPanel, what_is_left


@pytest.fixture(scope="module")
def race():
    return RacePanel("lab/deep").kept


def test_one_is_intact_and_nought_knows_nothing(race):
    left = what_is_left(race)
    for k in race.counts:
        loss = race.base.value + race.loss["attention"][k].value
        assert left.lines["the loss"][k].value == pytest.approx((race.guess - loss) / (race.guess - race.base.value))
        share = race.probes["copying"]["attention"][k].value
        assert left.lines["copying a list"][k].value == pytest.approx((share - 0.25) / 0.75)
    facts = race.probes["facts"]["attention"][8]
    one, whole = left.lines["facts"][8], race.intact["facts"].value
    assert one.low == pytest.approx((facts.low - 0.25) / (whole - 0.25)) and one.low < one.value < one.high
    assert [line[0].value for line in left.lines.values()] == pytest.approx([1] * 4)


def test_a_loss_with_a_long_interval_is_turned_the_right_way_round(race):
    rise, one = race.loss["attention"][8], what_is_left(race).lines["the loss"][8]
    room = race.guess - race.base.value
    assert (one.low, one.high) == pytest.approx((1 - rise.high / room, 1 - rise.low / room))


def test_what_the_intact_model_cannot_do_is_not_asked(race):
    assert not race.intact["recall"].excludes(race.intact["recall"].null)
    assert "recalling a list" not in what_is_left(race).lines


def test_falls_are_the_first_counts_below_a_level(race):
    left = what_is_left(race)
    lines = {name: [one.value for one in line] for name, line in left.lines.items()}
    for name, gone in left.falls(0.9).items():
        assert lines[name][gone] < 0.9 and min(lines[name][:gone]) >= 0.9
    assert set(left.falls(-9).values()) == {None}
    assert "never below 0.9" in describe(what_is_left(race, "joint")) or left.falls()
    with pytest.raises(UnknownName):
        what_is_left(race, "attentoin")


def test_every_point_is_drawn_with_its_interval(race):
    left = what_is_left(race)
    (ax,) = draw(left).axes
    bars = [one for one in ax.collections if len(one.get_segments()) == len(left.counts)]
    assert len(bars) == len(left.lines)
    for shown, line in zip(bars, left.lines.values()):
        for segment, one in zip(shown.get_segments(), line):
            assert sorted(y for _, y in segment) == pytest.approx([one.low, one.high])


def test_the_name_of_the_first_to_go_covers_no_point():
    panel = ScoreVsAblationPanel("lab/deep")
    for state in panel.presets():
        figure = new_figure(panel.size)
        panel.draw(panel.stored(state), figure)
        ax = figure.axes[0]
        figure.canvas.draw()
        (name,) = (text for text in ax.texts if "goes first" in text.get_text())
        box = Text.get_window_extent(name)  # the name alone, without its line
        drawn = (line for line in ax.lines if line.get_marker() != "None")
        points = [ax.transData.transform(xy) for line in drawn for xy in line.get_xydata()]
        assert len(points) >= 12 and not any(box.padded(2).contains(*point) for point in points)
