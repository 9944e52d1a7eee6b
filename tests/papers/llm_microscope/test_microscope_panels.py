"""The two panels: every control, the code they print, stored answers, and bad input."""

from __future__ import annotations

import pytest

import labkit
from labkit import figures
from labkit.base.errors import BadInput, LabkitError
from labkit.papers.llm_microscope.figures.token_map import TokenMap
from labkit.papers.llm_microscope.panels.strip import RULES, StripPanel


@pytest.fixture(scope="module")
def microscope():
    panel = labkit.MicroscopePanel("lab/deep")
    panel.open()
    return panel


@pytest.mark.parametrize("view", ["memory", "nonlinearity", "lens"])
def test_every_lens_shows_all_tokens_and_draws(microscope, view: str) -> None:
    microscope.set(view=view, token=8)
    data = microscope.data
    assert len(data.values) == len(data.rows) and all(len(row) == len(data.tokens) for row in data.values)
    assert data.tokens[data.chosen] == data.token
    figure = figures.new_figure(microscope.size)
    microscope.draw(data, figure)
    figures.png(figure)
    assert data.token.strip() in microscope.sentence(data)
    assert len(microscope.table(data).rows) == len(data.tokens)


def test_the_words_of_the_lens_have_room_and_the_chosen_token_is_among_them(microscope) -> None:
    for token in (2, 14, 26):
        microscope.set(view="lens", token=token)
        data, figure = microscope.data, figures.new_figure(microscope.size)
        microscope.draw(data, figure)
        shown = [label.get_text() for label in figure.axes[0].get_xticklabels()]
        assert len(shown) == 13 < len(data.tokens)
        bold = [label.get_text() for label in figure.axes[0].get_xticklabels() if label.get_fontweight() == "bold"]
        assert bold == [data.token.strip()]


def test_the_model_is_as_before(microscope) -> None:
    before = labkit.anatomy.fingerprint(microscope.model)
    microscope.set(text="The lantern was with Bo.", view="lens", token=4)
    microscope.restore()
    assert labkit.anatomy.fingerprint(microscope.model) == before


def test_a_token_beyond_the_end_is_the_last_and_strange_words_are_named(microscope) -> None:
    microscope.set(text="The lantern was with Zebedee.", view="memory", token=40)
    assert microscope.data.chosen == len(microscope.data.tokens) - 1
    assert "Zebedee" in microscope.sentence(microscope.data)


@pytest.mark.parametrize(("text", "word"), [("", "empty"), ("Hana", "tokens"), ("the lantern " * 30, "characters")])
def test_texts_that_cannot_be_read_are_refused_and_nothing_is_lost(microscope, text: str, word: str) -> None:
    microscope.set(text="The lantern was with Bo.", view="memory", token=4)
    shown = microscope.data
    with pytest.raises(BadInput, match=word):
        microscope.set(text=text)
    assert microscope.data == shown


@pytest.mark.parametrize("view", ["memory", "nonlinearity", "lens"])
def test_the_code_of_the_microscope_runs(microscope, view: str) -> None:
    microscope.set(text="The lantern was with Bo.", view=view, token=4)
    exec(compile(microscope.code(microscope.state), "panel", "exec"), {"print": lambda *_: None})


def test_stored_answers_come_without_the_model() -> None:
    panel = StripPanel("lab/deep")
    panel.open()
    for rule in RULES:
        for distractors in (0, 8):
            panel.set(rule=rule, distractors=distractors)
            assert list(panel.data.accuracy)[:2] == ["intact", rule]
            assert panel.data.accuracy[rule].n == 60
    assert panel._model == "lab/deep"  # still a name: nothing was loaded
    figure = figures.new_figure(panel.size)
    panel.draw(panel.data, figure)
    assert "as many random tokens" in panel.sentence(panel.data)


def test_a_live_answer_has_the_same_rows() -> None:
    panel = StripPanel(labkit.load("lab/deep"))
    panel.open()
    found = panel.compute(panel.State("articles", 0))
    assert len(found.accuracy) == 4 and found.accuracy["intact"].n == 24
    with pytest.raises(LabkitError):
        panel.set(rule="commas")


def test_a_map_of_ragged_rows_is_refused() -> None:
    with pytest.raises(BadInput, match="cannot be drawn"):
        TokenMap(title="", tokens=["a", "b"], rows=["x"], values=[[1.0]], label="", sentence="")
