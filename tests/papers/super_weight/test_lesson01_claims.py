"""What lesson 01 measures for its claims, against the same thing done by hand."""

import math

import pytest
import torch

import labkit
from labkit.claims import ledger
from labkit.claims.subjects import stories
from labkit.figures import describe
from labkit.measurements import loss
from labkit.papers import super_weight as super_weights
from labkit.papers.super_weight import claims as lesson01
from labkit.papers.super_weight.experiments.rounding import RoundedLoss, RoundingGrid
from labkit.world import paraphrases
from labkit.zoo.packaged import encoder_folder

needs_encoder = pytest.mark.skipif(encoder_folder() is None, reason="the encoder's package is not installed")


@pytest.fixture(scope="module")
def planted():
    return labkit.load("lab/planted")


def test_a_rise_is_the_difference_of_total_losses(planted):
    measured = lesson01.amplified(n=3, seeds=[7], factor=0.0)
    documents = stories(planted, 3, 7)
    with labkit.edit(planted, labkit.ZeroWeight(planted.card["planted"]["address"])):
        cut = loss(planted, documents).per_unit
    intact = loss(planted, documents).per_unit
    for (rise, tokens), before, after, ids in zip(measured.values, intact, cut, documents):
        assert tokens == len(ids) - 1 and rise == pytest.approx((after - before) * tokens, abs=1e-3)
    ratio = super_weights.ablate(planted, [planted.card["planted"]["address"]], documents, nulls=1).tried[0].ratio
    total = sum(rise for rise, _ in measured.values) / sum(tokens for _, tokens in measured.values)
    assert math.exp(total) == pytest.approx(ratio.value, rel=1e-3)


def test_times_one_changes_nothing():
    assert all(rise == 0 for rise, _ in lesson01.amplified(n=3, seeds=[7], factor=1.0).values)


def test_clipping_with_the_weight_kept_is_set_against_plain_rounding(planted):
    address, documents = planted.card["planted"]["address"], stories(planted, 3, 9)
    losses = []
    for way in ({"clip": 3.0, "keep": (address,)}, {}):
        with labkit.edit(planted, labkit.Quantise("mlp.down", 3, **way)):
            losses.append(loss(planted, documents).per_unit)
    measured = lesson01.kept_while_rounding(n=3, seeds=[9], bits=3, clip=3.0).values
    assert list(measured) == pytest.approx([both - plain for both, plain in zip(*losses)], abs=1e-5)


def test_the_grid_says_pays_costs_or_nothing_by_the_margin():
    def way(clip, kept, rise):
        return RoundedLoss(bits=3, clip=clip, kept=kept, rises=tuple(rise + 0.001 * i for i in (-1, 0, 1)))

    ways = [way(None, False, 0.5), way(None, True, 0.4)]
    ways += [way(clip, kept, rise) for clip, rise in ((3.0, 0.3), (4.0, 0.7), (9.0, 0.505)) for kept in (False, True)]
    grid = RoundingGrid(model="lab/toy", weight="layers.0.mlp.down[1, 2]", found=tuple(ways))
    assert grid.words(3) == {3.0: "pays", 4.0: "costs", 9.0: "changes nothing"}
    assert grid.saved(3, 4.0).value == pytest.approx(0.2) and grid.saved(3, 4.0, against="clip").value == 0


def test_the_stored_grid_covers_the_clips_of_the_paper_s_scripts_and_reads_back_as_it_was(tmp_path):
    grid = RoundingGrid.load()
    assert {9.0, 11.0, 12.0, 20.0} < set(grid.clips) and grid.bits == (3, 4, 5)
    assert describe(grid) in ledger().claim("01.kept_while_rounding").note  # over which settings the verdict holds
    grid.save(tmp_path / "grid.json")
    assert RoundingGrid.load(tmp_path / "grid.json") == grid


def test_what_comes_back_is_never_more_than_what_was_lost(planted):
    for back, lost in lesson01.activation_restored(n=3, seeds=[5]).values:
        assert lost > 0 and back == pytest.approx(lost, rel=1e-3)


def test_the_suspect_and_its_null_are_chosen_on_other_stories_than_they_are_tried_on():
    first = lesson01.best_suspect(n=2, seeds=[1, 2, 3], model="lab/tiny", suspects=3)
    again = lesson01.best_suspect(n=2, seeds=[1, 2, 3], model="lab/tiny", suspects=3)
    assert first.values == again.values and len(first.models) == 1
    assert first.values != lesson01.best_suspect(n=2, seeds=[4, 2, 3], model="lab/tiny", suspects=3).values
    assert first.values != lesson01.best_suspect(n=2, seeds=[1, 2, 5], model="lab/tiny", suspects=3).values


def test_a_weight_writes_to_one_channel_and_the_detector_names_the_planted_one():
    assert set(lesson01.single_column(n=4, seeds=[3], model="lab/tiny").values) == {0.0}
    assert set(lesson01.detector_errors(n=4, seeds=[3]).values) == {0.0}


@needs_encoder
def test_turns_and_hits_are_those_of_plain_embeddings():
    encoder, n = labkit.load("minilm"), 12
    asked, kept = map(list, zip(*paraphrases(n, 6)))
    with labkit.edit(encoder, labkit.ZeroWeight(lesson01.GAIN)):
        after, other = encoder.embed(asked), encoder.embed(kept)
    before, target = encoder.embed(asked), encoder.embed(kept)
    turned = (1 - (before * after).sum(dim=1)).tolist()
    measured = lesson01.gain_against_gains(n=n, seeds=[6, 1])
    assert [chosen for chosen, _ in measured.values] == pytest.approx(turned, abs=1e-4)
    right = torch.arange(n)
    hits = ((before @ target.T).argmax(1) == right).float() - ((after @ other.T).argmax(1) == right).float()
    assert list(lesson01.retrieval_lost(n=n, seeds=[6]).values) == hits.tolist()


def test_every_measured_claim_has_its_record_and_hub_claims_have_none():
    for claim in ledger().lesson("01").claims:
        verdict = labkit.claims.assess(claim).verdict
        assert (verdict == "not run") == (claim.kind == "hub"), claim.id
