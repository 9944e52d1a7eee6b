"""The weight panel on a small random model and a small encoder: right numbers, fair nulls, nothing left behind."""

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

import labkit
from labkit import world, zoo
from labkit.base.errors import BadInput, LabkitError
from labkit.figures import new_figure, png
from labkit.models import DecoderConfig
from labkit.papers.super_weight.experiments.weight import small
from labkit.papers.super_weight.method.ablation import matched_nulls
from labkit.papers.super_weight.panels.weight import WeightPanel

WEIGHTS = {"one of the MLP": "layers.1.mlp.down[3, 5]", "a gain": "layers.0.attn_norm[2]"}
DAY = "Hana met Nils. The lantern was with Hana. Hana gave the lantern to Nils. The lantern is with"


@pytest.fixture(scope="module")
def handle():
    vocab = world.tokenizer().vocab_size
    config = DecoderConfig(vocab=vocab, width=16, depth=3, heads=2, ffn=24, context=128, init_std=0.4)
    return zoo.Handle("lab/toy", config.build(seed=2).eval(), world.tokenizer(), {})


@pytest.fixture
def panel(handle):
    before = labkit.fingerprint(handle)
    panel = WeightPanel(handle, WEIGHTS, {"a day": DAY})
    yield panel
    panel.close()
    assert labkit.fingerprint(handle) == before


@torch.no_grad()
def loss_and_next(handle, model, text):
    ids = handle.encode(text)
    logits = model(ids[None]).logits[0]
    return float(-logits[:-1].log_softmax(-1).gather(1, ids[1:, None]).mean()), logits[-1].softmax(-1)


@pytest.mark.parametrize("weight", list(WEIGHTS.values()))
@pytest.mark.parametrize("factor", [-1.0, 0.0, 2.5])
def test_every_change_is_that_of_an_edited_copy(handle, panel, weight, factor):
    panel.set(weight=weight, factor=factor)
    data, (intact, before) = panel.data, loss_and_next(handle, handle.model, DAY)
    chosen = [(data.address, data.change), *((null.address, null.change) for null in data.nulls)]
    for address, change in chosen:
        scaled = labkit.apply(handle, labkit.ScaleWeight(address, factor)).model
        loss, after = loss_and_next(handle, scaled, DAY)
        assert change == pytest.approx(abs(loss - intact), abs=2e-6)
        if address == data.address:
            now = after
    pieces = [int(handle.encode(word)[1]) for word in data.labels]
    assert data.labels == ("Hana", "Nils")
    assert data.intact == pytest.approx(before[pieces].tolist(), rel=1e-4)
    assert data.cut == pytest.approx(now[pieces].tolist(), rel=1e-4)


@pytest.mark.parametrize("weight", list(WEIGHTS.values()))
def test_the_nulls_are_the_matched_ones_of_the_measurements(handle, panel, weight):
    panel.set(weight=weight)
    data = panel.data
    assert Counter(null.kind for null in data.nulls) == {"largest": 2, "comparable": 2, "random": 2}
    addresses = [null.address for null in data.nulls]
    assert weight not in addresses and len(set(addresses)) == 6
    for null in data.nulls:
        assert null.address in matched_nulls(handle, weight, 6, null.kind)
        assert null.value == pytest.approx(float(labkit.view(handle, null.address).read()))
    whole = labkit.view(handle, weight.split("[")[0]).read().abs().flatten().tolist()
    assert [abs(null.value) for null in data.nulls[:2]] == pytest.approx(sorted(whole, reverse=True)[:2])
    panel.set(factor=2.0)
    assert [null.address for null in panel.data.nulls] == addresses


def test_a_model_changed_meanwhile_and_another_text_are_looked_at_anew(handle, panel):
    panel.set(factor=0.0)
    first = panel.compute(panel.state)
    with labkit.edit(handle, labkit.DropMLP(0)):
        fresh = WeightPanel(handle, WEIGHTS, {"a day": DAY})
        assert panel.compute(panel.state) == fresh.compute(panel.state) != first
    assert panel.compute(panel.state) == first
    other = replace(panel.state, text="Nils has the lantern.")
    assert panel.compute(other).labels != first.labels and panel.compute(panel.state) == first


