"""Lesson 10 on shipped models: what adds up, what a shuffled reader must lose, what bad input says."""

from __future__ import annotations

import pytest
import torch

import labkit
from labkit import figures
from labkit.base.errors import BadInput, NotAvailable, UnknownName
from labkit.papers.llm_microscope.experiments.attention import attention_to
from labkit.papers.llm_microscope.experiments.causal import necessity
from labkit.papers.llm_microscope.experiments.levels import single_levels
from labkit.papers.llm_microscope.experiments.linear import associate, linearity_profile, token_nonlinearity
from labkit.papers.llm_microscope.experiments.memory import gap, nats, read_memory, rebuild, shipped, test_stories
from labkit.papers.llm_microscope.experiments.removal import strip_text
from labkit.papers.llm_microscope.experiments.retrained import two_by_two
from labkit.papers.llm_microscope.experiments.shape import shape_by_level
from labkit.papers.llm_microscope.experiments.spread import histogram, spread_over
from labkit.papers.llm_microscope.method.answering import right_answers
from labkit.papers.llm_microscope.method.contextualiser import windows
from labkit.papers.llm_microscope.method.states import cloud_of, states_of
from labkit.papers.llm_microscope.method.storage import load_reader
from labkit.papers.llm_microscope.task.classes import classes_of
from labkit.papers.llm_microscope.task.passages import story_passages
from labkit.training import Runs


@pytest.fixture(scope="module")
def deep():
    return labkit.load("lab/deep")


@pytest.fixture(scope="module")
def stories():
    return test_stories(8, seed=4321)


@pytest.fixture(scope="module")
def memory(stories):
    return read_memory(stories)


def test_the_parts_of_the_gain_add_up_and_totals_are_sums(memory) -> None:
    gain, own, context = (torch.tensor(memory.values(name)) for name in ("gain", "own word", "context"))
    assert torch.allclose(gain, own + context, atol=1e-5)
    assert torch.allclose(torch.tensor(memory.total()), torch.tensor(memory.C) * torch.tensor(memory.words), atol=1e-5)
    assert min(memory.position) == 2 and max(memory.words) == 16
    with pytest.raises(UnknownName):
        memory.values("memory")


def test_a_reader_that_is_given_other_tokens_states_gains_nothing(stories) -> None:
    reader = shipped("reader")
    h_TSD = torch.cat([states_of(reader.subject, ids)[:, 20:60].transpose(0, 1) for ids in stories])
    before_TK = torch.cat([windows(ids, range(20, 60), 16) for ids in stories])
    order = torch.randperm(len(h_TSD), generator=torch.Generator().manual_seed(0))
    own = nats(reader.model, reader.model.embed, h_TSD, before_TK).mean()
    others = nats(reader.model, reader.model.embed, h_TSD[order], before_TK).mean()
    nothing = shipped("own_word").model
    empty = nats(nothing, nothing.embed, torch.zeros_like(h_TSD[:, :1]), before_TK).mean()
    assert own < empty - 0.1
    assert others > empty - 0.02  # wrong context is no better than none


def test_the_embedding_of_a_reader_is_the_subjects_own(deep) -> None:
    reader = load_reader("microscope/reader", deep)
    assert torch.equal(reader.model.decoder.embed.weight, deep.model.embed.weight)
    assert reader.model.decoder.head.weight is reader.model.decoder.embed.weight
    with pytest.raises(BadInput, match="states of lab/deep"):
        load_reader("microscope/reader", labkit.load("lab/tiny"))


def test_what_is_rebuilt_depends_on_the_token_and_says_how_much_is_right(deep) -> None:
    found = rebuild("The lantern was with Hana. Hana gave the lantern to Dalia.", 6)
    assert found.token == "." and found.words == 5
    assert found.true == "The lantern was with Hana"
    assert 0 <= found.right <= found.words
    with pytest.raises(BadInput, match="before it"):
        rebuild("The lantern", 1)


def test_gaps_are_zero_against_oneself_and_matched_partners_are_near(memory) -> None:
    assert gap(memory, "noun", "noun", matched=True).difference.value == pytest.approx(0.0, abs=1e-9)
    one, other = (gap(memory, *pair, matched=False).difference.value for pair in (("noun", "name"), ("name", "noun")))
    assert one == pytest.approx(-other, abs=1e-6)
    assert gap(memory, "punctuation", "noun", matched=True).pairs < gap(memory, "punctuation", "noun").pairs


def test_texts_without_a_past_or_a_class_say_so(memory) -> None:
    with pytest.raises(BadInput, match="word before it"):
        read_memory([torch.tensor([0, 300])])
    short = read_memory([test_stories(1, 5)[0][:6]])
    with pytest.raises(BadInput, match="of class determiner"):
        short.mean("determiner")


