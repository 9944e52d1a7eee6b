"""The two panels and the drawings: what is shown is what the experiments give."""

import math

import pytest

from labkit import fingerprint
from labkit.base.errors import BadInput
from labkit.figures import describe, draw, png
from labkit.papers.byte_latent_transformer.experiments.costing import costs
from labkit.papers.byte_latent_transformer.experiments.cutting import cut, drift, moved, patch_sizes
from labkit.papers.byte_latent_transformer.experiments.noise import accuracy_over_seeds
from labkit.papers.byte_latent_transformer.experiments.quality import qualities
from labkit.papers.byte_latent_transformer.method.entropy import ByteEntropies
from labkit.papers.byte_latent_transformer.method.patching import Entropy, Space, Strided, TopK, patches
from labkit.papers.byte_latent_transformer.panels.cutting import CutState, CutTextPanel
from labkit.papers.byte_latent_transformer.panels.noise import NoisePanel
from labkit.papers.byte_latent_transformer.task import drawn, noised, signs_of
from labkit.papers.byte_latent_transformer.training import entropy_model


def test_costs_are_drawn_and_told():
    found = costs("8B", (4.5, 9))
    assert draw(found).axes and "8B" in describe(found) and "operations" in found.table()
    assert found.ratio(4.5, 9) < 0.6 < costs("ours").ratio(4.5, 9)


def test_sizes_of_patches_are_drawn_and_told():
    found = patch_sizes(["the cat, sat", "abcdefgh"], {"three": Strided(3), "spaces": Space()}, most=6)
    assert png(draw(found))
    assert "three: 0%, 14%, 86%" in describe(found)


def test_the_cutting_panel_cuts_as_the_patcher_does(capsys):
    panel = CutTextPanel()
    before = fingerprint(panel.model)
    for change in ({"threshold": 0.5}, {"rule": "rise"}, {"text": "Ünter 7 \U0001f3ee lamps"}):
        panel.set(**change)
    state = CutState("Ünter 7 \U0001f3ee lamps", 0.5, "rise")
    expected = patches(state.text, Entropy(ByteEntropies(entropy_model()), rise=0.5))
    pieces = panel.data.cuts.pieces("entropy")
    said = panel.sentence(panel.data)
    assert len(pieces.split("|")) == len(expected) and pieces.replace("|", " | ") in said and "further byte" in said
    assert panel.data.cuts.over[1:] == panel.data.cuts.starts["entropy"][1:]  # what is hatched starts a patch
    assert len(panel.table(panel.data).rows) == len(state.text.encode())
    names: dict = {}
    exec(panel.code(state), names)
    assert capsys.readouterr().out.strip() == str(expected)
    for text in ("", "   "):
        with pytest.raises(BadInput):
            panel.set(text=text)
    panel.set(threshold=5.0, text="a morning")
    assert panel.data.cost < panel.data.at_45
    panel.close()
    assert fingerprint(panel.model) == before


@pytest.mark.parametrize("text", ["‮שלום", "a‍b​c", "👩‍👩‍👧‍👦 Uma", "Ένα φανάρι", "é" * 35])
def test_any_script_has_one_sign_a_byte_and_a_picture(text):
    panel = CutTextPanel()
    panel.set(text=text)
    cuts = panel.data.cuts
    assert len(cuts.signs) == len(text.encode()) == len(cuts.entropies) and png(draw(cuts))
    assert all(len(sign) == 1 for sign in cuts.signs) and ("é" in text) == ("é" in cuts.signs)
    with pytest.raises(BadInput, match="at most"):
        panel.set(text="x" * 100_000)
    panel.close()


def test_signs_of_bytes_that_are_no_utf8():
    assert signs_of(b"a\xff\xc3\xa9 \n") == ["a", "�", "é", "·", "␣", "⏎"]
    assert signs_of("שa".encode()) == ["▯", "·", "a"]


def test_the_noise_panel_shows_what_was_measured(capsys):
    panel = NoisePanel()
    panel.set(noise="UpperCase", place="both")
    before, after = panel.data.accuracy["BPE"]
    assert (before, after) == accuracy_over_seeds("bpe", "UpperCase", "both")
    assert len(panel.data.pieces["BPE tokens"][1]) > len(panel.data.pieces["BPE tokens"][0])
    assert "UpperCase in both" in panel.sentence(panel.data)
    figure = draw(cut("x"))
    panel.draw(panel.data, figure.subfigures(1, 1))
    assert png(figure)
    exec(panel.code(panel.inquiry.wanted), {})
    assert "bpe" in capsys.readouterr().out
    panel.restore()
    assert panel.data.noise == "intact"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("text", ["‮שלום", "👩‍👩‍👧‍👦 Uma", "a​b", "a\x00b\x1b[31m", "$x^2$ {a}", "\\frac{1}{2}$"])
def test_noise_is_drawn_for_any_script(text):
    panel = NoisePanel()
    panel.set(text=text, noise="Repeat")
    figure = draw(cut("x"))
    panel.draw(panel.data, figure.subfigures(1, 1))
    assert png(figure)
    panel.close()


def test_half_a_character_is_refused():
    for bad in ("a\ud800b", b"ab", None):
        with pytest.raises(BadInput):
            noised(bad, "Drop")
    assert noised("", "Drop") == ""
    assert drawn("a é ש👩\x00") == "a é ▯▯▯"


def test_bytes_that_are_no_utf8_are_cut_and_a_threshold_that_is_no_number_is_refused():
    found = cut(b"\xff\xfe ab\xc3")
    assert {len(starts) for starts in found.starts.values()} == {6} and found.parts("BPE tokens")[:2] == ["�", "�"]
    assert "moved" in moved(b"\xff\xfe abc", "y").table()
    with pytest.raises(BadInput, match="nan"):
        cut("Uma", threshold_at=math.nan)
    with pytest.raises(BadInput, match="0 sentences"):
        drift([])
    with pytest.raises(BadInput, match="nan"):
        TopK(lambda ids: ids, math.nan)


def test_a_bar_in_the_text_is_no_boundary():
    found = cut("a|b|", {"one": Strided(10)})
    assert found.parts("one") == ["a|b|"] and found.size("one") == 4
    panel = NoisePanel()
    panel.set(text="a|b|c", noise="intact")
    before, after = panel.data.pieces["BLT patches"]
    assert "".join(before) == "a|b|c" and before == after and all(before)
    panel.close()


def test_drawings_of_cuts_and_drift():
    found = cut("Odile keeps eggs. 日本")
    assert draw(found).axes and "entropy threshold" in describe(found)
    assert "moved" in moved("Uma took the ferr", "y").table()
    assert len(moved("x" * 300, "y", {"three": Strided(3)}).table()) < 120
    repeated = drift(["Odile keeps eggs."], times=2)
    assert draw(repeated).axes and "reset at newlines" in repeated.table()
    with pytest.raises(BadInput, match="at most 400"):
        cut("x" * 401)


def test_qualities_are_ordered():
    found = qualities()
    told = describe(found)
    best = min(range(len(found.arms)), key=lambda i: found.bits[i].value)
    assert told.index(found.about(best)) == min(told.index(found.about(i)) for i in range(len(found.arms)))
