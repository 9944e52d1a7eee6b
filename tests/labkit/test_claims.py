"""The ledger: entries that say what they mean, promises that hold, records that belong to their entry."""

import json
import re
import subprocess

import numpy as np
import pytest

from labkit import claims
from labkit.base.errors import BadInput, BrokenFile, NotAvailable, OutOfOrder, UnknownName
from labkit.base.numbers import number
from labkit.claims.assessment import linearised
from labkit.claims.entry import read_claims, registration
from labkit.claims.records import pilot_seeds, read_record, record_path
from labkit.measurements import mean_over

TOY = """
import random
from labkit.claims import Measured

def effect(*, n, seeds, size=1.0):
    draw = random.Random(seeds[0])
    return Measured(values=[size + draw.gauss(0, 0.1) for _ in range(n)],
                    units=[f"document {i}" for i in range(n)], models={"toy": "f00d"})

def pairs(*, n, seeds):
    return Measured(values=[(i, 1.0 + i * i) for i in range(n)], units=[str(i) for i in range(n)])

def same(*, n, seeds):
    return Measured(values=[0.0] * n, units=[str(i) for i in range(n)])

def per_seed(*, n, seeds):
    return Measured(values=[0.5 + 0.01 * seed for seed in seeds], units=[f"seed {s}" for s in seeds])

def holed(*, n, seeds):
    return Measured(values=[float("nan")] * n, units=[str(i) for i in range(n)])

def short(*, n, seeds):
    return Measured(values=[1.0], units=["one"])

def plain(*, n, seeds):
    return [1.0] * n
"""

