"""The panels of lesson 09: what is shown is what the code gives, and a model is left as it was."""

from typing import Any

import pytest

import labkit
from labkit.anatomy import fingerprint
from labkit.base.errors import BadInput, NotAvailable
from labkit.figures import new_figure
from labkit.models import DecoderConfig
from labkit.papers.layer_integrated_memory.experiments import ladder as ladders
from labkit.papers.layer_integrated_memory.experiments.ladder import RUNGS, Rung, ladder, learning_curves
from labkit.papers.layer_integrated_memory.figures import DRAWINGS
from labkit.papers.layer_integrated_memory.method import CutRoutes, LIMe
from labkit.papers.layer_integrated_memory.panels import routes
from labkit.papers.layer_integrated_memory.panels.ladder import LadderPanel
from labkit.papers.layer_integrated_memory.panels.routes import RoutesPanel
from labkit.papers.layer_integrated_memory.task import row_length, tokenizer
from labkit.papers.layer_integrated_memory.training import best_rate
from labkit.training.runs import Runs
from labkit.zoo import Handle

SIZES = {"width": 16, "depth": 4, "heads": 4, "ffn": 20, "context": row_length(4), "tie": False, "init_std": 0.3}


@pytest.fixture
def handle():
    model = LIMe(vocab=tokenizer().vocab_size, **SIZES).build(1).eval()
    return Handle("lime/toy", model, tokenizer())


@pytest.fixture
def panel(handle, monkeypatch):
    monkeypatch.setattr(routes, "ROWS", 12)
    return RoutesPanel(handle)


def test_routes_answers_with_the_edge_as_set(panel, handle, monkeypatch):
    monkeypatch.setattr(labkit, "load", {"lime/toy": handle}.__getitem__)
    before = fingerprint(handle.model)
    for edge, strength in (("3<0", 1.0), ("3<0", 0.0), ("2<1", -1.0), ("1<0", 1.5)):
        panel.set(edge=edge, strength=strength)
        names: dict[str, Any] = {}
        exec(panel.code(panel.state), names)
        assert names["answer"] == panel.data.after
        assert panel.data.now == pytest.approx((names["loss"].value, names["solved"].value), abs=1e-6)
        assert fingerprint(handle.model) == before
    panel.set(edge="3<0", strength=0.0)
    with labkit.edit(handle, CutRoutes(3, 0)):
        assert labkit.solve(handle, "(3+4)*(2-9)") == panel.data.after
    assert panel.data.now == pytest.approx(next(point[1:] for point in panel.data.curve if point[0] == 0.0))
    panel.restore()
    assert panel.state.strength == 1.0 and panel.data.now == pytest.approx(panel.data.intact)
    panel.close()
    assert fingerprint(handle.model) == before


def test_routes_speaks_of_what_is_shown(panel):
    panel.set(edge="2<0", strength=0.0)
    said = panel.shown.sentence
    assert "Layer 2's reading of layer 0 cut off" in said and panel.data.after.working in said
    panel.set(strength=-1.0)
    assert "sign turned" in panel.shown.sentence
    assert len(panel.table(panel.data).rows) == len(panel.data.curve)
    for state in panel.presets():
        panel.draw(panel.compute(state), new_figure(panel.size))


def test_routes_refuses_what_is_no_question_and_no_routed_model(panel, handle):
    for question in ("3+4*2", "hello", "((((((1+1)+1)+1)+1)+1)+1)+1"):
        with pytest.raises(BadInput):
            panel.set(question=question)
    plain = DecoderConfig(vocab=tokenizer().vocab_size, **SIZES).build(0).eval()
    with pytest.raises(BadInput, match="no routers"):
        RoutesPanel(Handle("plain", plain, tokenizer())).shown  # noqa: B018


@pytest.fixture
def table(tmp_path, monkeypatch):
    runs = Runs(tmp_path / "runs.jsonl")
    for seed in (11, 12, 13, 101):  # the last one's seed is that of the rates
        for arm, share in (("base", 0.2), ("lime", 0.8)):
            for rung in RUNGS:
                lr = best_rate(arm, **rung._asdict())
                settings = {"arm": arm, "lr": lr, "seed": seed, **rung._asdict()}
                looks = rung.steps // ladders.EVERY + 1
                found = {
                    "loss": 1 - share + 0.01 * (seed - 10),
                    "solved": share + 0.05 * (seed - 10),
                    "losses": [1 - share] * looks,
                    "shares": [share * place / looks for place in range(looks)],
                }
                runs.do(settings, lambda found=found: found)
    monkeypatch.setattr(ladders, "runs", lambda: runs)
    return runs


def test_ladder_reads_the_runs(table):
    panel = LadderPanel()
    assert set(panel.ladder.rungs) == set(RUNGS)
    assert panel.data.values("lime") == pytest.approx([0.85, 0.9, 0.95]) and panel.data.lead.value == pytest.approx(0.6)
    panel.set(rung="4, 2400, 16, 4", measure="loss")
    assert panel.data.values("base") == pytest.approx([0.81, 0.82, 0.83]) and "0.810" in panel.shown.sentence
    names: dict[str, Any] = {}
    exec(panel.code(panel.state), names)
    assert names["ends"] == panel.data.ends and names["curves"] == panel.data.curves
    assert "half solved" in names["curves"].table() and "32 wide" in panel.ladder.table()
    for state in panel.presets():
        panel.draw(panel.compute(state), new_figure(panel.size))
    assert len(panel.table(panel.data).rows) == 6


def test_a_ladder_compares_arms_and_seeds(table):
    found = ladder(rungs=[Rung(), Rung(steps=7)])
    assert set(found.rungs) == {Rung()}  # a rung without runs is left out
    assert found.lead(what="loss").value == pytest.approx(-0.6) and found.lead(what="loss").n == 3
    row = found.table(Rung()).splitlines()[-1]
    assert row.startswith("LIMe") and "85% 90% 95%" in row and "-0.600" in row
    assert set(ladder(seeds=(12, 13)).rungs[Rung()]["base"]) == {12, 13}
    drawing, alone = DRAWINGS["Ladder"], ladder(rungs=[Rung()])
    figure = new_figure(drawing.size(alone))
    drawing.paint(alone, figure)
    dots = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 3]
    assert [x for line in dots for x in line.get_xdata()] == pytest.approx([0.81, 0.82, 0.83, 0.21, 0.22, 0.23])
    assert "baseline 0.82, LIMe 0.22" in drawing.describe(alone) and "lead" in drawing.describe(ladder())
    with pytest.raises(NotAvailable, match="zeros with 4 operands, 600 steps, 32 wide"):
        learning_curves(("zeros",), Rung(steps=600, width=32))
