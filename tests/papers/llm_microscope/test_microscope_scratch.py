"""Models from scratch: days whose answer is known, arms that differ in the body alone, runs that make a table."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import torch
from torch import nn

from labkit import figures, world
from labkit.papers.llm_microscope import claims as measures
from labkit.papers.llm_microscope import training
from labkit.papers.llm_microscope.experiments.retrained import from_scratch
from labkit.papers.llm_microscope.task.classes import classes_of
from labkit.papers.llm_microscope.task.days import days
from labkit.papers.llm_microscope.task.passages import body_of
from labkit.papers.llm_microscope.training import making, scratch
from labkit.training import Runs

CAME = r"lantern was with (\w+)|lantern to (\w+)|(\w+) (?:found the lantern|looked [\w ]+, and there was the lantern)"


def test_the_answer_of_a_day_is_whoever_the_lantern_came_to_last() -> None:
    words, made = world.tokenizer(), days(60, 7)
    changes = set()
    for one in made:
        (ask,) = one.asks
        told = re.findall(CAME, words.decode(one.body))
        assert words.decode([ask.options[ask.answer]]).strip() == "".join(told[-1])
        assert len(set(ask.options)) == 4 and one.tail[ask.place + 1] == ask.options[ask.answer]
        assert one.tail[-1] == words.eos and len(one.body) + len(one.tail) < 256
        changes.add(len(told))
    assert {1, 2, 3} <= changes
    assert days(5, 7) == made[:5] and days(5, 8) != made[:5]


def test_cheap_guesses_do_not_answer_days_that_are_asked_about() -> None:
    words, made = world.tokenizer(), days(60, 7, "test", asked=True)
    last_named = 0
    for one in made:
        (ask,) = one.asks
        right, text = words.decode([ask.options[ask.answer]]).strip(), words.decode(one.body)
        assert "".join(re.findall(CAME, text)[0]) != right
        named = [token for token in one.body if token in ask.options]
        last_named += named[-1] == ask.options[ask.answer]
    assert 0.15 < last_named / 60 < 0.35


def test_without_punctuation_no_mark_is_left_anywhere() -> None:
    words = world.tokenizer()
    for one in days(20, 7):
        assert "punctuation" in one.classes
        assert "punctuation" not in classes_of(words, [*body_of(one, "punctuation"), *one.tail])


class Watching(nn.Module):
    """Keeps what it is given, and knows nothing."""

    def forward(self, ids_BL: torch.Tensor) -> SimpleNamespace:
        self.ids_BL = ids_BL
        return SimpleNamespace(logits=torch.zeros(*ids_BL.shape, 1137))


def read_by(arm: str, seed: int) -> list[list[int]]:
    model, begin = Watching(), world.tokenizer().bos
    training.scratch_loss(arm, seed)(model, 2)
    return [[token for token in row if token != begin] for row in model.ids_BL.tolist()]


def test_arms_read_the_same_days_and_the_stripped_one_never_meets_a_mark(monkeypatch) -> None:
    monkeypatch.setattr(scratch, "_days", lambda: made)
    monkeypatch.setattr(scratch, "SCRATCH_DAYS", 40)
    made, words = days(40, 7), world.tokenizer()
    marks = {i for i, name in enumerate(classes_of(words, range(words.vocab_size))) if name == "punctuation"}
    full, bare = (read_by(arm, 3) for arm in training.SCRATCH_ARMS)
    assert len(full) == scratch.SCRATCH_BATCH and full != read_by("full", 4)
    for whole, stripped in zip(full, bare):
        assert [token for token in whole if token not in marks] == stripped and len(stripped) < len(whole)


def test_a_seed_draws_first_values_and_days(monkeypatch) -> None:
    monkeypatch.setattr(scratch, "_days", lambda: made)
    monkeypatch.setattr(scratch, "SCRATCH_DAYS", 40)
    made, short = days(40, 7), replace(training.SCRATCH_FIT, steps=2, warmup=1)
    one, same, other = (training.train_scratch("punctuation", seed=seed, settings=short)[0] for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters()))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))


def test_runs_are_kept_and_make_a_table(monkeypatch, tmp_path) -> None:
    def train(arm, *, seed):
        return SimpleNamespace(arm=arm), SimpleNamespace(last=lambda: 1.0, seconds=0.0)

    def answers(model, asked, test):
        used_to_it = test == ("intact" if model.arm == "full" else model.arm)
        return [1] * len(asked) if used_to_it else [0] * (len(asked) - 1) + [1]

    monkeypatch.setattr(making, "train_scratch", train)
    monkeypatch.setattr(making, "right_answers", answers)
    monkeypatch.setattr(making, "RUNS", str(tmp_path))
    making.make_scratch(training.SCRATCH_ARMS, [1, 2], questions=4, judged=5)
    runs = Runs(tmp_path / "scratch.jsonl")
    assert [(run["seed"], run["arm"]) for run in runs] == [
        (1, "full"),
        (1, "punctuation"),
        (2, "full"),
        (2, "punctuation"),
    ]
    assert {(run["lr"], run["steps"], run["judged"]) for run in runs} == {(4e-3, 500, 5)}
    grid = from_scratch(runs.path)
    assert grid.seeds == (1, 2) and grid.trained[0] == "full" and len(grid.cells) == 4
    assert "read from the start" in grid.table() and "without punctuation: 0.25 having" in figures.describe(grid)

    monkeypatch.setattr(measures, "from_scratch", lambda: grid)
    lost = measures.scratch_change(n=2, seeds=[1, 2], arm="full", test="punctuation")
    assert lost.values == (-0.75, -0.75) and lost.units == ("seed 1", "seed 2")
    assert measures.scratch_change(n=1, seeds=[2, 1], arm="punctuation", test="punctuation").values == (0.0,)
