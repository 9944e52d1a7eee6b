"""The canon: seven islands, one ferry, twenty-four residents, a register of two hundred others, one lantern.

Everything true of the place is written here once, as data. Stories, facts and questions only arrange it.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

__all__ = [
    "FERRY",
    "GOODS",
    "ISLANDS",
    "LANTERN",
    "NAMES",
    "REGISTER",
    "RELATIONS",
    "RESIDENTS",
    "RULES",
    "Island",
    "Place",
    "Resident",
    "fact",
    "map_places",
    "neighbours",
    "register_of",
]


@dataclass(frozen=True)
class Island:
    """One island: what it is known for, where things get hidden on it, and where it lies on the map (miles)."""

    name: str
    known_for: str
    hiding_place: str
    x: float
    y: float


@dataclass(frozen=True)
class Resident:
    """One of the twenty-four: what they do, bring, say and cannot stop doing."""

    name: str
    home: str
    trade: str
    ware: str
    saying: str
    habit: str
    sails: bool = True
    hides: bool = False


LANTERN = "the lantern"
FERRY = "the Patience"

# In the order of the ferry's round: each island's neighbours stand before and after it, and the last meets the first.
ISLANDS: dict[str, Island] = {
    island.name: island
    for island in (
        Island("Lull", "the harbour, where the ferry sleeps", "under the bakery stairs", 0.0, 3.0),
        Island("Wick", "candles, glass, and a breeze that is good for neither", "behind the wax barrels", 2.6, 2.2),
        Island("Brack", "salt, and opinions about salt", "in the salt shed", 3.4, -0.6),
        Island("Tern", "eleven gulls", "in the bird tower", 1.7, -2.8),
        Island("Hollow", "a well that answers", "down the dry well", -1.2, -3.1),
        Island("Sable", "black sand and the school", "under the black boat", -3.1, -0.9),
        Island("Thrift", "a market where nobody has yet overpaid", "behind the market bell", -2.5, 1.9),
    )
}

RULES: tuple[str, ...] = (
    "There is one lantern. It may be given, lent, traded, hidden or found, but never sold.",
    "It changes hands only between people on the same island, and never goes straight back.",
    "The ferry goes to a neighbouring island, one way round or the other.",
    "No ferry sails in a storm.",
    "Amara, Bo, Farid and Yusuf never take the ferry. They have their reasons.",
    "Only Lena, Mei, Odile and Quill hide things.",
    "Nobody says the same thing twice in a day, or asks twice, or does what they always do more than once.",
)

# Name, home, trade, ware, saying, habit; and a mark: who stays ashore never sails, who hides may hide things.
_RESIDENTS = """
Amara | Brack  | salter      | a bag of salt     | It keeps.               | tasted the sea and was not pleased | ashore
Bo    | Lull   | baker       | a warm loaf       | There is more dough.    | waved at the ferry and went home | ashore
Chidi | Thrift | clockmaker  | a small clock     | You are early.          | wound every clock but one
Dalia | Wick   | candlemaker | a tall candle     | Less wind, please.      | blew out a candle to save it
Edda  | Tern   | birdwatcher | a grey feather    | Eleven.                 | counted the gulls and got eleven again
Farid | Hollow | wellkeeper  | a jug of water    | Say that again.         | asked the well and waited for news | ashore
Goro  | Sable  | boatbuilder | a short oar       | It floats, mostly.      | measured twice and cut three times
Hana  | Lull   | captain     | a ferry ticket    | Sit on the left.        | rang the bell, though nobody had asked
Ilo   | Thrift | grocer      | a basket of plums | Do not squeeze.         | polished a plum and put it back
Juno  | Hollow | beekeeper   | a jar of honey    | They know you.          | told the news to the bees
Kofi  | Sable  | teacher     | a box of chalk    | Why do you think so?    | corrected the sign at the quay
Lena  | Wick   | postmaster  | an old stamp      | It will arrive.         | read a postcard twice and sighed | hides
Mei   | Tern   | mapmaker    | a torn map        | We are here.            | drew an eighth island | hides
Nils  | Brack  | fisher      | a dried fish      | It was this big.        | told a gull about a very large fish
Odile | Lull   | weaver      | a blue scarf      | It is not finished.     | undid a row and began again | hides
Pilar | Thrift | tuner       | a tuning fork     | Listen.                 | hummed one note until the dog left
Quill | Hollow | poet        | a short poem      | Nothing rhymes with it. | burned a poem and kept the comma | hides
Ravi  | Wick   | glassblower | a glass float     | Please do not touch.    | held a bottle to the sun and nodded
Sefa  | Tern   | ropemaker   | a coil of rope    | That will hold.         | tied a knot that nobody needed
Tove  | Sable  | doctor      | a brown bottle    | Breathe in.             | told a goat to walk more
Uma   | Brack  | judge       | a signed paper    | I will allow it.        | settled a quarrel between two gulls
Vesna | Wick   | carpenter   | a low stool       | You may sit.            | sat down on a new stool with great care
Wren  | Thrift | gardener    | three radishes    | Give it time.           | watered the flower that is made of tin
Yusuf | Sable  | gatekeeper  | an iron key       | All is well, I think.   | locked the gate that has no fence | ashore
"""


def _residents() -> dict[str, Resident]:
    found = {}
    for line in _RESIDENTS.strip().splitlines():
        name, home, trade, ware, saying, habit, *mark = (cell.strip() for cell in line.split("|"))
        found[name] = Resident(name, home, trade, ware, saying, habit, "ashore" not in mark, "hides" in mark)
    return found


RESIDENTS: dict[str, Resident] = _residents()
# No name on the islands begins with X or Z. The first school had only one box of letters.
_REGISTER = """
Abel Ada Adil Aiko Aino Akira Alba Alma Amir Anouk Anton Anya Arlo Asha Astrid Aziz Basma Bela Benno Berta Bilal
Birgit Blanca Bodil Bruno Cai Carla Cato Celia Cem Chiara Clara Cosmo Cyrus Dag Daria Davor Delia Deniz Diego Dina
Dov Dunya Ebba Efe Eino Elif Elio Elsa Emeka Emil Enzo Erik Esme Esther Ewa Fadi Faye Felix Fenna Finn Flora Freya
Gaia Gil Gita Greta Gwen Hadi Halima Hamid Hedda Helmi Hiro Hugo Huda Ida Idris Ilse Imani Ines Inga Ioan Irma Isak
Isla Ivo Jada Jamal Jana Jarek Jens Jin Jonas Jorge Jude Kaia Kamal Karim Kato Kaya Keiko Kenji Kira Knut Laila Lars
Leif Leo Leyla Liam Lin Livia Lotte Luca Luis Luz Magda Malik Mara Marek Marta Mateo Maya Milan Mina Mira Musa Nadia
Nara Nasir Nell Nia Nico Nina Noor Nuno Oda Olga Omar Orla Oskar Otis Otto Paco Petra Pia Piet Priya Rafa Rana Remy
Rhea Rina Rolf Rosa Rumi Ruth Salma Samir Sanna Sara Selma Shen Signe Silas Sofia Soren Sunil Sven Tala Tamar Tariq
Tess Theo Tilda Timur Tomas Tuva Ulla Ugo Umar Vera Viggo Vito Viola Wali Walt Wanda Willa Wim Yael Yara Yana
Vasil Wilma Yannis Ylva Yoko Yuki
"""
REGISTER: tuple[str, ...] = tuple(_REGISTER.split())
NAMES: tuple[str, ...] = (*RESIDENTS, *REGISTER)

_GOODS = """
copper salt rope tin glass wool wax honey coal flour paper ink soap nails sand silk oil bread cork chalk feathers
stones string tar shells seeds apples plums beans candles buttons spoons
"""
GOODS: tuple[str, ...] = tuple(_GOODS.split())

RELATIONS: dict[str, tuple[str, ...]] = {
    "home": tuple(ISLANDS),
    "trade": (
        *("baker", "fisher", "weaver", "carpenter", "gardener", "teacher"),
        *("doctor", "ropemaker", "salter", "beekeeper", "grocer", "poet"),
    ),
    "boat": ("red", "blue", "green", "yellow", "white", "black", "grey", "orange"),
    "supper": ("soup", "bread", "beans", "rice", "fish", "pie", "plums", "eggs"),
}


def fact(name: str, relation: str) -> str:
    """Return what `relation` says of `name`: canon for residents' homes and trades, else a fixed draw from the name."""
    if name in RESIDENTS and relation in ("home", "trade"):
        return getattr(RESIDENTS[name], relation)
    values = RELATIONS[relation]
    return values[int(Random(f"fact/{relation}/{name}").random() * len(values))]


