"""The experiments on small untrained models: shapes, controls, refusals."""

import copy
from dataclasses import replace

import pytest
import torch

from labkit.base.errors import BadInput, NotAvailable, UnknownName
from labkit.papers.tokenformer import (
    GROWTH_WAYS,
    GrowthWay,
    appended_key,
    carry_over,
    claims,
    recover,
    step_zero,
    token_firing,
)
from labkit.papers.tokenformer.experiments import carrying
from labkit.papers.tokenformer.method import TokenFormer, grow
from labkit.papers.tokenformer.task import rows, tokenizer
from labkit.papers.tokenformer.training import arms, running
from labkit.zoo import Handle


@pytest.fixture(scope="module")
def model():
    words = tokenizer().vocab_size
    return TokenFormer(vocab=words, width=24, depth=2, heads=2, tokens=18, ffn=72, context=64).build(1).eval()


@pytest.fixture(scope="module")
def text():
    return rows("stories", 12, seed=1, length=30)


def test_the_table_of_nine_says_who_is_exact():
    found = appended_key()
    assert len(found.rows) == 9
    assert {row.theta for row in found.rows if row.exact[0]} == {
        "l2-gelu",
        "gelu-l2",
        "gelu-l1",
        "gelu",
        "l2",
        "relu",
        "identity",
    }
    assert {row.theta for row in found.rows if row.exact[1]} == {"gelu", "relu", "identity"}
    assert "same" in found.table()
    # More keys, the same answer; a live tau hurts more the more there are.
    more = appended_key(["l2-gelu", "softmax"], added=96)
    assert more.of("l2-gelu").exact == (True, False)
    assert min(more.of("l2-gelu").live) > max(found.of("l2-gelu").live)
    with pytest.raises(BadInput, match="at least 1"):
        appended_key(added=0)


def test_step_zero_tells_the_exact_ways_from_the_others(model, text):
    found = step_zero(model, text, 36)
    assert found.moved["zero keys, τ fixed"] <= 1e-5
    assert found.moved["duplicates"] <= 1e-5
    assert found.moved["zero keys, τ live"] > 1e-3
    assert found.moved["random keys, τ live"] > 1e-3
    change = found.change("zero keys, τ fixed")
    assert (change.n, change.over) == (12, "texts")
    assert abs(change.value) < 1e-5
    assert "random keys" in found.table()
    with pytest.raises(UnknownName):
        found.change("zero keys")


def test_growing_by_nothing_is_the_model_itself(model, text):
    assert step_zero(model, text, 0).moved == dict.fromkeys(GROWTH_WAYS, 0)


def test_duplicates_that_do_not_come_out_whole_are_refused(model, text):
    with pytest.raises(BadInput, match="duplicates nothing"):
        step_zero(model, text, 20, {"duplicates": GROWTH_WAYS["duplicates"]})


def test_recovery_starts_where_growth_left_off_and_leaves_the_model_alone(model, text):
    before = {name: p.clone() for name, p in model.named_parameters()}
    ways = {"zero keys": GrowthWay(), "not grown": None}
    found = recover(model, text, text[:4], 18, ways, steps=6, every=2)
    assert found.steps == (0, 2, 4, 6)
    assert found.losses["zero keys"][0] == pytest.approx(found.before, abs=1e-5)
    assert found.losses["not grown"][0] == pytest.approx(found.before, abs=1e-6)
    assert found.losses["zero keys"][-1] != found.losses["not grown"][-1]
    assert found.bump("zero keys") >= 0
    assert "not grown" in found.table()
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    assert found == recover(model, text, text[:4], 18, ways, steps=6, every=2)  # no chance outside the seed


def test_a_carried_memory_goes_on_as_if_nothing_had_happened_and_a_reset_one_does_not(model, text):
    before = {name: p.clone() for name, p in model.named_parameters()}
    found = carry_over(model, text, text[:4], 18, steps=3, every=1, lr=1e-2)
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    assert [losses[0] for losses in found.losses.values()] == pytest.approx([found.before] * 4, abs=1e-5)
    whole = copy.deepcopy(model)
    optimiser = carrying._adam(whole, 1e-2)
    for step in range(6):
        carrying._step(whole, optimiser, text[2 * step : 2 * step + 2])
    assert found.losses["not grown, memory carried"][-1] == pytest.approx(carrying._held(whole, text[:4]), abs=1e-6)
    for grown in ("grown", "not grown"):
        assert found.losses[f"{grown}, memory carried"][1:] != found.losses[f"{grown}, memory reset"][1:]


def test_what_was_carried_over_is_kept_by_seed_and_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(carrying, "STEPS", 2)
    monkeypatch.setattr(carrying, "best_rate", lambda arm, runs: 1e-2)
    monkeypatch.setattr(arms, "ARMS", {name: replace(arm, steps=2) for name, arm in arms.ARMS.items()})
    found = carrying.make_carry(7, tmp_path)
    assert len(found["bumps"]) == 4 and found["bumps"]["grown, memory carried"] > -1e-6  # rounding
    assert carrying.make_carry(7, tmp_path) == found and found["seed"] == 7
    known = list(running.runs(tmp_path))
    assert [run["arm"] for run in known] == ["source", "carry"]
    monkeypatch.setattr(claims, "stored_runs", lambda: known)
    names = {"first": "grown, memory reset", "second": "grown, memory carried"}
    (gap,) = claims.memory_difference(n=1, seeds=(7,), **names).values
    assert gap == found["bumps"][names["first"]] - found["bumps"][names["second"]]
    with pytest.raises(NotAvailable, match=r"experiments.carrying 8, then copy"):
        claims.memory_difference(n=2, seeds=(7, 8), **names)


def test_what_is_forgotten_is_told_on_the_other_corpus(model, text):
    facts = rows("facts", 12, seed=1, length=30)
    ways = {"all": GrowthWay(), "frozen": GrowthWay(old_rate=0.0), "not grown": None}
    found = recover(model, facts, facts[:4], 18, ways, steps=6, every=3, lr=1e-2, other_BL=text)
    assert found.other_before == pytest.approx(float(model(text, labels=text).loss))
    assert len({round(found.forgotten(way), 6) for way in ways}) == 3
    assert found.losses["frozen"][-1] > found.losses["all"][-1]  # less can be learned
    assert "forgotten" in found.table()
    plain = recover(model, facts, facts[:4], 18, {"all": GrowthWay()}, steps=2)
    assert "forgotten" not in plain.table()
    with pytest.raises(UnknownName, match="all"):
        found.forgotten("al")
    with pytest.raises(UnknownName):
        plain.forgotten("all")


def test_firing_shows_every_piece_and_knows_the_new_tokens(model):
    handle = Handle("test", grow(model, 18), tokenizer())
    found = token_firing(handle, "Juno is on Lull.", "layers.0.mlp", old=72)
    assert found.pieces == ("Juno", "is", "on", "Lull", ".")
    assert found.tokens == 144
    assert found.new_share == 0  # their keys are still zero
    assert all(1 <= count <= 144 for count in found.effective)
    assert found.amounts[0][found.top(0)[0]] == max(found.amounts[0])
    assert found.readers(found.top(3)[0], 5)
    assert "Lull" in found.table()
    with pytest.raises(UnknownName, match=r"layers\.1\.o"):
        token_firing(handle, "Juno is on Lull.", "mlp")
    with pytest.raises(BadInput, match="no word"):
        token_firing(handle, "A submarine.", "layers.0.mlp")
    with pytest.raises(BadInput, match="empty"):
        token_firing(handle, "  ")
