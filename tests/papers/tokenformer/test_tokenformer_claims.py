"""From runs to claims and pictures, on made-up runs whose answers are known."""

import pytest

from labkit.base.errors import NotAvailable, UnknownName
from labkit.claims import ledger
from labkit.figures import describe, draw
from labkit.papers.tokenformer import (
    GrowthRecovery,
    StepZero,
    claims,
    growth_race,
    held_back_rows,
    other_sizes,
    paired_loss,
)
from labkit.papers.tokenformer.experiments import race
from labkit.papers.tokenformer.experiments.race import NAMES, SEEDS
from labkit.papers.tokenformer.experiments.race import stored_runs as whole
from labkit.papers.tokenformer.experiments.variations import FRESH_SEEDS, HELD_BACK, RANDOM, SIZES
from labkit.papers.tokenformer.training.arms import ARMS
from labkit.papers.tokenformer.training.choosing import best_rate


def made_up(arm, lr, seed, loss):
    return {
        "arm": arm,
        "lr": lr,
        "seed": seed,
        "loss": loss,
        "first_source": 1.0,
        "losses": {"stories": loss, "facts": 2 * loss},
        "curve": [[0, 9.0], [1, loss + 2], [11, loss], [21, loss]],
        "params": 1000,
        "tokens": 500,
        "flops": 2e9,
        "source_flops": 0 if arm == "source" else 3e9,
        "diverged": loss > 90,
    }


@pytest.fixture(autouse=True)
def runs(monkeypatch):
    """Arm number i ends at i / 10 with the better rate, give or take a thousandth a seed."""
    known = []
    for number, arm in enumerate([*NAMES, "softmax-n", "b-zero-fixed", "b-block-pad"]):
        for lr, worse in ((0.1, 0.0), (0.2, 0.5), (0.4, 99.0)):
            seeds = (0, *SEEDS) if lr == 0.1 else (0,)
            known += [made_up(arm, lr, seed, number / 10 + worse + seed * 1e-3) for seed in seeds]
    monkeypatch.setattr(race, "stored_runs", lambda: known)
    return known


def test_each_arm_stands_at_the_rate_that_was_best_on_the_choosing_seed():
    assert best_rate("restart", race.stored_runs()) == race.runs_of("restart")[0]["lr"] == 0.1
    with pytest.raises(UnknownName, match="restart"):
        race.runs_of("retsart")
    with pytest.raises(NotAvailable, match=r"\[7\]") as refused:
        race.runs_of("source", [31, 7])
    assert "--arms source --seeds 7" in str(refused.value)
    assert "copy runs/03/growth.jsonl to data/sweeps/03_growth.jsonl" in str(refused.value)


def test_no_arm_stands_at_the_lowest_or_highest_of_its_rates():
    known = whole()
    for arm, tried in ARMS.items():
        rates = sorted({run["lr"] for run in known if (run["arm"], run["seed"]) == (arm, 0)})
        assert set(tried.rates) <= set(rates), arm
        assert rates[0] < best_rate(arm, known) < rates[-1], arm


def test_an_arm_whose_every_run_diverged_has_no_rate():
    lost = [made_up("source", 0.1, 0, 99.0), made_up("restart", 0.1, 0, 0.5)]
    with pytest.raises(NotAvailable, match="one run that did not diverge") as refused:
        best_rate("source", lost)
    assert "--arms source --seeds 0" in str(refused.value)


def test_a_missing_file_of_runs_says_how_to_make_it(tmp_path):
    with pytest.raises(NotAvailable, match="copy runs/03"):
        whole(tmp_path / "none.jsonl")


def test_pairs_are_subtracted_seed_by_seed():
    gap = paired_loss("restart", "source")
    assert gap.value == pytest.approx(0.2)
    assert gap.high - gap.low < 1e-6  # what is common to both of a pair goes out
    assert (gap.n, gap.over) == (5, "seeds")
    measured = claims.loss_difference(n=5, seeds=SEEDS, first="restart", second="source")
    assert measured.values == pytest.approx([0.2] * 5)
    assert measured.units[0] == "seed 31"


def test_forgetting_is_told_against_the_models_own_source():
    known = [*NAMES, "softmax-n", "b-zero-fixed", "b-block-pad"]
    for arm, source in race.CONTINUED.items():
        assert race.forgetting(arm, SEEDS).value == pytest.approx((known.index(arm) - known.index(source)) / 10)
    with pytest.raises(UnknownName, match="b-zero-fixed"):
        race.forgetting("zero-fixed")


