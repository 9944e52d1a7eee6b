"""The experiments of lesson 11 on the shipped model, and their arithmetic on numbers made up."""

import json
import math

import numpy as np
import pytest

import labkit
from labkit.anatomy import fingerprint
from labkit.base.errors import BadInput, BrokenFile, NotAvailable, UnknownName
from labkit.figures import describe, draw
from labkit.papers import relation_neurons as rn
from labkit.papers.relation_neurons import claims, task, training
from labkit.papers.relation_neurons.experiments import cumulative, damage, facts, measuring, registers
from labkit.papers.relation_neurons.experiments.controls import measure_controls
from labkit.papers.relation_neurons.experiments.interference import Interference, improving, largest_gain
from labkit.papers.relation_neurons.experiments.null import DamageNull
from labkit.papers.relation_neurons.experiments.portrait import Portraits
from labkit.papers.relation_neurons.task import RELATIONS


@pytest.fixture(scope="module")
def study():
    return rn.RelationStudy.of(labkit.load("lab/facts"), most=10)


@pytest.fixture(scope="module")
def tenth(study):
    return rn.damage_map(study, 0.1)


def made_up(before, after):
    """A map of two relations, a and b, four questions each."""
    zero = np.zeros(8)
    return damage.DamageMap(("a", "b"), tuple("aaaabbbb"), np.array(before), np.array(after), zero, np.zeros((2, 8)), 3)


@pytest.mark.parametrize("name", ["lab/facts", "lab/facts_second"])
def test_the_models_know_each_relation_in_each_wording(name):
    known = rn.RelationStudy.of(labkit.load(name), most=20)
    for wording in ("named", "reworded", "coded", "shelved", "foreign"):
        asked = [one for one in RELATIONS if wording in task.wordings_of(one)]
        before = known.before(wording, asked)
        assert min(before.share(one).value for one in asked) >= 0.8


def test_a_drop_is_relative_and_undefined_where_nothing_was_known():
    found = made_up([1, 1, 0, 0, 0, 0, 0, 0], [[1, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0]])
    assert found.drop("a", "a") == 0.5 and found.drop("a", "b") == -0.5
    assert math.isnan(found.drop("b", "a"))
    assert found.p_value("a", "a") == 1.0


def test_the_sign_test_is_the_binomial():
    assert damage.sign_test(0, 0) == damage.sign_test(3, 3) == 1.0
    assert damage.sign_test(0, 6) == damage.sign_test(6, 0) == pytest.approx(2 / 64)
    assert damage.sign_test(1, 5) == pytest.approx(2 * 7 / 64)


def test_no_neuron_off_is_no_damage(study):
    found = rn.damage_map(study, 0.0, silenced=["father", "island"])
    assert found.k == 0 and (found.matrix() == 0).all() and found.log_own() == 0


def test_own_falls_further_than_others_and_the_model_is_left_as_it_was(study, tenth):
    before = fingerprint(study.model)
    found = rn.damage_map(study, 0.1, silenced=["sport"])
    assert fingerprint(study.model) == before
    assert found.drop("sport", "sport") == tenth.drop("sport", "sport")
    assert tenth.own().value > tenth.others().value + 0.05
    assert np.nanmax(tenth.matrix()) <= 1


def test_neurons_found_with_shuffled_labels_do_no_particular_damage(study, tenth):
    nothing = rn.damage_map(study, 0.1, "permuted")
    assert nothing.own().value - nothing.others().value < (tenth.own().value - tenth.others().value) / 2


def test_other_values_than_zero_and_the_last_token_alone(study):
    few = {"silenced": ["sport"], "asked": ["sport", "island"]}
    zero, mean, median, last = (
        rn.damage_map(study, 0.1, **few, **how) for how in ({}, {"to": "mean"}, {"to": "median"}, {"last": 1})
    )
    logs = [found.log_own() for found in (zero, mean, median, last)]
    assert len({round(value, 6) for value in logs}) == 4
    assert median.log_own() > mean.log_own()  # at sport's own median its neurons say what they say to sport
    assert rn.damage_map(study, 0.0, to="mean", **few).log_own() == 0
    with pytest.raises(UnknownName, match="value"):
        rn.damage_map(study, 0.1, to="one", **few)


