"""What lesson 02 measures for its claims, against the same thing done by hand."""

import math

import pytest
import torch

import labkit
from labkit import world
from labkit.claims import ledger
from labkit.claims.subjects import stories
from labkit.interventions import Plan, shrink
from labkit.measurements import choice_accuracy, loss
from labkit.papers.what_matters.claims import exact as lesson02_exact
from labkit.papers.what_matters.claims import trained as lesson02
from labkit.papers.what_matters.experiments.race import race
from labkit.papers.what_matters.method.dropping import one_shot
from labkit.papers.what_matters.method.metrics import Cosine, RandomOrder

TINY = "lab/tiny"


@pytest.fixture(scope="module")
def tiny():
    return labkit.load(TINY)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Choose parts on a few stories only: what is chosen does not matter here."""
    for module in (lesson02, lesson02_exact):
        monkeypatch.setattr(module, "CALIBRATION", 3)


def rises(handle, plan, documents):
    with labkit.edit(handle, plan):
        cut = loss(handle, documents).sums
    return [after - before for after, before in zip(cut, loss(handle, documents).sums)]


def test_parts_are_chosen_on_one_text_and_tried_on_another(tiny):
    measured = lesson02.part_against_part(n=3, seeds=[7, 8], first="attention", second="mlp", gone=2, model=TINY)
    documents, calibration = stories(tiny, 3, 7), stories(tiny, 3, 8)
    for column, part in zip(zip(*measured.values), ("attention", "mlp")):
        assert column == pytest.approx(rises(tiny, one_shot(tiny, calibration, 2, part), documents), abs=1e-3)
    assert list(measured.models) == [TINY]


def test_a_random_choice_is_a_mean_over_orders(tiny):
    ((chosen, drawn), *_) = lesson02.chosen_against_random(n=2, seeds=[7, 8, 30], gone=1, model=TINY).values
    documents = stories(tiny, 2, 7)
    by_hand = [rises(tiny, one_shot(tiny, None, 1, metric=RandomOrder(seed)), documents)[0] for seed in range(30, 35)]
    assert drawn == pytest.approx(sum(by_hand) / 5, abs=1e-3)
    assert chosen == pytest.approx(rises(tiny, one_shot(tiny, stories(tiny, 3, 8), 1), documents)[0], abs=1e-3)


def test_all_of_a_kind_is_the_same_whoever_chooses():
    depth = labkit.load(TINY).model.config.depth
    for name in ("chosen_against_reverse", "residual_in_score", "iterative_against_one_shot"):
        values = getattr(lesson02, name)(n=2, seeds=[7, 8], gone=depth, model=TINY).values
        assert all(first == pytest.approx(second, abs=1e-6) for first, second in values), name


def test_shares_of_orders_are_counted_as_by_hand(tiny):
    scores = Cosine()(tiny, stories(tiny, 4, 5))
    share = lesson02.first_of_joint(n=4, seeds=[5], gone=3, model=TINY).values[2]
    ranked = sorted([(one.per_unit[2], 0) for one in scores.mlp] + [(one.per_unit[2], 1) for one in scores.attention])
    assert share == pytest.approx(sum(kind for _, kind in ranked[:3]) / 3)
    whole = lesson02.few_samples(n=1, seeds=[5], gone=2, sample=4, model=TINY)
    assert whole.values == (1.0,)  # one sample that is everything names what everything names


def test_the_agreement_is_a_rank_correlation_within_one_story(tiny):
    values = lesson02.score_against_cost(n=2, seeds=[7, 8], part="joint", model=TINY).values
    assert all(-1 <= value <= 1 for value in values)
    guess = [one.value for part in ("attention", "mlp") for one in Cosine()(tiny, stories(tiny, 3, 8)).of(part)]
    documents = stories(tiny, 2, 7)
    kinds = (labkit.DropAttention, labkit.DropMLP)
    depth = tiny.model.config.depth
    truth = [rises(tiny, kind(layer), documents)[1] for kind in kinds for layer in range(depth)]
    ranks = [torch.tensor(one).argsort().argsort().double() for one in (guess, truth)]
    assert values[1] == pytest.approx(float(torch.corrcoef(torch.stack(ranks))[0, 1]), abs=0.03)


def test_copying_is_asked_before_and_after(tiny):
    measured = lesson02.copying_lost(n=8, seeds=[7, 8], gone=2, model=TINY)
    asked = world.copying_questions(8, 7, "test")
    before = choice_accuracy(tiny, asked).value
    with labkit.edit(tiny, one_shot(tiny, stories(tiny, 3, 8), 2)):
        after = choice_accuracy(tiny, asked).value
    assert sum(measured.values) / 8 == pytest.approx(after - before)


def test_rounding_is_measured_beside_the_cut_and_alone(tiny):
    ((more, alone),) = lesson02.rounding_after_dropping(n=1, seeds=[7, 8], gone=1, model=TINY).values
    documents, plan = stories(tiny, 1, 7), one_shot(tiny, stories(tiny, 3, 8), 1)
    rounded = labkit.Quantise("matrices", 4, block=lesson02.GROUP)
    assert alone == pytest.approx(rises(tiny, rounded, documents)[0], abs=1e-3)
    both = rises(tiny, Plan((plan, rounded)), documents)[0]
    assert more == pytest.approx(both - rises(tiny, plan, documents)[0], abs=1e-3)


def test_nothing_dropped_keeps_all_that_was_learnt():
    for kept, won in lesson02.knowledge_kept(n=2, seeds=[7, 8], gone=0, model=TINY, words=20).values:
        assert kept == pytest.approx(won, abs=1e-3) and won > 0


def test_identities_hold_and_the_papers_numbers_are_told_apart():
    assert max(lesson02_exact.drop_is_zero(n=4, seeds=[7], model=TINY).values) < 1e-6
    assert max(lesson02_exact.shrunk_is_cut(n=2, seeds=[7], model=TINY).values) < 1e-4
    table = lesson02_exact.cache_errors(n=10, seeds=[1])
    off = [unit for unit, value in zip(table.units, table.values) if value]
    assert off == ["Llama-2-13B, whole", "Llama-2-13B, cut"]
    ratios = lesson02_exact.ratio_errors(n=17, seeds=[1])
    assert [unit for unit, value in zip(ratios.units, ratios.values) if value > 1e-9] == ["Llama-3-70B, 40 attentions"]


def test_speed_and_healing_come_in_pairs(tiny):
    seconds = lesson02_exact.faster(n=2, seeds=[7], gone=1, prompt=4, new=3, batch=1, model=TINY)
    assert len(seconds.values) == 2 and all(a > 0 and b > 0 for a, b in seconds.values)
    healed = lesson02_exact.healed(n=1, seeds=[7], gone=1, part="attention", steps=1, documents=2, model=TINY)
    ((back, lost),) = healed.values
    assert lost == pytest.approx(
        loss(shrink(tiny, one_shot(tiny, stories(tiny, 3, 507), 1)), stories(tiny, 2, 7)).value
        - loss(tiny, stories(tiny, 2, 7)).value,
        abs=1e-4,
    )
    assert math.isfinite(back) and back < 2 * lost


def test_on_the_deep_model_the_score_beats_the_mean_of_five_random_choices():
    deep = labkit.load("lab/deep")
    texts = [ids[:48] for ids in stories(deep, 6, 40)]
    drawn = [one_shot(deep, None, 4, metric=RandomOrder(seed)) for seed in range(5)]
    found = race(deep, {"cosine": one_shot(deep, texts, 4), "random": drawn}, texts, counts=[2, 3, 4])
    for cosine, random in zip(found.lines["cosine"], found.lines["random"]):
        assert cosine.value < random.value


def test_every_measured_claim_has_its_record_and_hub_claims_have_none():
    claims = ledger().lesson("02").claims
    for claim in claims:
        verdict = labkit.claims.assess(claim).verdict
        assert (verdict == "not run") == (claim.kind == "hub"), claim.id
    assert sum(claim.kind in ("model", "method") for claim in claims) >= 8 and len(claims) >= 12
