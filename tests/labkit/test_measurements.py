"""Measurements against transformers' own loss, against sums by hand, and against themselves one by one."""

import json
import math
import threading
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from families import VOCAB, each_family, ids_of, make

from labkit.anatomy import fingerprint, model_lock
from labkit.base.errors import BadInput
from labkit.measurements import (
    ChoiceMeasure,
    LossMeasure,
    Question,
    choice_accuracy,
    difference,
    kl,
    logits,
    loss,
    mean_over,
    perplexity_ratio,
    residual_stats,
)
from labkit.measurements import runs as runs_module
from labkit.measurements.measures import scores
from labkit.zoo import Handle


def documents_of_lengths(*lengths):
    return [ids_of(length, seed=number)[0] for number, length in enumerate(lengths)]


TEXT = documents_of_lengths(7, 5, 7, 9, 5, 7, 2)


@torch.no_grad()
def by_hand(model, ids):
    """Return the nats of each scored token, straight from the definition."""
    probabilities = model(ids[None], use_cache=False).logits[0].double().softmax(dim=-1)
    return [-math.log(probabilities[t - 1, ids[t]]) for t in range(1, len(ids))]


@each_family
def test_loss_is_the_mean_over_scored_tokens_and_leaves_nothing_behind(family):
    model = make(family)
    torch.manual_seed(9)
    before, state = fingerprint(model), torch.get_rng_state()
    measured = loss(model, TEXT)
    nats = [by_hand(model, ids) for ids in TEXT]
    assert measured.value == pytest.approx(sum(map(sum, nats)) / sum(map(len, nats)), abs=2e-6)
    assert measured.sums == pytest.approx([sum(row) for row in nats], abs=1e-5)
    assert measured.weights == (6, 4, 6, 8, 4, 6, 1) and measured.n == 7 and measured.over == "documents"
    assert fingerprint(model) == before and torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("family", ["llama", "gpt2", "labkit"])
def test_loss_of_one_document_is_the_models_own(family):
    model, ids = make(family), TEXT[3]
    with torch.no_grad():
        own = float(model(ids[None], labels=ids[None]).loss)
    assert loss(model, [ids]).value == pytest.approx(own, abs=1e-6)


@each_family
def test_a_documents_numbers_do_not_depend_on_its_neighbours(family):
    model = make(family)
    together, alone = loss(model, TEXT), [loss(model, [ids]).value for ids in TEXT]
    assert together.per_unit == pytest.approx(alone, abs=1e-6)
    turned = loss(model, TEXT[::-1])
    assert turned.per_unit[::-1] == pytest.approx(alone, abs=1e-6)


def test_batches_hold_equal_lengths_and_stay_small(monkeypatch):
    model = make("labkit")
    monkeypatch.setattr(runs_module, "MOST_TOKENS", 14)
    grouped = runs_module.batches(model, runs_module.checked_documents(model, TEXT))
    assert sorted(batch.index for batch in grouped) == [(0, 2), (1, 4), (3,), (5,), (6,)]
    assert all(torch.equal(row, TEXT[i]) for batch in grouped for row, i in zip(batch.ids_BL, batch.index))
    small = loss(model, TEXT).per_unit
    monkeypatch.undo()
    assert small == pytest.approx(loss(model, TEXT).per_unit, abs=1e-6)


def test_a_model_in_training_is_measured_without_dropout_and_stays_as_it_was():
    import transformers

    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.GPT2Config(
            vocab_size=VOCAB, n_embd=8, n_layer=2, n_head=2, n_positions=64, resid_pdrop=0.5, embd_pdrop=0.5
        )
        model = transformers.GPT2LMHeadModel(config)
    quiet = loss(model.eval(), TEXT)
    model.train()
    model.transformer.h[0].eval()  # a part that was frozen
    modes = [part.training for part in model.modules()]
    state = torch.get_rng_state()
    assert loss(model, TEXT) == quiet
    assert [part.training for part in model.modules()] == modes and True in modes and False in modes
    assert torch.equal(torch.get_rng_state(), state)


