"""The canon: complete, consistent, and drawn as the ferry sails."""

from __future__ import annotations

import subprocess
import sys

import pytest

from labkit import world
from labkit.world import canon


def test_the_place_has_its_numbers():
    assert len(canon.ISLANDS) == 7
    assert len(canon.RESIDENTS) == 24
    assert len(canon.REGISTER) == 200
    assert len(set(canon.NAMES)) == len(canon.NAMES) == 224
    assert not any(name.startswith(("X", "Z")) for name in canon.NAMES)  # the one box of letters


def test_every_resident_is_someone():
    for field in ("trade", "ware", "saying", "habit"):
        values = [getattr(resident, field) for resident in canon.RESIDENTS.values()]
        assert len(set(values)) == 24, field
    assert {resident.home for resident in canon.RESIDENTS.values()} == set(canon.ISLANDS)
    assert [name for name, r in canon.RESIDENTS.items() if not r.sails] == ["Amara", "Bo", "Farid", "Yusuf"]
    assert [name for name, r in canon.RESIDENTS.items() if r.hides] == ["Lena", "Mei", "Odile", "Quill"]


def test_the_rules_name_the_people_the_data_marks():
    rules = " ".join(canon.RULES)
    for name, resident in canon.RESIDENTS.items():
        assert (name in rules) == (resident.hides or not resident.sails), name


def test_the_ferry_goes_round():
    for island in canon.ISLANDS:
        for other in canon.neighbours(island):
            assert island in canon.neighbours(other)
    here, seen = "Lull", []
    while here not in seen:
        seen.append(here)
        here = canon.neighbours(here)[1]
    assert seen == list(canon.ISLANDS)


def test_the_map_shows_all_and_says_all():
    places, legs, alt = world.map_places()
    assert {place.name for place in places} == set(canon.ISLANDS)
    assert sorted(name for place in places for name in place.residents) == sorted(canon.RESIDENTS)
    assert len(legs) == 7 and all(b in canon.neighbours(a) for a, b in legs)
    for word in (*canon.ISLANDS, *canon.RESIDENTS):
        assert word in alt


def test_facts_are_fixed_and_spread():
    assert canon.fact("Bo", "home") == "Lull"
    assert canon.fact("Quill", "trade") == "poet"
    for relation, values in canon.RELATIONS.items():
        told = [canon.fact(name, relation) for name in canon.REGISTER]
        assert set(told) == set(values)
        assert max(told.count(value) for value in values) < 0.25 * len(told)


def test_relations_do_not_give_each_other_away():
    told = [(canon.fact(name, "boat"), canon.fact(name, "supper")) for name in canon.REGISTER]
    assert len(set(told)) > 50  # of 64 pairs; a clumsy draw ties the two together


@pytest.mark.parametrize("split", world.SPLITS)
def test_splits_of_the_register_are_disjoint(split):
    others = [name for other in world.SPLITS if other != split for name in canon.register_of(other)]
    assert not set(canon.register_of(split)) & set(others)
    assert len(others) + len(canon.register_of(split)) == len(canon.REGISTER)


def test_the_world_needs_no_heavy_library():
    code = "import sys, labkit.world; print([m for m in ('torch', 'numpy', 'tokenizers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