def test_only_the_last_words_may_be_scored_and_parts_add_up(stories, memory) -> None:
    last, all_of_them = read_memory(stories[:2], last=3), read_memory(stories[:2], last=16)
    assert memory.C[: len(all_of_them.C)] == all_of_them.C and max(last.words) == 3
    before = windows(stories[0], [30], 16)
    reader = shipped("reader")
    each = nats(
        reader.model, reader.model.embed, states_of(reader.subject, stories[0])[:, [30]].transpose(0, 1), before
    )
    row = last.position.index(30)
    assert last.C[row] == pytest.approx(float(each[0, -3:].mean()), abs=1e-5)
    assert last.total()[row] == pytest.approx(float(each[0, -3:].sum()), abs=1e-4)
    assert memory.total()[row] == pytest.approx(float(each.sum()), abs=1e-4)
    with pytest.raises(BadInput, match="last 0 words"):
        read_memory(stories, last=0)


def test_a_constant_tells_nothing(stories) -> None:
    nothing, h_TSD = (
        shipped("own_word").model,
        states_of(shipped("reader").subject, stories[0])[:1, 20:60].transpose(0, 1),
    )
    before_TK = windows(stories[0], range(20, 60), 16)
    one, other = (nats(nothing, nothing.embed, 0 * h, before_TK) for h in (h_TSD, h_TSD.flip(0)))
    assert torch.equal(one, other)  # the gain of a constant is 0, whatever the token


def test_a_baseline_that_is_given_nothing_knows_how_frequent_a_first_word_is() -> None:
    """With e = 0 itself it would not: no bias moves a stream of 0, and the first word would cost log V."""
    nothing = shipped("own_word").model
    before_TK = windows(test_stories(1, 5)[0], range(20, 60), 16)
    first = nats(nothing, nothing.embed, torch.zeros(40, 1, 96), before_TK)[:, 0].mean()
    vocab = nothing.decoder.config.vocab
    stuck = nats(nothing, lambda h: 0 * h[:, 0], torch.zeros(40, 1, 96), before_TK)[:, 0]
    assert torch.allclose(stuck, torch.tensor(float(vocab)).log()) and first < stuck[0] - 1


def test_spreads_hold_every_token_once(memory) -> None:
    for over in ("position", "frequency"):
        found = spread_over(memory, over, "gain")
        assert sum(found.tokens) == len(memory.ids)
        kept = [(one.value, count) for one, count in zip(found.means, found.tokens) if one]
        total = sum(value * count for value, count in kept) / len(memory.ids)
        assert total == pytest.approx(sum(memory.values("gain")) / len(memory.ids), abs=1e-6)
        assert over in found.table()
    counts = histogram(memory, "noun")
    assert sum(counts) == len(memory.of_class("noun")) and max(counts) < sum(counts)
    with pytest.raises(UnknownName):
        spread_over(memory, "length")
    with pytest.raises(BadInput, match="edges"):
        histogram(memory, "noun", edges=[1.0, 0.5])


def test_attention_to_a_class_is_a_share_and_shares_of_all_classes_add_up(deep, stories) -> None:
    found = [attention_to(deep, stories[:1], name) for name in ("punctuation", "noun")]
    assert len(found[0].share) == 12 and all(0 <= one <= 1 for heads in found[0].share for one in heads)
    kinds = {name: attention_to(deep, stories[:1], name) for name in set(classes_of(deep, stories[0]))}
    assert sum(one.share[3][1] for one in kinds.values()) == pytest.approx(1.0, abs=1e-5)
    assert sum(one.alike for one in kinds.values()) == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(BadInput, match="of class determiner"):
        attention_to(deep, [stories[0][:6]], "determiner")


@pytest.mark.parametrize("texts", [[], [torch.tensor([0])]])
def test_measures_of_no_tokens_are_refused(deep, texts) -> None:
    for measure in (linearity_profile, shape_by_level, cloud_of):
        with pytest.raises(BadInput, match="token"):
            measure(deep, texts)


def test_profiles_of_a_model(deep, stories) -> None:
    whole = linearity_profile(deep, stories)
    assert len(whole.residual) == 12 and all(a >= b - 1e-9 for a, b in zip(whole.residual, whole.orthogonal))
    assert len(linearity_profile(deep, stories, span=3).residual) == 10
    with pytest.raises(BadInput, match="fitted exactly"):
        linearity_profile(deep, stories, tokens=97)
    shape = shape_by_level(deep, stories, most=400)
    assert shape.points[0] < shape.points[6] <= 400
    assert all(abs(a - b) < 1e-3 for a, b in zip(shape.anisotropy, shape.by_power))


def test_correlations_are_per_document_and_refuse_other_documents(deep, stories, memory) -> None:
    E = token_nonlinearity(deep, stories, cloud_of(deep, stories))
    found = associate(memory, E)
    assert found.pearson.n == len(stories) and -1 < found.partial.value < 1
    with pytest.raises(BadInput, match="same documents"):
        associate(memory, E[:, :-3])


