"""One grammar, both ways: what is written reads back as the same choices, once only, with the same probability."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import fsum, isclose, log
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import world
from labkit.base.errors import BadInput
from labkit.world import canon, events, facts, stories
from labkit.world.drivers import Misread, Reader, Replayer, Writer
from labkit.world.streams import _TELL

TELLERS = [(part, split) for part in world.PARTS for split in world.SPLITS]


class Surveyor(Writer):
    """A writer that looks at everything it could have written: distinct, prefix-free, probabilities summing to one."""

    def pick(self, groups, texts):
        before = self.logprob
        offered = {}
        total = fsum(weight for weight, _ in groups)
        for weight, keys in groups:
            assert weight > 0 and keys
            for key in keys:
                ways = texts(key)
                for way, text in enumerate(ways):
                    assert text and text not in offered, f"two choices for {text!r}"
                    offered[text] = (key, way, weight / (total * len(keys) * len(ways)))
        ordered = sorted(offered)
        for shorter, longer in pairwise(ordered):
            assert not longer.startswith(shorter), f"{shorter!r} begins {longer!r}"
        assert isclose(fsum(p for _, _, p in offered.values()), 1.0)
        key = super().pick(groups, texts)
        _, _, probability = offered[self._pieces[-1]]
        assert isclose(self.logprob - before, log(probability), abs_tol=1e-12)
        return key


@pytest.mark.parametrize(("part", "split"), TELLERS)
@settings(max_examples=40, deadline=None)
@given(rng=st.randoms(use_true_random=False))
def test_what_is_written_reads_back(part, split, rng):
    pen = Writer(rng)
    _TELL[part](pen, split)
    reader = Reader(pen.text)
    _TELL[part](reader, split)
    reader.finish()
    assert reader.choices == pen.choices
    assert isclose(reader.logprob, pen.logprob)
    copyist = Replayer(pen.choices)
    _TELL[part](copyist, split)
    assert copyist.text == pen.text


@pytest.mark.parametrize(("part", "split"), TELLERS)
def test_every_pick_is_prefix_free_and_sums_to_one(part, split):
    for seed in range(5 if part == "facts" else 25):
        pen = Surveyor(Random(seed))
        _TELL[part](pen, split)


@settings(max_examples=60, deadline=None)
@given(rng=st.randoms(use_true_random=False))
def test_every_moment_of_a_story_is_prefix_free(rng):
    stories.tell(Surveyor(rng))


@pytest.mark.parametrize("part", world.PARTS)
def test_different_choices_give_different_texts(part):
    written = {}
    for document in world.documents(part, 1000, seed=3):
        assert written.setdefault(document.text, document.choices) == document.choices


def test_parse_is_the_inverse_of_write():
    for part in world.PARTS:
        for document in world.documents(part, 20, seed=5):
            again = world.parse(document.text)
            assert (again.part, again.choices, again.text) == (part, document.choices, document.text)
            assert isclose(again.logprob, document.logprob)
            assert world.write(part, again.choices).text == document.text


def test_a_writer_picks_as_often_as_it_says():
    groups = [(1.0, ["a", "b"]), (3.0, ["c"]), (2.0, ["d", "e", "f"])]
    pen = Writer(Random(0))
    for _ in range(30000):
        pen.pick(groups, lambda key: (key + "1", key + "2"))
    often = Counter(pen.choices)
    for weight, keys in groups:
        for key in keys:
            for way in (0, 1):
                p = weight / 6 / len(keys) / 2
                assert abs(often[key, way] / 30000 - p) < 5 * (p * (1 - p) / 30000) ** 0.5


def test_the_floor_of_copying_is_the_entropy_worked_out_by_hand():
    stop, words = 0.3, log(32)
    lengths = {n: stop * (1 - stop) ** (n - 5) for n in range(5, 9)} | {9: (1 - stop) ** 4}
    by_hand = fsum(p * (n * words - log(p)) for n, p in lengths.items())
    sample = [-document.logprob for document in world.documents("copying", 4000, seed=1)]
    mean = fsum(sample) / len(sample)
    spread = (fsum((x - mean) ** 2 for x in sample) / len(sample)) ** 0.5
    assert abs(mean - by_hand) < 4 * spread / len(sample) ** 0.5


def test_the_floor_of_facts_is_the_entropy_worked_out_by_hand():
    templates = [len(facts.TEMPLATES[relation]["train"]) for relation in canon.RELATIONS]
    ways = fsum(log(n) for n in templates) / len(templates)
    who = -(0.25 * log(0.25 / 96) + 0.75 * log(0.75 / 800))
    sample = [-document.logprob for document in world.documents("facts", 4000, seed=1)]
    assert abs(fsum(sample) / len(sample) - 4 * (who + ways)) < 0.05


def test_the_first_words_of_stories_come_as_often_as_their_probability_says():
    texts = [document.text for document in world.documents("stories", 2000, seed=2)]
    for storm, share in ((False, 0.75), (True, 0.25)):
        for text in stories.WEATHER["morning", False, storm]:
            assert abs(sum(t.startswith(text) for t in texts) / 2000 - share / 2) < 0.05


def test_floor_counts_nats_per_token_and_refuses_where_there_is_none():
    documents = world.documents("stories", 10, seed=0)
    assert isclose(world.floor(documents, 100), -fsum(d.logprob for d in documents) / 100)
    with pytest.raises(BadInput, match="no exact floor"):
        world.floor(world.documents("facts", 2, seed=0, split="test"), 10)


def _universe(state):
    """Every event that could be named among the people of the day and one stranger, on every island."""
    people = [*state.cast, next(name for name in canon.RESIDENTS if name not in state.cast)]
    for kind, (_, slots, _) in events.TEMPLATES.items():
        for a in people:
            for other in {(): [()], ("b",): people, ("place",): canon.ISLANDS}[slots[1:]]:
                yield (kind, a, other) if other else (kind, a)


@settings(max_examples=40, deadline=None)
@given(rng=st.randoms(use_true_random=False))
def test_an_event_is_possible_exactly_when_nothing_speaks_against_it(rng):
    state = stories.opening(Writer(rng))
    state.storm = rng.random() < 0.3
    for _ in range(6):
        groups = events.possible(state)
        allowed = {event for _, keys in groups for event in keys}
        assert allowed == {event for event in _universe(state) if not events.objections(state, event)}
        events.happen(state, Writer(rng).pick(groups, events.wordings))


def test_one_sentence_never_tells_two_events():
    told = {}
    names = list(canon.RESIDENTS)
    for kind, (_, slots, _) in events.TEMPLATES.items():
        for a in names:
            for other in {(): [()], ("b",): names, ("place",): canon.ISLANDS}[slots[1:]]:
                if other != a:
                    event = (kind, a, other) if other else (kind, a)
                    for text in events.wordings(event):
                        assert told.setdefault(text, event) == event


def test_rules_hold_in_every_story():
    for document in world.documents("stories", 300, seed=8):
        storm = False
        for event in document.state.events:
            if event[0] in stories.ACTS:
                storm = event[1] == "storm"
            elif event[0] in ("sail", "carry"):
                assert canon.RESIDENTS[event[1]].sails
                assert not storm


def test_nobody_asks_who_knows():
    asked = 0
    for document in world.documents("stories", 300, seed=8):
        giver = hider = None
        for event in document.state.events:
            if event[0] in ("ask", "wonder"):
                asked += 1
                assert event[1] not in (giver, hider)
            elif event[0] in ("give", "trade"):
                giver, hider = event[1], None
            elif event[0] == "hide":
                giver, hider = None, event[1]
            elif event[0] == "find":
                giver = hider = None
    assert asked > 100


def test_reading_other_text_says_where_it_stopped_and_what_could_stand_there():
    with pytest.raises(Misread) as raised:
        world.parse("It was a clear morning. Mara the baker was at home on Lull.")
    assert raised.value.position == len("It was a clear morning.")
    assert "Amara the salter was at home on Brack." in str(raised.value)


def test_writing_impossible_choices_is_refused():
    choices = world.story(1).choices
    with pytest.raises(BadInput, match="Choice 2"):
        world.write("stories", (choices[0], ("Mara", 0), *choices[2:]))
    with pytest.raises(BadInput, match="not on offer"):
        world.write("stories", choices[:3])