def register_of(split: str) -> tuple[str, ...]:
    """Return the names of a subject-disjoint split: every tenth of the register is kept for `valid` and for `test`."""
    wanted = {"train": range(8), "valid": (8,), "test": (9,)}[split]
    return tuple(name for place, name in enumerate(REGISTER) if place % 10 in wanted)


_ROUND = tuple(ISLANDS)
_NEIGHBOURS = {name: (_ROUND[place - 1], _ROUND[(place + 1) % len(_ROUND)]) for place, name in enumerate(_ROUND)}


def neighbours(island: str) -> tuple[str, str]:
    """Return the two islands that the ferry reaches from `island`."""
    return _NEIGHBOURS[island]


@dataclass(frozen=True)
class Place:
    """A point of the map and what to write beside it."""

    name: str
    x: float
    y: float
    note: str
    residents: tuple[str, ...]


def map_places() -> tuple[tuple[Place, ...], tuple[tuple[str, str], ...], str]:
    """Return the places, the ferry's legs (pairs of names) and the text alternative of the map."""
    places = tuple(
        Place(i.name, i.x, i.y, i.known_for, tuple(r.name for r in RESIDENTS.values() if r.home == i.name))
        for i in ISLANDS.values()
    )
    legs = tuple((name, _NEIGHBOURS[name][1]) for name in _ROUND)
    alt = (
        "A map of seven islands in a ring. Clockwise from the top: "
        + "; ".join(f"{p.name} ({p.note}; home of {', '.join(p.residents)})" for p in places)
        + f". A dotted line, the round of {FERRY}, joins each island to the next and the last to the first."
    )
    return places, legs, alt