def test_the_old_corpus_is_compared_seed_by_seed():
    gap = claims.old_corpus_difference(n=5, seeds=SEEDS, first="restart", second="source")
    assert gap.values == pytest.approx([0.2] * 5)


def test_curves_are_averaged_over_steps_and_improvement_is_against_the_source():
    both = claims.curve_difference(n=5, seeds=SEEDS, first="restart", second="source")
    assert both.values == pytest.approx([0.2] * 5)
    # From step 1 to 11 a fall by 2, then flat: 10 · (loss + 1) + 10 · loss, over 20 steps.
    assert claims._area([[0, 9.0], [1, 3.0], [11, 1.0], [21, 1.0]]) == pytest.approx(1.5)
    assert claims.improvement(n=5, seeds=[31] * 5, arm="restart").values[0] == pytest.approx(0.231 - 1.0)


def test_exact_claims_hold_exactly():
    assert max(claims.preserved(n=6, seeds=(31,)).values) < 1e-4
    assert set(claims.reading_cost(n=4, seeds=(0,)).values) == {1.0}
    assert min(claims.nominal_sizes(n=4, seeds=(0,)).values) == pytest.approx(0.9355, abs=1e-3)


def test_the_race_knows_both_accounts_and_is_drawn():
    found = growth_race()
    assert found.of("restart").costs["source counted"] == 5.0
    assert found.of("restart").costs["source not counted"] == 2.0
    assert "trained on, not grown" in found.table()
    assert draw(found).axes
    assert "5 GFLOPs in all, 2 in the last stage" in describe(found)


def test_recovery_and_step_zero_are_drawn_also_off_the_scale():
    found = GrowthRecovery(1.0, (0, 2, 4), {"zero": (1.0, 1.2, 0.9), "random": (6.0, 3.0, 1.5), "not grown": (1, 1, 1)})
    assert found.bump("zero") == pytest.approx(0.2)
    assert found.back_at("zero") == 4
    assert found.back_at("random") is None
    five = GrowthRecovery(1.0, (0, 2), {**{f"way {n}": (1.0, 1.1) for n in range(4)}, "not grown": (1.0, 1.0)})
    assert "not grown" in draw(five).axes[0].get_legend_handles_labels()[1]  # five lines, none lost
    assert any("off the plot" in text.get_text() for text in draw(found).axes[0].texts)
    assert "6.00 at once" in describe(found)
    at_once = StepZero(108, (1.0, 1.1), {"zero": (1.0, 1.1), "random": (2.0, 2.4)}, {"zero": 0.0, "random": 5.0})
    assert draw(at_once).axes
    assert "random +1.150" in describe(at_once)


def test_variations_stand_beside_their_own_controls_and_are_drawn(runs):
    sizes, held = SIZES | RANDOM, tuple(HELD_BACK.values())
    arms = [*dict.fromkeys(arm for pair in sizes.values() for arm in pair), *held, "source"]
    runs[:] = [
        made_up(arm, 0.1, seed, arms.index(arm) / 10 + seed * 1e-3) for arm in arms for seed in (0, *FRESH_SEEDS)
    ]
    found = other_sizes()
    for name, (grown, control) in sizes.items():
        gap = found[name]["minus not grown"]
        assert (gap.value, gap.n) == (pytest.approx((arms.index(grown) - arms.index(control)) / 10), 5)
    rows = held_back_rows()
    for name, arm in HELD_BACK.items():
        assert rows[name]["facts, loss"].value == pytest.approx(arms.index(arm) / 10 + 0.043)
        assert rows[name]["stories, forgotten"].value == pytest.approx((arms.index(arm) - arms.index("source")) / 10)
    for one in (found, rows):
        assert draw(one).axes and one.title in describe(one) and one.table().count("\n") == len(one.estimates)


def test_every_claim_names_a_function_of_this_paper():
    entries = [claim for claim in ledger().claims if claim.lesson == "03"]
    assert len(entries) >= 10
    assert sum(claim.kind in ("model", "method") for claim in entries) >= 8
    for claim in entries:
        module, _, name = claim.measure.rpartition(".")
        assert module == "labkit.papers.tokenformer.claims"
        assert callable(getattr(claims, name))
        assert 0 not in claim.seeds or claim.exact  # rates were chosen on seed 0
