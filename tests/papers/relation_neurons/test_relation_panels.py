"""The panels of lesson 11: what is shown is what the experiments give, and the model stays as it was."""

import pytest

import labkit
from labkit.base.errors import BadInput
from labkit.figures import new_figure, png
from labkit.papers import relation_neurons as rn
from labkit.papers.relation_neurons.panels.confounds import ConfoundState
from labkit.papers.relation_neurons.panels.silence import SilenceState


@pytest.fixture(scope="module")
def model():
    return labkit.load("lab/facts")


@pytest.fixture(scope="module", params=["silence", "confounds"])
def panel(request, model):
    before = labkit.fingerprint(model)
    made = {"silence": labkit.SilencePanel, "confounds": labkit.ConfoundPanel}[request.param](model)
    yield made
    made.close()
    assert labkit.fingerprint(model) == before


def test_a_panel_is_drawn_told_and_tabled_at_its_presets(panel):
    sentences = set()
    for state in panel.presets()[:3]:
        data = panel.compute(state)
        figure = new_figure(panel.size)
        panel.draw(data, figure)
        assert len(png(figure)) > 5000
        sentences.add(panel.sentence(data))
        assert len(panel.table(data).rows) >= 3
    assert len(sentences) == 3


def test_what_is_shown_as_code_runs(panel, capsys):
    state = SilenceState("sport", 0.1) if isinstance(panel, labkit.SilencePanel) else ConfoundState(pool="last")
    data = panel.compute(state)
    exec(panel.code(state), {})
    said = capsys.readouterr().out
    drop = data.intact["sport"] - data.cut["sport"] if isinstance(panel, labkit.SilencePanel) else data.own
    assert f"{drop:.2f}" in said or f"{drop:.4g}" in said


def test_silencing_none_changes_nothing(model):
    panel = labkit.SilencePanel(model)
    data = panel.compute(SilenceState("father", 0.0))
    assert data.cut == data.intact == data.matched and data.k == 0
    panel.set(relation="sport", share=0.1)
    assert panel.data.cut["sport"] < panel.data.intact["sport"]
    panel.restore()
    assert panel.data.cut == panel.data.intact
    with pytest.raises(BadInput):
        panel.set(relation="uncle")
    panel.close()


def test_the_panel_asks_the_experiment(model):
    data = labkit.SilencePanel(model).compute(SilenceState("sport", 0.1, ("gate",)))
    study = rn.RelationStudy.of(model, most=20)
    found = rn.damage_map(study, 0.1, silenced=["sport"], modules=("gate",))
    assert found.after[0, found.rows("sport")].mean() == pytest.approx(data.cut["sport"])
