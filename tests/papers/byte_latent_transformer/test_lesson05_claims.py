"""Lesson 05's claims: promised before they were measured, and what is exact is checked again here."""

import re

import pytest

from labkit.claims import ledger
from labkit.claims.entry import registration
from labkit.claims.records import claims_dir, read_record
from labkit.papers.byte_latent_transformer import claims
from labkit.papers.byte_latent_transformer.claims import (
    bits_difference,
    doubling_leaves_the_local_cost,
    entropy_model_size,
    first_letters,
    future_changes,
    growth_of_patches,
    lower_threshold,
    moved_boundaries,
    parameter_ratios,
)
from labkit.papers.byte_latent_transformer.experiments.quality import bits_of

ALL = list(ledger().lesson("05"))


def test_there_are_enough_and_each_stands_as_it_was_promised():
    paper = [one for one in ALL if one.standing == "paper"]
    assert len(paper) >= 10 and sum(one.kind in ("model", "method") for one in paper) >= 8
    for one in ALL:
        assert one.registered == registration(one)
        assert one.measure.rpartition(".")[0] == claims.__name__
        assert callable(getattr(claims, one.measure.rpartition(".")[2]))
    assert len(re.findall(r"^\[\[claim\]\]", (claims_dir() / "05.toml").read_text(), re.M)) == len(ALL)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.id)
def test_records_belong_to_their_entries(one):
    record = read_record(one)
    assert record is None or record.committed, "the promise was not committed before it was measured"


def test_arithmetic_of_the_paper():
    assert set(doubling_leaves_the_local_cost(n=4, seeds=[0]).values) == {0.0}
    assert entropy_model_size(n=1, seeds=[0]).values[0] == pytest.approx(44.3, abs=0.5)
    assert all(abs(value - 1) <= 0.05 for value in parameter_ratios(n=10, seeds=[0]).values)


def test_what_is_measured_on_the_shipped_models():
    assert set(moved_boundaries(n=2, seeds=[9]).values) == {0.0}
    assert max(future_changes(n=1, seeds=[9]).values) <= 1e-4
    letters = first_letters(n=3, seeds=[9]).values
    assert len(letters) == 3 and min(letters) > 0.5  # nats more at first letters than at others
    assert min(growth_of_patches(n=3, seeds=[9]).values) > 0
    assert len(lower_threshold(n=3, seeds=[9]).values) == 3


def test_differences_are_taken_seed_by_seed():
    found = bits_difference(n=2, seeds=[1, 2], first="entropy", second="bpe")
    expected = [a - b for a, b in zip(bits_of("entropy", [1, 2]), bits_of("bpe", [1, 2]))]
    assert list(found.values) == expected and found.units == ("seed 1", "seed 2")
