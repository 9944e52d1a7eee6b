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
    document_passages,
    story_passages,
)
from labkit.papers.llm_microscope.task.removal import RULES, remove, remove_as_many


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


@pytest.mark.parametrize("make", [story_passages, document_passages])
def test_passages_strip_the_body_alone_and_the_answer_is_an_option(make) -> None:
    for number, one in enumerate(make(20, seed=11)):
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


def test_the_right_option_of_a_document_is_what_its_text_says() -> None:
    for number in range(40):
        one = documents.document(number, 7)
        for asked in one.questions:
            fact = next(s for s in one.text.split(" . ") if s.startswith(f"{asked.name} ") and " to " in s)
            assert fact.split(" to ")[1].split()[0] == asked.options[asked.answer]
            assert asked.hinges == ("sailed" in fact)
            if asked.hinges:
                assert fact.split(" from ")[1].split()[0] in asked.options


def test_documents_depend_on_their_arguments_alone_and_fit_their_tokenizer() -> None:
    one, again, other = (documents.document(3, seed) for seed in (1, 1, 2))
    assert one == again and one != other
    words = documents.tokenizer()
    assert words.decode(words.encode(one.text)) == one.text
    assert len(documents.document(0, 0, distractors=0).text) < len(one.text)
