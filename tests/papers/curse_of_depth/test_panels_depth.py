"""The panels about depth on small models: what is shown is what the edits and measurements give, one by one."""

from dataclasses import replace
from typing import Any

import pytest
import torch

import labkit
from labkit import measurements, world, zoo
from labkit.base.errors import BadInput
from labkit.figures import new_figure, png
from labkit.models import DecoderConfig
from labkit.papers.curse_of_depth.experiments import untrained
from labkit.papers.curse_of_depth.method import theory as depth_theory
from labkit.papers.curse_of_depth.method.placements import LayerNormScaling, PostNorm, PreNorm
from labkit.papers.curse_of_depth.panels import beginning, scaling, theory
from labkit.papers.curse_of_depth.panels.beginning import InitialisationPanel
from labkit.papers.curse_of_depth.panels.scaling import ScalingPanel
from labkit.papers.curse_of_depth.panels.theory import TheoryPanel

TEXTS = ["Hana met Nils. The lantern was with Hana.", "Hana gave the lantern to Nils."]
SIZES = {"width": 32, "depth": 4, "heads": 2, "ffn": 48, "context": 64, "init_std": 0.15}


def patient(kind, name="lab/toy"):
    config = kind(vocab=world.tokenizer().vocab_size, **SIZES)
    return zoo.Handle(name, config.build(seed=3).eval(), world.tokenizer(), {})


