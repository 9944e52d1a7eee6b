"""The panels on the shipped models: what they show is what the experiment gives, and their code runs."""

import contextlib
import io

import pytest

import labkit
from labkit import figures
from labkit.base.errors import BadInput
from labkit.papers.large_concept_models.experiments.films import film
from labkit.papers.large_concept_models.method.sampling import Knobs
from labkit.papers.large_concept_models.panels.denoising import FilmPanel
from labkit.papers.large_concept_models.panels.steer import DRAWS, EVENTS, SteerPanel


@pytest.fixture(scope="module")
def steer():
    return SteerPanel()


def run(code, **known):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(code, known)
    return said.getvalue()


def test_steering_shows_the_experiment(steer):
    steer.set(event=EVENTS["lost: four"], guidance=3.0)
    model, space = steer.pair
    wanted = film(model, space, EVENTS["lost: four"], knobs=Knobs(guidance=3.0), draws=DRAWS)
    assert steer.data == wanted
    assert f"{wanted.total_variation:.2f}" in steer.shown.sentence
    table = steer.table(steer.data)
    assert sum(row[2] for row in table.rows) == pytest.approx(1)
    assert wanted.texts[-1] in run(steer.code(steer.state))
    steer.set(event=EVENTS["sold: one future"], guidance=1.0)
    assert steer.data.shares[-1][0] > 0.9
    steer.restore()
    assert steer.state.guidance == 1.0


def test_impossible_controls_are_refused(steer):
    for change in ({"guidance": 7.0}, {"start_noise": 0.3}, {"event": "It rained ."}, {"colour": "red"}):
        with pytest.raises(BadInput):
            steer.set(**change)


def test_the_film_can_be_stopped_anywhere(steer):
    panel = FilmPanel(steer.pair)
    assert panel.data.step == 1 and len(panel.data.filmed.t) == 20
    first = panel.shown.sentence
    panel.set(step=20)
    last = panel.data.filmed
    assert panel.shown.sentence != first and last.texts[-1].removesuffix(" .") in panel.shown.sentence
    assert last.norm[0] < 0.9 < last.norm[-1] and last.impossible[-1] < 0.2
    assert last.apart[0] < 0.2 < 0.8 < last.apart[-1]
    assert panel.data.filmed is last  # moving the step asks no model
    assert run(panel.code(panel.state), pair=steer.pair).strip() == last.texts[-1]
    assert FilmPanel().code(panel.state).count("lcm.load_model('two-tower')") == 1


@pytest.mark.parametrize("make", [SteerPanel, FilmPanel])
@pytest.mark.parametrize("model", [None, 3, labkit.load("lab/tiny"), ("only one",)], ids=lambda x: type(x).__name__)
def test_what_samples_no_sentences_is_refused(make, model):
    with pytest.raises(BadInput, match="a pair"):
        make(model)


@pytest.mark.parametrize("make", [SteerPanel, FilmPanel])
def test_pictures_and_presets(make, steer):
    panel = make(steer.pair)
    for state in panel.presets():
        figure = figures.style.new_figure(panel.size)
        panel.draw(panel.compute(state), figure)
        assert len(figure.axes) == (1 if make is SteerPanel else 2)
    assert "draws" in str(panel.table(panel.data))
