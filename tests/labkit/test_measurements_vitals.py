"""Vital signs: chance and floor where nothing was learned, the world's own numbers where everything was."""

import json

import pytest
import torch

import labkit
from labkit import world
from labkit.anatomy import fingerprint
from labkit.base.errors import BadInput
from labkit.measurements import choice_accuracy, loss, sample_stories, vital_signs
from labkit.models import DecoderConfig
from labkit.zoo import Handle


def decoder(seed=1, **changes):
    sizes = {"vocab": world.tokenizer().vocab_size, "width": 16, "depth": 1, "heads": 2, "ffn": 16, "context": 256}
    return DecoderConfig(**{**sizes, "init_std": 0.1, **changes}).build(seed)


@pytest.fixture(scope="module")
def handle():
    return Handle("random", decoder(), world.tokenizer())


@pytest.fixture(scope="module")
def found(handle):
    return labkit.vitals(handle, 8, seed=3)


def test_each_sign_is_what_its_own_measure_says(handle, found):
    asked = {
        "tracking": world.questions,
        "places": world.places_questions,
        "facts": world.facts_questions,
        "recall": world.recall_questions,
        "copying": world.copying_questions,
    }
    for name, ask in asked.items():
        alone = choice_accuracy(handle, ask(8, 3, "valid"))
        assert (found.signs[name].per_unit, found.signs[name].null) == (alone.per_unit, 0.25), name
    stories = world.documents("stories", 8, 3, "valid")
    surprise = loss(handle, handle.encode_documents([story.text for story in stories]))
    floor = world.floor(stories, int(sum(surprise.weights)))
    assert found.above_floor.value == pytest.approx(surprise.value - floor) and found.above_floor.null == 0
    assert found.loss == surprise


def test_a_model_that_learned_nothing_tells_no_story(found):
    assert found.whole_stories.value == 0 and found.above_floor.value > 5
    assert found.contradictions.value > 1 and found.contradictions.n == len(found.stories) == 8


def test_the_worlds_own_stories_hold_no_contradiction_and_one_slip_is_counted(handle, monkeypatch):
    told = [story.text for story in world.documents("stories", 8, 0)]
    monkeypatch.setattr(vital_signs, "sample_stories", lambda *a, **k: told)
    whole = labkit.vitals(handle, 8)
    assert (whole.whole_stories.value, whole.contradictions.value) == (1.0, 0.0)
    told[2] = told[2].replace("was at home on", "was at house on", 1)
    spoiled = labkit.vitals(handle, 8)
    wrong, sentences = len(world.check(told[2])), sum(text.count(mark) for text in told for mark in ".?!")
    assert spoiled.whole_stories.value == 7 / 8 and wrong
    assert spoiled.contradictions.value == pytest.approx(10 * wrong / sentences)


def test_stories_begin_as_stories_do_and_depend_on_the_seed_alone(handle, monkeypatch):
    state = torch.get_rng_state()
    told = sample_stories(handle, 6, seed=5)
    begins = {" ".join(story.text.split()[:2]) for story in world.documents("stories", 60, 0)}
    assert [" ".join(text.split()[:2]) for text in told[:2]] == ["It was", "The morning"]
    assert begins == {"It was", "The morning"}
    assert all(text.startswith(("It was", "The morning")) for text in told)
    assert told == sample_stories(handle, 6, seed=5) != sample_stories(handle, 6, seed=6)
    assert told != sample_stories(handle, 6, seed=5, temperature=0.5), "cooled, it writes otherwise"
    assert len(set(told)) == 6 and torch.equal(torch.get_rng_state(), state)
    monkeypatch.setattr(vital_signs, "_ROWS", 4)
    assert len(sample_stories(handle, 6)) == 6


def test_cut_beside_intact_compares_text_by_text_and_leaves_the_model_as_it_was(handle, found):
    before = fingerprint(handle)
    with labkit.edit(handle, labkit.DropMLP(0)) as cut:
        pair = found.beside(labkit.vitals(cut, 8, seed=3))
    assert fingerprint(handle) == before
    change = pair.changes["above_floor"]
    assert change.value == pytest.approx(pair.cut.above_floor.value - pair.intact.above_floor.value)
    assert set(pair.changes) == {"tracking", "places", "recall", "copying", "facts", "above_floor"}
    assert len(pair.table().splitlines()) == 11 and json.dumps(pair.as_dict(), allow_nan=False)
    with pytest.raises(BadInput, match="not taken alike"):
        found.beside(labkit.vitals(handle, 9, seed=3))


def test_vitals_are_a_table_and_plain_values(found):
    lines = found.table().splitlines()
    assert lines[0].startswith("Vital signs of random") and len(lines) == 11 and str(found) == found.table()
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["facts"]["null"] == 0.25


def test_a_bare_decoder_will_do_and_any_seed(found):
    bare = labkit.vitals(decoder(), 8, seed=3)
    assert bare.signs == found.signs and bare.model == "the model"
    assert labkit.vitals(decoder(seed=2), 8, seed=3).above_floor != found.above_floor


class Words:
    """A tokenizer as transformers has them, that knows letters."""

    eos_token_id = 2

    def __call__(self, text):
        return {"input_ids": [1, *(3 + ord(letter) % 60 for letter in text)]}


def test_a_model_that_never_read_the_world_is_asked_for_what_stands_in_the_text():
    import transformers

    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    with torch.random.fork_rng():
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=70, **sizes)).eval()
    found = labkit.vitals(Handle("hub/letters", model, Words()), 3)
    assert list(found.signs) == ["tracking", "places", "recall", "copying"]
    assert found.facts is None and found.stories == ()
    with pytest.raises(BadInput, match="without its tokenizer"):
        labkit.vitals(model, 3)


def test_your_own_stories_must_be_of_the_world(handle):
    story = world.story(7)
    told = labkit.vitals(handle, 2, texts=[story.text, world.story(8).text])
    assert told.above_floor.n == 2
    for texts, message in (
        (["It was a clear unicorn."], "does not know: unicorn"),
        ([story.text, story.text[:-20]], "Text 1 is no text of the world: The text breaks off"),
        (story.text, "no list of stories"),
        ([], "no list of stories"),
    ):
        with pytest.raises(BadInput, match=message):
            labkit.vitals(handle, 2, texts=texts)


@pytest.mark.parametrize("n", [1, 0, 2.5, True, "many"])
def test_n_is_a_whole_number(handle, n):
    with pytest.raises(BadInput, match="whole number from 2"):
        labkit.vitals(handle, n)


def test_what_is_no_model_and_a_decoder_of_other_pieces_are_refused():
    for what in ("lab/tiny", None, decoder(vocab=50)):
        with pytest.raises(BadInput):
            labkit.vitals(what, 2)
