"""The lesson's tables and the pictures by rate and by family: what they say is what the ledger and the runs hold."""

import statistics

import pytest

from labkit.base.errors import LabkitError
from labkit.claims import assess, ledger
from labkit.figures import describe, draw
from labkit.papers.curse_of_depth.experiments.block_runs import BlockRuns
from labkit.papers.curse_of_depth.experiments.families import FAMILIES, placement_losses
from labkit.papers.curse_of_depth.experiments.rates import loss_by_rate
from labkit.papers.curse_of_depth.experiments.regimes import QUESTIONS, regimes
from labkit.papers.curse_of_depth.experiments.theorems import theorem_table
from labkit.papers.curse_of_depth.method.theory import check_theorems
from labkit.papers.curse_of_depth.panels.beginning import InitialisationPanel
from labkit.papers.curse_of_depth.panels.twins import TrainingPairPanel


def _cells(markdown):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines()]


def test_every_regime_is_the_ledgers():
    found = regimes()
    assert [row[0] for row in found.rows] == list(QUESTIONS.values())
    for name, row in zip(QUESTIONS, found.rows):
        decided = assess(name)
        assert decided.verdict in row[4] and row[3] == str(decided.n)
    by_claim = dict(zip(QUESTIONS, found.rows))
    assert by_claim["08.behind_at_first"][1:3] == ("0.008 for all", "80")
    assert by_claim["08.idle_share_grows"][2] == "200"
    assert by_claim["08.lower_loss"][1:3] == ("own best: 0.008, 0.016", "1,500")
    assert by_claim["08.lower_than_scaled_init"][4] == "observation (by the rule: reproduced)"
    assert "own best" in found.table()


def test_a_whole_training_is_as_long_as_the_runs_say():
    from labkit.papers.curse_of_depth.experiments.block_runs import curves_path
    from labkit.papers.curse_of_depth.experiments.regimes import MAIN, WHOLE
    from labkit.training import Curves

    curves = Curves.load(curves_path())
    assert {run.planned for recipe in MAIN for run in curves.of(recipe)} == {WHOLE}


@pytest.mark.parametrize("result", [regimes(), theorem_table("variance"), theorem_table("gradient")])
def test_a_table_for_a_notebook_is_whole(result):
    head, rule, *rows = _cells(result.markdown())
    assert rows and all(len(row) == len(head) == len(rule) for row in rows)
    assert set(rule) == {"---"}


def test_the_theory_is_told_as_it_was_checked():
    checked = check_theorems()
    told = [*theorem_table("variance").rows, *theorem_table("gradient").rows]
    assert [holds for _, holds, _ in told] == [one.holds for one in checked]
    for (said, _, _), one in zip(told, checked):
        place = one.place.partition(",")[0].partition(" with")[0].capitalize()
        assert said.startswith(place), (said, one.place)
    numbers = {0: "0.25 · N²", 3: "× 1.0000", 5: "× 1.0002", 6: "× 1.0026", 7: "× 2.00"}
    assert all(number in told[place][2] for place, number in numbers.items())
    with pytest.raises(LabkitError, match="jacobian"):
        theorem_table("jacobian")


def test_the_bar_on_a_loss_is_what_five_fresh_seeds_do():
    found, runs = loss_by_rate(), BlockRuns.load()
    fresh = [run.loss for run in runs.of("depth/lns", lr=0.016, seeds=[1, 2, 3, 4, 5])]
    assert found.seed_sd["LayerNorm Scaling"] == statistics.stdev(fresh) and len(found.rates) == 6
    (one,) = runs.of("depth/pre", lr=0.032, seeds=[0])
    assert found.losses["Pre-LN"][-1] == one.loss
    ax = draw(found).axes[0]
    assert len(ax.containers) == 2
    low, high = ax.containers[0].lines[2][0].get_segments()[0][:, 1]
    assert high - low == pytest.approx(2 * found.seed_sd["Pre-LN"])
    assert "0.643 at 0.032" in describe(found) and "sd over seeds" in found.table()


def test_the_first_look_is_told_by_family():
    found = placement_losses()
    assert list(found.losses) == list(FAMILIES) and not found.diverged
    assert sum(map(len, FAMILIES.values())) == len(found.kinds())
    figure = draw(found)
    assert [text.get_text() for text in figure.axes[0].texts if text.get_text() in FAMILIES] == list(FAMILIES)
    assert "By family, where the norm stands: Pre-LN 0.80" in describe(found) and "ReZero" in found.table()


def test_a_kind_that_diverged_is_named_and_left_out(monkeypatch):
    from dataclasses import replace

    from labkit.papers.curse_of_depth.experiments import families
    from labkit.training import Curves

    curves = Curves.load(families.placements_path())
    broken = [
        replace(run, status="diverged", said="loss nan") if run.recipe == "depth/post" and run.lr > 4e-3 else run
        for run in curves
    ]
    monkeypatch.setattr(families.Curves, "load", classmethod(lambda cls, path: Curves(tuple(broken))))
    found = placement_losses()
    assert "Post-LN" not in found.kinds() and found.diverged == ("Post-LN at 0.008: loss nan",)


def test_an_observation_with_the_papers_mark_does_not_say_that_no_paper_says_it():
    marked, alone = (assess(name).reason for name in ("08.lower_than_scaled_init", "08.untrained_turns"))
    assert "another setting; by the rule it would be reproduced" in marked and "no paper" not in marked
    assert alone.startswith("no paper says this; by the rule")
    assert ledger().claim("08.untrained_turns").number_on_scale is None


def test_an_interval_has_ends_that_its_dot_does_not_hide():
    lines = draw(assess("08.deep_turn_more")).axes[0].lines
    (interval,) = [line for line in lines if line.get_marker() == "|"]
    (dot,) = [line for line in lines if line.get_marker() == "o"]
    assert interval.get_markersize() > dot.get_markersize() + 2


def test_two_rates_of_the_young_pair_are_told_apart():
    panel = TrainingPairPanel()
    titles = []
    for state in panel.presets()[:2]:
        from labkit.figures import new_figure

        figure = new_figure(panel.size)
        panel.draw(panel.stored(state), figure)
        titles.append(next(text.get_text() for text in figure.texts))
    assert titles == ["Loss, rate 0.004", "Loss, rate 0.008"]


def test_short_titles_stay_on_one_line():
    from labkit.figures import new_figure

    panel = InitialisationPanel(start=InitialisationPanel.State(depth=2))
    figure = new_figure(panel.size)
    panel.draw(panel.data, figure)
    assert not [text.get_text() for text in figure.texts if "\n" in text.get_text()]