def test_measuring_holds_the_models_lock():
    model = make("labkit")
    taken = []

    class Curious(LossMeasure):
        def score(self, *of):
            other = threading.Thread(target=lambda: taken.append(model_lock(model).acquire(blocking=False)))
            other.start()
            other.join()
            return super().score(*of)

    scores(model, TEXT, Curious())
    assert taken and not any(taken)
    assert model_lock(model).acquire(blocking=False)
    model_lock(model).release()


def test_an_error_inside_leaves_modes_lock_and_gradients_as_they_were():
    model = make("gpt2").train()
    before = fingerprint(model)
    with pytest.raises(BadInput, match="could not read a document of 70 tokens"):
        loss(model, [ids_of(70)[0]])
    assert fingerprint(model) == before and torch.is_grad_enabled()
    assert model_lock(model).acquire(blocking=False)
    model_lock(model).release()


def test_perplexity_ratio_is_paired():
    intact, cut = loss(make("llama"), TEXT), loss(make("llama", seed=1), TEXT)
    ratio = perplexity_ratio(cut, intact)
    assert ratio.value == pytest.approx(cut.perplexity / intact.perplexity)
    assert ratio.null == 1.0 and ratio.unit == "times" and ratio.n == 7
    again = mean_over(ratio.per_unit, weights=ratio.weights)
    assert (ratio.low, ratio.value, ratio.high) == tuple(map(math.exp, (again.low, again.value, again.high)))
    same = perplexity_ratio(intact, intact)
    assert (same.low, same.value, same.high) == (1.0, 1.0, 1.0)
    # A constant shift of every document is known exactly, however much documents differ from each other.
    shifted = replace(intact, per_unit=tuple(x + 0.25 for x in intact.per_unit), value=intact.value + 0.25)
    moved = difference(shifted, intact)
    assert moved.high - moved.low < 1e-12 and moved.value == pytest.approx(0.25)
    assert intact.high - intact.low > 0.05


def test_perplexity_ratio_survives_a_cut_that_destroys_the_model():
    intact = loss(make("llama"), TEXT)
    ruined = replace(intact, per_unit=tuple(x + 1e4 for x in intact.per_unit), value=intact.value + 1e4)
    assert perplexity_ratio(ruined, intact).value == math.inf
    assert json.dumps(perplexity_ratio(ruined, intact).as_dict(), allow_nan=False)


def test_losses_on_different_texts_are_not_compared():
    model = make("llama")
    with pytest.raises(BadInput, match="same documents"):
        perplexity_ratio(loss(model, TEXT), loss(model, TEXT[::-1]))
    with pytest.raises(BadInput, match="same documents"):
        perplexity_ratio(loss(model, TEXT), loss(model, TEXT[:-1]))


def test_kl_is_that_of_torch_never_negative_and_zero_with_oneself():
    p, q = logits(make("llama"), TEXT), logits(make("llama", seed=1), TEXT)
    measured = kl(p, q)
    for value, p_LV, q_LV in zip(measured.per_unit, p, q):
        p_log, q_log = p_LV.double().log_softmax(-1), q_LV.double().log_softmax(-1)
        expected = F.kl_div(q_log, p_log, reduction="batchmean", log_target=True)
        assert value == pytest.approx(float(expected), abs=1e-6)
    assert measured.weights == tuple(len(ids) for ids in TEXT)
    assert kl(p, p).value == 0.0 and kl(p, q).low > 0
    assert kl(p, q).value != pytest.approx(kl(q, p).value, rel=1e-3)
    with pytest.raises(BadInput, match="same documents and vocabulary"):
        kl(p, q[:-1])


def test_logits_come_back_in_the_callers_order():
    model = make("labkit")
    for ids, logits_LV in zip(TEXT, logits(model, TEXT)):
        with torch.no_grad():
            torch.testing.assert_close(logits_LV, model(ids[None]).logits[0], atol=1e-5, rtol=0)


