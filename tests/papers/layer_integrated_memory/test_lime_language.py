"""The language pair: the same first weights and texts for both arms, and differences row by row."""

import pytest
import torch

from labkit.base.errors import NotAvailable
from labkit.papers.layer_integrated_memory.experiments import language
from labkit.training.runs import Runs


@pytest.fixture
def stored(tmp_path, monkeypatch):
    monkeypatch.setattr(language, "data_dir", lambda: tmp_path)
    return Runs(tmp_path / "sweeps" / language.PATH)


def test_both_arms_start_from_the_same_weights():
    base, lime = (language.first_language_model(arm, 1).state_dict() for arm in ("base", "lime"))
    assert all(torch.equal(lime[name], value) for name, value in base.items())
    assert {name.split(".")[-2] for name in lime.keys() - base.keys()} == {"kv"}


def test_a_row_s_loss_is_its_own():
    model, rows = language.first_language_model("base", 1).eval(), language.language_rows(3, 5, "test")
    whole = language.row_losses(model, rows)
    assert torch.allclose(whole[1:2], language.row_losses(model, rows[1:2]), atol=1e-5)
    with torch.no_grad():
        logits = model(rows[:1, :-1]).logits
    by_hand = torch.nn.functional.cross_entropy(logits[0], rows[0, 1:])
    assert float(whole[0]) == pytest.approx(float(by_hand), abs=1e-5)


def test_pairs_are_compared_row_by_row_each_arm_at_its_rate(stored, monkeypatch):
    monkeypatch.setattr(language, "LRS", (0.1, 0.2))
    assert language.chosen_rate("base") == 0.2  # nothing tried yet: the one in the middle
    for arm, lr, seed, rows in (
        ("base", 0.1, language.CHOOSING, [2.0, 2.0]), ("base", 0.2, language.CHOOSING, [1.0, 2.0]),
        ("lime", 0.1, language.CHOOSING, [1.0, 2.0]), ("lime", 0.2, language.CHOOSING, [2.0, 2.0]),
    ):  # fmt: skip
        stored.do({"arm": arm, "lr": lr, "seed": seed}, lambda rows=rows: {"rows": rows})
    with pytest.raises(NotAvailable, match="No pair"):
        language.language_pairs()
    for arm, lr, seed, rows in (
        ("base", 0.2, 1, [2.0, 3.0]), ("base", 0.1, 1, [9.0, 9.0]), ("lime", 0.1, 1, [1.9, 2.8]),
        ("base", 0.2, 2, [1.0, 1.0]), ("base", 0.2, 3, [1.0, 1.0]), ("lime", 0.1, 3, [1.0, 0.9]),
    ):  # fmt: skip
        stored.do({"arm": arm, "lr": lr, "seed": seed}, lambda rows=rows: {"rows": rows})
    pairs = language.language_pairs()
    assert pairs.rates == {"base": 0.2, "lime": 0.1}
    assert list(pairs.losses["base"]) == [1, 3]  # seed 2 has no LIMe
    assert pairs.difference(1).value == pytest.approx(-0.15) and pairs.difference(1).n == 2
    assert pairs.mean().value == pytest.approx(-0.1) and pairs.mean().over == "seeds"
    assert list(language.language_pairs([3]).losses["lime"]) == [3]
    with pytest.raises(NotAvailable, match=r"\[2\] are not there"):
        language.language_pairs([1, 2])
    assert "-0.150" in pairs.table() and "rates 0.2 and 0.1" in pairs.table()


def test_a_run_is_made_once_and_rates_come_first(stored, monkeypatch):
    monkeypatch.setattr(language, "train_language", lambda arm, seed, lr, steps: {"rows": [lr], "core_seconds": 0})
    monkeypatch.setattr("sys.argv", ["language"])
    language.main()
    made = len(language.stored())
    assert made == 2 * len((*language.LRS, *language.FIRST, *language.SEEDS))
    language.main()
    assert len(language.stored()) == made
    assert language.language_pairs().rates == dict.fromkeys(("base", "lime"), min(language.LRS))


def test_two_steps_of_either_arm_can_be_made():
    found = language.train_language("lime", 1, steps=2)
    assert len(found["rows"]) == language.TESTED and not found["diverged"]


def test_the_best_rate_of_either_arm_has_worse_ones_on_both_sides():
    for arm in ("base", "lime"):
        tried = sorted({run["lr"] for run in language.stored().where(arm=arm, seed=language.CHOOSING)})
        assert tuple(tried) == language.LRS and tried[0] < language.chosen_rate(arm) < tried[-1]
