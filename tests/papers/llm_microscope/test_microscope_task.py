"""Token classes, removal rules and their controls, long documents."""

from __future__ import annotations

import pytest

from labkit import world
from labkit.base.errors import BadInput, UnknownName
from labkit.papers.llm_microscope.task import documents
from labkit.papers.llm_microscope.task.classes import CLASSES, CONTENT, class_of, classes_of
from labkit.papers.llm_microscope.task.passages import (
    body_of,
    conditions,
    story_passages,
)
from labkit.papers.llm_microscope.task.removal import (
    DISPENSABLE,
    RULES,
    remove,
    remove_as_many,
    remove_judged,
    word_list,
)


def a_text(seed: int = 3) -> tuple[list[int], list[str]]:
    words = world.tokenizer()
    ids = words.encode(world.document("stories", 0, seed, "test").text)
    return ids, classes_of(words, ids)


@pytest.mark.parametrize(
    ("piece", "name"),
    [(" The", "article"), (",", "punctuation"), (',"', "punctuation"), (" with", "preposition"), (" Hana", "name"),
     (" lantern", "noun"), (" fell", "verb"),
     (" clear", "adjective"), ("", "other"), ("‹begin›", "other"), ("Ġ", "other")],
)  # fmt: skip
def test_classes(piece: str, name: str) -> None:
    assert class_of(piece) == name
    assert name in CLASSES


def test_nearly_every_token_of_the_world_has_a_class() -> None:
    words, counted = world.tokenizer(), []
    for one in world.documents("stories", 60, 5, "test"):
        counted += classes_of(words, words.encode(one.text))
    assert counted.count("other") / len(counted) < 0.01


@pytest.mark.parametrize("rule", list(RULES))
def test_a_rule_takes_its_class_and_nothing_else_and_twice_is_once(rule: str) -> None:
    ids, classes = a_text()
    gone = remove(ids, classes, rule)
    kept = [(i, token) for i, token in enumerate(ids) if i not in gone.positions]
    assert gone.ids == tuple(token for _, token in kept)
    assert all(classes[i] in RULES[rule] for i in gone.positions)
    assert not any(classes[i] in RULES[rule] for i, _ in kept)
    left = [classes[i] for i, _ in kept]
    assert remove(gone.ids, left, rule).ids == gone.ids


def test_controls_take_exactly_as_many_and_the_seed_decides_which() -> None:
    ids, classes = a_text()
    for control in ("random tokens", "content words"):
        one, same, other = (remove_as_many(ids, classes, 20, control, seed) for seed in (1, 1, 2))
        assert len(one.ids) == len(ids) - 20 and one == same and one != other
        if control == "content words":
            assert all(classes[i] in CONTENT for i in one.positions)
    with pytest.raises(BadInput, match="were to be removed"):
        remove_as_many(ids, classes, len(ids), "content words", 0)
    with pytest.raises(UnknownName):
        remove(ids, classes, "commas")


def test_a_judge_names_places_and_a_saved_list_is_one() -> None:
    words = world.tokenizer()
    ids = words.encode("The ferry was almost on time, and the lamp was very old.")
    pieces = words.pieces(ids)
    gone = remove_judged(ids, pieces, word_list())
    assert {pieces[i].strip() for i in gone.positions} == {"almost", "very"} <= set(DISPENSABLE)
    assert remove_judged(ids, pieces, lambda _: [2, 0, 2], keep=1).positions == (2,)
    with pytest.raises(BadInput, match="named place"):
        remove_judged(ids, pieces, lambda _: [len(ids)])


@pytest.mark.parametrize("distractors", [0, 8])
def test_passages_strip_the_body_alone_and_the_answer_is_an_option(distractors: int) -> None:
    for number, one in enumerate(story_passages(20, seed=11, distractors=distractors)):
        assert len(one.body) == len(one.classes)
        for ask in one.asks:
            assert len(set(ask.options)) == 4 and 0 <= ask.place < len(one.tail)
        for condition in conditions(("punctuation", "articles")):
            body = body_of(one, condition, number)
            rule = condition.split(" as many as ")[-1]
            expected = 0 if condition == "intact" else sum(name in RULES[rule] for name in one.classes)
            assert len(one.body) - len(body) == expected
    with pytest.raises(UnknownName):
        body_of(one, "commas")


def test_distractors_stand_between_the_sentences_of_the_day_and_change_none() -> None:
    words = world.tokenizer()
    for number, passage in enumerate(story_passages(12, 9)):
        body = passage.body
        long = documents.scatter(body, 240, number)
        own = [tuple(body[a:b]) for a, b in documents.sentences(words.pieces(body))]
        found = [tuple(long[a:b]) for a, b in documents.sentences(words.pieces(long))]
        assert [one for one in found if one in own] == own and found[0] == own[0]
        assert len(body) < len(long) <= 240 and len(found) <= len(own) + documents.DISTRACTORS
        assert long == documents.scatter(body, 240, number) != documents.scatter(body, 240, number + 1)
        assert documents.scatter(body, len(body), number) == tuple(body)  # no room: nothing is put in
    with pytest.raises(BadInput, match="distractors"):
        documents.scatter(body, 240, 0, -1)