def test_attention_has_neurons_too(study):
    found = rn.damage_map(study, k=154, silenced=["sport"], modules=("q", "k", "v", "o"))
    names = rn.neurons_for(study, "sport", 154, modules=("q", "k", "v", "o"))
    assert {name.split(".")[3][0] for name in names} <= set("qkvo") and found.drop("sport", "sport") > 0


def made_up_null():
    """Two relations; the second column is grey in every draw."""
    null = np.array([[[0.0, 0.4], [0.1, 0.5]], [[0.1, 0.5], [0.0, 0.4]], [[0.0, 0.5], [0.1, 0.4]]])
    return DamageNull(("a", "b"), ("a", "b"), 3, np.array([[0.9, 0.5], [0.0, 0.4]]), null)


def test_a_grey_column_is_no_finding():
    found = made_up_null()
    assert found.p_value("a", "a") == pytest.approx(1 / 7) and found.p_value("b", "b") == 1
    assert found.p_value("b", "a") == pytest.approx(4 / 7)  # as much as three of six drawn sets
    assert found.excess[1, 1] == pytest.approx(-1 / 30) and found.excess[0, 0] == pytest.approx(0.9 - 0.1 / 3)
    assert found.beyond() == [("a", "a")]
    kept, p = found.diagonal()
    assert p == 1 / 4 and kept == pytest.approx(0.65 - np.mean([0.25, 0.25, 0.2]))
    again = DamageNull.from_dict(json.loads(json.dumps(found.as_dict())))
    assert (again.drops == found.drops).all() and (again.null == found.null).all()
    assert "3 drawn sets" in describe(found) or "over 3 sets" in describe(found)


def test_the_null_is_of_the_same_sets_as_the_map(study):
    found = rn.damage_null(study, 0.1, 2, silenced=["sport", "island"])
    one = rn.damage_map(study, 0.1, "matched", silenced=["sport", "island"], seed=2)
    assert (found.null[1] == one.matrix()).all() and found.null.shape == (2, 2, 12)
    with pytest.raises(BadInput, match="no null"):
        rn.damage_null(study, 0.1, 1)


def test_stored_controls_replay(study):
    stored = rn.MatchedControls.load()
    assert len(stored.null.null) >= 20 and len(stored.gains.null_improving) >= 19
    fresh = rn.damage_map(rn.RelationStudy.of(study.model), 0.1, silenced=["sport"])
    assert stored.null.drops[stored.null.silenced.index("sport")] == pytest.approx(fresh.matrix()[0], abs=6e-4)
    for found in (stored, stored.null, stored.gains):
        draw(found)
        assert len(describe(found)) > 60


def test_controls_are_measured_part_by_part_and_a_broken_file_is_told(study, tmp_path):
    small = rn.RelationStudy.of(study.model, most=2)
    path, said = tmp_path / "matched.json", []
    stored = {"null": made_up_null().as_dict(), "gains": {}, "narrow": {}}
    path.write_text(json.dumps(stored))
    measure_controls(small, small, small, path, said.append, shares=(0.1,), draws=1)
    assert said == ["wide", "known"] and json.loads(path.read_text())["null"] == stored["null"]
    with pytest.raises(BrokenFile, match="damaged"):
        rn.MatchedControls.load(path)
    with pytest.raises(NotAvailable, match="no controls"):
        rn.MatchedControls.load(tmp_path / "none.json")


def test_the_best_neurons_stand_beside_the_best_of_nothing(study):
    found = rn.best_neurons(study)
    assert found.tied() == sum(study.search.of(name).at_one() > 0 for name in study.relations)
    assert max(found.shuffled.values()) < 0.5 < min(found.best.values()) and found.neurons == 1536
    assert rn.chosen_ap(study, 5) > rn.chosen_ap(study, 100)
    outputs, labels = study.search.examples("father")
    assert len(labels) == 5 * int(labels.sum())
    assert rn.average_precision(outputs, labels).numpy() == pytest.approx(study.search.of("father").ap.numpy())


