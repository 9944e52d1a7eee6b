"""Fine-tuned runs: what is tuned, at which rate, what is asked of it, and that nothing is done twice."""

import pytest

from labkit import measurements, world
from labkit.base.errors import BadInput, BrokenFile, NotAvailable
from labkit.cli import main
from labkit.models import load
from labkit.papers.curse_of_depth.experiments import transfers
from labkit.papers.curse_of_depth.experiments.block_runs import BlockRun, BlockRuns
from labkit.papers.curse_of_depth.experiments.transfers import Transfer, Transfers, transfer
from labkit.training import grid, read_recipe, run_grid

RECIPE = """
name = "{name}"
documents = {{ facts = 4 }}
groups = 2
lr = 1e-2
[model]
kind = "{kind}"
width = 8
depth = 2
heads = 2
ffn = 8
context = 256
init_std = 0.2
[cpu]
steps = 4
warmup = 2
log_every = 2
save_every = 4
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Two recipes, two seeds each, trained; and what their blocks were measured to be, which names the best rate."""
    folder = tmp_path_factory.mktemp("course")
    paths = []
    for name, kind in (("pre", "pre-norm"), ("lns", "lns")):
        paths.append(folder / f"{name}.toml")
        paths[-1].write_text(RECIPE.format(name=name, kind=kind))
    run_grid(grid(map(read_recipe, paths), lrs=[1e-2, 2e-2], seeds=[0, 1], out=folder / "grid"))
    rows = [
        BlockRun(recipe=name, lr=lr, seed=0, step="end", loss=loss, variance=(1.0, 1.0, 1.0), turns=(0.1, 0.1),
                 block=(1.0, 1.0), attention=(1.0, 1.0), mlp=(1.0, 1.0))
        for name in ("pre", "lns")
        for lr, loss in ((1e-2, 2.0), (2e-2, 1.0))
    ]  # fmt: skip
    (folder / "sweeps").mkdir()
    BlockRuns(tuple(rows)).save(folder / "sweeps" / "08_blocks.json")
    return folder, paths


@pytest.fixture(autouse=True)
def small(course, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", str(course[0]))
    for name, value in {"DOCUMENTS": 4, "STEPS": 3, "QUESTIONS": 6, "TUNING_RATES": (1e-3, 3e-2)}.items():
        monkeypatch.setattr(transfers, name, value)


@pytest.fixture
def found(course):
    folder, paths = course
    return transfer(paths, [1], out=folder / "grid")


def test_the_choosing_seed_tries_all_rates_and_the_others_take_its_best(found):
    assert [(row.seed, row.start, row.tuning_lr) for row in found if row.recipe == "pre"][:4] == [
        (0, "0", 1e-3), (0, "0", 3e-2), (0, "end", 1e-3), (0, "end", 3e-2)
    ]  # fmt: skip
    for recipe in ("pre", "lns"):
        tried = {row.nats: row.tuning_lr for row in found.of(recipe, seeds=[0])}
        (row,) = found.of(recipe, seeds=[1])
        assert row.tuning_lr == found.best_lr(recipe) == tried[min(tried)]
        assert {row.lr for row in found.of(recipe)} == {2e-2}  # at which the blocks' loss was least
    assert len(found) == 10 and not found.of("pre", seeds=[1], start="0")


def test_the_numbers_are_those_of_the_models(course, found):
    folder, _ = course
    (row,) = found.of("lns", seeds=[1])
    model = load(folder / "grid" / "lns-cpu-4-lr0.02-1" / "final")
    assert (row.nats_before, row.right_before) == transfers.answers(model)
    tuned = transfers.tune(model, 1, row.tuning_lr)
    assert (row.nats, row.right) == transfers.answers(tuned) != transfers.answers(model)
    fresh = read_recipe(folder / "lns.toml").config().build(0).eval()
    assert found.of("lns", start="0")[0].nats_before == transfers.answers(fresh)[0]


def test_nats_are_those_of_the_right_answer_alone(course):
    model = load(course[0] / "grid" / "pre-cpu-4-lr0.02-0" / "final")
    total = 0.0
    for one in world.facts_questions(6, transfers.SEED):
        prompt, options = one.encoded(world.tokenizer())
        whole = [*prompt, *options[one.answer]]
        (scores,) = measurements.logits(model, [whole])
        log_probs = scores.log_softmax(-1)
        total -= sum(float(log_probs[len(prompt) + i - 1, token]) for i, token in enumerate(options[one.answer]))
    assert transfers.answers(model)[0] == pytest.approx(total / 6, abs=1e-4)


def test_what_is_known_is_not_done_again_and_what_is_missing_is_asked_for(course, found, monkeypatch, tmp_path):
    folder, paths = course
    again = Transfers.load(found.save(tmp_path / "t.json"))
    assert again == found
    monkeypatch.setattr(transfers, "_tuned", None)
    assert transfer(paths, [1], out=folder / "grid", known=again) == found
    with pytest.raises(NotAvailable, match="seed 7") as missing:
        transfer(paths, [7], out=folder / "grid", known=again)
    assert "labkit grid pre --lr 0.02 --seeds 7" in str(missing.value)
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(BrokenFile, match="no fine-tuned models"):
        Transfers.load(tmp_path / "t.json")
    with pytest.raises(BadInput, match="has been tuned"):
        Transfers(()).best_lr("pre")


def test_the_command_saves_after_every_model(course, found, monkeypatch, tmp_path, capsys):
    path, seen = tmp_path / "t.json", []

    def stopped(*, out, known, say):
        seen.append(known)
        say(Transfers(found.runs[:3]))
        raise KeyboardInterrupt

    monkeypatch.setattr("labkit.papers.curse_of_depth.experiments.transfers.transfer", stopped)
    for _ in range(2):
        assert main(["sweep", "transfer", "--out", str(path), "--folder", str(course[0] / "grid")]) == 130
    assert seen == [None, Transfers(found.runs[:3])]
    assert isinstance(seen[1].runs[0], Transfer) and not capsys.readouterr().out
