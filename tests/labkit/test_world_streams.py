"""Streams: the same text for ever, splits that do not leak, questions that can be answered and not guessed."""

from __future__ import annotations

import re
from collections import Counter
from hashlib import sha256
from itertools import islice

import pytest

from labkit import world
from labkit.base.data import data_dir
from labkit.base.errors import BadInput, UnknownName
from labkit.world import canon, copying, facts, samples
from labkit.world.reader import _Day
from labkit.world.vocabulary import known_words

# Of the first 40 documents of each stream. A change here changes what every checkpoint was trained on: raise
# `world.VERSION`, train the tokenizer again, and say so in the cards.
GOLDEN = {
    ("stories", "train"): "1f2c1dd209eefd0c",
    ("stories", "valid"): "bd5a28e4fae25568",
    ("stories", "test"): "2a095a5ead68bd2c",
    ("facts", "train"): "f8687e2069a618f7",
    ("facts", "valid"): "ec57852553415732",
    ("facts", "test"): "bed77b14141fbe0f",
    ("copying", "train"): "3aa1e661aff7f4bb",
    ("copying", "valid"): "a7000470b44d8a4b",
    ("copying", "test"): "9c087a678c662fed",
    ("recall", "train"): "b71f35e65731afb2",
    ("recall", "valid"): "621fe22501a79555",
    ("recall", "test"): "db92f98ec394df01",
    ("choice", "train"): "9e228ca2b9678fdc",
    ("choice", "valid"): "5f5a7e2a90b12c10",
    ("choice", "test"): "58e809ee876000f0",
    ("places", "train"): "5cf802b8b0c9149d",
    ("places", "valid"): "fa9a1f1f304b9d27",
    ("places", "test"): "7e2a250ad4c69d6d",
}


def _fingerprint(part, split):
    texts = [document.text for document in world.documents(part, 40, seed=0, split=split)]
    return sha256("\n".join(texts).encode()).hexdigest()[:16]


def test_golden_hashes():
    assert world.VERSION == "1"
    assert {(part, split): _fingerprint(part, split) for part in world.PARTS for split in world.SPLITS} == GOLDEN


def test_a_document_depends_on_its_address_alone():
    many = world.documents("recall", 20, seed=4)
    assert world.document("recall", 13, 4) == many[13]
    assert len({d.text for seed in range(20) for d in world.documents("stories", 2, seed=seed)}) == 40
    assert world.story(7) == world.story(7)


def test_a_stream_keeps_its_shares_and_its_documents():
    few = {"stories": 0.5, "facts": 0.5}
    more = {"stories": 0.4, "facts": 0.3, "recall": 0.3, "copying": 0.0}
    narrow, wide = (list(islice(world.stream(shares, seed=2), 400)) for shares in (few, more))
    for part in few:
        a, b = ([d.text for d in source if d.part == part] for source in (narrow, wide))
        n = min(len(a), len(b))
        assert n > 20 and a[:n] == b[:n]
    characters = Counter()
    for document in wide:
        characters[document.part] += len(document.text)
    total = sum(characters.values())
    assert "copying" not in characters
    assert all(abs(characters[part] / total - share) < 0.02 for part, share in more.items())


def test_bad_requests_are_named():
    with pytest.raises(UnknownName, match="did you mean stories"):
        world.documents("storys", 1, seed=0)
    with pytest.raises(UnknownName, match="split"):
        world.documents("facts", 1, seed=0, split="dev")
    with pytest.raises(BadInput, match="from 0 up"):
        world.documents("facts", -1, seed=0)
    with pytest.raises(BadInput, match="share of facts"):
        next(world.stream({"facts": float("nan")}, seed=0))
    with pytest.raises(BadInput, match="All shares"):
        next(world.stream({"facts": 0.0}, seed=0))


def test_no_text_of_one_split_occurs_in_another():
    for part in ("stories", "copying", "recall"):
        train = {d.text for d in world.documents(part, 4000 if part == "copying" else 500, seed=0)}
        for split in ("valid", "test"):
            assert not train & {d.text for d in world.documents(part, 300, seed=0, split=split)}, (part, split)


def test_held_out_templates_are_new_but_their_words_are_not():
    for relation, splits in facts.TEMPLATES.items():
        flat = [template for templates in splits.values() for template in templates]
        assert len(set(flat)) == len(flat), relation
    train = " ".join(d.text for part in world.PARTS for d in world.documents(part, 600, seed=0))
    seen = set(re.findall(r"\w+", train))
    for splits in facts.TEMPLATES.values():
        for template in (*splits["valid"], *splits["test"]):
            assert set(re.findall(r"\w+", re.sub(r"{\w+}", "", template))) <= seen, template


def test_no_statement_of_a_held_out_template_occurs_in_training():
    train = {s for name in canon.NAMES for r in canon.RELATIONS for s in facts.statements(name, r, "train")}
    for split in ("valid", "test"):
        assert not train & {
            s for name in canon.NAMES for r in canon.RELATIONS for s in facts.statements(name, r, split)
        }


