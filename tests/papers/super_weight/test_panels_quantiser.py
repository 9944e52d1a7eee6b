"""The quantiser panel on a small random model: what is shown is what the edit does, and nothing is left behind."""

from dataclasses import replace
from typing import Any

import pytest
import torch

import labkit
from labkit import world, zoo
from labkit.base.errors import BadInput, LabkitError
from labkit.figures import new_figure, png
from labkit.models import DecoderConfig
from labkit.papers.super_weight.panels.quantiser import QuantiserPanel

OUTLIER = "layers.1.mlp.down[3, 5]"
TEXTS = ["Hana met Nils. The lantern was with Hana.", "Hana gave the lantern to Nils."]


@pytest.fixture(scope="module")
def handle():
    vocab = world.tokenizer().vocab_size
    config = DecoderConfig(vocab=vocab, width=64, depth=2, heads=2, ffn=96, context=128, init_std=0.1)
    model = config.build(seed=2).eval()
    with torch.no_grad():
        model.trunk.blocks[1].mlp.mixer.down.weight[3, 5] = 4.0
    return zoo.Handle("lab/toy", model, world.tokenizer(), {})


@pytest.fixture
def panel(handle):
    before = labkit.fingerprint(handle)
    panel = QuantiserPanel(handle, OUTLIER, TEXTS)
    yield panel
    panel.close()
    assert labkit.fingerprint(handle) == before


def test_a_bar_is_as_long_as_its_rise_and_begins_at_nought(panel):
    panel.set(bits=2, clip=6.0, outlier="nothing")
    figure = new_figure(panel.size)
    panel.draw(panel.data, figure)
    _, ax = figure.axes
    lengths = [bar.get_width() for bar in ax.patches]
    rises = [max(loss - panel.data.intact, 0) for loss in panel.data.losses.values()]
    assert lengths == pytest.approx(rises) and ax.get_xlim()[0] == 0 and ax.get_xlim()[1] >= max(rises)


@pytest.mark.parametrize(("outlier", "clip", "keep"), [("nothing", None, ()), ("both", 6.0, (OUTLIER,))])
@pytest.mark.parametrize("block", [0, 512])
def test_losses_and_levels_are_those_of_a_quantised_copy(handle, outlier, clip, keep, block):
    panel = QuantiserPanel(handle, OUTLIER, TEXTS, block=block or None)
    panel.set(bits=3, clip=6.0, outlier=outlier)
    data = panel.data
    edit = labkit.Quantise("mlp.down", 3, block=block or None, clip=clip, keep=keep)
    twin = labkit.apply(handle, edit)
    documents = [handle.encode(text) for text in TEXTS]
    assert data.losses[outlier] == pytest.approx(labkit.measurements.loss(twin, documents).value, abs=2e-6)
    assert data.intact == pytest.approx(labkit.measurements.loss(handle, documents).value, abs=2e-6)
    weight = twin.model.trunk.blocks[1].mlp.mixer.down.weight
    start = (3 * 96 + 5) // (block or 64 * 96) * (block or 64 * 96)
    levels = weight.flatten()[start : start + (block or 64 * 96)].tolist()
    if keep:
        levels.remove(4.0)  # the kept weight is no level
    assert set(data.levels) == set(levels) and len(data.levels) <= 8
    assert data.value_after == pytest.approx(weight[3, 5].item()) and data.value == 4.0
    before = handle.model.trunk.blocks[1].mlp.mixer.down.weight
    assert data.error == pytest.approx((weight - before).square().mean().sqrt().item(), rel=1e-4)


def test_an_outlier_takes_the_levels_from_the_others_and_clipping_gives_them_back(panel):
    panel.set(bits=4, outlier="nothing")
    alone = panel.data
    assert alone.ordinary <= 4 and alone.value_after == pytest.approx(4.0)
    panel.set(outlier="clip")
    assert panel.data.ordinary > 2 * alone.ordinary and panel.data.value_after < 1.0
    panel.set(outlier="both")
    assert panel.data.value_after == 4.0 and panel.data.error < 0.5 * alone.error


def test_code_runs_and_gives_what_is_shown(handle, panel, monkeypatch):
    monkeypatch.setattr(labkit, "load", {"lab/toy": handle}.__getitem__)
    panel.set(bits=2, clip=9.0, outlier="both")
    names: dict[str, Any] = {}
    exec(panel.code(panel.state), names)
    assert names["loss"] == pytest.approx(panel.data.losses["both"], abs=1e-6)


def test_a_block_larger_than_the_matrix_is_said_in_the_panel(handle):
    config = DecoderConfig(vocab=handle.model.config.vocab, width=8, depth=1, heads=2, ffn=12, context=64)
    small = zoo.Handle("lab/toy", config.build(seed=0).eval(), world.tokenizer(), {})
    with pytest.raises(LabkitError, match="larger"):
        QuantiserPanel(small, "layers.0.mlp.down[3, 5]", TEXTS, block=512).set(bits=5)


@pytest.mark.parametrize("changes", [{"bits": 1}, {"bits": 9}, {"bits": 2.5}, {"clip": 7.0}, {"outlier": "cut"}])
def test_values_no_mouse_could_reach_are_refused(panel, changes):
    with pytest.raises(BadInput):
        panel.set(**changes)


def test_it_wants_one_number_and_a_text(handle):
    for outlier, texts in (("layers.1.mlp.down", TEXTS), (OUTLIER, [])):
        with pytest.raises(BadInput, match="nothing to quantise"):
            QuantiserPanel(handle, outlier, texts)


def test_it_can_be_drawn_read_and_printed(panel):
    for state in panel.presets():
        data, figure = panel.compute(state), new_figure(panel.size)
        panel.draw(data, figure)
        assert len(png(figure)) > 5000 and "bits" in panel.sentence(data) and "keep it" in str(panel.table(data))


def test_a_change_too_small_to_mean_anything_is_called_so(panel):
    ways = ("nothing", "clip", "keep", "both")
    for change, said in (
        (0.002, "too little to mean anything"),
        (-0.002, "too little"),
        (0.2, "rises"),
        (-0.2, "falls"),
    ):
        data = replace(panel.data, losses=dict.fromkeys(ways, panel.data.intact + change))
        assert said in panel.sentence(data) and "does not matter" in panel.sentence(data)
    apart = {way: panel.data.intact + 0.1 * number for number, way in enumerate(ways)}
    assert "does not matter" not in panel.sentence(replace(panel.data, losses=apart))
