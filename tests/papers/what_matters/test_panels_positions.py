"""The score panel on a small random model: what is shown at each token is 1 - cosine, computed by hand here."""

import os
import subprocess
import sys

import pytest
import torch
from toys import opened, toy

import labkit
from labkit.base.errors import BadInput
from labkit.figures import new_figure, png
from labkit.papers.what_matters.method.metrics import Cosine
from labkit.papers.what_matters.panels.scores_by_position import ScorePanel


@pytest.fixture(scope="module")
def handle():
    return toy()


@pytest.fixture
def panel(handle):
    with opened(handle, ScorePanel(handle)) as panel:
        yield panel


def by_hand(handle, text, part, layer):
    """Both rows from the streams and the sub-layer's own input and output."""
    ids_BL, block = handle.encode(text)[None], handle.model.trunk.blocks[layer]
    sites = {"attention": f"layers.{layer}.attn", "mlp": f"layers.{layer}.mlp"}
    before = labkit.record(handle, ids_BL, ["embed" if layer == 0 else f"layers.{layer - 1}", f"layers.{layer}"])
    x, after = before.values()
    if part == "block":
        return 1 - torch.cosine_similarity(x, after, dim=-1)[0], None
    written = labkit.record(handle, ids_BL, [sites["attention"], sites["mlp"]])
    if part == "mlp":
        x = x + written[sites["attention"]]
    returned = written[sites[part]]
    read = getattr(block, part).norm(x)
    return (
        1 - torch.cosine_similarity(x, x + returned, dim=-1)[0],
        1 - torch.cosine_similarity(read, returned, dim=-1)[0],
    )


@pytest.mark.parametrize("part", ["attention", "mlp", "block"])
@pytest.mark.parametrize("layer", [0, 2])
def test_each_token_has_the_score_computed_by_hand(handle, panel, part, layer):
    text = "Hana gave the lantern to Nils."
    panel.set(part=part, layer=layer, text=text)
    data = panel.data
    with torch.no_grad():
        scores, bare = by_hand(handle, text, part, layer)
    assert data.scores == pytest.approx(scores.tolist(), abs=1e-5)
    assert (data.bare is None) == (bare is None) and (
        bare is None or data.bare == pytest.approx(bare.tolist(), abs=1e-5)
    )
    assert data.pieces[0] == "‹begin›" and len(data.pieces) == len(data.scores)
    line = Cosine()(handle, [handle.encode(text)]).of(part)
    assert data.mean == pytest.approx(line[layer].value)
    without = Cosine(skip=1)(handle, [handle.encode(text)]).of(part)
    assert data.mean_without_first == pytest.approx(without[layer].value)
    if bare is not None:
        bare_line = Cosine(residual=False, skip=1)(handle, [handle.encode(text)]).of(part)
        assert data.bare_mean_without_first == pytest.approx(bare_line[layer].value)
        assert data.bare_mean == pytest.approx(float(bare.mean()), abs=1e-5)


@pytest.mark.parametrize("part", ["attention", "block"])
def test_code_runs_and_gives_what_is_shown(handle, panel, monkeypatch, part):
    monkeypatch.setattr(labkit, "load", {"lab/toy": handle}.__getitem__)
    panel.set(part=part, layer=1)
    names = {}
    exec(panel.code(panel.state), names)
    assert names["with_residual"] == pytest.approx(panel.data.scores)
    assert part == "block" or names["without"] == pytest.approx(panel.data.bare)


def test_one_text_is_read_once_until_the_model_is_another(handle, panel, monkeypatch):
    reads = []
    own = ScorePanel._reading
    monkeypatch.setattr(ScorePanel, "_reading", lambda self, text: reads.append(text) or own(self, text))
    for layer in (0, 1, 2):
        panel.set(layer=layer)
    assert len(reads) == 1
    before = panel.data.scores
    with labkit.edit(handle, labkit.ScaleWeight("layers.0.mlp.down", 2.0)):
        panel.set(part="attention", layer=2)
        assert len(reads) == 2 and panel.data.scores != before
    panel.set(layer=2)
    assert panel.data.scores == before


def test_a_text_too_long_is_said_and_words_never_seen_are_named(panel):
    before = panel.shown
    panel.page.fields["text"].widget.value = "lantern " * 45
    assert "at most" in panel.page.notice.value or "2 to 40" in panel.page.notice.value
    assert panel.shown is before
    with pytest.raises(BadInput):
        panel.set(layer=3)
    panel.set(text="Hana met a zebra.")
    assert "zebra" in panel.shown.sentence


def test_it_can_be_drawn_read_and_printed(panel):
    for state in [*panel.presets(), type(panel.state)("block", 1, panel.start.text)]:
        data, figure = panel.compute(state), new_figure(panel.size)
        panel.draw(data, figure)
        assert len(png(figure)) > 8000 and "1 − cosine" in panel.sentence(data)
        assert "mean without the first" in str(panel.table(data))


REPLAYED = """
import sys
from labkit.papers.what_matters import ScorePanel
panel = ScorePanel("lab/toy")
panel.page.fields["layer"].widget.value = 2
panel.set(part="mlp", text=list(panel.texts)[1])
assert panel.shown.replayed and bytes(panel.page.picture.value).startswith(b"\\x89PNG")
assert "torch" not in sys.modules
print(panel.data.mean)
"""


def test_replay_needs_no_torch(handle, panel, tmp_path):
    ScorePanel.store(handle, tmp_path / "sweeps")
    env = os.environ | {"LABKIT_DATA": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", REPLAYED], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    panel.set(part="mlp", layer=2, text=list(panel.texts)[1])
    assert float(done.stdout) == pytest.approx(panel.data.mean, rel=2e-3)


def test_the_shipped_numbers_are_of_the_shipped_model():
    by_name = ScorePanel("lab/deep")
    if by_name.kept is None:
        pytest.skip("nothing is stored for lab/deep")
    live = ScorePanel(labkit.load("lab/deep"))
    by_name.set(part="mlp", layer=5)
    live.set(part="mlp", layer=5)
    assert by_name.shown.replayed and by_name.data.scores == pytest.approx(live.data.scores, rel=1e-2)