def test_held_out_subjects_keep_nothing_and_are_not_asked_about_in_training():
    assert not set(copying.keepers("train")) & {*copying.keepers("valid"), *copying.keepers("test")}
    held_out = {*canon.register_of("valid"), *canon.register_of("test")}
    for part in ("recall", "choice"):
        for document in world.documents(part, 400, seed=1):
            assert not held_out & set(re.findall(r"\w+", document.text))


def test_the_known_words_are_those_that_are_written():
    written = " ".join(d.text for part in world.PARTS for s in world.SPLITS for d in world.documents(part, 400, 0, s))
    used = {word.lower() for word in re.findall(r"\w+", written)}
    assert used <= known_words()
    assert len(known_words() - used) < 0.02 * len(known_words())


def test_the_page_of_samples_is_what_its_command_writes_and_is_sound():
    told = (data_dir() / "world" / "samples.md").read_text(encoding="utf-8")
    assert told == samples.page()
    days = re.findall(r"\*\*\d+\.\*\* (.+)", told)
    assert len(days) == 10 and not any(world.check(day) for day in days)
    verdicts = told.split("## Three ways")[1]
    for words in ("Odile has it.", "in a storm.", "submarine."):
        assert words in verdicts


ASKERS = [
    world.questions,
    world.facts_questions,
    world.recall_questions,
    world.copying_questions,
    world.places_questions,
]


@pytest.mark.parametrize("ask", ASKERS)
def test_questions_have_one_right_answer_that_the_world_would_give(ask):
    asked = ask(60, 3)
    assert asked == ask(60, 3) and asked != ask(60, 4)
    for question in asked:
        assert len(set(question.options)) == 4
        assert question.options[question.answer] == f" {question.right}"
        assert all(option.startswith(" ") and option.strip().isalpha() for option in question.options)
        assert not question.prompt.endswith(" ")
    places = Counter(question.answer for question in ask(400, 1))
    assert all(60 <= places[place] <= 140 for place in range(4))


def test_tracking_answers_come_from_the_story_and_not_from_cheap_guesses():
    asked = world.questions(80, 0)
    last = 0
    for question in asked:
        finished = f"{question.prompt} {question.right}, on"
        assert not [p for p in world.check(finished) if p.sort == "owner"]
        first = re.search(r"lantern was with (\w+)", question.prompt)
        assert question.right not in first.groups()
        named = max(question.options, key=question.prompt.rindex)
        last += named == question.options[question.answer]
    assert last == 20  # one in four: chance


def test_places_are_asked_of_who_moved_and_not_where_the_crowd_is():
    crowd = 0
    for question in world.places_questions(80, 0):
        found = world.check(f"{question.prompt} {question.right}.")
        assert [p.sort for p in found] == ["ending"]  # the other three are yet to be called
        wrong = question.options[question.answer - 1].strip()
        assert "place" in [p.sort for p in world.check(f"{question.prompt} {wrong}.")]
        name = question.prompt.split()[-3]
        assert re.search(rf"{name} (?:took the ferry|caught the ferry|carried the lantern onto)", question.prompt)
        named = [option.strip() in question.prompt for option in question.options]
        assert sum(named) >= min(3, sum(island in question.prompt for island in canon.ISLANDS))
        day = _Day(question.prompt)
        day.problems()
        others = Counter(place for other, place in day.state.place.items() if other != name)
        crowd += others.most_common(1)[0][0] == question.right
    assert crowd == 20


def test_facts_questions_ask_for_facts_in_templates_of_their_split():
    for split in world.SPLITS:
        for question in world.facts_questions(60, 0, split):
            statement = f"{question.prompt}{question.options[question.answer]}."
            assert any(
                statement in facts.statements(name, relation, split)
                for name in canon.NAMES
                for relation in canon.RELATIONS
            )


def test_recall_and_copying_answers_stand_in_the_prompt():
    for question in (*world.recall_questions(60, 0), *world.copying_questions(60, 0)):
        assert all(option.strip() in question.prompt for option in question.options)
    for question in world.recall_questions(60, 0):
        who = re.search(r"(\w+)(?:: | keeps |:| keeps)$", question.prompt).group(1)
        assert re.search(rf"{who}(?::| keeps) {question.right}\b", question.prompt)
    for question in world.copying_questions(60, 0):
        listed, said = question.prompt.split(" You say:")
        assert listed.startswith("Say after me:" + said + question.options[question.answer])


def test_paraphrases_say_the_same_fact_in_two_ways_and_no_fact_twice():
    pairs = world.paraphrases(300, seed=4)
    assert pairs == world.paraphrases(300, seed=4) != world.paraphrases(300, seed=5)
    said = {
        sentence: (name, relation)
        for name in canon.NAMES
        for relation in canon.RELATIONS
        for sentence in facts.statements(name, relation, "train")
    }
    assert all(one != other and said[one] == said[other] for one, other in pairs)
    assert len({said[one] for one, _ in pairs}) == 300
    with pytest.raises(BadInput, match="pairs"):
        world.paraphrases(10_000, seed=0)
