"""What lesson 00 measures, against the same thing done by hand on a small random model; and every committed verdict."""

import json
import re
import subprocess

import pytest
import torch

from labkit import claims, world
from labkit.base.data import data_dir, lessons_dir
from labkit.claims.entry import registration
from labkit.claims.records import pilot_seeds, read_record
from labkit.claims.rule import VERDICTS
from labkit.interventions import DropAttention, DropMLP, edit
from labkit.measurements import loss
from labkit.models import DecoderConfig
from labkit.papers.cut_compare_restore import claims as lesson00
from labkit.zoo import Handle, entries


@pytest.fixture(scope="module")
def handle():
    tokenizer = world.tokenizer()
    config = DecoderConfig(vocab=tokenizer.vocab_size, width=16, depth=2, heads=2, ffn=24, context=256, init_std=0.4)
    return Handle("toy", config.build(seed=3).eval(), tokenizer)


@pytest.fixture(autouse=True)
def loaded(handle, monkeypatch):
    monkeypatch.setattr(lesson00, "load", lambda name: handle)


def costs_by_hand(handle, drop, stories):
    """Return per layer what dropping costs each story, in nats over all its tokens, without any sweep."""
    intact, costs = torch.tensor(loss(handle, stories).sums), []
    for layer in range(2):
        with edit(handle, drop(layer)):
            costs.append(torch.tensor(loss(handle, stories).sums) - intact)
    return costs


def test_a_cost_is_the_rise_of_a_storys_loss_without_the_part_found_cheapest_on_other_stories(handle):
    measured = claims_of(lesson00.attention_against_mlp, n=5, seeds=(3, 4))
    for column, drop in enumerate((DropAttention, DropMLP)):
        elsewhere = costs_by_hand(handle, drop, lesson00.stories(handle, lesson00.CALIBRATION, 4))
        layer = min(range(2), key=lambda layer: float(elsewhere[layer].sum()))
        by_hand = costs_by_hand(handle, drop, lesson00.stories(handle, 5, 3))[layer].tolist()
        assert [pair[column] for pair in measured.values] == pytest.approx(by_hand, abs=1e-3, rel=1e-4)


def claims_of(function, **arguments):
    measured = function(**arguments)
    assert len(measured.values) == len(measured.units) == arguments["n"]
    assert list(measured.models) == ["toy"]
    return measured


def test_an_ordinary_weight_is_compared_with_the_cheapest_mlp(handle):
    measured = claims_of(lesson00.ordinary_weight, n=4, seeds=(3, 4), weights=3)
    drops = claims_of(lesson00.attention_against_mlp, n=4, seeds=(3, 4))
    assert [pair[1] for pair in measured.values] == pytest.approx([pair[1] for pair in drops.values], abs=1e-3)
    assert all(change >= 0 for change, _ in measured.values)
    again = lesson00.ordinary_weight(n=4, seeds=(3, 4), weights=3)
    other = lesson00.ordinary_weight(n=4, seeds=(5, 4), weights=3)
    assert again == measured
    assert other.values != measured.values


def test_what_is_undone_is_counted_byte_by_byte(handle, monkeypatch):
    assert set(claims_of(lesson00.restored, n=12, seeds=(3,)).values) == {0.0}
    kinds = {type(one) for seed in range(40) for one in lesson00.random_plan(handle, lesson00.Random(seed))}
    assert len(kinds) == 8

    def careless(model, *edits):
        """An edit that leaves one weight a little changed."""
        with torch.no_grad():
            next(model.model.parameters()).view(-1)[0].add_(1e-3)
        return edit(model, *edits)

    monkeypatch.setattr(lesson00, "edit", careless)
    assert min(lesson00.restored(n=3, seeds=(3,)).values) >= 2


def test_negative_zero_is_not_zero(handle):
    ids = lesson00.stories(handle, 1, 0)[0]
    before = lesson00.everything(handle, ids)
    weight = handle.model.embed.weight
    with torch.no_grad():
        old = weight[0, 0].clone()
        weight[0, 0] = 0.0
        zero = lesson00.everything(handle, ids)[0].clone()
        weight[0, 0] = -0.0
        assert (lesson00.everything(handle, ids)[0] != zero).sum() == 1
        weight[0, 0] = old
    assert all(torch.equal(a, b) for a, b in zip(before, lesson00.everything(handle, ids)))


# The committed ledger ---------------------------------------------------------------------------------------------

LEDGER = claims.ledger()


def test_every_hour_quotes_a_few_claims():
    for lesson in LEDGER.lessons:
        ids = {claim.id for claim in LEDGER if claim.lesson == lesson and claim.standing != "observation"}
        folder = next(lessons_dir().glob(f"{lesson}_*"))
        source = folder / "src" / f"{folder.name}.py"
        words = re.findall(r'"([\w.]+)"', source.read_text(encoding="utf-8"))
        assert 1 <= len({name for word in words for name in (word, f"{lesson}.{word}") if name in ids}) <= 7, lesson


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)
def test_a_committed_verdict_follows_from_its_record(claim):
    outcome, record = claims.assess(claim), read_record(claim)
    assert outcome.verdict in VERDICTS
    assert claim.id.startswith(f"{claim.lesson}.")
    if record is None:
        assert outcome.verdict == ("not run" if claim.kind == "hub" else "unresolved")
        return
    assert claim.registered == record.registration == registration(claim), "edited after registration"
    assert record.committed, "the promise has to be committed before it is measured"
    assert not set(record.seeds) & set(pilot_seeds(claim.id)), "measured on seeds that were looked at"
    for name, mark in record.models.items():
        if name in entries():  # what comes from elsewhere is known by its fingerprint alone
            shipped = [file.sha256 for file in entries()[name].files if file.path.endswith(".safetensors")]
            assert mark in shipped, f"measured on another {name} than the one that is shipped"
        assert re.fullmatch(r"[0-9a-f]{16,64}", mark)


def test_every_record_belongs_to_a_claim():
    names = {path.stem for path in (data_dir() / "claims" / "records").glob("*")}
    assert names <= {claim.id for claim in LEDGER}


def test_no_file_of_the_ledger_types_a_verdict():
    for path in (data_dir() / "claims").rglob("*.json"):
        text = path.read_text()
        assert not any(f'"{word}"' in text for word in VERDICTS), path.name
        assert json.loads(text)
        assert len(text) < 40_000, f"{path.name} is not small"


def test_the_promise_came_before_the_record_in_the_history():
    folder = data_dir() / "claims"
    if _git(["rev-parse", "--is-shallow-repository"], folder) != ["false"]:
        pytest.skip("the history is not here")
    for claim in LEDGER:
        if read_record(claim) is None:
            continue
        log = ["log", "--format=%H", "-S", f'"{claim.registered}"', "--"]
        promised, recorded = (
            _git([*log, path], folder) for path in (f"{claim.lesson}.toml", f"records/{claim.id}.json")
        )
        if recorded:  # not yet committed otherwise
            assert promised, f"{claim.id} was measured before its promise was committed"
            order = ["git", "merge-base", "--is-ancestor", promised[-1], recorded[-1]]
            assert subprocess.run(order, cwd=folder).returncode == 0, f"{claim.id} was promised after it was measured"


def _git(words, folder):
    try:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True).stdout.split()
    except OSError:
        return []
