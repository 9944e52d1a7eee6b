"""Lesson 04's claims: measuring functions against numbers set by hand; the ledger's promises; the arms' comparison."""

import pytest

from labkit.base.errors import LabkitError, NotAvailable
from labkit.claims import ledger
from labkit.claims.entry import registration
from labkit.papers.differential_transformer import claims
from labkit.papers.differential_transformer.experiments import arms, measured_runs
from labkit.papers.differential_transformer.experiments.further import SETUPS
from labkit.papers.differential_transformer.experiments.language import SEEDS
from labkit.papers.differential_transformer.training import CONFIRMING, PILOT, best_rate

TESTS = {name: {"right": 0.5, "nats": 1.0} for name in measured_runs.TESTS}


def run(arm, lr, seed, nats, **more):
    """Return a made-up row of the table of runs."""
    row = {"arm": arm, "lr": lr, "seed": seed, "loss": nats, "accuracy": [0.1, 0.5, 0.95], "lam": [0.2, -0.5]}
    row |= TESTS | {"as trained": {"right": 0.9, "nats": nats}, "signed": [0.4, 0.1, 0.3, 0.2], "scores": [10.0 + seed]}
    return row | {"lambda": -0.5 - seed, "bits": {"4": 0.7}, "absolute": [0.3, 0.2, 0.3, 0.2]} | more


@pytest.fixture
def table(monkeypatch):
    rows = [run("a", lr, seed, 1.0 + lr + 0.1 * seed) for lr in (1.0, 2.0) for seed in (0, 1)]
    rows += [run("b", lr, seed, 2.0 - lr + 0.1 * seed) for lr in (1.0, 2.0) for seed in (0, 1)]
    rows += [run("a", 1.0, seed, 5.0) for seed in (11, 12)] + [run("b", 2.0, seed, 4.0 + seed) for seed in (11, 12)]
    monkeypatch.setattr(measured_runs, "Runs", lambda path: rows)
    measured_runs.of_arm.cache_clear()
    yield rows
    measured_runs.of_arm.cache_clear()


def test_each_arm_stands_at_the_rate_that_was_best_on_the_pilot_seeds(table):
    assert (best_rate(table, "a"), best_rate(table, "b")) == (1.0, 2.0)
    found = claims.difference(n=2, seeds=[11, 12], first="a", second="b", what="nats")
    assert found.values == (10.0, 11.0) and found.units == ("seed 11", "seed 12")
    assert claims.ratio(n=2, seeds=[12, 11], first="b", second="a", what="nats").values == (5 / 16, 5 / 15)
    assert claims.learned_lambda(n=2, seeds=[11, 12], arm="a").values == (-11.5, -12.5)
    assert arms.compare_arms("nats", ["a", "b"]).difference("a", "b").value == 10.5


def test_steps_are_counted_to_the_first_ninety_percent(table):
    assert measured_runs.steps_to(table[0]) == 50.0
    assert measured_runs.steps_to({"accuracy": [0.1, 0.2, 0.3]}) == 50.0
    assert measured_runs.steps_to({"accuracy": [0.95]}) == 1.0


def test_runs_that_are_not_there_are_named(table):
    with pytest.raises(NotAvailable, match=r"\[13\]"):
        claims.difference(n=2, seeds=[11, 13], first="a", second="b", what="nats")
    with pytest.raises(NotAvailable, match="'c'"):
        claims.learned_lambda(n=1, seeds=[11], arm="c")
    with pytest.raises(LabkitError, match="quantity"):
        claims.difference(n=1, seeds=[11], first="a", second="b", what="magic")


def test_what_is_exact_is_exact():
    assert max(claims.forms_agree(n=6, seeds=[1]).values) < 1e-5
    assert set(claims.same_cost(n=8, seeds=[1]).values) == {0.0}
    assert claims.head_size(n=5, seeds=[1]).values == pytest.approx([1.0] * 5, abs=2e-3)


def test_promises_stand_and_keep_clear_of_the_pilot_seeds():
    entries = list(ledger().lesson("04"))
    assert len(entries) >= 10 and sum(one.kind in ("model", "method") for one in entries) >= 8
    for one in entries:
        if one.kind == "hub":
            continue
        assert one.registered == registration(one)
        assert not set(one.seeds) & set(PILOT)
        seeds = {"compare_language": SEEDS, "no smear": SETUPS["no smear"].seeds}
        where = "compare_language" if one.id.startswith("04.text_") else one.arguments.get("setup")
        assert one.kind != "method" or one.seeds == seeds.get(where, CONFIRMING)


def test_losses_on_text_are_compared_seed_by_seed(monkeypatch):
    values = {"a": {31: 2.0, 32: 2.5}, "b": {31: 1.5, 32: 3.0}}
    monkeypatch.setattr(claims, "compare_language", lambda what, seeds: arms.Arms(what, "nats", "", values, {}))
    found = claims.text_difference(n=2, seeds=[31, 32], first="a", second="b", what="loss")
    assert found.values == (-0.5, 0.5) and found.units == ("seed 31", "seed 32")
    with pytest.raises(NotAvailable, match=r"\[33\]"):
        claims.text_difference(n=2, seeds=[31, 33], first="a", second="b", what="loss")


def test_setups_are_compared_seed_by_seed(monkeypatch):
    values = {"a": {41: 0.25, 42: 0.5}, "b": {41: 0.5, 42: 0.25}}
    asked = []

    def compared(setup, what, test, only):
        asked.append((setup, what, test, only))
        return arms.Arms(what, "share", "", values, {})

    monkeypatch.setattr(claims, "compare_further", compared)
    found = claims.setup_difference(n=2, seeds=[41, 42], setup="no smear", first="a", second="b")
    assert found.values == (0.25, -0.25) and asked == [("no smear", "right", "as trained", ("a", "b"))]
    with pytest.raises(NotAvailable, match=r"\[43\]"):
        claims.setup_difference(n=2, seeds=[41, 43], setup="no smear", first="a", second="b")
