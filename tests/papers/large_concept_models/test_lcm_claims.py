"""The claims: measuring functions on a table made up here, the identities for real, committed rows recomputed."""

import json

import pytest

import labkit
from labkit.base.errors import NotAvailable
from labkit.claims.entry import registration
from labkit.claims.records import read_record
from labkit.papers.large_concept_models import claims
from labkit.papers.large_concept_models.experiments import runs

SEEDS = (91, 92)


@pytest.fixture
def table(tmp_path, monkeypatch):
    path = tmp_path / "runs.jsonl"
    monkeypatch.setattr(claims, "runs_path", lambda: path)
    lines = []
    for seed in SEEDS:
        for arm, setting, level in (
            ("base", "plain", 1.0),
            ("two-tower", "plain", 2.0),
            ("two-tower", "5 steps", 1.0),
            ("two-tower", "50 steps", 2.25),
        ):
            names = ("l2", "l2_again", "possible", "to_context", "truth_to_context")
            # the first verb has one future and must not count
            found = {name: [1000.0, level, level, level + seed - 90] for name in names}
            found["l2_again"] = [0.0, 3 * level, 3 * level, 3 * level]
            lines.append(json.dumps({"settings": {"arm": arm, "seed": seed, "setting": setting}, "found": found}))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_differences_and_ratios_are_per_seed_over_many_futures(table):
    two, base = ["two-tower", "plain"], ["base", "plain"]
    ask = {"n": 2, "seeds": SEEDS, "first": two, "second": base}
    assert claims.difference(measure="l2", **ask).values == pytest.approx((1.0, 1.0))
    assert claims.ratio(measure="l2", **ask).values == pytest.approx(
        ((2 + 1 / 3) / (1 + 1 / 3), (2 + 2 / 3) / (1 + 2 / 3))
    )
    assert claims.difference(measure="l2", **ask).units == ("seed 91", "seed 92")
    grows = claims.again_ratio(**ask).values
    assert grows == pytest.approx((6 / (7 / 3) - 3 / (4 / 3), 6 / (8 / 3) - 3 / (5 / 3)))
    assert claims.to_context(**ask).values == pytest.approx((0.0, 0.0))
    assert claims.step_gains(n=2, seeds=SEEDS).values == pytest.approx((0.75, 0.75))


def test_by_number_of_futures_the_verbs_with_as_many_are_averaged(table):
    two, base = ["two-tower", "plain"], ["base", "plain"]
    ask = {"n": 2, "seeds": SEEDS, "measure": "to_context", "first": two, "second": base}
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    for row in rows:
        level = row["settings"]["seed"] if row["settings"]["arm"] == "two-tower" else 0
        row["found"]["to_context"] = [1.0 * level, 2.0 * level, 4.0 * level, 8.0 * level]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for futures, times in ((1, 1), (2, 3), (4, 8)):
        found = claims.difference_by_futures(futures=futures, **ask)
        assert found.values == pytest.approx([times * seed for seed in SEEDS])
    assert claims.growth_with_futures(few=2, many=4, **ask).values == pytest.approx([5 * seed for seed in SEEDS])


def test_events_are_averaged_over_models_and_those_with_one_future_left_out(table):
    level = {("two-tower", 91): 1.0, ("two-tower", 92): 0.5, ("quant-d", 91): 0.25, ("quant-d", 92): 0.0}
    rows = [
        {
            "settings": {"arm": arm, "seed": seed, "setting": "more"},
            "found": {"possible by event": [9.0] * 40 + [x] * 120},
        }
        for (arm, seed), x in level.items()
    ]
    table.write_text(table.read_text() + "".join(json.dumps(row) + "\n" for row in rows))
    found = claims.difference_by_event(n=120, seeds=SEEDS, first=["two-tower", "more"], second=["quant-d", "more"])
    assert found.values == (0.625,) * 120 and found.units[0] == "event 40"


def test_a_run_that_is_missing_is_named(table):
    with pytest.raises(NotAvailable, match="seed 7"):
        claims.difference(n=1, seeds=(7,), measure="l2", first=["base", "plain"], second=["base", "plain"])


def test_identities_hold():
    assert max(map(abs, claims.last_noise(n=7, seeds=[0]).values)) <= 1e-7
    assert max(claims.still_blocks(n=3, seeds=[1]).values) <= 1e-6
    assert max(claims.oracle_errors(n=4, seeds=[1]).values) <= 1e-6


def test_transfer_needs_the_german_the_codec_knows():
    pairs = claims.transfer(n=8, seeds=[5], draws=2)
    assert len(pairs.values) == 8 and all(0 <= x <= 1 for pair in pairs.values for x in pair)
    assert sum(german for german, _ in pairs.values) > 0.7 * sum(english for _, english in pairs.values)


def test_every_registered_entry_is_as_registered_and_recomputed_from_committed_rows():
    ledger = labkit.claims.ledger()
    ours = [claim for claim in ledger.claims if claim.lesson == "06"]
    assert len(ours) >= 10 and sum(claim.kind in ("model", "method") for claim in ours) >= 8
    stored = {row["seed"] for row in runs.measured(arm="two-tower", setting="plain")}
    for claim in ours:
        assert claim.registered == registration(claim), claim.id
        assert claim.kind != "method" or claim.over == "seeds"
        record = read_record(claim)
        if record is None:
            continue
        assert record.committed, claim.id
        if claim.kind == "method" and set(claim.seeds) <= stored:
            again = getattr(claims, claim.measure.rpartition(".")[2])(n=claim.n, seeds=claim.seeds, **claim.arguments)
            assert again.values == pytest.approx(record.values), claim.id
