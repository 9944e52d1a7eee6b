"""Questions about letters, what is decided otherwise than in the paper, and how a rate to try is found."""

import ast
import json
import random
import re

import pytest
import torch
import torch.nn.functional as F

from labkit.papers.byte_latent_transformer import claims, task
from labkit.papers.byte_latent_transformer.experiments import quality
from labkit.papers.byte_latent_transformer.method.patching import Strided
from labkit.papers.byte_latent_transformer.training import choices, letters, studies
from labkit.papers.byte_latent_transformer.training.rows import mean_size
from labkit.training import Runs


def test_answers_on_the_pages_are_right():
    made = task.letter_pages(20, seed=3)
    assert made == task.letter_pages(20, seed=3) != task.letter_pages(20, seed=4)
    assert made[0::2] == task.pages(10, seed=3) and max(map(len, made)) <= task.PAGE
    has = re.findall(r"Has (\w+) (\w)\? (yes|no)\.", " ".join(made))
    swaps = re.findall(r"Swap (\w) (\w) (\w+): ([\w ]+)\.", " ".join(made))
    assert len(has) > 20 and len(swaps) > 20
    assert all((letter in word) == (answer == "yes") for word, letter, answer in has)
    other = {"first": "second", "second": "first"}
    for first, second, word, answer in swaps:
        names = {first: "first", second: "second"}
        back = {"first": first, "second": second}
        expected = [back[other[names[one]]] if one in names else one for one in word]
        assert answer.split(" ") == expected and first != second
    assert 0.3 < sum(answer == "yes" for *_, answer in has) / len(has) < 0.7


def test_words_asked_about_at_the_end_were_in_no_question():
    parts = [set(task.letter_words(split)) for split in ("train", "valid", "test")]
    assert len(set.union(*parts)) == sum(map(len, parts)) and min(map(len, parts)) > 40
    asked = letters.asked("test", "contains")
    assert sum(answer == "yes" for _, answer in asked) == len(asked) / 2
    words = {question.split(" ")[1] for question, _ in asked}
    assert words == parts[2]
    swapped = {question.split(" ")[3].rstrip(":") for question, _ in letters.asked("test", "swap")}
    assert swapped == parts[2]


class Foreseeing:
    """Puts all its weight on the next id of the row, or on the one after that number."""

    def __init__(self, vocab: int, off: int = 0):
        self.vocab, self.off = vocab, off

    def __call__(self, ids, starts):
        following = torch.cat((ids[:, 1:], ids[:, :1]), dim=1)
        return F.one_hot((following + self.off) % self.vocab, self.vocab).float()


@pytest.mark.parametrize(("arm", "vocab"), [("bpe", 1137), ("entropy", task.VOCAB)])
def test_who_knows_the_answers_gets_every_mark_and_who_misses_them_none(arm, vocab, monkeypatch):
    monkeypatch.setattr(letters, "patcher", lambda: Strided(4.5))
    known = letters.answers(arm, Foreseeing(vocab), "test")
    assert known == {"contains": 1.0, "swap": 1.0, "moved": 1.0, "whole": 1.0}
    missed = letters.answers(arm, Foreseeing(vocab, off=1), "test")
    assert missed["swap"] == missed["moved"] == missed["whole"] == 0.0
    assert missed["contains"] == 0.5  # neither yes nor no is likelier, so it says no to all


def test_one_thing_is_decided_otherwise_in_each_choice():
    plain = choices.CHOICES["entropy"].config.as_dict()
    changed = {
        name: {key: value for key, value in choice.config.as_dict().items() if plain[key] != value}
        for name, choice in choices.CHOICES.items()
    }
    assert {name: change for name, change in changed.items() if change} == {
        "doubled": {"residual": 2.0},
        "raw_sum": {"hash_mean": False},
    }
    assert {name: one.cuts for name, one in choices.CHOICES.items() if one.cuts != "transformer"} == {
        "counts": "counts",
        "cnn": "cnn",
    }
    assert [name for name, one in choices.CHOICES.items() if one.frequent] == ["frequent"]


@pytest.fixture
def few_pages(tmp_path, monkeypatch):
    pages = task.pages(60, seed=5)
    monkeypatch.setattr(choices, "SEEN", 60)
    monkeypatch.setattr(choices, "CNN_STEPS", 60)
    monkeypatch.setattr(choices, "CACHE", tmp_path)
    monkeypatch.setattr(choices, "pool", lambda: pages)
    for kept in (choices.patcher, choices.small_cnn):
        kept.cache_clear()
    yield pages
    for kept in (choices.patcher, choices.small_cnn):
        kept.cache_clear()


@pytest.mark.parametrize("cuts", ["counts", "cnn"])
def test_other_entropies_cut_patches_of_the_size_they_are_meant_to_have(cuts, few_pages):
    rows, starts = choices.read.__wrapped__(cuts, "train")
    assert rows.pages == tuple(few_pages) and mean_size(rows, starts) == pytest.approx(4.5, abs=0.15)


def test_the_convolution_is_kept_at_the_rate_that_was_best_on_unseen_pages(few_pages, capsys):
    first = choices.small_cnn()
    told = [ast.literal_eval(line.removeprefix("cnn ")) for line in capsys.readouterr().out.splitlines()]
    assert [one["lr"] for one in told][:4] == list(choices.RATES)
    rows = choices.byte_rows(task.pages(choices.PAGES, seed=7, split="valid"))
    nats = choices.rows_loss(first, rows, torch.arange(choices.PAGES)).item()
    assert nats == pytest.approx(min(one["valid"] for one in told), abs=1e-6)
    choices.small_cnn.cache_clear()
    again = choices.small_cnn()
    assert not capsys.readouterr().out and torch.equal(first.head.weight, again.head.weight)


