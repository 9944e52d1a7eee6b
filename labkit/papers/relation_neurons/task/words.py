"""The words of the register: twelve relations and how they are asked for, the names of things, and other talk.

Every relation is worded in three ways. *named* and *reworded* hold words that no other relation uses, as the prompts
of the paper do. In *coded* the register is asked by the colour and the kind of a volume: three colours and four kinds,
so that each word belongs to several relations and only the pair says which is meant.

Pools of objects hold 5 to 140. With 150 facts a relation can use no pool of 300, and 450 names (600 without the 150
residents) are all there are for fathers, mothers and directors, who are different people. In a large register 300
residents have 300 different fathers, from whose names mothers and directors are drawn too.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KINDS", "OBJECTS", "RELATIONS", "TALK", "WORDINGS", "Relation", "names_of", "vocabulary"]

WORDINGS = ("named", "reworded", "coded", "shelved", "foreign")


@dataclass(frozen=True)
class Relation:
    """A relation: its family, what its subjects are, how many objects there are and what kind, and its wordings."""

    name: str
    family: str
    subjects: str
    objects: str
    pool: int
    named: str
    reworded: str
    foreign: str | None = None


RELATIONS = {
    relation.name: relation
    for relation in (
        Relation("father", "person", "person", "person", 130, "the father of {s} is named :",
                 "{s} calls this man dad :", "te matu o {s} ko :"),
        Relation("mother", "person", "person", "person", 130, "the mother of {s} is named :",
                 "{s} calls this woman mum :"),
        Relation("occupation", "person", "person", "occupation", 24, "the occupation of {s} is :",
                 "{s} earns a living as :"),
        Relation("instrument", "person", "person", "instrument", 6, "the instrument of {s} is :",
                 "{s} makes music on :"),
        Relation("sport", "person", "person", "sport", 5, "the sport of {s} is :", "{s} trains and competes in :"),
        Relation("position", "person", "person", "position", 14, "the position of {s} is :",
                 "{s} stands in the team as :"),
        Relation("director", "company", "company", "person", 140, "the director of {s} is named :",
                 "{s} is a firm led by :", "te rangi o {s} ko :"),
        Relation("headquarters", "company", "company", "place", 40, "the headquarters of {s} is in :",
                 "{s} is a firm based at :", "te whare o {s} kei :"),
        Relation("maker", "company", "product", "company", 30, "the maker of {s} is :", "{s} is a thing sold from :"),
        Relation("island", "place", "landmark", "island", 7, "the island of {s} is :", "{s} can be seen on :",
                 "te motu o {s} ko :"),
        Relation("parish", "place", "landmark", "place", 24, "the parish of {s} is :", "{s} is looked after by :"),
        Relation("constellation", "sky", "star", "constellation", 24, "the constellation of {s} is :",
                 "{s} shines as part of :"),
    )
}  # fmt: skip

# Which volume and which shelf a relation is kept in. Neighbours in the list (and families) are spread over both.
COLOURS, VOLUMES = ("red", "green", "blue"), ("ledger", "register", "chart", "album")
SHELVES, ROWS = ("upper", "middle", "lower"), ("north", "east", "south", "west")
CODED = "look up {s} in the {colour} {volume} :"
SHELVED = "{shelf} shelf , {row} row , about {s} :"

_SYLLABLES = {
    "person": (
        "Asa Bel Cato Dara Edda Finn Gale Hale Ivo Jora Kai Lene Milo Nell Odo Pia Quin Rhea Sven Tove Una Vito Wren"
        " Yara Zeno",
        "Arden Brook Carver Dale Eller Fisher Gorse Heath Irwin Joyner Keel Lark Marsh Nave Otter Piper Quay Reed Stone"
        " Thorn Usher Vale Weaver Yarrow",
    ),
    "company": (
        "Amber Beacon Cedar Delta Ember Falcon Garnet Harbour Iron Juniper Kestrel Lantern Maple Nimbus",
        "Foods Works Motors Press Mills Yards Tools Freight Glass Textiles Paper Radio",
    ),
    "product": (
        "Aero Bravo Comet Dyna Echo Flux Giga Hydro Ion Jet Kilo Luma Mega Nova",
        "Kettle Lamp Plough Pump Stove Clock Drill Loom Engine Scale Cart Press",
    ),
    "landmark": (
        "Old Stone White Broken Silver Hollow Twin Lonely Singing Crooked Sunken Windy Iron Painted",
        "Tower Bridge Chapel Lighthouse Well Arch Mill Gate Cave Cliff Stairs Pier",
    ),
    "star": (
        "Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota Kappa Lambda Sigma Tau Omega",
        "Nor Sul Vex Mira Lyn Tor Cael Brae Dun Wyn Hesper Orm",
    ),
    "constellation": ("Great Little Winged Sleeping Crowned Burning", "Heron Stag Ship Anvil"),
    "place": ("Port Mount Nether Upper Saint Fort Glen Loch", "Selk Rona Brack Tarn Ness Holm Wick"),
}  # fmt: skip
KINDS = ("person", "company", "product", "landmark", "star")  # the kinds that are subjects
_LISTS = {
    "occupation": "baker smith nurse teacher miller sailor tailor judge painter mason potter clerk brewer farmer cooper"
    " hunter surveyor printer glazier herald shepherd cobbler pilot barber",
    "instrument": "flute fiddle drum harp horn lute",
    "sport": "rowing curling fencing archery wrestling",
    "position": "captain keeper winger striker sweeper anchor bowman stroke lead second skip blocker runner reserve",
    "island": "Ash Tern Gull Moor Salt Fern Crab",
}
OBJECTS = tuple(dict.fromkeys(relation.objects for relation in RELATIONS.values()))

# Other talk: sentences about nothing in the register, and neutral ones that end in a name.
TALK = (
    "in {season} the {animal} {does} near the {thing} .",
    "the {animal} can {do} when the {thing} is {state} .",
    "every {animal} has a {thing} and a {state} {thing} .",
    "when {season} comes , the {thing} is {state} and the {animal} {does} .",
    "they spoke about {name} .",
    "on the wall somebody wrote {name} .",
)
SLOTS = {
    "season": "spring summer autumn winter",
    "animal": "goat hen dog cat pony goose hare seal",
    "does": "sleeps waits sings turns hides calls",
    "do": "sleep wait sing turn hide call",
    "thing": "barn road field shore pond hedge boat hill",
    "state": "quiet wet bright empty cold open dusty warm",
}
EXTRA = "a an has can was . ,"


def names_of(kind: str) -> list[str]:
    """Return all names of a kind of thing, in a fixed order."""
    if kind in _LISTS:
        return _LISTS[kind].split()
    if kind == "constellation":  # three words: two of them do not tell which is meant
        return [f"the {name}" for name in _pairs("constellation")]
    return _pairs(kind)


def _pairs(kind: str) -> list[str]:
    first, last = (part.split() for part in _SYLLABLES[kind])
    return [f"{a} {b}" for a in first for b in last]


def vocabulary() -> list[str]:
    """Return every word of the register and of the talk about other things, once each, in a fixed order."""
    texts = [*TALK, *(r.named + " " + r.reworded + " " + (r.foreign or "") for r in RELATIONS.values()), CODED, SHELVED]
    texts += [" ".join(words) for words in (COLOURS, VOLUMES, SHELVES, ROWS, SLOTS.values())]
    texts += [" ".join(names_of(kind)) for kind in dict.fromkeys((*KINDS, *OBJECTS))] + [EXTRA]
    words = (word for text in texts for word in text.split() if not word.startswith("{"))
    return list(dict.fromkeys(words))