def test_times_one_changes_nothing_and_says_so(panel):
    panel.set(factor=0.0)
    assert panel.data.change > 0
    panel.restore()
    assert panel.data.change == 0 and panel.data.intact == panel.data.cut
    assert "Nothing is changed" in panel.shown.sentence


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ("layers.1.mlp.down", "384 numbers"),
        ("layers.7.mlp.down[0, 0]", "no layer 7"),
        ("layers.1.mlp.down[99, 0]", "no row 99"),
        ("the biggest one", "no address"),
        ("", "is empty"),
    ],
)
def test_an_address_that_names_no_single_weight_is_said_in_the_panel(panel, weight, words):
    before = panel.shown
    panel.page.fields["weight"].widget.value = weight
    assert words in panel.page.notice.value and panel.shown is before
    with pytest.raises(LabkitError):
        panel.set(weight=weight)


@pytest.mark.parametrize("factor", [math.inf, math.nan, 7.0])
def test_factors_out_of_reach_are_refused(panel, factor):
    with pytest.raises(BadInput):
        panel.set(factor=factor)


def test_a_text_too_long_is_refused_and_unseen_words_are_named(panel):
    with pytest.raises(BadInput, match="tokens"):
        panel.set(text="lantern " * 300)
    panel.set(text="Hana met a zebra. Nils met Hana.")
    assert "zebra" in panel.shown.sentence


def test_behind_a_finished_sentence_the_likeliest_words_are_read(handle, panel):
    panel.set(text="Hana met Nils. The lantern was with Hana.")
    data, (_, before) = panel.data, loss_and_next(handle, handle.model, "Hana met Nils. The lantern was with Hana.")
    assert data.intact == pytest.approx(before.topk(len(data.labels)).values.tolist(), rel=1e-4)


def test_code_runs_and_gives_what_is_shown(handle, panel, monkeypatch):
    monkeypatch.setattr(labkit, "load", {"lab/toy": handle}.__getitem__)
    panel.set(weight="layers.0.attn_norm[2]", factor=-1.0)
    names: dict[str, Any] = {}
    exec(panel.code(panel.state), names)
    assert names["change"] == pytest.approx(panel.data.change, abs=1e-6)


@dataclass(frozen=True, eq=False)
class Encoder(zoo.Handle):
    """An encoder as far as the panel sees it: the mean of the last states, of length one."""

    def embed(self, texts):
        states = [self.model.trunk(self.model.begin(self.encode(text)[None])).stream[0] for text in texts]
        return torch.nn.functional.normalize(torch.stack([state.mean(0) for state in states]), dim=-1)


def test_an_encoder_is_judged_by_how_far_its_embedding_turns(handle):
    encoder = Encoder(handle.name, handle.model, handle.tokenizer, {})
    panel = WeightPanel(encoder, WEIGHTS, {"a sentence": "Hana met Nils."})
    panel.set(weight="layers.0.attn_norm[2]", factor=0.0)
    with torch.no_grad():
        before = encoder.embed(["Hana met Nils."])[0]
        with labkit.edit(encoder, labkit.ZeroWeight("layers.0.attn_norm[2]")):
            after = encoder.embed(["Hana met Nils."])[0]
    assert panel.data.change == pytest.approx(1 - float(before @ after), abs=1e-6) and panel.data.change > 1e-4
    assert len(panel.data.labels) == 4 and "cosine" in panel.data.reads
    assert "embed" in panel.code(panel.state)
    figure = new_figure(panel.size)
    panel.draw(panel.data, figure)
    assert len(png(figure)) > 5000


def test_small_numbers_are_written_out():
    assert [small(x) for x in (0, 1e-9, 3e-6, 2e-4, 0.5, 3.456)] == [
        "0", "under 0.000001", "0.000003", "0.0002", "0.50", "3.46",
    ]  # fmt: skip