def test_each_model_alone_is_shown_beside_the_verdict():
    found = rn.by_seed()
    assert set(found.values["11.own_falls"]) >= {1, 2, 3, 5}
    assert "11.own_falls_tenth" in found.same_side() and found.verdicts["11.own_falls"] == "absent here"
    assert len(found.table(("11.own_falls", "11.interference")).splitlines()) == 3
    assert not {"11.large_pools", "11.large_pools_again"} & set(found.values)  # their seeds draw other registers


def test_models_of_large_registers_are_told_by_seed(tmp_path, monkeypatch):
    stored = {"off": {"mother": [0.0, 1.0, 0.0], "matched": [0.5, 0.5, 1.0]}, "known": {"father": 1.0, "sport": 0.75}}
    null = {"silenced": ["a"], "relations": ["a"], "k": 1, "drops": [[500]], "null": [[[100]], [[200]]]}
    table = {"8": {"father_off": stored["off"], "least_known": stored["known"]}}
    table["9"] = table["8"] | {"map": null}
    (tmp_path / "large.json").write_text(json.dumps(table))
    monkeypatch.setattr(registers, "large_path", lambda: tmp_path / "large.json")
    found = rn.large_registers()
    assert found.mothers[8].per_unit == (0.5, -0.5, 1.0) and found.fewest(8) == ("sport", 0.75)
    assert list(found.maps) == [9] and found.maps[9].diagonal()[0] == pytest.approx(0.35)
    assert "sport 75%" in found.table() and len(found.table().splitlines()) == 3


def test_every_large_model_knows_its_register():
    found = rn.large_registers()
    assert set(found.mothers) == set(measuring.LARGE_SEEDS)
    assert all(found.fewest(seed)[1] >= 0.8 for seed in found.known)


def test_ways_to_choose_neurons(study):
    chosen = {by: rn.neurons_for(study, "sport", 40, by, seed=3) for by in damage.SOURCES}
    assert all(len(set(names)) == 40 for names in chosen.values())
    assert not set(chosen["top"]) & (set(chosen["matched"]) | set(chosen["bottom"]))
    gate = rn.neurons_for(study, "sport", 40, modules=("gate",))
    assert all(".gate[" in name for name in gate)
    assert chosen["random"] == rn.neurons_for(study, "father", 40, "random", seed=3)
    with pytest.raises(UnknownName, match="choose"):
        rn.neurons_for(study, "sport", 40, "luck")
    with pytest.raises(UnknownName, match="relation"):
        rn.neurons_for(study, "uncle", 40)
    with pytest.raises(BadInput, match="513 neurons"):
        study.search.of("sport").only(("gate",), 513)


def test_a_crowd_and_a_culprit():
    crowd = cumulative.Cumulativity(("a",), (1, 2), ((4,),), ((0,),))
    culprit = cumulative.Cumulativity(("a",), (1, 2), ((4,),), ((4,),))
    nobody = cumulative.Cumulativity(("a",), (1, 2), ((0,),), ((0,),))
    assert crowd.micro() == crowd.macro(0) == 1 and culprit.micro() == culprit.macro(0) == 0
    assert math.isnan(nobody.micro()) and math.isnan(nobody.macro(0))


@pytest.mark.parametrize(("rule", "micro"), [("one culprit", 0), ("any three of six", 1)])
def test_a_decisive_neuron_gives_0_and_redundant_ones_1(study, monkeypatch, rule, micro):
    """Answers that hang on the ranks 3 to 8 of their relation: on the fifth alone, or on more than three of the six."""
    needed = {name: study.search.of(name).top(8)[2:] for name in study.relations}

    def right(study, quiz, neurons):
        off = np.isin(needed[quiz.questions[0].relation], neurons)
        lost = off[2] if rule == "one culprit" else off.sum() > 3
        return np.full(len(quiz.questions), 0.0 if lost else 1.0)

    monkeypatch.setattr(cumulative, "_right", right)
    found = rn.cumulativity(study, (2 / 1536, 5 / 1536, 8 / 1536))
    place = 0 if rule == "one culprit" else 1
    assert found.ladder == (2, 5, 8) and found.micro(place) == found.macro(place) == micro
    assert np.sum(found.total) == 12 * 10 == np.sum(found.total, 0)[place]