QUESTIONS = [
    Question((1, 4, 2), ((3,), (5, 6), (7,)), 0),
    Question((2,), ((9, 9, 9), (1,)), 1),
    Question((8, 8), ((4, 4), (3, 5)), 0),
]


@pytest.mark.parametrize("per_token", [False, True])
@pytest.mark.parametrize("family", ["llama", "gpt2", "labkit"])
def test_choice_scores_are_the_options_log_probabilities(family, per_token):
    model = make(family)
    measured = choice_accuracy(model, QUESTIONS, per_token=per_token)
    right = []
    for question, found in zip(QUESTIONS, measured.log_probs):
        expected = []
        for option in question.options:
            nats = by_hand(model, torch.tensor([*question.prompt, *option]))[-len(option) :]
            expected.append(-sum(nats) / (len(option) if per_token else 1))
        assert found == pytest.approx(expected, abs=1e-5)
        right.append(float(expected.index(max(expected)) == question.answer))
    assert list(measured.per_unit) == right and measured.value == pytest.approx(sum(right) / 3)
    assert measured.null == pytest.approx((1 / 3 + 1 / 2 + 1 / 2) / 3) and measured.over == "questions"
    assert [margin > 0 for margin in measured.margins] == [value == 1.0 for value in right]


@torch.no_grad()
def test_a_model_without_preference_scores_chance_exactly():
    model = make("llama")
    model.lm_head.weight.zero_()  # tied: every token becomes equally likely
    tied = choice_accuracy(model, QUESTIONS, per_token=True)
    assert tied.value == pytest.approx(tied.null)
    # Without the division the shorter option wins: 1 token against 3.
    assert choice_accuracy(model, QUESTIONS[1:2]).value == 1.0


def test_options_told_apart_only_by_rounding_are_tied():
    asked = ChoiceMeasure(tuple(QUESTIONS[1:]))
    assert asked.fold([(-2.0, -2.00001), (-3.0,), (-2.9,)], [])[0] == [0.5, 0.0]


@pytest.mark.parametrize("family", ["llama", "gpt2", "labkit"])
def test_options_share_what_is_read_and_score_as_each_in_a_text_of_its_own(family):
    model = make(family)
    shared = Question((1, 4, 2), ((3,), (5, 6), (5,), (9, 4), (5, 7), (5, 6, 1)), 2)
    single = [Question((8, 1, 3), ((2,), (4,), (6,)), 1), Question((7,), ((2,), (4,)), 0)]
    asked = ChoiceMeasure((shared, *single))
    assert asked.documents == [[1, 4, 2, 5, 6], [1, 4, 2, 9], [8, 1, 3], [7]]
    found = choice_accuracy(model, [shared, *single]).log_probs
    for question, scores_found in zip((shared, *single), found):
        for option, score in zip(question.options, scores_found):
            alone = loss(model, [[*question.prompt, *option]])
            without = loss(model, [question.prompt]).sums[0] if len(question.prompt) > 1 else 0.0
            assert score == pytest.approx(without - alone.sums[0], abs=1e-5)


def test_an_option_outside_the_vocabulary_says_so():
    with pytest.raises(BadInput, match="token ids from 3 to 11"):
        choice_accuracy(make("labkit"), [Question((1, 2), ((1, 1), (3, VOCAB)), 0)])


