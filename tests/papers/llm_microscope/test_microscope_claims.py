"""The claims of lesson 10: promised before they were measured, and every measuring function gives one number a unit."""

from __future__ import annotations

import importlib

import pytest

from labkit.claims import ledger
from labkit.claims.entry import registration
from labkit.claims.records import read_record
from labkit.measurements import mean_over
from labkit.papers.llm_microscope import claims as measures
from labkit.papers.llm_microscope.experiments.retrained import TwoByTwo

CLAIMS = [one for one in ledger().claims if one.lesson == "10"]
RUN = [one for one in CLAIMS if one.measure]


def test_enough_claims_of_the_right_kinds() -> None:
    papers = [one for one in CLAIMS if one.standing == "paper"]
    assert len(papers) >= 10 and sum(one.kind in ("model", "method") for one in papers) >= 8


@pytest.mark.parametrize("claim", RUN, ids=lambda one: one.id)
def test_every_claim_was_promised_and_committed_before_it_was_measured(claim) -> None:
    assert claim.registered == registration(claim)
    module, _, name = claim.measure.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))
    record = read_record(claim)
    assert record is not None and record.committed and tuple(record.seeds) == claim.seeds


def test_functions_give_one_number_a_unit() -> None:
    for found in (
        measures.with_residual(n=3, seeds=[5]),
        measures.without_residual_difference(n=3, seeds=[5]),
        measures.ends_against_middle(n=3, seeds=[5]),
        measures.removal_change(n=3, seeds=[5], condition="articles", distractors=0),
        measures.error_sums(n=12, seeds=[5]),
        measures.states_needed(n=3, seeds=[5], level=1, by="patch"),
    ):
        assert len(found.values) == len(found.units) == len(set(found.units))
        assert list(found.models) == ["lab/deep"]


def test_what_is_won_back_is_the_arm_on_its_own_texts_minus_the_other_on_whole_ones(monkeypatch) -> None:
    shares = {
        ("punctuation", "intact"): (0.1, 0.1),
        ("punctuation", "punctuation"): (0.9, 0.7),
        ("full", "intact"): (0.85, 0.8),
        ("full", "punctuation"): (0.2, 0.2),
    }
    cells = {key: mean_over(values, "seeds", method="t") for key, values in shares.items()}
    monkeypatch.setattr(measures, "two_by_two", lambda: TwoByTwo(cells, (2, 1), 24, 100))
    found = measures.won_back(n=2, seeds=[1, 2], arm="punctuation")
    assert found.values == pytest.approx((-0.1, 0.05)) and found.units == ("seed 1", "seed 2")


def test_groups_are_the_papers_tags() -> None:
    ends, nouns = measures.GROUPS["sentence ends"], measures.GROUPS["nouns"]
    assert ends('."', "punctuation") and ends("?", "punctuation") and not ends(",", "punctuation")
    assert nouns(" ferry", "noun") and not nouns(" Hana", "name")