def test_no_more_are_affected_than_lost(study):
    found = rn.cumulativity(study, (0.05, 0.15, 0.25))
    assert (np.array(found.affected) <= np.array(found.total)).all() and 0 <= found.micro() <= 1
    with pytest.raises(BadInput, match="does not rise"):
        rn.cumulativity(study, (0.0001, 0.0002))


def test_interference_counts_cells_off_the_diagonal_alone():
    found = made_up([1, 0, 0, 0, 1, 0, 0, 0], [[1, 1, 1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 1, 1, 1, 1]])
    assert improving(found) == 1
    assert largest_gain(found) == (0.25, ("a", "b"))
    one = Interference(0.01, 132, 30, 0.05, ("a", "b"), (20, 30, 40), (0.02, 0.05, 0.1), 1)
    assert one.p_improving == 0.75 and one.p_largest == 0.75 and one.band[0] < 30 < one.band[1]
    assert "30 of 132" in describe(one)


def test_interference_has_a_null_of_shuffled_labels_too():
    few = rn.RelationStudy.of(labkit.load("lab/facts_early"), most=5)
    found = rn.interference(few, 0.05, 2, null="permuted")
    assert len(found.null_improving) == len(found.null_rows) == 2 and sum(found.rows) == found.improving > 0
    assert found.null_rows[0] != rn.interference(few, 0.05, 1).null_rows[0]
    assert found.band[0] <= max(found.null_improving) and 1 / 3 <= found.p_improving <= 1


def test_bars_of_facts_the_search_saw_and_did_not_see(study):
    for seen in (False, True):
        found = rn.own_bars(study, 0.1, 2, seen=seen)
        drops = rn.damage_map(study, 0.1, seen=seen, silenced=["sport"])
        assert 1 - found.own["sport"] / found.intact["sport"] == pytest.approx(drops.drop("sport", "sport"))
        assert sum(found.own.values()) < sum(found.random.values()) <= sum(found.intact.values())
        assert ("search" if seen else "held-out") in describe(found.picture()) and len(found.table().splitlines()) == 13
        draw(found.picture())


def test_a_pair_is_followed_as_the_set_grows(study, tenth):
    found = rn.pair_curve(study, "father", "mother", (0.0, 0.1, 0.25))
    assert found[0.0] == 0 and found[0.1] == tenth.drop("mother", "father") and found[0.25] > 0.3


def test_names_that_two_relations_share(study):
    subjects, objects = (rn.entity_overlap(study.register, what) for what in ("subject", "object"))
    assert subjects["father"]["mother"] == 150 and subjects["father"]["maker"] == 0
    assert objects["father"]["mother"] == 0 and objects["headquarters"]["parish"] == 24
    assert all(objects[a][b] == objects[b][a] for a in RELATIONS for b in RELATIONS)
    with pytest.raises(UnknownName, match="part of a fact"):
        rn.entity_overlap(study.register, "verb")


@pytest.mark.parametrize(
    "values", [[1, 2, -3, 4, 5], [0.5, -0.2, 0.1, 0.7, 0.9, -0.3, 1.1], [-1, -2, -3, -4, -5, -6, 0]]
)
def test_the_signed_rank_test_is_scipys(values):
    stats = pytest.importorskip("scipy.stats")
    wanted = stats.wilcoxon([v for v in values if v], method="exact").pvalue
    assert facts.signed_rank(values) == pytest.approx(wanted, abs=1e-12)