def test_a_choice_measure_knows_its_questions():
    assert ChoiceMeasure(tuple(QUESTIONS)).name == ChoiceMeasure(tuple(QUESTIONS)).name
    assert ChoiceMeasure(tuple(QUESTIONS)).name != ChoiceMeasure((replace(QUESTIONS[0], answer=1), *QUESTIONS[1:])).name


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2"])
def test_residual_stats_follow_their_definitions_on_transformers_own_hidden_states(family):
    model = make(family, depth=3)
    stats = residual_stats(model, TEXT)
    assert stats.boundaries == ("embed", "layers.0", "layers.1", "layers.2")
    for number in range(3):  # transformers norms the last one before it hands it out
        for place, ids in enumerate(TEXT):
            with torch.no_grad():
                h_LD = model(ids[None], output_hidden_states=True).hidden_states[number][0].double()
            s_D = h_LD.pow(2).mean(0).sqrt()
            expected = {
                "norm": h_LD.pow(2).sum(-1).sqrt().mean(),
                "variance": ((h_LD - h_LD.mean(-1, keepdim=True)) ** 2).mean(-1).mean(),
                "largest": h_LD.abs().max(),
                "top_over_median": h_LD.abs().max() / h_LD.abs().median(),
                "kurtosis": (s_D**4).mean() / (s_D**2).mean() ** 2,
            }
            for name, value in expected.items():
                assert getattr(stats, name)[number].per_unit[place] == pytest.approx(float(value), rel=1e-4), name


@torch.no_grad()
def test_kurtosis_is_1_without_outlier_channels_and_D_with_a_single_one():
    model = make("labkit")
    model.embed.weight.fill_(0.5)
    assert residual_stats(model, TEXT).kurtosis[0].value == pytest.approx(1.0)
    model.embed.weight.zero_()
    model.embed.weight[:, 3] = 2.0
    spiky = residual_stats(model, TEXT)
    assert spiky.kurtosis[0].value == pytest.approx(8.0) and spiky.top_over_median[0].value == math.inf
    model.embed.weight.zero_()
    assert residual_stats(model, TEXT).kurtosis[0].value == 1.0


def test_residual_stats_can_leave_the_first_token_out():
    model, short = make("labkit"), [ids for ids in TEXT if len(ids) > 2]
    with torch.no_grad():
        model.embed.weight[0, 5] = 1000.0
    started = [torch.cat([torch.zeros(1, dtype=torch.long), ids.clamp_min(1)]) for ids in short]
    with_bos, without = residual_stats(model, started), residual_stats(model, started, skip=1)
    assert with_bos.largest[0].value == pytest.approx(1000.0)
    assert without.largest[0].value < 10
    assert without.table().splitlines()[3].startswith("embed") and "top over median" in without.table()
    assert json.dumps(without.as_dict())
    with pytest.raises(BadInput, match="Document 0 has 3 tokens"):
        residual_stats(model, documents_of_lengths(3), skip=3)


class Letters:
    """A tokenizer: one piece per letter."""

    bos = 0

    def encode(self, text):
        return [ord(letter) % VOCAB for letter in text]


def test_a_handle_may_be_given_text():
    handle = Handle("lab/letters", make("labkit"), Letters())
    ids = [[0, *(ord(letter) % VOCAB for letter in text)] for text in ("lantern", "ferry")]
    assert loss(handle, ["lantern", "ferry"]) == loss(handle.model, ids) == loss(handle, ids)


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([], "no documents"),
        ("lantern", "One text was given"),
        (["lantern"], "a bare model has no tokenizer"),
        ([[1, 2], [3]], "Document 1 has 1 tokens"),
        ([[]], "Document 0 has 0 tokens"),
        ([[1, VOCAB]], "token ids from 1 to 11"),
        ([[1, -1]], "token ids from -1 to 1"),
        ([[0.5, 1.0]], "type torch.float32"),
        ([[[1, 2]]], r"shape \[1, 2\]"),
        ([list(range(VOCAB)) * 7], "77 tokens"),
    ],
)
def test_documents_that_cannot_be_measured_say_so(documents, message):
    with pytest.raises(BadInput, match=message):
        loss(make("labkit"), documents)


@pytest.mark.parametrize(
    ("prompt", "options", "answer"),
    [((), ((1,), (2,)), 0), ((1,), ((1,),), 0), ((1,), ((1,), ()), 0), ((1,), ((1,), (2,)), 2)],
)
def test_a_question_must_be_askable(prompt, options, answer):
    with pytest.raises(BadInput):
        Question(prompt, options, answer)