FILE = """
lesson = "77"  # a comment that registering must leave alone

[papers.toy]
authors = "Toy and Other"
title = "On toys"
arxiv = "0000.00000"
year = 2024

[[claim]]
id = "77-effect"
kind = "model"
sentence = "Toys have an effect."
paper = "toy"
number = "1.2 points"
number_on_scale = 1.2
setting = "a toy of 7 billion parts"
place = "Table 1"
measure = "toyclaims.effect"
over = "documents"
n = 32
seeds = [11]
scale = "points per point"
null = 0.0
direction = "above"
delta = 0.1
settles = "more documents"

[[claim]]
id = "77-same"
kind = "identity"
sentence = "A toy taken away and put back is the same toy."
measure = "toyclaims.same"
over = "cases"
n = 3
seeds = [1]
scale = "differing bytes"
null = 0
delta = 0
settles = "nothing more"

[[claim]]
id = "77-big"
kind = "hub"
sentence = "Big toys too."
paper = "toy"
number = "3 points"
setting = "a toy of 70 billion parts"
place = "Table 2"
over = "documents"
n = 100
scale = "points"
null = 0
direction = "above"
delta = 0.1
settles = "a machine with 80 GB"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "toyclaims.py").write_text(TOY)
    monkeypatch.syspath_prepend(str(tmp_path))
    book = tmp_path / "claims"
    book.mkdir()
    (book / "77.toml").write_text(FILE)
    return book


def rewrite(folder, old, new):
    path = folder / "77.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_ledger_is_read_iterated_and_searched(folder):
    book = claims.ledger(folder)
    assert [claim.id for claim in book] == ["77-effect", "77-same", "77-big"]
    assert len(book) == len(book.lesson("77")) == 3
    assert book.claim("77-same").exact
    assert book.claim("77-effect").paper.arxiv == "0000.00000"
    with pytest.raises(UnknownName, match="77-effect"):
        book.claim("77-efect")
    with pytest.raises(UnknownName, match="77"):
        book.lesson("78")
    with pytest.raises(BrokenFile):
        claims.ledger(folder / "nowhere")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("direction =", "dirction =", "direction"),
        ("\nplace =", "\nplaec =", "place"),
        ("arxiv =", "arxive =", "arxiv"),
        ("[papers.toy]", "[paper.toy]", "papers"),
        ('"model"', '"modle"', "model"),
        ('over = "cases"', 'over = "caces"', "cases"),
        ('paper = "toy"', 'paper = "tyo"', "toy"),
        ('direction = "above"', 'direction = "abvoe"', "above"),
    ],
)
def test_a_misspelling_is_named_with_the_nearest_legal_word(folder, old, new, named):
    rewrite(folder, old, new)
    with pytest.raises(UnknownName) as caught:
        claims.ledger(folder)
    assert f"did you mean {named}" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("delta = 0.1", "delta = -0.1", "margin"),
        ("delta = 0.1", 'delta = "0.1"', "a number"),
        ("delta = 0.1", "delta = nan", "finite"),
        ("delta = 0.1", "delta = 0.7", "twice the margin"),
        ("n = 32", "n = 4", "at least 5"),
        ("n = 32", "n = 32.5", "whole number"),
        ("n = 32\n", "", "lacks n"),
        ("seeds = [11]", "seeds = [11, 11]", "different"),
        ("seeds = [11]", "seeds = []", "seeds"),
        ('kind = "model"', 'kind = "method"', "separately trained"),
        ('place = "Table 1"\n', "", "where the paper states it"),
        ('number_on_scale = 1.2', "number_on_scale = -1.2", "direction"),
        ('lesson = "77"', 'lesson = "76"', "76"),
        ('id = "77-same"', 'id = "77-effect"', "Two claims"),
    ],
)  # fmt: skip
def test_an_entry_that_could_not_be_judged_is_refused(folder, old, new, says):
    rewrite(folder, old, new)
    with pytest.raises(BadInput, match=says):
        claims.ledger(folder)


def test_what_was_not_measured_says_so(folder):
    effect, same, big = (claims.assess(claim, folder) for claim in claims.ledger(folder))
    assert (effect.verdict, effect.reason, effect.value, effect.n) == ("unresolved", "not measured yet", None, 0)
    assert same.verdict == "unresolved"
    assert big.verdict == "not run"
    assert "80 GB" in big.reason
    with pytest.raises(NotAvailable, match="77-big"):
        rewrite(folder, 'id = "77-big"', f'id = "77-big"\nregistered = "{registration(big.claim)}"')
        claims.measure("77-big", folder=folder)


def test_registering_changes_one_line_and_measuring_follows(folder):
    with pytest.raises(OutOfOrder, match="not registered"):
        claims.measure("77-effect", folder=folder)
    before = (folder / "77.toml").read_text().splitlines()
    promise = claims.register("77-effect", folder=folder)
    after = (folder / "77.toml").read_text().splitlines()
    assert [line for line in after if line not in before] == [f'registered = "{promise}"']
    assert [line for line in after if not line.startswith("registered")] == before

    now = claims.measure("77-effect", folder=folder)
    later = claims.assess("77-effect", folder=folder)
    assert now == later
    assert now.verdict == "reproduced"
    assert now.low < now.value < now.high
    assert now.n == 32
    record = read_record(now.claim, folder)
    assert record.models == {"toy": "f00d"}
    assert record.seeds == (11,)
    assert not record.committed  # a temporary folder is no repository


def test_a_rerun_that_writes_nothing_agrees_with_the_record(folder):
    claims.register("77-effect", folder=folder)
    stored = claims.measure("77-effect", folder=folder)
    path = record_path("77-effect", folder)
    before = path.read_bytes()
    assert claims.measure("77-effect", folder=folder, write=False) == stored
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("delta = 0.1", "delta = 0.2"),
        ("null = 0.0", "null = 0.01"),
        ("n = 32", "n = 31"),
        ("number_on_scale = 1.2", "number_on_scale = 1.1"),
        ("seeds = [11]", "seeds = [12]"),
        ("toyclaims.effect", "toyclaims.pairs"),
        ("points per point", "points per pint"),
    ],
)
def test_a_promise_edited_after_registration_stops_the_measuring_and_voids_the_record(folder, old, new):
    claims.register("77-effect", folder=folder)
    claims.measure("77-effect", folder=folder)
    rewrite(folder, old, new)
    with pytest.raises(OutOfOrder, match="edited after"):
        claims.measure("77-effect", folder=folder)
    with pytest.raises(BrokenFile, match="does not match"):
        claims.assess("77-effect", folder=folder)


def test_words_may_be_mended_after_registration(folder):
    claims.register("77-effect", folder=folder)
    claims.measure("77-effect", folder=folder)
    rewrite(folder, "Toys have an effect.", "Toys do have an effect.")
    assert claims.assess("77-effect", folder=folder).verdict == "reproduced"


def test_registering_anew_asks_for_fresh_seeds_and_drops_the_old_record(folder):
    claims.register("77-effect", folder=folder)
    claims.measure("77-effect", folder=folder)
    rewrite(folder, 'delta = 0.1\nsettles = "more', 'delta = 0.2\nsettles = "more')
    with pytest.raises(OutOfOrder, match="already been looked at"):
        claims.register("77-effect", folder=folder)
    rewrite(folder, "seeds = [11]", "seeds = [12]")
    claims.register("77-effect", folder=folder)
    assert not record_path("77-effect", folder).exists()
    assert pilot_seeds("77-effect", folder) == (11,)
    assert claims.measure("77-effect", folder=folder).verdict == "reproduced"


def test_a_seed_looked_at_in_a_pilot_confirms_nothing(folder):
    claims.register("77-effect", folder=folder)
    assert claims.pilot("77-effect", [3], folder=folder).n == 32
    assert not record_path("77-effect", folder).exists()
    with pytest.raises(OutOfOrder, match="kept for the confirmatory run"):
        claims.pilot("77-effect", [11], folder=folder)
    (folder / "pilots").mkdir(exist_ok=True)
    (folder / "pilots" / "77.json").write_text('{"77-effect": [3, 11]}')
    with pytest.raises(OutOfOrder, match=r"seeds \[11\] have already been looked at"):
        claims.measure("77-effect", folder=folder)


def test_committed_before_is_recorded_from_the_repository_itself(folder):
    def git(*words):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)

    git("init", "-q")
    git("config", "user.email", "a@b.c")
    git("config", "user.name", "a")
    claims.register("77-effect", folder=folder)
    claims.measure("77-effect", folder=folder)
    assert not read_record(claims.ledger(folder).claim("77-effect"), folder).committed
    git("add", "77.toml")
    git("commit", "-qm", "promise")
    claims.measure("77-effect", folder=folder)
    assert read_record(claims.ledger(folder).claim("77-effect"), folder).committed


@pytest.mark.parametrize(
    "damage",
    [
        lambda table: table.update(registration="0" * 16),
        lambda table: table.update(seeds=[99]),
        lambda table: table["values"].pop(),
        lambda table: table.update(values=table["values"][:-1], units=table["units"][:-1]),
        lambda table: table["values"].__setitem__(0, "much"),
        lambda table: table["units"].__setitem__(0, table["units"][1]),
        lambda table: table.update(claim="77-same"),
        lambda table: table.pop("models"),
        lambda table: table.update(verdict="reproduced"),  # verdicts are never typed
    ],
)
def test_a_record_that_does_not_match_its_entry_fails(folder, damage):
    claims.register("77-effect", folder=folder)
    claims.measure("77-effect", folder=folder)
    path = record_path("77-effect", folder)
    table = json.loads(path.read_text())
    del table["sha256"]
    damage(table)
    path.write_text(json.dumps(table))
    with pytest.raises(BrokenFile, match="77-effect"):
        claims.assess("77-effect", folder=folder)


def test_a_truncated_record_fails(folder):
    claims.register("77-effect", folder=folder)
    claims.measure("77-effect", folder=folder)
    path = record_path("77-effect", folder)
    path.write_text(path.read_text()[:100])
    with pytest.raises(BrokenFile, match="cannot be read"):
        claims.assess("77-effect", folder=folder)


@pytest.mark.parametrize(("name", "says"), [("holed", "nan"), ("short", "n = 32"), ("plain", "returned a list"),
                                            ("pairs", "a finite number"), ("nothing", "cannot be found")])  # fmt: skip
def test_a_measuring_function_that_misbehaves_leaves_no_record(folder, name, says):
    rewrite(folder, "toyclaims.effect", f"toyclaims.{name}")
    claims.register("77-effect", folder=folder)
    with pytest.raises(BadInput, match=says):
        claims.measure("77-effect", folder=folder)
    assert not record_path("77-effect", folder).exists()


def test_arguments_reach_the_function_and_are_part_of_the_promise(folder):
    rewrite(folder, "n = 32", "n = 32\narguments = { size = 0.3 }")
    claims.register("77-effect", folder=folder)
    outcome = claims.measure("77-effect", folder=folder)
    assert outcome.value == pytest.approx(0.3, abs=0.1)
    assert outcome.verdict == "direction"
    rewrite(folder, "size = 0.3", "size = 0.4")
    with pytest.raises(BrokenFile):
        claims.assess("77-effect", folder=folder)


def test_an_identity_is_exact_or_not(folder):
    claims.register("77-same", folder=folder)
    outcome = claims.measure("77-same", folder=folder)
    assert (outcome.verdict, outcome.value, outcome.n) == ("exact", 0.0, 3)
    path = record_path("77-same", folder)
    table = json.loads(path.read_text())
    del table["sha256"]
    table["values"][1] = -1e-9
    path.write_text(json.dumps(table))
    outcome = claims.assess("77-same", folder=folder)
    assert (outcome.verdict, outcome.value, outcome.low, outcome.high) == ("not exact", -1e-9, -1e-9, 0.0)


def test_a_ratio_is_a_sum_over_a_sum(folder):
    rewrite(folder, "toyclaims.effect", "toyclaims.pairs")
    rewrite(folder, 'scale = "points per point"', 'estimator = "ratio"\nscale = "points per point"')
    claims.register("77-effect", folder=folder)
    outcome = claims.measure("77-effect", folder=folder)
    assert outcome.value == pytest.approx(sum(range(32)) / sum(1 + i * i for i in range(32)))
    assert outcome.low < outcome.value < outcome.high
    path = record_path("77-effect", folder)
    table = json.loads(path.read_text())
    del table["sha256"]
    path.write_text(json.dumps({**table, "values": [[1.0, -1.0]] * 32}))
    with pytest.raises(BrokenFile, match="0 or less"):
        claims.assess("77-effect", folder=folder)


def test_the_interval_of_a_ratio_is_that_of_resampling_its_pairs():
    draw = np.random.default_rng(5)
    below = draw.normal(2.0, 1.0, 400)  # some of them negative
    pairs = np.stack([0.4 * below + draw.normal(0, 0.5, 400), below], axis=1)
    ours = mean_over(linearised([tuple(pair) for pair in pairs]), "documents")
    resampled = [(chosen[:, 0].sum() / chosen[:, 1].sum()) for chosen in
                 (pairs[draw.integers(0, 400, 400)] for _ in range(4000))]  # fmt: skip
    low, high = np.quantile(resampled, [0.025, 0.975])
    assert ours.value == pytest.approx(pairs[:, 0].sum() / pairs[:, 1].sum())
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.1 * (high - low))


def test_over_seeds_the_interval_is_students_t(folder):
    rewrite(folder, "toyclaims.effect", "toyclaims.per_seed")
    rewrite(folder, 'kind = "model"', 'kind = "method"')
    rewrite(folder, 'over = "documents"\nn = 32\nseeds = [11]', 'over = "seeds"\nn = 5\nseeds = [1, 2, 3, 4, 5]')
    claims.register("77-effect", folder=folder)
    outcome = claims.measure("77-effect", folder=folder)
    half = 2.776445 * 0.01 * 2.5**0.5 / 5**0.5  # t(0.975, 4) × s / √5
    assert (outcome.value, outcome.low, outcome.high) == pytest.approx((0.53, 0.53 - half, 0.53 + half), abs=1e-6)
    assert (outcome.n, outcome.over) == (5, "seeds")


def test_json_has_the_promised_fields_and_only_those(folder):
    claims.register("77-effect", folder=folder)
    claims.measure("77-effect", folder=folder)
    rows = json.loads(json.dumps(claims.as_json(claims.ledger(folder)), allow_nan=False))
    assert [row["id"] for row in rows] == ["77-effect", "77-same", "77-big"]
    for row in rows:
        assert list(row) == ["id", "lesson", "kind", "paper", "ours", "null", "delta", "verdict", "standing", "stale"]
        assert list(row["ours"]) == ["value", "low", "high", "n", "over"]
    assert rows[0]["paper"]["number"] == "1.2 points"
    assert rows[0]["verdict"] == "reproduced"
    assert rows[1]["ours"] == {"value": None, "low": None, "high": None, "n": 0, "over": "cases"}
    assert rows[1]["paper"] is None
    assert rows[2]["verdict"] == "not run"


def test_what_is_rendered_comes_from_the_records(folder):
    text = claims.render_terminal(claims.ledger(folder))
    assert "unresolved: not measured yet" in text
    assert "not run: it needs a machine with 80 GB" in text
    claims.register("77-effect", folder=folder)
    outcome = claims.measure("77-effect", folder=folder)
    text = claims.render_terminal(claims.ledger(folder))
    table = claims.render_markdown("77", folder)
    for shown in (text, table):
        assert f"{number(outcome.value)} [{number(outcome.low)}, {number(outcome.high)}], 32 documents" in shown
        assert "reproduced" in shown
        assert "arXiv 0000.00000" in shown and ", Table 1" in shown
    assert max(map(len, text.splitlines())) <= 100
    lines = table.splitlines()
    assert len(lines) == 5
    assert len({line.count("|") for line in lines}) == 1


def test_a_smaller_effect_is_rendered_with_its_share_of_the_papers(folder):
    rewrite(folder, "n = 32", "n = 32\narguments = { size = 0.3 }")
    claims.register("77-effect", folder=folder)
    claims.measure("77-effect", folder=folder)
    text = claims.render_terminal(claims.ledger(folder))
    assert max(map(len, text.splitlines())) <= 100
    for shown in (" ".join(text.split()), claims.render_markdown("77", folder)):
        assert re.search(r"direction: on the claimed side of the null, \d+% of the paper's effect", shown)


def test_the_shipped_ledger_fits_a_terminal():
    assert max(map(len, claims.render_terminal().splitlines())) <= 100


def test_a_bar_in_a_sentence_does_not_break_the_table(folder):
    rewrite(folder, "Big toys too.", "Big | toys too.")
    lines = claims.render_markdown("77", folder).splitlines()
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_counts_and_page_tell_every_claim_once(folder):
    before = claims.render_counts(folder)
    assert before.splitlines()[0].count("|") == 4  # unresolved and not run are all there is to say yet
    claims.register("77-effect", folder=folder)
    claims.measure("77-effect", folder=folder)
    head, _, row = claims.render_counts(folder).splitlines()
    counted = dict(zip(head.split("|")[1:-1], row.split("|")[1:-1]))
    assert {key.strip(): value.strip() for key, value in counted.items()} == {
        "lesson": "77",
        "● reproduced": "1",
        "? unresolved": "1",
        "– not run": "1",
    }
    page = claims.render_page(folder)
    assert page.count("## Lesson") == 1
    assert all(page.count(f"| {claim.sentence}") == 1 for claim in claims.ledger(folder))


def test_reading_twice_gives_equal_claims(folder):
    assert read_claims(folder / "77.toml") == read_claims(folder / "77.toml")


def test_an_observation_counts_neither_way_and_a_constructed_model_reproduces_nothing(folder):
    claims.register("77-effect", folder=folder)
    assert claims.measure("77-effect", folder=folder).verdict == "reproduced"
    for standing, word in (("observation", "observation"), ("constructed", "works as constructed")):
        rewrite(folder, 'id = "77-effect"', f'id = "77-effect"\nstanding = "{standing}"')
        found = claims.assess("77-effect", folder)
        assert found.verdict == word and found.value is not None, "the record stays: what was promised has not changed"
        assert ("Observations of ours" in claims.render_markdown("77", folder)) == (standing == "observation")
        rewrite(folder, f'\nstanding = "{standing}"', "")
    rewrite(folder, 'id = "77-effect"', 'id = "77-effect"\nstanding = "hearsay"')
    with pytest.raises(UnknownName, match="standing"):
        claims.ledger(folder)


def test_a_record_knows_whether_older_code_measured_it(folder, monkeypatch):
    monkeypatch.setattr("labkit.claims.measuring.digest", lambda measure: "today")
    monkeypatch.setattr("labkit.claims.assessment.digest", lambda measure: "today")
    claims.register("77-effect", folder=folder)
    claims.measure("77-effect", folder=folder)
    assert not claims.assess("77-effect", folder, aged=True).stale
    monkeypatch.setattr("labkit.claims.assessment.digest", lambda measure: "tomorrow")
    assert claims.assess("77-effect", folder, aged=True).stale
    assert "(measured by older code)" in claims.render_page(folder)
    assert [row["stale"] for row in claims.as_json(claims.ledger(folder))] == [True, False, False]


def test_the_digest_follows_what_a_measure_calls_and_nothing_else():
    from labkit.claims.digest import _collect, digest

    measures = sorted({claim.measure for claim in claims.ledger() if claim.measure})
    assert all(len(digest(measure)) == 16 for measure in measures), "each is found, wherever it moved"
    found: dict = {}
    _collect("labkit.papers.cut_compare_restore.claims", "attention_against_mlp", found)
    names = {name for _, name in found}
    assert {"attention_against_mlp", "cheapest", "mean_change", "sweep", "DropAttention"} <= names
    assert not any(module.startswith("labkit.base") for module, _ in found) and "restored" not in names
    assert digest("labkit.nowhere.at_all") == ""


def test_words_and_types_change_no_digest_and_numbers_do():
    import ast

    from labkit.claims.digest import _Bare, _Unannotated

    def code(text: str) -> str:
        return ast.dump(_Unannotated().visit(_Bare().visit(ast.parse(text))))

    before = code("def f(x):\n    y = 2\n    return x + y")
    assert code("def f(x: int) -> int:\n    'Words.'\n    y: int = 2  # why\n    return x + y") == before
    assert code("def f(x):\n    y = 3\n    return x + y") != before