@pytest.fixture(scope="module")
def handle():
    return patient(PreNorm)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Make fresh models of half the width: the laws are the same."""
    for name, value in (("width", 32), ("ffn", 48)):
        monkeypatch.setitem(untrained.SIZES, name, value)


@pytest.fixture
def panel(handle, monkeypatch):
    monkeypatch.setattr(scaling, "LENGTH", 9)  # shorter than the first text, longer than the second
    before = labkit.fingerprint(handle)
    panel = ScalingPanel(handle, TEXTS)
    yield panel
    panel.close()
    assert labkit.fingerprint(handle) == before


# ------------------------------------------------------------------------------------------------------------ switch


@pytest.mark.parametrize(
    ("state", "edit"),
    [
        ({"switch": "trained"}, None),
        ({"switch": "on"}, labkit.SwitchLayerNormScaling()),
        ({"switch": "on", "p": 1.0, "position": "mlp"}, labkit.SwitchLayerNormScaling(p=1.0, position="mlp")),
        ({"switch": "kept"}, labkit.SwitchLayerNormScaling(compensate=True)),
    ],
)
def test_what_is_shown_is_measured_on_a_copy_with_the_switch(handle, panel, state, edit):
    panel.set(**state)
    now, documents = panel.data.now, [handle.encode(text)[: scaling.LENGTH] for text in TEXTS]
    twin = labkit.apply(handle, *([edit] if edit else []))
    curve = labkit.sweeps.pruning_curve(twin, documents)
    assert now.loss == pytest.approx(curve.base.value, abs=2e-6)
    assert now.costs == pytest.approx([point.change.value for point in curve.points], abs=2e-6)
    variance = [one.value for one in measurements.residual_stats(twin, documents).variance]
    assert now.variance == pytest.approx(variance, rel=1e-5)
    turns = [one.value for one in labkit.angular_distances(twin, documents).adjacent]
    assert now.turns == pytest.approx(turns, rel=1e-5)


def test_on_changes_the_function_and_gains_that_make_up_for_it_do_not(panel):
    panel.set(switch="on")
    on = panel.data
    assert on.moved > 0.01 and on.now.variance[-1] < on.trained.variance[-1] and "→" in panel.shown.sentence
    panel.set(switch="kept")
    kept = panel.data
    assert kept.moved < 1e-4 and kept.now.loss == pytest.approx(kept.trained.loss, abs=1e-5)
    assert "same function" in panel.shown.sentence and kept.trained == on.trained
    panel.set(switch="on", p=0.0)
    assert panel.data.moved == 0


def test_what_gains_cannot_make_up_for_is_said_and_nothing_moves(panel):
    shown = panel.shown
    with pytest.raises(BadInput, match="make up"):
        panel.set(switch="kept", position="before-norm")
    assert panel.shown is shown


def test_a_model_trained_with_scaling_is_as_trained_when_it_is_on_and_another_when_it_is_off():
    panel = ScalingPanel(patient(LayerNormScaling), TEXTS)
    panel.set(switch="on")
    assert panel.data.moved == 0
    panel.set(switch="off")
    assert panel.data.moved > 0.01
    panel.close()


def test_a_model_without_such_norms_is_refused_by_the_names_of_those_it_has():
    with pytest.raises(BadInput, match=r"write\.norm"):
        ScalingPanel(patient(PostNorm), TEXTS).set(switch="on")


def test_the_switch_s_code_gives_what_is_shown(handle, panel, monkeypatch):
    monkeypatch.setattr(labkit, "load", {"lab/toy": handle}.__getitem__)
    for way in ("trained", "on", "kept", "off"):
        panel.set(switch=way)
        names: dict[str, Any] = {}
        exec(panel.code(panel.state), names)
        assert names["loss"] == pytest.approx(panel.data.now.loss, abs=1e-6)
        assert names["turns"] == pytest.approx(panel.data.now.turns, rel=1e-4)


# ------------------------------------------------------------------------------------------------------- first values


def test_fresh_models_are_those_of_their_configs_beside_plain_pre_norm():
    panel = InitialisationPanel()
    panel.set(placement="LayerNorm Scaling", depth=6, first_values="outputs smaller (GPT-2)")
    data = panel.data
    names: dict[str, Any] = {}
    exec(panel.code(panel.state), names)
    assert isinstance(names["config"], LayerNormScaling) and names["config"].init == "gpt2"
    assert data.chosen.variance == pytest.approx(names["variance"], rel=1e-5)
    assert data.chosen.turns == pytest.approx(names["turns"], rel=1e-5)
    assert data.chosen.gradients == pytest.approx(names["gradients"], rel=1e-4) and data.chosen.gradients[-1] == 1
    assert data.chosen.variance[-1] < data.baseline.variance[-1]
    panel.restore()
    assert panel.data.chosen == panel.data.baseline == data.baseline
    assert "In plain" not in panel.shown.sentence


def test_before_training_scaling_brings_the_last_block_nearer_to_the_identity():
    panel = InitialisationPanel()
    panel.set(placement="LayerNorm Scaling", depth=20)
    assert panel.data.chosen.turns[-1] < panel.data.baseline.turns[-1]
    assert "nearer to doing nothing" in panel.shown.sentence
    panel.set(placement="factor before the norm")
    assert panel.data.chosen.turns == pytest.approx(panel.data.baseline.turns, rel=1e-3)
    assert "as much as" in panel.shown.sentence


@pytest.mark.parametrize("depth", [1, 64])
def test_one_block_and_sixty_four(depth):
    panel = InitialisationPanel()
    panel.set(depth=depth, placement="ReZero")
    assert len(panel.data.chosen.turns) == depth and max(panel.data.chosen.turns) < 1e-9
    with pytest.raises(BadInput):
        panel.set(depth=65)


# ------------------------------------------------------------------------------------------------------------- theory


def test_theory_and_measurement_start_together_and_the_lines_are_those_of_the_recursions():
    panel = TheoryPanel()
    panel.set(depth=12)
    data = panel.data
    for family, p in (("Pre-LN", 0.0), ("LayerNorm Scaling", 0.5)):
        lines = data.families[family]
        assert lines["measured"][0] == pytest.approx(2, rel=0.05)  # the first block adds as much as it finds
        assert lines["the lemma"] == pytest.approx(depth_theory.variance_recursion(13, p)[1:])
        assert lines["independent blocks"] == pytest.approx(depth_theory.independent_variance(13, p)[1:])
    assert data.end("LayerNorm Scaling", "measured") < 0.5 * data.end("Pre-LN", "measured")
    assert "after block 12" in panel.shown.sentence


def test_the_bounds_are_products_over_the_variance_that_was_measured():
    panel = TheoryPanel()
    panel.set(quantity="gradient", depth=8, mlp="swiglu")
    lines = panel.data.families["LayerNorm Scaling"]
    variance = torch.tensor(untrained.measured_variance("lns", "swiglu", 8))
    factors = [1 + 1 / (n * variance[n - 1] ** 0.5) + 1 / (n * n * variance[n - 1]) for n in range(2, 9)]
    assert lines["bound as printed"][-1] == pytest.approx(float(torch.stack(factors).log().sum()), rel=1e-5)
    assert lines["measured"][0] == 0 < lines["bound as printed"][-1] < lines[untrained.RELU][-1]
    config = DecoderConfig.from_dict({**untrained.SIZES, "depth": 8, "kind": "lns", "mlp_type": "swiglu"})
    assert config.exponent == 0.5 and "no one" not in panel.shown.sentence


@pytest.mark.parametrize("quantity", ["variance", "gradient"])
def test_the_theory_s_code_gives_what_is_shown(quantity):
    panel = TheoryPanel()
    panel.set(quantity=quantity, depth=4)
    lines, names = panel.data.families["Pre-LN"], {}
    exec(panel.code(panel.state), names)
    assert list(lines["measured"]) == pytest.approx(names["measured"].tolist(), rel=1e-4, abs=1e-6)
    last = names["lemma"][-1] if quantity == "variance" else names["bound"][-1] - names["bound"][0]
    assert lines["the lemma" if quantity == "variance" else "bound"][-1] == pytest.approx(last, rel=1e-5)


# -------------------------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("kind", [ScalingPanel, InitialisationPanel, TheoryPanel])
def test_they_can_be_drawn_read_and_printed(handle, kind):
    panel = kind(handle, TEXTS) if kind is ScalingPanel else kind()
    assert len(panel.controls) <= 3
    assert 3 <= len(panel.presets()) <= 5
    for state in panel.presets()[-2:]:
        state = replace(state, depth=4) if hasattr(state, "depth") else state
        data, figure = panel.compute(state), new_figure(panel.size)
        panel.draw(data, figure)
        assert len(png(figure)) > 5000 and panel.sentence(data).endswith(".") and len(str(panel.table(data))) > 200
    panel.close()


def test_a_hand_on_the_page_is_answered(handle, panel):
    moves = (
        (panel, "switch", "on"),
        (InitialisationPanel(start=beginning.InitialisationState(depth=3)), "placement", "Post-LN"),
        (TheoryPanel(start=theory.TheoryState(depth=4)), "mlp", "swiglu"),
    )
    for one, field, value in moves:
        page = one.page
        page.fields[field].widget.value = value
        assert getattr(one.state, field) == value and page.picture.value[:4] == b"\x89PNG"
        assert one.shown.sentence[:20] in page.words.value and not page.notice.value
        one.restore()
        assert one.inquiry.note and one.state == one.restored(one.state)
