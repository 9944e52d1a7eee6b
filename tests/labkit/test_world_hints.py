"""Hints: what they tell is what the generator knew when it wrote the text, and where they point, it was said."""

import re
from copy import deepcopy
from random import Random

import pytest

from labkit import world
from labkit.world import stories
from labkit.world.canon import GOODS, ISLANDS, RESIDENTS
from labkit.world.drivers import Writer
from labkit.world.events import TEMPLATES
from labkit.world.hints import ANSWERS, LOOKS, NOBODY, TELLS, hints
from labkit.world.streams import _TELL

DAYS = ("stories", "places", "choice")


def words(text):
    tokenizer = world.tokenizer()
    return ["", *(piece.strip() for piece in tokenizer.pieces(tokenizer.encode(text)))]


def told(part, seed, monkeypatch):
    """Return a text and, for each event in it, the number of its last word and the state of the world behind it."""
    pen, taken = Writer(Random(f"{part}/{seed}")), []
    happen = stories.happen

    def noted(state, event):
        happen(state, event)
        taken.append((pen.text, deepcopy(state)))

    with monkeypatch.context() as patch:
        patch.setattr(stories, "happen", noted)
        _TELL[part](pen, "train")
    return pen.text, [(len(words(so_far)) - 1, state) for so_far, state in taken]


def there(state, island, but):
    return {name for name in state.cast if state.place[name] == island and name != but}


@pytest.mark.parametrize("part", DAYS)
def test_after_every_event_hints_tell_what_the_generator_knew(part, monkeypatch):
    seen = set()
    for seed in range(60):
        text, events = told(part, seed, monkeypatch)
        by_word = {hint.at: hint.tells for hint in hints(text)}
        for at, state in events:
            tells, (kind, teller, *_) = by_word[at], state.events[-1]
            island = state.hidden if state.holder is None else state.place[state.holder]
            assert tells["holder"] == (state.holder or NOBODY,) and tells["light"] == (island,)
            assert set(tells.get("near", ())) == there(state, island, state.holder)
            assert tells.get("giver", (None,)) == (state.giver or state.hider,)
            assert tells["fact"] == (state.place[teller],)
            assert set(tells.get("company", ())) == there(state, state.place[teller], teller)
            for sort, once in (("speakers", "say"), ("regulars", "habit"), ("askers", "ask")):
                assert set(tells.get(sort, ())) == {name for done, name in state.done if done == once}
            count = next(i for i, event in enumerate([*state.events[::-1], ("morning",)]) if event[0] in stories.ACTS)
            hour = next((event[0] for event in state.events[::-1] if event[0] in stories.ACTS), "morning")
            assert tells["sky"] == ("storm" if state.storm else "clear",)
            assert tells["hour"] == (hour,) and tells["count"] == (str(count),)
            if kind in ("say", "habit", "ask", "wonder"):
                assert by_word[at - 1]["count"] == (str(count - 1),), "it was told before its sentence was at its end"
            seen.add(kind)
    assert seen >= set(TEMPLATES) - ({"hide", "find"} if part == "choice" else set())


@pytest.mark.parametrize("part", world.PARTS)
def test_hints_number_words_as_the_tokenizer_numbers_tokens_and_point_back(part):
    for document in world.documents(part, 40, seed=12):
        said = words(document.text)
        found = hints(document.text)
        assert [hint.at for hint in found] == sorted({hint.at for hint in found})
        for hint in found:
            assert set(hint.looks) <= set(LOOKS) and set(hint.tells) <= set(TELLS)
            assert all(0 < target <= hint.at < len(said) for targets in hint.looks.values() for target in targets)
            assert all(answers and set(answers) <= set(ANSWERS) for answers in hint.tells.values())
        if document.state is not None:
            assert found[-1].at == len(said) - 1, "the last word of a day has its hints too"


def test_where_a_hint_points_its_answer_was_said():
    for document in world.documents("places", 60, seed=13):
        said = words(document.text)
        by_word = {hint.at: hint for hint in hints(document.text)}

        def island_said(at, said=said):
            # An island, or the host who was visited, at whose home the visitor then is.
            return said[at] if said[at] in ISLANDS else RESIDENTS[said[at]].home

        for hint in by_word.values():
            looks, tells = hint.looks, hint.tells
            if "said" in looks:
                assert tuple(map(island_said, looks["said"])) == tells["fact"]
            if "about" in looks:
                assert all(said[at] in RESIDENTS for at in looks["about"])
            if tells.get("holder", (NOBODY,)) != (NOBODY,):
                assert tuple(map(island_said, looks["light"])) == tells["light"]
                assert tuple(said[at] for at in looks["lantern"]) == tells["holder"]
            elif "holder" in tells:
                (island,), (ends,) = tells["light"], looks["lantern"]
                assert said[ends] == ISLANDS[island].hiding_place.split()[-1] and looks["light"] == (ends,)
            for sort, where in (("company", "fact"), ("near", "light")):
                assert (sort in looks) == (sort in tells)
                for name, at in zip(tells.get(sort, ()), looks.get(sort, ()), strict=True):
                    assert (island_said(at),) == tells[where]
                    # It was said of that person.
                    assert next(word for word in said[at - 1 :: -1] if word in RESIDENTS) == name
        call = said.index("who", said.index("Where"))
        for name, at in [(said[i], i) for i in range(call, len(said)) if said[i] in RESIDENTS]:
            assert by_word[at + 2].tells["fact"] == (said[at + 3],) == (document.state.place[name],)


def test_hints_stop_where_a_text_names_whom_it_never_placed():
    stopped = 0
    for document in world.documents("stories", 40, seed=15):
        sky, at_home, rest = re.split(r"(?<=\.) (?=[A-Z])", document.text, maxsplit=2)
        text, name = f"{sky} {rest}", at_home.split()[0]
        if name in words(text):
            stopped += 1
            assert all(hint.at < words(text).index(name) for hint in hints(text))
    assert stopped > 30


def test_lists_point_to_what_was_kept():
    asked = 0
    for document in world.documents("recall", 40, seed=14):
        said = words(document.text)
        for hint in hints(document.text):
            (about,) = hint.looks["about"]
            assert said[about][0].isupper()
            if "said" in hint.looks:
                asked += 1
                (again,) = hint.looks["said"]
                assert hint.tells["fact"] == (said[again],) == (said[hint.at + 1],)
                assert said[hint.at + 1] in GOODS and again < hint.at
                assert said[again - 2] == said[about], "it was kept by the same name"
    assert asked == 2 * 40


@pytest.mark.parametrize("part", ["facts", "copying"])
def test_what_stands_in_no_text_has_no_hint(part):
    assert not any(hints(document.text) for document in world.documents(part, 20, seed=15))


@pytest.mark.parametrize("text", ["", "Hello.", "A day.", "A question. What colour is the boat of Wim: red"])
def test_other_texts_have_none(text):
    assert hints(text) == []


def test_a_cut_text_has_the_hints_of_its_whole_sentences():
    text = world.story(5).text
    cut = text[: text.index(".", 200) + 1]
    assert hints(cut) == hints(text)[: len(hints(cut))] and hints(cut)
