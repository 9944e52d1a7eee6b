"""What is shipped with lesson 07: the model, its experts, the stored maps, the runs behind the claims."""

import pytest
import torch

import labkit
from labkit.anatomy import module_of
from labkit.base.errors import BadInput
from labkit.claims import assess, ledger
from labkit.claims.measuring import measure
from labkit.interventions import edit
from labkit.papers import transformer_squared as t2
from labkit.papers.transformer_squared import training
from labkit.papers.transformer_squared.experiments.mixtures import MixerState
from labkit.papers.transformer_squared.method.learning import answers, is_right, would_answer
from labkit.papers.transformer_squared.task import DOMAINS, UNSEEN

CLAIMS = [claim.id for claim in ledger() if claim.lesson == "07"]


@pytest.fixture(scope="module")
def model():
    return labkit.load("lab/skills")


@pytest.fixture(scope="module")
def bank():
    return t2.shipped_bank()


def test_the_model_answers_as_its_card_says(model):
    found = t2.grade(model, ("sum", "max"), 1000)
    assert {task: round(found[task], 3) for task in found.tasks} == {
        task: model.card["right_answers"][task] for task in found.tasks
    }
    assert model.generate("1 9 + 0 7 =", 4).split()[-3:] == ["0", "1", "6"]


@pytest.mark.parametrize("task", ["sum", "rev5", "max", "sort", "label"])
def test_one_pass_over_the_right_answers_tells_what_greedy_decoding_says(model, task):
    asked = t2.questions(task, 100, 12, "test")
    right, told = would_answer(module_of(model), asked)
    assert torch.equal(right, is_right(answers(module_of(model), asked), asked)) and 0 < right.sum() < 100
    lines = torch.cat((asked.prompts_BP, asked.answers_BA), 1)
    logits = module_of(model)(lines[:, :-1]).logits[:, -asked.answers_BA.shape[1] :]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), asked.answers_BA.flatten())
    assert float(told.mean()) == pytest.approx(-float(loss), abs=1e-5)


@pytest.mark.parametrize(("name", "task"), [("math", "sum"), ("text", "rev"), ("logic", "max"), ("sort", "sort")])
def test_every_expert_answers_its_own_task_and_fits_no_other_model(model, bank, name, task):
    before = labkit.fingerprint(model)
    with edit(model, *bank[name].edits()):
        assert t2.grade(model, (task,), 300)[task] > 0.95
    assert labkit.fingerprint(model) == before and bank[name].count == 2016
    with pytest.raises(BadInput, match="another matrix"), edit(training.BASE.build(1), *bank[name].edits()):
        pass


@pytest.mark.parametrize("state", [MixerState("half sums, half words", 0.5, 0.75), MixerState("more digits", 1.5, 0.0)])
def test_a_stored_answer_of_the_mixer_is_the_models_own(model, state):
    panel = labkit.MixerPanel(model)
    assert panel.stored(state) == panel.compute(state)


def test_the_ledger_has_what_was_asked_of_it():
    kinds = [ledger().claim(name).kind for name in CLAIMS]
    assert len(CLAIMS) >= 10 and sum(kind in ("model", "method") for kind in kinds) >= 8


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_measured_again_from_the_stored_runs_is_the_record(name):
    stored = assess(ledger().claim(name))
    if stored.value is None:
        assert name.startswith("07.transfer_mixed")  # promised; its bases are not trained yet
        return
    again = measure(name, write=False)
    assert (again.value, again.low, again.high, again.verdict) == (
        stored.value,
        stored.low,
        stored.high,
        stored.verdict,
    )


def test_no_run_on_a_confirmatory_seed_was_made_twice_or_at_another_rate():
    runs = training.known_runs()
    for name, arm in training.ARMS.items():
        for seed in training.SEEDS:
            made = [run for run in runs.where(arm=name, seed=seed) if run["task"] in arm.tasks]
            assert [run["lr"] for run in made] == [training.best_rate(name, runs)] * len(arm.tasks)


def test_both_measurements_of_a_row_are_kept_and_the_second_is_the_record():
    twice = t2.measured_twice()
    on_five = {c.id for c in ledger() if c.lesson == "07" and c.seeds == training.SEEDS}
    searches = {"07.per_matrix", "07.search_global", "07.search_per_matrix"}  # made once
    assert set(twice.rows) == on_five - searches
    for name, (first, second) in twice.rows.items():
        stored = assess(ledger().claim(name))
        assert (second.value, second.verdict) == (stored.value, stored.verdict) and first.value != second.value
    changed = twice.changed()
    assert set(changed) == {name for name, line in zip(twice.rows, str(twice).splitlines()[1:]) if " * " in line}
    for name in changed:  # and the row's note says so
        assert "first five bases" in ledger().claim(name).note


def test_wherever_arms_are_compared_a_thousand_questions_were_asked():
    for run in training.known_runs():
        if run["seed"] in training.SEEDS and "accuracy" in run and "arm" in run:
            told = {
                one: share for one, share in run["accuracy"].items() if one in (*DOMAINS.values(), *UNSEEN.values())
            }
            assert all(abs(1000 * share - round(1000 * share)) < 1e-3 for share in told.values())
            assert any(round(1000 * share) % 10 for share in told.values())
