"""What is trained beside the claims: examples, habits, noise, version 2 and its match; loss by position; the tables."""

import math

import pytest
import torch

from labkit import figures
from labkit.base.errors import LabkitError, NotAvailable
from labkit.models import DecoderConfig
from labkit.papers.differential_transformer.experiments import elsewhere, further, language
from labkit.papers.differential_transformer.experiments.faithful import faithfulness, untold
from labkit.papers.differential_transformer.experiments.orders import order_margin
from labkit.papers.differential_transformer.method import DiffTransformer, NeedleSoftmax, logits_at
from labkit.papers.differential_transformer.method.second import HalfMoreHeads
from labkit.papers.differential_transformer.task import CITIES, Examples, Needles, class_of, tokenizer, usual_numbers
from labkit.papers.differential_transformer.training import RATES, build
from labkit.training import Runs, next_rate


@pytest.mark.parametrize("task", [Examples(), Examples(alternating=True), Examples(classes=3, needles=15, questions=5)])
def test_a_new_city_has_the_number_of_its_stem(task):
    batch = task.draw(30, 4)
    words = [tokenizer().decode(row).split() for row in batch.ids.tolist()]
    for row, text in enumerate(words):
        shown = {CITIES.index(text[place - 1]): text[place] for place in batch.cities[row].tolist()}
        assert len(shown) == task.needles and len({city // 8 for city in shown}) == task.classes
        for question, place in enumerate(batch.rows.tolist()):
            city = CITIES.index(text[place - 1])  # the begin token has no word
            same = {number for other, number in shown.items() if other // 8 == city // 8}
            assert city not in shown and len(same) == 1
            assert tokenizer().decode([int(batch.answers[row, question])]) == same.pop()
    assert torch.equal(batch.ids.gather(1, batch.places), batch.answers)
    if task.alternating:
        stems = [
            [CITIES.index(text[place - 1]) // 8 for place in sorted(batch.cities[0].tolist())] for text in words[:1]
        ]
        assert stems[0][:4] == stems[0][4:8]


def test_examples_that_cannot_be_are_refused():
    for changes in ({"classes": 9}, {"needles": 13}, {"classes": 2, "needles": 16}):
        with pytest.raises(LabkitError, match="make no text"):
            Examples(**({"length": 128} | changes))


def test_the_order_of_examples_may_change_what_is_answered():
    assert 0 <= order_margin(build("diff", 3).eval(), Examples().draw(8, 1), orders=3).margin < 1


def test_habits_are_kept_in_their_share_and_leave_other_texts_as_they_were():
    plain, habit = Needles().draw(300, 2), Needles(habit=0.7).draw(300, 2)
    assert torch.equal(plain.cities, habit.cities)
    usual = usual_numbers()[habit.ids[:, habit.rows] - tokenizer().encode("Alburg")[0]]
    assert float((usual == habit.answers).float().mean()) == pytest.approx(0.7, abs=0.04)
    gone = untold(plain)
    assert (class_of(gone.ids.gather(1, plain.cities)) == 3).all() and torch.equal(gone.answers, plain.answers)


def test_faithfulness_tells_the_text_from_the_habit(monkeypatch):
    batch, heard = Needles().draw(20, 2), []

    def always_the_text(model, texts, noise=None):
        heard.append(texts)
        return torch.nn.functional.one_hot(texts.targets, 64).float()

    monkeypatch.setattr("labkit.papers.differential_transformer.experiments.faithful.answer_logits", always_the_text)
    found = faithfulness(build("diff", 3), batch)
    assert (found.text, found.habit) == (1.0, 0.0) and found.untold < 0.1 and "1.000" in found.table()
    assert torch.equal(heard[0].ids, batch.ids) and not torch.equal(heard[1].ids, batch.ids)


def test_half_more_heads_match_version_2_where_keys_are_shared():
    counts = {
        arm: sum(w.numel() for w in further.build("grouped keys", arm, 0).parameters())
        for arm in ("V2", "softmax 12×8")
    }
    assert counts["V2"] - counts["softmax 12×8"] == 64 * 8  # λ of each head
    with pytest.raises(LabkitError, match="cannot share"):
        HalfMoreHeads(32, 4, 4, layer=0)


@pytest.mark.parametrize("mixer", ["v2", "gated", "half-more", "sink"])
def test_the_short_cut_is_exact_for_every_mixer(mixer):
    sizes = {"vocab": 11, "width": 32, "depth": 2, "ffn": 24, "context": 16, "tie": False}
    model = NeedleSoftmax(heads=4, kv_heads=2, mixer=mixer, **sizes).build(5).eval()
    ids, rows = torch.tensor([[3, 1, 4, 1, 5, 9, 2], [2, 7, 1, 8, 2, 8, 1]]), torch.tensor([2, 5])
    assert torch.allclose(logits_at(model, ids, rows), model(ids).logits[:, rows], atol=1e-5)


def test_factor_and_gain_of_the_head_norm_can_be_chosen():
    sizes = {"vocab": 9, "width": 32, "depth": 1, "heads": 4, "ffn": 8, "context": 16}
    given = DiffTransformer(head_factor=0.3, head_gain=False, **sizes)
    norm = given.build(1).trunk.blocks[0].attention.mixer.norm
    assert norm.factor == 0.3 and not norm.weight.requires_grad and (norm.weight == 1).all()
    usual = DiffTransformer(**sizes).build(1).trunk.blocks[0].attention.mixer.norm
    assert usual.factor == pytest.approx(0.8) and usual.weight.requires_grad
    assert DecoderConfig.from_dict(given.as_dict()) == given


@pytest.mark.parametrize("setup", list(further.SETUPS))
def test_every_setup_can_be_trained(setup):
    arm = list(further.SETUPS[setup].arms)[-1]
    found = further.train_further(setup, arm, 4e-3, 1, steps=2)
    assert math.isfinite(found["as trained"]["nats"]) and not found["diverged"] and len(found["lam"]) == 1
    assert len(found["lam"][0]) in (0, further.SETUPS[setup].depth)
    with pytest.raises(LabkitError, match="magic"):
        further.build(setup, "magic", 0)


def test_without_smear_the_words_come_in_alone():
    model = further.build("no smear", "diff", 0)
    ids = torch.tensor([[5, 6, 7]])
    assert torch.equal(model.trunk.enter(model.begin(ids)).stream, model.embed(ids))
    assert not model.trunk.smear.weight.requires_grad


def test_a_setup_takes_the_best_rate_of_its_pilot_and_says_what_is_missing(tmp_path, monkeypatch):
    table = Runs(tmp_path / "runs.jsonl")
    with pytest.raises(NotAvailable, match="every rate"):
        further.best_rate("two blocks", "diff", table)
    made = {4e-3: 0.3, 8e-3: 0.1, 1.6e-2: 0.2, 3.2e-2: 0.4}

    def told(settings):
        return {"as trained": {"nats": made[settings["lr"]], "right": 0.5}, "diverged": False}

    cells = further.cells_of("two blocks", table)
    pilots = [table.do(cell, lambda cell=cell: told(cell)) for _, cell in zip(range(9), cells)]
    assert [run["lr"] for run in pilots] == [8e-3, 1.6e-2, 4e-3] * 3
    assert next(cells) == {"setup": "two blocks", "arm": "softmax 8×8", "lr": 8e-3, "seed": 21}
    assert further.best_rate("two blocks", "diff", table) == 8e-3
    assert not list(further.cells_of("two blocks", table, pilots=True))
    monkeypatch.setattr(further, "further_path", lambda: table.path)
    assert further.further_rates("two blocks") == {
        arm: dict.fromkeys((4e-3, 8e-3, 1.6e-2), 0.5) for arm in further.SETUPS["two blocks"].arms
    }
    monkeypatch.undo()
    assert list(further.compare_further("grouped keys", arms=["V2", "diff"]).values) == ["V2", "diff"]
    for ask in (further.compare_further, further.further_rates):
        with pytest.raises(LabkitError, match="magic"):
            ask("magic")


def test_runs_on_the_pilot_seed_may_be_shorter():
    one = further.SETUPS["no smear"]
    assert (one.steps_of(one.pilot), one.steps_of(one.seeds[0])) == (1200, 2400)
    assert further.SETUPS["two blocks"].steps_of(0) == further.SETUPS["two blocks"].steps_of(21) == 600


def test_what_was_said_before_is_found_and_both_parts_make_the_whole():
    ids = torch.tensor([[1, 2, 3, 1, 2, 3, 2, 3, 1]])
    assert said_again(ids) == [False, False, False, True, True, False, True, True]
    model = DecoderConfig(vocab=9, width=16, depth=1, heads=2, ffn=8, context=64).build(1)
    rows = torch.randint(9, (5, 33), generator=torch.Generator().manual_seed(1))
    found = language.loss_by_position(model, rows, bins=4)
    assert found.edges == (0, 8, 16, 24, 32)
    whole = found.share * found.hit + (1 - found.share) * found.other
    assert found.cumulative[-1] == pytest.approx(whole, abs=1e-5) == pytest.approx(sum(found.nats) / 4, abs=1e-5)
    assert "24-31" in found.table()
    with pytest.raises(LabkitError, match="cannot be cut"):
        language.loss_by_position(model, rows, bins=5)


def said_again(ids):
    return language.said_before(ids)[0].tolist()


def test_a_language_model_of_each_kind_can_be_trained(monkeypatch):
    monkeypatch.setattr(language, "STEPS", 2)
    for arm in language.ARMS:
        found = language.train_language(arm, 4e-3, 1, steps=1)
        assert math.isfinite(found["loss"]) and len(found["nats"]) == 8 and len(found["lam"]) == 2 * (arm == "diff")
    assert language.text_rows(3, 5).shape == (3, 129)


@pytest.fixture
def world_runs(tmp_path, monkeypatch):
    """A made-up table: DIFF is 0.1 nats ahead of softmax, its λ are 0.4 and 0.5."""
    table = Runs(tmp_path / "language.jsonl")
    for arm, loss in {"softmax 8×8": 2.0, "normed 4×16": 1.95, "diff": 1.9}.items():
        lam = [0.4, 0.5] if arm == "diff" else []
        for seed in language.SEEDS[:2]:
            made = {"loss": loss, "hit": loss, "other": loss, "lam": lam}
            table.do({"arm": arm, "lr": 8e-3, "seed": seed}, lambda made=made: made)
        for lr in (4e-3, 8e-3, 1.6e-2):
            table.do({"arm": arm, "lr": lr, "seed": language.PILOT}, lambda lr=lr: {"loss": abs(lr - 8e-3)})
    monkeypatch.setattr(language, "language_path", lambda: table.path)
    monkeypatch.setattr(elsewhere, "language_path", lambda: table.path)
    return table


def test_language_models_are_compared_seed_by_seed(world_runs):
    found = language.compare_language("loss")
    assert found.difference("softmax 8×8", "diff").n == 2
    assert found.difference("softmax 8×8", "diff").value == pytest.approx(-0.1)
    with pytest.raises(LabkitError, match="hits"):
        language.compare_language("hits")
    with pytest.raises(LabkitError, match="of the arm 'softmax"):
        language.compare_language(seeds=[77])


@pytest.mark.parametrize("arm", language.ARMS)
def test_no_language_model_stands_at_the_edge_of_the_rates_that_were_tried(arm):
    tried = Runs(language.language_path()).where(arm=arm, seed=language.PILOT)
    if not tried:
        pytest.skip("its rates have not been tried")
    assert next_rate(tried, RATES) is None


@pytest.mark.parametrize("setup", [name for name, one in further.SETUPS.items() if len(one.rates) > 1])
def test_no_arm_of_a_setup_stands_at_the_edge_of_its_rates(setup):
    table, one = Runs(further.further_path()), further.SETUPS[setup]
    for arm in one.arms:
        assert next_rate(further.pilots_of(setup, arm, table), one.rates) is None
        runs = table.where(setup=setup, arm=arm, lr=further.best_rate(setup, arm, table))
        made = {run["seed"] for run in runs} - {one.pilot}
        assert set(one.seeds) <= made


def test_every_lead_elsewhere_is_told_with_its_interval(world_runs):
    found = elsewhere.elsewhere()
    told = {(where, control): lead for where, _, control, lead in found.leads}
    assert told["the course's world", "normed 4×16"].value == pytest.approx(-0.05)
    assert {where for where, _ in told} == {*elsewhere.ASKED, "the course's world", "the task"}
    assert all(lead.n >= 2 and lead.low <= lead.value <= lead.high for lead in told.values())
    again = further.compare_further("habits", "text", "as trained").difference("softmax 8×8", "diff")
    assert told["habits", "softmax 8×8"].value == again.value
    assert found.lambdas["the course's world"] == [(0.4, 0.5)] * 2 and len(found.lambdas["no smear"][0]) == 2
    assert "sink" in found.table() and "λ, habits" in str(found)
    words = figures.describe(found)
    assert f"habits, over softmax 8×8: {again.value:.3f}" in words and "nats" not in words
    below = sum(lam < 0 for layers in found.lambdas["no smear"] for lam in layers)
    assert f"no smear {below} of 10 layers" in words and figures.png(figures.draw(found))


def test_language_models_are_compared_at_their_best_rates_or_at_others():
    table = language.Runs(language.language_path())
    best = language.compare_language()
    assert best.rates == {arm: language.best_rate(arm, table) for arm in language.ARMS}
    for arm, lr in best.rates.items():  # of all rates of the grid
        tried = {run["lr"]: run["loss"] for run in table.where(arm=arm, seed=language.PILOT)}
        assert set(language.LRS) <= set(tried) and tried[lr] == min(tried.values())
    others = language.compare_language(rates=best.rates | {"diff": 1.6e-2})
    assert others.values["diff"] != best.values["diff"] and others.values["softmax 8×8"] == best.values["softmax 8×8"]
    with pytest.raises(LabkitError, match="diff"):
        language.compare_language(rates={"diff": 0.5})
