"""The register: what it promises of its facts, wordings and splits."""

from collections import Counter

import pytest

from labkit.papers.relation_neurons import task
from labkit.papers.relation_neurons.task import RELATIONS


def test_equal_seeds_give_equal_registers():
    assert task.Register(4).facts == task.Register(4).facts != task.Register(5).facts


def test_every_fact_can_be_read_in_every_wording():
    register, tokenizer = task.Register(2), task.tokenizer()
    for name in RELATIONS:
        assert len(register.facts[name]) == task.FACTS
        for wording in task.wordings_of(name):
            for fact in register.questions(name, wording):
                ids = tokenizer.encode(f"{fact.prompt} {fact.answer}")
                assert len(ids) + 2 <= 24 and f" {fact.object} " not in f" {fact.prompt} "


def test_pools_have_the_sizes_they_are_said_to_have():
    register = task.Register(1)
    for name, relation in RELATIONS.items():
        objects = Counter(fact.object for fact in register.facts[name])
        assert len(objects) == relation.pool and max(objects.values()) - min(objects.values()) <= 1
    people = [{fact.object for fact in register.facts[name]} for name in ("father", "mother", "director")]
    assert not people[0] & people[1] and not people[1] & people[2]


def test_a_large_register_has_300_persons_and_pools_of_5_to_300():
    small, large = task.Register(1), task.Register(1, large=True)
    pools = {name: len({fact.object for fact in facts}) for name, facts in large.facts.items()}
    assert pools == {name: one.pool for name, one in RELATIONS.items()} | {"father": 300}
    assert min(pools.values()) == 5 and max(pools.values()) == 300
    for name, facts in large.facts.items():
        persons = RELATIONS[name].subjects == "person"
        assert len(facts) == len({fact.subject for fact in facts}) == (300 if persons else 150)
        assert max(fact.frequency for fact in facts) == pytest.approx(20)
    fathers, mothers, directors = ({f.object for f in large.facts[n]} for n in ("father", "mother", "director"))
    assert mothers < fathers and directors < fathers and not fathers & set(large.subjects["person"])
    assert small.facts != large.facts and small == task.Register(1, large=False)
    search, held = large.split(0)
    assert not search & held and len(large.questions("father", subjects=held)) == task.HELD_OUT
    words = task.tokenizer()
    for name, facts in large.facts.items():
        for wording in task.wordings_of(name):
            for fact in facts[:20]:
                assert len(words.encode(f"{fact.worded(wording).prompt} {fact.answer}")) <= 22


def test_no_subject_is_searched_by_and_held_out():
    register = task.Register(1)
    search, held = register.split(7)
    assert not search & held and len(held) == 5 * task.HELD_OUT
    for name in RELATIONS:
        assert len(register.questions(name, subjects=held)) == task.HELD_OUT
        assert len(register.questions(name, subjects=search)) == task.FACTS - task.HELD_OUT
    assert register.split(7) == register.split(7) != register.split(8)


@pytest.mark.parametrize("wording", ["coded", "shelved"])
def test_no_word_of_a_coded_wording_belongs_to_one_relation(wording):
    asked = {name: set(task.ask(name, "X Y", wording).split()) for name in RELATIONS}
    assert len({frozenset(found) for found in asked.values()}) == len(RELATIONS)
    count = Counter(word for found in asked.values() for word in found)
    assert min(count.values()) >= 3


def test_named_and_reworded_share_no_word_of_their_own():
    named = [task.ask(name, "X Y") for name in RELATIONS]
    for name in RELATIONS:
        mine = set(task.ask(name, "X Y").split()) & set(task.ask(name, "X Y", "reworded").split())
        others = set().union(*(text.split() for text, other in zip(named, RELATIONS) if other != name))
        assert mine <= others, name


def test_frequencies_follow_zipf():
    for facts in task.Register(3).facts.values():
        drawn = sorted((fact.frequency for fact in facts), reverse=True)
        assert drawn[0] == pytest.approx(20) and drawn[-1] == pytest.approx(1)
        assert drawn[9] == pytest.approx(20 * 10**-(0.5979), rel=1e-3)


def test_other_talk_names_no_relation():
    said = " ".join(task.talk(300, 1))
    assert task.talk(5, 1) == task.talk(5, 1) != task.talk(5, 2)
    assert not any(f" {relation.name} " in said for relation in RELATIONS.values() if relation.name != "island")
    task.tokenizer().encode(said)


def test_the_vocabulary_is_small():
    assert len(task.vocabulary()) < 400
