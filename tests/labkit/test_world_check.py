"""What is wrong with a text is named: each typical damage by its own name, and nothing at all in sound text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import world
from labkit.world import canon, stories
from labkit.world.drivers import Misread
from labkit.world.reader import _Day

STORY = (
    "It was a clear morning. Odile the weaver was at home on Lull. Dalia the candlemaker was on Thrift. "
    "Uma the judge was with Odile. Wren the gardener was with Odile. The lantern was with Wren. "
    'Odile caught the ferry and got off on Thrift. "Who has the lantern?" asked Uma. "I do," said Wren. '
    "At noon the sky was still clear. Wren handed the lantern to Uma. "
    "As usual, Uma settled a quarrel between two gulls. "
    "In the evening the sky was still clear. Uma took the ferry to Wick with the lantern. "
    "Night fell. Who has the lantern? The lantern is with Uma, on Wick."
)


def sorts(text):
    return [problem.sort for problem in world.check(text)]


def test_the_story_below_is_sound():
    assert world.check(STORY) == []


@pytest.mark.parametrize("part", world.PARTS)
@pytest.mark.parametrize("split", world.SPLITS)
def test_sound_text_has_no_problems(part, split):
    for document in world.documents(part, 30, seed=9, split=split):
        assert world.check(document.text) == []
        assert world.unknown_words(document.text) == []


def test_the_patient_reader_finds_nothing_in_sound_stories():
    for document in world.documents("stories", 300, seed=9):
        assert _Day(document.text).problems() == []
    for document in (*world.documents("choice", 60, seed=9), *world.documents("places", 60, seed=9)):
        assert document.state is None or _Day(document.text).problems() == []


# Damage: what is replaced, by what, the sort of problem, and words its sentence must contain.
DAMAGE = {
    "wrong owner at the end": ("is with Uma, on Wick", "is with Wren, on Wick", "owner", "Uma has it"),
    "wrong place at the end": ("is with Uma, on Wick", "is with Uma, on Tern", "place", "Uma is on Wick, not on Tern"),
    "nobody at the end": ("with Uma, on Wick.", "with nobody. It is down the dry well on Hollow, and it can wait.",
                          "owner", "Nobody does not have"),
    "giver without the lantern": ("Wren handed the lantern to Uma", "Uma handed the lantern to Wren",
                                  "owner", "Wren has it"),
    "handed across the water": ("lantern to Uma", "lantern to Dalia", "place", "they cannot meet"),
    "answered by another": ('"I do," said Wren', '"I do," said Odile', "owner", "Odile does not have"),
    "ferry in a storm": ("In the evening the sky was still clear", "In the evening a storm came in", "storm", "storm"),
    "weather from nowhere": ("At noon the sky was still clear", "At noon the storm moved on", "storm", "no storm"),
    "too far for the ferry": ("ferry to Wick with", "ferry to Tern with", "place", "does not go from there to Tern"),
    "left without it": ("ferry to Wick with the lantern", "ferry to Wick", "owner", "would not sail without it"),
    "somebody else's habit": ("settled a quarrel between two gulls", "undid a row and began again", "fact", "Odile"),
    "somebody else's trade": ("Uma the judge", "Uma the weaver", "fact", "Uma is a judge"),
    "somebody else's home": ("at home on Lull", "at home on Thrift", "fact", "Odile is at home on Lull"),
    "two places at once": ("Wren the gardener was with Odile", "Dalia the candlemaker was on Wick", "place", "at once"),
    "a stranger": ("lantern to Uma", "lantern to Quill", "cast", "Quill is not in this story"),
    "from the register": ("lantern to Uma", "lantern to Tomas", "cast", "Tomas"),
    "an unknown name": ("lantern to Uma", "lantern to Zorro", "words", "Zorro"),
    "an unknown island": ("got off on Thrift", "got off on Ibiza", "words", "Ibiza"),
    "an unknown word": ("caught the ferry", "caught the spaceship", "words", "spaceship"),
    "words in the wrong order": ("caught the ferry and got", "the caught ferry got and", "grammar", "No sentence"),
    "done twice": ("two gulls.", "two gulls. Uma settled a quarrel between two gulls.", "loop", "once today"),
    "noon twice": ("In the evening the", "At noon the", "loop", "again"),
    "no noon": (" At noon the sky was still clear.", "", "order", "noon is missing"),
    "no lantern": (" The lantern was with Wren.", "", "order", "before the story says who has"),
    "two lanterns": ("was with Wren.", "was with Wren. The lantern was with Dalia.", "owner", "one lantern"),
    "two at home": ("Uma the judge was with Odile", "Uma the judge was at home on Brack", "order", "one host"),
    "no answer": (" The lantern is with Uma, on Wick.", "", "ending", "stops before"),
    "cut short": (" is with Uma, on Wick.", " is wi", "ending", "breaks off"),
    "goes on": ("on Wick.", "on Wick. Uma said, \"I will allow it.\"", "ending", "after its end"),
}  # fmt: skip


CALLED = STORY[: STORY.index(" Night fell")] + " Where is who? Wren is on Lull. Uma is on Wick."
CALLED = f"A day. {CALLED} Odile is on Thrift. Dalia is on Thrift."
DAMAGE_OF_A_CALL = {
    "somewhere else": ("Uma is on Wick", "Uma is on Lull", "place", "Uma is on Wick, not on Lull"),
    "called twice": ("Dalia is on Thrift", "Wren is on Lull", "loop", "Wren has been called already"),
    "a stranger": ("Dalia is on Thrift", "Quill is on Hollow", "cast", "Quill is not in this story"),
    "one missing": (" Dalia is on Thrift.", "", "ending", "where Dalia is"),
    "not asked": (" Where is who?", "", "order", "before the question"),
    "an unknown island": ("Dalia is on Thrift", "Dalia is on Ibiza", "words", "Ibiza"),
}


@pytest.mark.parametrize("damage", DAMAGE_OF_A_CALL)
def test_a_wrong_place_is_named_when_all_are_called(damage):
    assert world.check(CALLED) == []
    old, new, sort, words = DAMAGE_OF_A_CALL[damage]
    assert CALLED.count(old) == 1
    found = world.check(CALLED.replace(old, new, 1))
    assert (found[0].sort, words in found[0].sentence) == (sort, True), found


@pytest.mark.parametrize("damage", DAMAGE)
def test_typical_damage_is_named(damage):
    old, new, sort, words = DAMAGE[damage]
    assert STORY.count(old) >= 1
    found = world.check(STORY.replace(old, new, 1))
    assert any(problem.sort == sort and words in problem.sentence for problem in found), found


LATER = ("two places at once", "no noon", "noon twice", "no lantern")  # seen only when something else follows


@pytest.mark.parametrize("damage", [name for name in DAMAGE if name not in LATER])
def test_the_first_problem_is_where_the_damage_is(damage):
    old, new, sort, _ = DAMAGE[damage]
    first, changed = world.check(STORY.replace(old, new, 1))[0], STORY.index(old)
    assert changed - 40 <= first.position <= changed + len(new) + 5
    assert sort in (first.sort, "owner")


@pytest.mark.parametrize(
    ("who", "told"), [("Bo", "Bo took the ferry to Wick."), ("Uma", "Uma hid the lantern in the salt shed.")]
)
def test_habits_bind(who, told):
    text = STORY.replace("The lantern was with Wren.", f"The lantern was with Wren. {told}")
    assert any(who in problem.sentence for problem in world.check(text))


def test_no_straight_back():
    text = STORY.replace("two gulls.", "two gulls. Uma gave the lantern to Wren.")
    assert any("straight back" in problem.sentence for problem in world.check(text))


def test_wrong_facts_and_unknown_people_are_named():
    assert [str(p) for p in world.check("Bo lives on Wick. Bo lives on Lull.")] == ["The home of Bo is Lull, not Wick."]
    assert sorts("Zorro lives on Wick. Bo lives on Lull.") == ["words"]
    assert sorts("Bo lives on Lull. Bo lives in a hat.") == ["words"]


def test_unknown_words_are_named_once_and_in_order():
    assert world.unknown_words("Mara bought 3 bitcoins on Lull. BITCOINS, café!") == [
        "bought",
        "3",
        "bitcoins",
        "BITCOINS",
        "café",
    ]


def test_empty_and_foreign_text():
    assert sorts("") == ["ending"]
    assert sorts("   ") == ["ending"]
    assert "words" in sorts("Call me Ishmael.")


def _is_sound(text):
    try:
        world.parse(text)
    except Misread:
        return False
    return True


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_can_be_checked(text):
    assert (world.check(text) == []) == _is_sound(text)


_SENTENCES = sorted({s for d in world.documents("stories", 40, seed=1) for s in re.split(r'(?<=[.?])"? ', d.text)})


@settings(max_examples=150, deadline=None)
@given(sentences=st.lists(st.sampled_from(_SENTENCES), max_size=14), end=st.sampled_from(stories.ENDINGS))
def test_shuffled_stories_can_be_checked(sentences, end):
    text = " ".join(sentences) + end
    problems = world.check(text)
    assert problems and all(0 <= problem.position <= len(text) for problem in problems)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 500), data=st.data())
def test_a_changed_word_is_noticed_or_makes_another_sound_story(seed, data):
    words = world.story(seed).text.split(" ")
    at = data.draw(st.integers(0, len(words) - 1))
    words[at] = data.draw(st.sampled_from([*canon.RESIDENTS, *canon.ISLANDS, "the", "lantern.", "ferry"]))
    text = " ".join(words)
    assert bool(world.check(text)) != _is_sound(text)


@pytest.mark.parametrize("text", ["Where is who?", "A day. Where is who?"])
def test_everybody_is_asked_for_and_nobody_is_there(text):
    (problem,) = world.check(text)  # a model writes such days before it has learned better
    assert problem.sort == "ending" and "where anybody is" in problem.sentence