def test_removal_is_paired_and_the_model_is_left_as_it_was(deep) -> None:
    before = labkit.anatomy.fingerprint(deep)
    passages = story_passages(12, seed=77)
    found = strip_text(deep, passages, ("intact", "articles", "random tokens as many as articles"))
    assert found.accuracy["intact"].value > 0.9
    assert found.change("articles").n == 12
    assert found.removed["articles"] == found.removed["random tokens as many as articles"] > 5
    one = right_answers(deep, passages[3:4], "articles")
    assert one == [found.accuracy["articles"].per_unit[3]]  # a passage's answer does not hang on its neighbours
    assert labkit.anatomy.fingerprint(deep) == before
    with pytest.raises(BadInput, match="no question"):
        strip_text(deep, [], ("intact",))


def test_overwriting_states_is_undone_and_controls_are_as_many(deep, stories) -> None:
    before = labkit.anatomy.fingerprint(deep)
    found = necessity(deep, stories[:3], at=[1, 11])
    assert len(found.excess) == 2 and found.replaced > 10
    for a, b, c in zip(found.of_class, found.of_others, found.excess):
        assert c.value == pytest.approx(a.value - b.value, abs=1e-6)
    assert labkit.anatomy.fingerprint(deep) == before
    assert found.levels == (1, 11) and [line.split()[0] for line in found.table().splitlines()[3:]] == ["1", "11"]
    with pytest.raises(BadInput, match="no class"):
        necessity(deep, stories[:1], "commas")
    for at in ([], [13]):
        with pytest.raises(BadInput, match="levels from 0 to 12"):
            necessity(deep, stories[:2], at=at)


def test_patched_states_are_others_of_the_same_kind(deep, stories) -> None:
    found = necessity(deep, stories[:3], at=[1], by="patch")
    assert found.of_class != necessity(deep, stories[:3], at=[1]).of_class and "other texts" in found.table()
    assert necessity(deep, [stories[0]] * 2, at=[12], by="patch").of_class[0].value == 0  # nothing reads the last level
    with pytest.raises(BadInput, match="single text"):
        necessity(deep, stories[:1], by="patch")
    with pytest.raises(UnknownName, match="replacement"):
        necessity(deep, stories[:2], by="luck")


def test_stored_runs_make_a_table_and_missing_ones_say_how_to_make_them(tmp_path) -> None:
    runs, levels = Runs(tmp_path / "removal.jsonl"), Runs(tmp_path / "levels.jsonl")
    for arm, tests in (("full", ("intact", "punctuation")), ("punctuation", ("intact", "punctuation"))):
        for seed in range(1, 6):
            right = {test: [1, int(arm == "punctuation" or test == "intact"), seed % 2] for test in tests}
            runs.do({"arm": arm, "seed": seed, "steps": 24}, lambda right=right: {"right": right})
    as_trained = {"intact": [1, 1, 1], "punctuation": [1, 0, 0]}
    runs.do({"arm": "as trained", "seed": 0, "steps": 0}, lambda: {"right": as_trained})
    grid = two_by_two(runs.path)
    assert grid.trained == ("as trained", "full", "punctuation") and grid.seeds == (1, 2, 3, 4, 5)
    assert grid.cells["punctuation", "punctuation"].value > grid.cells["full", "punctuation"].value
    assert grid.by_seed("full", "intact") == pytest.approx({seed: (2 + seed % 2) / 3 for seed in grid.seeds})
    assert grid.cells["as trained", "punctuation"].value == pytest.approx(1 / 3)
    assert "nothing more" in grid.table() and "having read texts without punctuation" in figures.describe(grid)
    assert "without punctuation" not in grid.table(["intact"]).splitlines()[1]
    with pytest.raises(UnknownName):
        grid.by_seed("as trained", "intact")
    runs.do({"arm": "full", "seed": 6, "steps": 24}, lambda: {"right": {"intact": [1]}})
    with pytest.raises(BadInput, match="was run with seeds"):
        two_by_two(runs.path)

    levels.do({"given": []}, lambda: {"C": [1.0, 1.4]})
    for given in ([0], [2], [0, 1, 2]):
        found = {"C": [0.1 * given[-1] + 0.5, 0.9], "weights": [1 / len(given)] * len(given)}
        levels.do({"given": given}, lambda found=found: found)
    profile = single_levels(levels.path)
    assert profile.levels == (0, 2) and profile.C[1].value == pytest.approx(0.8)
    assert [one.value for one in profile.gain] == pytest.approx([0.5, 0.4])
    assert profile.weights == pytest.approx((1 / 3,) * 3) and "level 2 0.40" in figures.describe(profile)
    for missing in (two_by_two, single_levels):
        with pytest.raises(NotAvailable, match="training"):
            missing(tmp_path / "none.jsonl")


def test_one_level_after_three_blocks_tells_what_all_levels_pooled_tell() -> None:
    found = single_levels()
    assert found.levels == (0, 3, 6, 12) and len(found.weights) == 13
    assert sum(found.weights) == pytest.approx(1.0, abs=1e-3)
    embedding, early, *_ = found.gain
    assert embedding.high < early.low and early.low < found.pooled.value < early.high
    assert "level 3" in figures.describe(found) and "all" in found.table()