def test_tables_of_frequent_n_grams_weigh_as_much_and_start_the_same(few_pages):
    plain, frequent = choices.CHOICES["entropy"].build(3), choices.CHOICES["frequent"].build(3)
    assert [len(table.grams) for table in frequent.embed.tables] == [1021] * 6
    pairs = list(zip(plain.parameters(), frequent.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    ids = torch.tensor([[task.BOS, *task.byte_ids("Nobody took the ferry.")]])
    assert not torch.equal(plain.embed(ids), frequent.embed(ids))


@pytest.fixture
def tries(tmp_path, monkeypatch):
    path = tmp_path / "studies.jsonl"
    monkeypatch.setattr(studies, "study_runs", lambda: Runs(path))

    def tell(lr, valid, seed=0, diverged=False):
        settings = {"study": "letters", "arm": "bpe", "lr": lr, "seed": seed}
        with path.open("a") as file:
            line = {"settings": settings, "found": {"valid": valid, "diverged": diverged}}
            file.write(json.dumps(line) + "\n")

    return tell


def test_rates_are_tried_until_the_best_has_a_worse_one_on_either_side(tries):
    found = []
    for valid in (1.2, 1.1, 1.0, 1.3):
        found.append(studies.next_rate("letters", "bpe"))
        tries(found[-1], valid)
    assert found == [3e-3, 6e-3, 12e-3, 24e-3] and studies.next_rate("letters", "bpe") is None
    assert studies.rate_of("letters", "bpe") == 12e-3
    assert ("entropy", 3e-3, 0) in studies.lacking("letters")


def test_rates_go_down_as_well_and_a_run_that_diverged_is_the_worst(tries):
    tries(3e-3, 1.0)
    tries(6e-3, 0.5, diverged=True)
    tries(12e-3, 1.2)
    tries(24e-3, 1.3)
    assert studies.next_rate("letters", "bpe") == 1.5e-3
    tries(1.5e-3, 1.1)
    assert studies.next_rate("letters", "bpe") is None and studies.rate_of("letters", "bpe") == 3e-3


def test_every_arm_of_a_study_is_tried_at_the_same_rates():
    for study in studies.STUDIES.values():
        assert len(set(study.rates.values())) == 1 and len(next(iter(study.rates.values()))) >= 4


def test_claims_compare_the_same_seeds(monkeypatch):
    share = {"entropy": 0.75, "bpe": 0.5}
    bits = {"doubled": 1.75, "entropy": 1.5}

    def runs(study, arm, seeds):
        held = {"contains": share.get(arm), "swap": 0.25}
        return [{"seed": seed, "held_out": held, "test": bits.get(arm)} for seed in seeds]

    monkeypatch.setattr(claims, "study_of", runs)
    ask = {"n": 2, "seeds": [31, 32]}
    found = claims.letters_difference(measure="contains", first="entropy", second="bpe", **ask)
    assert found.values == (0.25, 0.25) and found.units == ("seed 31", "seed 32")
    assert claims.letters_difference(measure="swap", first="entropy", second="bpe", **ask).values == (0.0, 0.0)
    assert claims.choices_difference(first="doubled", second="entropy", **ask).values == (0.25, 0.25)


def test_a_short_training_tells_what_it_reached(monkeypatch):
    pages = task.letter_pages(6, seed=1)
    monkeypatch.setattr(letters, "patcher", lambda: Strided(4.5))
    monkeypatch.setattr(letters, "training_pages", lambda arm: letters.read(arm, pages))
    monkeypatch.setattr(letters, "UNSEEN", 4)
    found = letters.lettered("entropy", 6e-3, 0, steps=20)
    assert found["steps"] == 20 and 1 < found["valid"] < 12 and found["size"] == pytest.approx(4.5, abs=0.2)
    assert set(found["seen"]) == set(found["held_out"]) == {"contains", "swap", "moved", "whole"}
    rng = random.Random(0)
    assert task.contains_question("ferry", rng, there=True)[1] == "yes"


def test_a_changed_part_is_set_against_the_same_seeds_of_the_arms(monkeypatch):
    bits = {("entropy", None): {41: 1.5, 42: 1.75}, ("entropy", 24e-3): {41: 1.25, 42: 1.25}}
    parts = {"cnn": {41: 1.0, 42: 1.5}}

    def arms(arm, seeds, lr=None):
        return [{"seed": seed, "test": bits[arm, lr][seed]} for seed in seeds]

    def studies_of(study, arm, seeds):
        assert study == "parts"
        return [{"seed": seed, "test": parts[arm][seed]} for seed in seeds]

    for module in (claims, quality):
        monkeypatch.setattr(module, "runs_of", arms)
        monkeypatch.setattr(module, "study_of", studies_of)
    assert claims.part_difference(n=2, seeds=[41, 42], other="cnn").values == (0.5, 0.25)
    assert quality.part_gap("cnn", (41, 42)).value == pytest.approx(0.375)
    assert quality.part_gap("cnn", (41, 42), lr=24e-3).value == pytest.approx(0.0)
    bits["space", None] = {41: 1.0, 42: 1.0}
    assert quality.arm_gap("entropy", "space", (41, 42), lr=24e-3).value == pytest.approx(0.25)
