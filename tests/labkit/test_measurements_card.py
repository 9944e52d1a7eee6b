"""Questions in words become token ids the way the model would read them; cards say what their numbers are over."""

import pytest

from labkit import world
from labkit.base.errors import BadInput
from labkit.measurements import as_questions, card_numbers, choice_accuracy
from labkit.models import DecoderConfig
from labkit.zoo import Handle


@pytest.fixture(scope="module")
def handle():
    tokenizer = world.tokenizer()
    config = DecoderConfig(vocab=tokenizer.vocab_size, width=16, depth=1, heads=2, ffn=16, context=256, init_std=0.1)
    return Handle("random", config.build(seed=1).eval(), tokenizer)


def test_a_question_in_words_is_the_text_the_world_writes(handle):
    asked = world.questions(5, seed=2)
    for told, question in zip(asked, as_questions(handle, asked)):
        right = question.options[question.answer]
        assert handle.decode([*question.prompt, *right]) == told.prompt + f" {told.right}"
        assert len(right) == 1, "every name of the world is one piece"


def test_text_and_token_questions_get_the_same_answer(handle):
    asked = world.questions(12, seed=3)
    in_words, in_ids = choice_accuracy(handle, asked), choice_accuracy(handle.model, as_questions(handle, asked))
    assert in_words.log_probs == in_ids.log_probs and in_words.value == in_ids.value


def test_text_questions_need_a_tokenizer(handle):
    with pytest.raises(BadInput, match="without a tokenizer"):
        choice_accuracy(handle.model, world.questions(1, seed=0))


def test_an_option_that_merges_with_its_prompt_is_refused(handle):
    question = world.Question("The lan", ("tern", "a", "b", "c"), 0)
    with pytest.raises(BadInput, match="cut into pieces"):
        as_questions(handle, [question])


def test_a_random_model_is_far_from_the_floor_and_at_chance(handle, monkeypatch):
    monkeypatch.setattr("labkit.measurements.card._N", 24)
    card = card_numbers(handle)
    loss, above, known = card["loss_on_stories"], card["above_floor"], card["who_has_the_lantern"]
    assert loss["value"] > above["value"] > 5 and above["low"] <= above["value"] <= above["high"]
    assert known["low"] < known["chance"] == 0.25 < known["high"]
    assert (above["n"], above["over"]) == (24, "documents") and (known["n"], known["over"]) == (24, "questions")
    assert list(card)[2:] == [
        "places",
        "recall",
        "copying",
        "facts",
        "above_floor",
        "stories_that_pass",
        "contradictions",
        "cool_stories_that_pass",
    ]
    assert (card["stories_that_pass"]["value"], card["stories_that_pass"]["over"]) == (0.0, "stories")
    assert (card["cool_stories_that_pass"]["value"], card["cool_stories_that_pass"]["temperature"]) == (0.0, 0.5)


def test_a_card_is_for_models_of_the_world():
    with pytest.raises(BadInput, match="world's pieces"):
        card_numbers(object())
