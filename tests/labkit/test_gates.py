"""What lab/base had to come to, set before it was trained; a run from a second seed comes to it as well.

At first nothing was said of the temperature at which stories are sampled. 0.5 stood on the card before this training.
"""

import pytest

import labkit
from labkit.base import toml
from labkit.measurements.card import card_file

CARDS = {"shipped": lambda: labkit.load("lab/base").card, "seed 1": lambda: toml.read(card_file("lab/base", 1))}


@pytest.fixture(scope="module", params=CARDS)
def card(request):
    return CARDS[request.param]()


def test_it_reads_stories_nearly_as_well_as_they_can_be_read(card):
    assert card["above_floor"]["value"] <= 0.10 and card["above_floor"]["unit"] == "nats/token"


def test_it_knows_facts_in_words_it_never_saw(card):
    assert card["facts"]["value"] >= 0.80


def test_it_knows_who_has_the_lantern(card):
    found = card["who_has_the_lantern"]
    assert found["value"] >= 0.55 and found["low"] > 0.40


def test_of_two_hundred_stories_four_in_five_are_whole(card):
    found = card["cool_stories_that_pass"]
    assert (found["n"], found["temperature"]) == (200, 0.5)
    assert found["value"] >= 0.80


def test_the_two_are_of_one_recipe_and_differ_in_their_seed():
    first, second = (read() for read in CARDS.values())
    assert first["seed"] != second["seed"]
    for name in ("recipe", "size", "steps", "lr", "world", "params", "prompted"):
        assert first[name] == second[name], name
    assert first["loss_on_stories"] != second["loss_on_stories"]
