"""What lab/base had to come to by next-token loss alone. Whole stories are no gate: it seldom tells one."""

import pytest

import labkit
from labkit.training.recipe import read_recipe


@pytest.fixture(scope="module")
def card():
    return labkit.load("lab/base").card


def test_it_was_trained_by_the_recipe_as_it_stands(card):
    recipe = read_recipe("lab/base")
    assert (card["steps"], card["lr"], card["size"]) == (recipe.steps, recipe.lr, recipe.size)
    assert "prompted" not in card and "constructed" not in card


def test_it_reads_stories_nearly_as_well_as_they_can_be_read(card):
    assert card["above_floor"]["value"] <= 0.10 and card["above_floor"]["unit"] == "nats/token"


def test_it_knows_facts_in_words_it_never_saw(card):
    assert card["facts"]["value"] >= 0.80


def test_it_knows_who_has_the_lantern(card):
    found = card["who_has_the_lantern"]
    assert found["value"] >= 0.55 and found["low"] > 0.40


def test_it_copies(card):
    assert card["copying"]["value"] >= 0.80


def test_its_card_tells_what_it_does_not_know(card):
    told = " ".join(card["defects"])
    assert card["places"]["low"] < 0.5 and "where" in told
    assert card["stories_that_pass"]["high"] < 0.5 and "stor" in told
