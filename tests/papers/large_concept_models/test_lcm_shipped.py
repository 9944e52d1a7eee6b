"""The shipped models hold what their cards and the lesson say of them."""

from itertools import pairwise

import pytest
import torch

import labkit
from labkit import zoo
from labkit.base.errors import BadInput
from labkit.papers.large_concept_models import task
from labkit.papers.large_concept_models.experiments.codecs import GATE, check_codec, fragility, fragility_by_words
from labkit.papers.large_concept_models.experiments.films import film
from labkit.papers.large_concept_models.experiments.quality import quality_of, test_events
from labkit.papers.large_concept_models.experiments.steering import steer
from labkit.papers.large_concept_models.method import store
from labkit.papers.large_concept_models.method.generation import tell

test_events.__test__ = False
SHIPPED = [name for name in zoo.entries() if name.startswith("concepts/")]


@pytest.fixture(scope="module")
def space():
    return store.load_space("aligned")


def test_what_the_lesson_loads_is_shipped():
    assert {"concepts/aligned", "concepts/unaligned", "concepts/base", "concepts/two-tower"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_handle_by_name_holds_the_same_weights(name):
    module = labkit.load(name).model
    ours = store._shipped(name.removeprefix("concepts/"), torch.nn.Module)
    assert all(torch.equal(a, b) for a, b in zip(module.state_dict().values(), ours.state_dict().values()))
    assert zoo.card_of(name)["defects"]


def test_all_shipped_weights_stay_small():
    assert sum(file.bytes for name in SHIPPED for file in zoo.entries()[name].files) <= 2.5 * 2**20


def test_the_gate_is_passed_in_all_four_directions(space):
    check = check_codec(space.codec, n=150, seed=5)
    assert check.passes and all(one.value >= GATE for one in check.exact.values())
    assert check.alike_translations > 0.99 and abs(check.alike_others) < 0.2


def test_there_and_back_again_is_the_same_sentence(space):
    held = task.draw(60, torch.Generator().manual_seed(6), held=True)
    german = space.decode(space.encode(held, "English"), "German")
    assert german == task.write(held, "German")
    assert space.decode(space.encode_texts(german), "English") == task.write(held, "English")


def test_noise_only_hurts(space):
    shares = [one.value for one in fragility(space.codec, n=80).exact]
    assert shares[0] == 1.0 and shares[-1] < 0.2
    assert all(after <= before + 0.03 for before, after in pairwise(shares))


def test_our_sentences_are_too_alike_in_length_to_ask_what_length_does(space):
    by_words = fragility_by_words(space.codec, n=120)
    assert set(by_words) == {7, 8, 9} and sum(one.n for one in by_words.values()) == 240
    assert max(one.value for one in by_words.values()) - min(one.value for one in by_words.values()) < 0.25
    assert fragility_by_words(space.codec, alpha=0.9, n=40)[8].value < by_words[8].value


def test_a_model_in_a_space_it_was_not_trained_in_is_refused():
    """Both spaces have 64 numbers, so that no shape would tell."""
    other, two, event = store.load_space("unaligned"), store.load_model("two-tower"), "Ilo lost the kettle on Sable ."
    for ask in (
        lambda: quality_of(two, other, test_events(1)),
        lambda: film(two, other, event),
        lambda: steer(two, other, event),
        lambda: tell(two, other, [event]),
    ):
        with pytest.raises(BadInput, match="“aligned”"):
            ask()


def test_base_shrinks_and_two_tower_draws(space):
    events = test_events(10)
    base = quality_of(store.load_model("base"), space, events, draws=1)
    two = quality_of(store.load_model("two-tower"), space, events, draws=6, language_in="German", language_out="German")
    assert base.of("possible", "sold").value == 1.0 and base.of("possible", "lost").value < 0.7
    assert base.of("norm", "lost").value < 0.75 * base.of("truth_norm", "lost").value
    assert two.of("possible", "lost").value > 0.7 and two.of("possible", "found").value > 0.9
    assert two.of("norm", "lost").value > 0.95 * two.of("truth_norm", "lost").value
    assert two.of("l2", "lost").value > base.of("l2", "lost").value


def test_the_control_knows_both_languages_and_ties_them_not(space):
    exact = {way: one.value for way, one in check_codec(store.load_space("unaligned").codec, n=100).exact.items()}
    assert min(exact["English → English"], exact["German → German"]) > 0.9
    assert max(exact["English → German"], exact["German → English"]) < 0.1
