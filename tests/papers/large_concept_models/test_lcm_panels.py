"""The panels on the shipped models: what they show is what the experiment gives, and their code runs."""

import contextlib
import io

import pytest

import labkit
from labkit import figures
from labkit.base.errors import BadInput, UnknownName
from labkit.papers.large_concept_models.experiments.steering import steer
from labkit.papers.large_concept_models.method.sampling import Knobs
from labkit.papers.large_concept_models.method.store import load_model, load_space
from labkit.papers.large_concept_models.panels.denoising import FilmPanel
from labkit.papers.large_concept_models.panels.steer import DRAWS, EVENTS, SteerPanel


@pytest.fixture(scope="module")
def pair():
    return load_model("two-tower"), load_space("aligned")


def run(code, **known):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(code, known)
    return said.getvalue()


def test_steering_shows_the_experiment(pair):
    panel = SteerPanel(pair, event="lost")
    panel.set(guidance=3.0, steps=10)
    wanted = steer(*pair, EVENTS["lost"], knobs=Knobs(guidance=3.0, steps=10), draws=DRAWS)
    assert panel.data == wanted
    assert f"{wanted.total_variation:.2f}" in panel.shown.sentence
    assert sum(row[2] for row in panel.table(panel.data).rows) == pytest.approx(1)
    assert run(panel.code(panel.state), pair=pair).strip() == str(wanted.table()).strip()
    panel.restore()
    assert panel.state.guidance == 1.0 and panel.data.impossible < 0.2
    assert SteerPanel(pair, event="sold").data.shares[0] > 0.9
    assert SteerPanel().code(panel.state).count("lcm.load_model('two-tower')") == 1


def test_a_mix_of_two_futures_is_no_future_and_small(pair):
    four, one = SteerPanel(pair), SteerPanel(pair, event="sold")
    plain = four.data
    for panel in (four, one):
        panel.set(mix=0.5)
    assert four.data.impossible > 0.7 and four.data.size < 0.85 * plain.size
    assert one.data.impossible < 0.1  # all draws say the same: nothing is mixed
    four.set(mix=0.1)
    assert four.data.impossible < 0.4  # the decoder forgives a little


def test_impossible_controls_are_refused(pair):
    panel = SteerPanel(pair)
    for change in ({"guidance": 7.0}, {"steps": 0}, {"mix": 0.9}, {"colour": "red"}):
        with pytest.raises(BadInput):
            panel.set(**change)
    for make in (SteerPanel, FilmPanel):
        with pytest.raises(UnknownName, match="ate"):
            make(pair, event="ate")
    with pytest.raises(BadInput, match="number"):
        steer(*pair, EVENTS["lost"], mix=1.5)
    with pytest.raises(BadInput, match="text ends"):
        steer(*pair, "Gladly Ilo took the ferry to Wick .")


def test_the_film_can_be_stopped_anywhere(pair):
    panel = FilmPanel(pair, event="found")
    assert panel.data.step == 1 and len(panel.data.filmed.t) == 20
    first, film = panel.shown.sentence, panel.data.filmed
    assert "cannot follow" in first and len(set(film.texts)) > 1  # a draw is followed whose words change
    panel.set(step=20)
    assert panel.data.filmed is film  # moving the step asks no model
    assert film.texts[-1].removesuffix(" .") in panel.shown.sentence
    assert ("can follow" in panel.shown.sentence.split("%")[0]) == (film.texts[-1] in film.futures)
    assert film.norm[0] < 0.9 < film.norm[-1] and film.impossible[-1] < 0.2
    assert film.apart[0] < 0.2 < 0.8 < film.apart[-1]
    assert run(panel.code(panel.state), pair=pair).strip() == film.texts[-1]
    panel.set(start_noise=0.4)
    assert panel.data.filmed is not film
    assert run(panel.code(panel.state), pair=pair).strip() == panel.data.filmed.texts[-1]


@pytest.mark.parametrize("make", [SteerPanel, FilmPanel])
@pytest.mark.parametrize("model", [None, 3, labkit.load("lab/tiny"), ("only one",)], ids=lambda x: type(x).__name__)
def test_what_samples_no_sentences_is_refused(make, model):
    with pytest.raises(BadInput, match="a pair"):
        make(model)


@pytest.mark.parametrize("make", [SteerPanel, FilmPanel])
def test_pictures_and_presets(make, pair):
    panel = make(pair)
    for state in panel.presets():
        figure = figures.style.new_figure(panel.size)
        panel.draw(panel.compute(state), figure)
        assert len(figure.axes) == (1 if make is SteerPanel else 2)
    assert "draws" in str(panel.table(panel.data))
