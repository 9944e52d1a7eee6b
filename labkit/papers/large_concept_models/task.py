"""Two languages, one small world: something happens, and one to four things can happen next, with known probability.

English                              German
Ilo lost the kettle on Sable .       Ilo hat den Kessel auf Sable verloren .
Gladly Ilo took the ferry to Tern .  Froh hat Ilo die Fähre nach Tern genommen .

A sentence is its kind and its five slots; both languages are written from these, and `read` gets them back from words.
After *sold* one thing happens; after *found* two, equally likely; after *lent* two, seven to three; after *lost* four.
The possible next sentences differ in mood, vehicle and island at once, so a mixture of two is one that cannot be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from labkit.base.errors import BadInput, unknown
from labkit.world import Symbols

__all__ = [
    "BRANCHES",
    "EVENTS",
    "FUTURE",
    "LANGUAGES",
    "LENGTH",
    "SLOTS",
    "TEXT_END",
    "Sentences",
    "all_events",
    "continue_with",
    "draw",
    "draw_future",
    "event",
    "futures",
    "held_out",
    "join",
    "parse",
    "probabilities",
    "read",
    "text_end",
    "tokenizer",
    "tokens",
    "write",
]

LANGUAGES = ("English", "German")
SLOTS = ("name", "object", "place", "mood", "vehicle")
NAMES = ("Chidi", "Dalia", "Edda", "Goro", "Hana", "Ilo", "Juno", "Kofi", "Lena", "Mei", "Nils", "Odile")
PLACES = ("Lull", "Wick", "Brack", "Tern", "Hollow", "Sable", "Thrift")
_THINGS = (
    ("the compass", "den Kompass"),
    ("the violin", "die Geige"),
    ("the kettle", "den Kessel"),
    ("the mirror", "den Spiegel"),
    ("the saddle", "den Sattel"),
    ("the anchor", "den Anker"),
    ("the basket", "den Korb"),
    ("the ribbon", "das Band"),
    ("the clock", "die Uhr"),
    ("the candle", "die Kerze"),
    ("the map", "die Karte"),
    ("the scarf", "den Schal"),
)
_MOODS = (("Gladly", "Froh"), ("Calmly", "Ruhig"), ("Sadly", "Traurig"), ("Angrily", "Wütend"))
_VEHICLES = (
    ("the ferry", "die Fähre"),
    ("the boat", "das Boot"),
    ("the wagon", "den Wagen"),
    ("the sledge", "den Schlitten"),
)
_ENGLISH, _GERMAN = (
    {"name": NAMES, "object": things, "place": PLACES, "mood": moods, "vehicle": vehicles}
    for things, moods, vehicles in zip(zip(*_THINGS), zip(*_MOODS), zip(*_VEHICLES))
)
_FILL = (_ENGLISH, _GERMAN)
SIZES = tuple(len(_ENGLISH[slot]) for slot in SLOTS)

EVENTS = ("sold", "found", "lent", "lost")  # kinds 0 … 3: how many things can happen next depends on the verb
BRANCHES = ((1.0,), (0.5, 0.5), (0.7, 0.3), (0.4, 0.3, 0.2, 0.1))
FUTURE, TEXT_END = 4, 5  # the other two kinds of sentences
_PARTICIPLES = ("verkauft", "gefunden", "verliehen", "verloren")
_TEMPLATES = (
    (
        *(f"{{name}} {verb} {{object}} on {{place}} ." for verb in EVENTS),
        "{mood} {name} took {vehicle} to {place} .",
        "End of text .",
    ),
    (
        *(f"{{name}} hat {{object}} auf {{place}} {verb} ." for verb in _PARTICIPLES),
        "{mood} hat {name} {vehicle} nach {place} genommen .",
        "Ende des Textes .",
    ),
)
LENGTH = 10  # pieces of the longest sentence, its end included
PAD = -1


@dataclass(frozen=True)
class Sentences:
    """N sentences of no language yet: `kind_N` (0 … 5) and `slots_NS` (a choice for each of SLOTS, 0 where unused)."""

    kind_N: Tensor
    slots_NS: Tensor

    def __len__(self) -> int:
        return len(self.kind_N)

    def __getitem__(self, which: Tensor | slice) -> Sentences:
        return Sentences(self.kind_N[which], self.slots_NS[which])

    def repeat(self, times: int) -> Sentences:
        """Return each sentence `times` times in a row."""
        return Sentences(self.kind_N.repeat_interleave(times), self.slots_NS.repeat_interleave(times, dim=0))


def join(parts: Sequence[Sentences]) -> Sentences:
    """Return the sentences of all parts, in order."""
    return Sentences(torch.cat([p.kind_N for p in parts]), torch.cat([p.slots_NS for p in parts]))


# What can be said -----------------------------------------------------------------------------------------------------


@cache
def tokenizer() -> Symbols:
    """Return the tokenizer: every word of both languages is one piece; names and islands are the same in both."""
    words: dict[str, None] = {}
    for fill, templates in zip(_FILL, _TEMPLATES):
        for template in templates:
            words |= dict.fromkeys(word for word in template.split() if "{" not in word)
        for choices in fill.values():
            words |= dict.fromkeys(word for choice in choices for word in choice.split())
    return Symbols(tuple(words))


def write(sentences: Sentences, language: str | int = 0) -> list[str]:
    """Return the sentences as text in a language; raise `UnknownName` for a language that is not here."""
    number = language_number(language)
    fill, templates = _FILL[number], _TEMPLATES[number]
    return [
        templates[kind].format(**{slot: fill[slot][choice] for slot, choice in zip(SLOTS, choices)})
        for kind, choices in zip(sentences.kind_N.tolist(), sentences.slots_NS.tolist())
    ]


def language_number(language: str | int) -> int:
    """Return 0 for English, 1 for German."""
    if language in (0, 1) and not isinstance(language, bool):
        return int(language)
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)
    return LANGUAGES.index(language)


def parse(texts: Sequence[str]) -> tuple[Sentences, Tensor]:
    """Return the sentences behind texts of either language and which of the texts say something at all [N]."""
    ids = [[*tokenizer().encode(text), tokenizer().eos] for text in texts]
    if long := [text for text, pieces in zip(texts, ids) if len(pieces) > LENGTH]:
        raise BadInput(
            f"“{long[0]}” is too long.", expected=f"at most {LENGTH - 1} words", do="split it into sentences"
        )
    return read(torch.tensor([pieces + [PAD] * (LENGTH - len(pieces)) for pieces in ids]))


# Sentences as pieces: template pieces with holes, filled by tables ----------------------------------------------------


@cache
def _tables() -> tuple[Tensor, Tensor, Tensor]:
    """Return the fixed piece [language, kind, L], the slot at a place (5: none) and the pieces of a choice.

    A choice of two words (the compass) fills two places: slot s holds its word 0, slot s + 6 its word 1.
    """
    encode, end = tokenizer().encode, tokenizer().eos
    fixed = torch.full((2, len(_TEMPLATES[0]), LENGTH), PAD)
    slot = torch.full((2, len(_TEMPLATES[0]), LENGTH), 5)
    choice = torch.zeros(2, 12, max(SIZES), dtype=torch.long)
    for number, fill in enumerate(_FILL):
        for s, name in enumerate(SLOTS):
            for c, words in enumerate(fill[name]):
                for place, piece in enumerate(encode(words)):
                    choice[number, s + 6 * place, c] = piece
        for kind, template in enumerate(_TEMPLATES[number]):
            at = 0
            for word in template.split():
                if "{" in word:
                    s = SLOTS.index(word.strip("{}"))
                    for place in range(len(fill[SLOTS[s]][0].split())):
                        fixed[number, kind, at], slot[number, kind, at] = 0, s + 6 * place
                        at += 1
                else:
                    fixed[number, kind, at], at = encode(word)[0], at + 1
            fixed[number, kind, at] = end
    return fixed, slot, choice


def tokens(sentences: Sentences, language: Tensor | int) -> Tensor:
    """Return pieces [N, L], the end included, filled up with PAD; `language` is a number or one per sentence [N]."""
    fixed, slot, choice = _tables()
    language_N = torch.as_tensor(language).expand(len(sentences))
    slot_NL = slot[language_N, sentences.kind_N]
    choices_NL = torch.cat([sentences.slots_NS, sentences.slots_NS.new_zeros(len(sentences), 1)], 1).repeat(1, 2)
    chosen_NL = choice[language_N[:, None], slot_NL, choices_NL.gather(1, slot_NL)]
    return torch.where(slot_NL == 5, fixed[language_N, sentences.kind_N], chosen_NL)


def read(pieces_NL: Tensor) -> tuple[Sentences, Tensor]:
    """Return the sentences behind pieces [N, L] and which of them are sentences at all [N]: the inverse of `tokens`.

    A row that is no sentence of either language comes back as kind 0 with slots 0, marked False.
    """
    fixed, slot, choice = _tables()
    n = len(pieces_NL)
    kind_N, slots_NS = torch.zeros(n, dtype=torch.long), torch.zeros(n, len(SLOTS), dtype=torch.long)
    said_N = torch.zeros(n, dtype=torch.bool)
    for number in range(2):
        for kind in range(fixed.shape[1]):
            guess_NS = torch.zeros_like(slots_NS)
            for at in (slot[number, kind] != 5).nonzero()[:, 0].tolist():
                s = int(slot[number, kind, at])
                match_NC = choice[number, s, : SIZES[s % 6]] == pieces_NL[:, at, None]
                if s < 6 and (SIZES[s] == len(set(choice[number, s, : SIZES[s]].tolist()))):
                    guess_NS[:, s] = match_NC.int().argmax(1)
                elif s >= 6:  # the noun tells which; the article must then agree
                    guess_NS[:, s - 6] = match_NC.int().argmax(1)
            trial = Sentences(torch.full((n,), kind), guess_NS)
            ok_N = (tokens(trial, number) == pieces_NL).all(1) & ~said_N
            kind_N[ok_N], slots_NS[ok_N], said_N = kind, guess_NS[ok_N], said_N | ok_N
    return Sentences(kind_N, slots_NS), said_N


# What can happen ------------------------------------------------------------------------------------------------------

_USED = torch.tensor([[1, 1, 1, 0, 0]] * 4 + [[1, 0, 1, 1, 1], [0] * 5])


def event(verb: str, name: str, thing: str, place: str) -> Sentences:
    """Return one event from its English words; raise `UnknownName` for a word that does not fit its place."""
    choices = [0] * len(SLOTS)
    for slot, word in (("name", name), ("object", f"the {thing}"), ("place", place)):
        if word not in _ENGLISH[slot]:
            raise unknown(slot, word, _ENGLISH[slot])
        choices[SLOTS.index(slot)] = _ENGLISH[slot].index(word)
    if verb not in EVENTS:
        raise unknown("verb", verb, EVENTS)
    return Sentences(torch.tensor([EVENTS.index(verb)]), torch.tensor([choices]))


def probabilities(kind_N: Tensor) -> Tensor:
    """Return how likely each of the four futures is after each event [N, 4]; 0 for those that do not exist."""
    table = torch.zeros(len(BRANCHES), 4)
    for row, branch in zip(table, BRANCHES):
        row[: len(branch)] = torch.tensor(branch)
    return table[kind_N]


def continue_with(events: Sentences, future_N: Tensor) -> Sentences:
    """Return the future number 0 … 3 of each event.

    The same person; the vehicle goes with the object, the island lies further along the ferry's round, and each
    number has a mood of its own.
    """
    name_N, object_N, place_N = events.slots_NS[:, :3].T
    place_N = (place_N + 1 + (events.kind_N + future_N) % (SIZES[2] - 1)) % SIZES[2]  # never the island it began on
    mood_N, vehicle_N = (events.kind_N + future_N) % SIZES[3], (object_N + events.kind_N + future_N) % SIZES[4]
    slots_NS = torch.stack([name_N, torch.zeros_like(name_N), place_N, mood_N, vehicle_N], dim=1)
    return Sentences(torch.full_like(name_N, FUTURE), slots_NS)


def futures(events: Sentences) -> list[Sentences]:
    """Return the four futures of every event; those of probability 0 are there too, and cannot happen."""
    return [continue_with(events, torch.full_like(events.kind_N, number)) for number in range(4)]


def text_end(n: int) -> Sentences:
    """Return the sentence "End of text." n times."""
    return Sentences(torch.full((n,), TEXT_END), torch.zeros(n, len(SLOTS), dtype=torch.long))


def draw_future(events: Sentences, generator: torch.Generator) -> Tensor:
    """Return for each event the number of a future, drawn with its probability [N]."""
    return torch.multinomial(probabilities(events.kind_N), 1, generator=generator)[:, 0]


# What is seen in training ---------------------------------------------------------------------------------------------


def held_out(sentences: Sentences) -> Tensor:
    """Return which sentences no training ever sees [N]: about one in ten, by a hash of kind and slots."""
    primes = torch.tensor([7919, 104729, 1299709, 15485863, 32452843])
    hash_N = ((sentences.slots_NS + 1) * _USED[sentences.kind_N] * primes).sum(1) + sentences.kind_N * 982451653
    hash_N = (hash_N ^ (hash_N >> 13)) * 2654435761 % 2**31
    return ((hash_N ^ (hash_N >> 11)) % 10 == 0) & (sentences.kind_N != TEXT_END)


def draw(n: int, generator: torch.Generator, held: bool = False) -> Sentences:
    """Return n random sentences, of those training sees or (`held`) of those it never sees."""
    m = (25 if held else 2) * n + 50
    kind_N = torch.randint(0, 2 * FUTURE, (m,), generator=generator).clamp(max=FUTURE)  # every other one a future
    slots_NS = (torch.rand(m, len(SLOTS), generator=generator) * torch.tensor(SIZES)).long() * _USED[kind_N]
    if not held:  # the end of a text is one sentence among thousands, and has to be known
        kind_N[:m:100], slots_NS[:m:100] = TEXT_END, 0
    found = Sentences(kind_N, slots_NS)
    return found[held_out(found) == held][:n]


@cache
def all_events() -> Sentences:
    """Return every event there is: 4 verbs, 12 people, 12 objects, 7 islands."""
    grid = torch.cartesian_prod(*[torch.arange(n) for n in (len(EVENTS), *SIZES[:3])])
    return Sentences(grid[:, 0], torch.cat([grid[:, 1:], torch.zeros(len(grid), 2, dtype=torch.long)], dim=1))
