"""The panels of lesson 04 on small models: what is shown is what the experiments give, and models stay as they were."""

from typing import Any

import pytest

import labkit
from labkit import zoo
from labkit.base.errors import BadInput
from labkit.figures import new_figure, png
from labkit.papers import differential_transformer as diff
from labkit.papers.differential_transformer.panels.reading import ReadingPanel
from labkit.papers.differential_transformer.panels.surgery import LambdaPanel, texts
from labkit.papers.differential_transformer.task import tokenizer
from labkit.papers.differential_transformer.training import build

TEXTS = {"short": "rain Alburg 17 on old Bordale 5 light ? Alburg", "never told": "rain Alburg 17 on old ? Casford"}


def handle(arm):
    return zoo.Handle(f"toy/{arm}", build(arm, 5).eval(), tokenizer(), {})


@pytest.fixture(scope="module")
def models():
    return {"softmax": handle("softmax 8×8"), "DIFF": handle("diff"), "normed": handle("normed 4×16")}


@pytest.fixture
def surgery(models):
    before = labkit.fingerprint(models["DIFF"])
    panel = LambdaPanel(models["DIFF"])
    yield panel
    panel.close()
    assert labkit.fingerprint(models["DIFF"]) == before


@pytest.fixture
def reading(models):
    panel = ReadingPanel(models, TEXTS)
    yield panel
    panel.close()


def test_the_choice_is_the_edit(surgery, models):
    surgery.set(lam=0.7, norm=False)
    with labkit.edit(models["DIFF"], diff.SetLambda(0.7), diff.HeadNormOff()):
        found = diff.find_needles(models["DIFF"], texts())
    assert surgery.data.nats[1] == pytest.approx(found.loss.value) and surgery.data.lam == 0.7
    assert "subtracted" in surgery.shown.sentence and "without the head norm" in surgery.shown.sentence
    first, second, used = surgery.data.weights
    assert sum(first) == pytest.approx(1, abs=1e-4) and sum(used) == pytest.approx(0.3, abs=1e-4)
    assert [one - 0.7 * two for one, two in zip(first, second)] == pytest.approx(used, abs=1e-5)
    surgery.set(lam=-0.5, norm=True)
    assert "added" in surgery.shown.sentence
    surgery.restore()
    assert surgery.data.right[0] == surgery.data.right[1] and surgery.data.lam == surgery.data.own


def test_a_model_without_lambda_is_refused(models):
    with pytest.raises(BadInput, match="no λ"):
        LambdaPanel(models["softmax"])


def test_its_code_gives_what_is_shown(surgery, models, monkeypatch):
    monkeypatch.setattr(labkit, "load", {"toy/diff": models["DIFF"]}.__getitem__)
    for state in ({"lam": surgery.learned}, {"lam": -1.0}, {"lam": 0.3, "norm": False}):
        surgery.set(**state)
        names: dict[str, Any] = {}
        exec(surgery.code(surgery.state), names)
        assert names["found"].loss.value == pytest.approx(surgery.data.nats[1], abs=1e-6)


def test_two_models_read_one_text(reading, models, monkeypatch):
    reading.set(text="never told", beside="DIFF")
    assert reading.data.looks[1].words[-1] == "Casford" and reading.data.names == ("softmax", "DIFF")
    assert sum(reading.data.of(0)) == pytest.approx(1, abs=1e-4)
    assert reading.data.of(0) == pytest.approx(reading.data.looks[0].shares(signed=False), abs=1e-6)
    reading.set(shares="absolute", beside="normed")
    monkeypatch.setattr(labkit, "load", {one.name: one for one in models.values()}.__getitem__)
    names: dict[str, Any] = {}
    exec(reading.code(reading.state), names)
    assert names["looks"][1] == reading.data.looks[1]
    with pytest.raises(BadInput, match="no word of this language"):
        reading.set(text="Paris 17 ? Paris")
    with pytest.raises(BadInput, match="too little"):
        ReadingPanel({"one": models["DIFF"]}, TEXTS)


def test_they_can_be_drawn_read_and_printed(surgery, reading):
    for panel in (surgery, reading):
        assert len(panel.controls) <= 3 and 3 <= len(panel.presets()) <= 5
        for state in panel.presets():
            data, figure = panel.compute(state), new_figure(panel.size)
            panel.draw(data, figure)
            assert len(png(figure)) > 5000 and panel.sentence(data).endswith(".") and len(str(panel.table(data))) > 150


def test_a_hand_on_the_page_is_answered(surgery, reading):
    for panel, name, value in ((surgery, "lam", 0.5), (surgery, "norm", False), (reading, "beside", "normed")):
        panel.moved({name: value})
        assert getattr(panel.state, name) == value