def test_ties_share_their_ranks_in_the_signed_rank_test():
    every = [facts.signed_rank([2 * (bits >> i & 1) - 1 for i in range(4)]) for bits in range(16)]
    assert sorted(every) == pytest.approx([0.125] * 2 + [0.625] * 8 + [1.0] * 6)
    assert facts.signed_rank([]) == facts.signed_rank([0.0]) == 1.0


def test_overlap_is_symmetric_with_k_on_its_diagonal(study):
    found = rn.neuron_overlap(study, 0.05)
    shared = np.array(found.shared)
    assert (shared == shared.T).all() and (shared.diagonal() == found.k).all()
    assert found.expected == pytest.approx(77**2 / 1536)
    assert round(3000**2 / 835_584, 1) == 10.8  # the paper's two random sets


def test_what_becomes_of_facts_talk_and_concepts(study):
    gaps, lost = rn.frequency_gap(study, 0.15, least=1), rn.lost_answers(study, 0.15)
    relative = gaps.relative()
    for name, (frequent, rare) in gaps.frequencies.items():
        assert relative[name] == pytest.approx(1 - frequent / rare) and min(frequent, rare) >= 1
    assert set(relative) == set(gaps.gaps) and 0 < gaps.p_value() <= 1
    assert set(gaps.gaps) <= set(RELATIONS) and sum(lost.shares().values()) == pytest.approx(1)
    ratios = rn.talk_loss(study, n=20).ratios()
    assert all(ratio > 0.8 for ratio in ratios.values())
    concepts = rn.concept_overlap(study)
    assert all(0 <= alone <= concepts.k for alone in concepts.alone.values())


def test_pictures_are_drawn_and_told(study, tenth):
    strips = rn.neuron_strips(study, "father", study.search.of("father").top(3))
    curve = rn.by_share(rn.RelationStudy.of(study.model, most=2), (0.05, 0.1), draws=2)
    again = rn.ShareCurve.from_dict(json.loads(json.dumps(curve.as_dict())))
    assert [one.value for one in again.matched] == pytest.approx([one.value for one in curve.matched], abs=1e-4)
    left = rn.damage_map(study, 0.1, silenced=["sport"])
    for found in (tenth, left, strips, curve, rn.best_neurons(study), rn.neuron_overlap(study)):
        draw(found)
        assert len(describe(found)) > 60 and found.table()
    with pytest.raises(BadInput, match="make no picture"):
        rn.neuron_strips(study, "father", [])


def test_a_relation_that_is_not_known_is_not_searched(study):
    questions = study.register.questions(["father", "mother"])
    with pytest.raises(BadInput, match="The model knows"):
        rn.find_neurons(study.model, questions[:5] + questions[150:])


def test_portraits_say_what_is_missing(tmp_path):
    with pytest.raises(NotAvailable, match="no portraits"):
        Portraits.load(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(BrokenFile, match="damaged"):
        Portraits.load(tmp_path / "broken.json")
    (tmp_path / "one.json").write_text(json.dumps({"7": {}}))
    with pytest.raises(NotAvailable, match="Seed 3"):
        Portraits.load(tmp_path / "one.json").seed(3)


def test_every_measured_value_is_read_from_the_portraits():
    for claim in labkit.claims.ledger().lesson("11"):
        found = getattr(claims, claim.measure.rpartition(".")[2])(n=claim.n, seeds=claim.seeds, **claim.arguments)
        assert len(found.values) == claim.n and np.isfinite(np.array(found.values, dtype=float)).all()


def test_batches_depend_on_seed_and_step_alone():
    register = rn.Register(3)
    one, two = training.Batches(register, 3), training.Batches(register, 3)
    ids, labels = one.at(5)
    assert (ids == two.at(5)[0]).all() and ids.shape == labels.shape
    other = two.at(6)[0]
    assert ids.shape != other.shape or not (ids == other).all()
    assert (labels[labels >= 0] == ids[labels >= 0]).all()
    assert training.CONFIG.vocab == 363 and len(one.facts) == 12 * 150 * 4 + 4 * 150
