"""The two panels, on small untrained models: pure answers, sentences that change, code that runs."""

import pytest

from labkit.anatomy import fingerprint
from labkit.base.errors import BadInput, LabkitError
from labkit.figures.style import new_figure
from labkit.papers.tokenformer import FirePanel, GrowPanel, TokenFormer, grow
from labkit.papers.tokenformer.task import tokenizer
from labkit.zoo import Handle


@pytest.fixture(scope="module")
def handle():
    words = tokenizer().vocab_size
    config = TokenFormer(vocab=words, width=24, depth=2, heads=2, tokens=36, ffn=144, context=128, init_std=0.1)
    return Handle("small", config.build(1).eval(), tokenizer())


def panels(handle):
    return [GrowPanel(handle), FirePanel(Handle("grown", grow(handle.model, 108), tokenizer()))]


@pytest.mark.parametrize("number", [0, 1])
def test_every_preset_is_drawn_told_and_leaves_the_model_alone(handle, number):
    panel = panels(handle)[number]
    before = fingerprint(panel.model)
    said = set()
    for state in panel.presets():
        panel.set(**vars(state))
        figure = new_figure(panel.size)
        panel.draw(panel.data, figure)
        assert figure.axes
        said.add(panel.sentence(panel.data))
        assert str(panel.table(panel.data))
    assert len(said) == len(panel.presets())
    panel.close()
    assert fingerprint(panel.model) == before


def test_growing_by_zero_keys_says_that_nothing_moved(handle):
    panel = GrowPanel(handle)
    panel.set(keys="zero", tau="fixed", n_new=180)
    assert "no logit moves" in panel.sentence(panel.data)
    panel.set(tau="live")
    assert "goes from" in panel.sentence(panel.data)
    panel.restore()
    assert "as trained" in panel.sentence(panel.data)
    panel.set(keys="duplicate", tau="live", n_new=72)
    assert "no logit moves" in panel.sentence(panel.data)


def test_values_out_of_reach_and_strange_words_are_refused(handle):
    with pytest.raises(BadInput):
        GrowPanel(handle).set(n_new=20)
    with pytest.raises(LabkitError, match="no word"):
        FirePanel(handle).set(text="A submarine came.")


@pytest.mark.parametrize("number", [0, 1])
def test_the_code_it_shows_runs(handle, number, monkeypatch, capsys):
    import labkit

    panel = panels(handle)[number]
    monkeypatch.setattr(labkit, "load", lambda name: panel.model, raising=False)
    exec(panel.code(panel.presets()[1]), {})
    assert capsys.readouterr().out
