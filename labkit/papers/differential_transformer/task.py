"""The needle task: "city number" pairs among filler words, then questions about some of the cities.

    ‹begin› rain Alburg 17 on old Bordale 5 light ... ? Bordale 5 Alburg 17

A city directly followed by a number is a *needle*. Fillers come from a Markov source, so they are predictable noise;
some are overwritten by a lone number or a lone city that nobody asks about (*decoys*). Only the answers are scored.
Shapes: B texts, L tokens, N needles, Q questions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from labkit.base.errors import BadInput
from labkit.world import Symbols

__all__ = [
    "ANSWERS",
    "CITIES",
    "CLASSES",
    "FILLERS",
    "NUMBERS",
    "QUESTION",
    "VOCAB",
    "Batch",
    "Examples",
    "Needles",
    "class_of",
    "tokenizer",
    "usual_numbers",
]

_STEMS = ("Al", "Bor", "Cas", "Dun", "El", "Far", "Gor", "Hal")
_ENDS = ("burg", "dale", "ford", "ham", "mere", "ton", "wick", "by")
CITIES = tuple(stem + end for stem in _STEMS for end in _ENDS)
NUMBERS = tuple(str(number) for number in range(1, 65))
FILLERS = tuple(
    word
    for line in (
        "about above across after again air all along also always and any apple at autumn away back bark bell below",
        "between big bird blue boat both bread bright by calm clear cloud cold come cool corn dark dawn day deep dew",
        "door down dry dusk dust each early earth east every far field fire fish fog for from garden gate glass gold",
        "grass green grey ground hay here high hill home hot ice in into iron lake lamp late leaf light lone long low",
        "mist moon more moss mud near never new night no north now oak of old on open or out over path plain pond",
        "rain red river road rock roof root salt sand sea sky slow snow soft some south star still stone storm sun",
    )
    for word in line.split()
)
QUESTION = "?"
# The tokenizer puts begin and end first.
_CITY = 2
_NUMBER = _CITY + len(CITIES)
_FILLER = _NUMBER + len(NUMBERS)
_ASK = _FILLER + len(FILLERS)
VOCAB = _ASK + 1
ANSWERS = slice(_NUMBER, _FILLER)  # the ids of the numbers, among which an answer is chosen
CLASSES = ("begin", "city", "number", "filler", "question")
_STEPS = (0.55, 0.25, 0.13, 0.07)  # how likely each of a filler's four followers is


@cache
def tokenizer() -> Symbols:
    """Return the tokenizer of this small language."""
    return Symbols((*CITIES, *NUMBERS, *FILLERS, QUESTION))


def class_of(ids: Tensor) -> Tensor:
    """Return for each token id its place in `CLASSES` (same shape); begin and end are one class."""
    return sum((ids >= start).long() for start in (_CITY, _NUMBER, _FILLER, _ASK))


@dataclass(frozen=True)
class Batch:
    """Texts with their questions.

    ids [B, L]; rows [Q]: where the asked cities stand, whose next token is the answer; answers [B, Q]: those tokens;
    places [B, Q]: where each answer stands in the text; cities [B, N]: places of all needles' cities, the asked first.
    """

    ids: Tensor
    rows: Tensor
    answers: Tensor
    places: Tensor
    cities: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, start: int, stop: int) -> Batch:
        """Return the texts from `start` to `stop`."""
        cut = {name: getattr(self, name)[start:stop] for name in ("ids", "answers", "places", "cities")}
        return replace(self, **cut)

    @property
    def targets(self) -> Tensor:
        """The answers, counted among the numbers [B, Q]."""
        return self.answers - ANSWERS.start

    def texts(self) -> list[str]:
        """Return the texts in words."""
        return [tokenizer().decode(row) for row in self.ids.tolist()]


@dataclass(frozen=True, kw_only=True)
class Needles:
    """How texts are made.

    length: tokens of a text with its questions. needles, questions: how many pairs, and how many of them are asked.
    decoys: share of the fillers overwritten by lone numbers and cities. uniform: fillers drawn independently instead of
    from the Markov source. depth: where the first asked needle stands, from 0 (start) to 1 (end); None: anywhere.
    habit: share of the needles whose number is the city's usual one, the same in every text (`usual_numbers`).

    Raises `BadInput` for a text that cannot hold its needles, or asks more than it holds.
    """

    length: int = 64
    needles: int = 6
    questions: int = 6
    decoys: float = 0.15
    uniform: bool = False
    depth: float | None = None
    habit: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.questions <= self.needles <= len(CITIES) // 2:
            raise BadInput(
                f"{self.questions} questions about {self.needles} needles make no text.",
                expected=f"1 ≤ questions ≤ needles ≤ {len(CITIES) // 2}",
            )
        if self.body < 2 * self.needles + 2:
            raise BadInput(
                f"A text of {self.length} tokens cannot hold {self.needles} needles and {self.questions} questions.",
                expected=f"at least {2 * (self.needles + self.questions) + 4} tokens",
            )
        for name in ("decoys", "depth", "habit"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise BadInput(f"{name} = {value!r} makes no text.", expected="a number from 0 to 1")

    @property
    def body(self) -> int:
        """Tokens between begin and question mark."""
        return self.length - 2 - 2 * self.questions

    def draw(self, count: int, seed: int | torch.Generator) -> Batch:
        """Return `count` texts; equal seeds give equal texts. A generator is used and moved on."""
        random = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
        body = self._fillers(count, random)
        order = torch.rand(count, len(CITIES), generator=random).argsort(1)
        asked, others = order[:, : self.needles], order[:, self.needles :]
        body = self._with_decoys(body, others, random)
        numbers = torch.randint(len(NUMBERS), (count, self.needles), generator=random) + _NUMBER
        places, cities = self._places(count, random), asked + _CITY
        if self.habit:
            usual = torch.rand(numbers.shape, generator=random) < self.habit
            numbers = torch.where(usual, usual_numbers()[asked], numbers)
        told = slice(0, self.questions)
        return self._written(body, (places, cities, numbers), (cities[:, told], numbers[:, told], places[:, told]))

    def _written(self, body_BL: Tensor, shown: tuple[Tensor, ...], asked: tuple[Tensor, ...]) -> Batch:
        """Write pairs (places, cities, numbers) into the body, and the questions (cities, numbers, places) after it."""
        (places, cities, numbers), (cities_BQ, numbers_BQ, places_BQ) = shown, asked
        body_BL.scatter_(1, places, cities).scatter_(1, places + 1, numbers)
        tail = torch.full((len(body_BL), 1 + 2 * self.questions), _ASK)
        tail[:, 1::2], tail[:, 2::2] = cities_BQ, numbers_BQ
        return Batch(
            ids=torch.cat((torch.full((len(body_BL), 1), tokenizer().bos), body_BL, tail), 1),
            rows=self.body + 2 + 2 * torch.arange(self.questions),
            answers=numbers_BQ,
            places=places_BQ + 2,
            cities=places + 1,
        )

    def _fillers(self, count: int, random: torch.Generator) -> Tensor:
        first = torch.randint(len(FILLERS), (count, self.body), generator=random)
        if not self.uniform:
            limits = torch.tensor(_STEPS).cumsum(0)[:-1]
            steps = torch.bucketize(torch.rand(count, self.body, generator=random), limits)
            for place in range(1, self.body):
                first[:, place] = _followers()[first[:, place - 1], steps[:, place]]
        return first + _FILLER

    def _with_decoys(self, body_BL: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
        chosen = torch.rand(body_BL.shape, generator=random) < self.decoys
        lone = torch.randint(len(NUMBERS), body_BL.shape, generator=random) + _NUMBER
        city = others.gather(1, torch.randint(others.shape[1], body_BL.shape, generator=random)) + _CITY
        decoys = torch.where(torch.rand(body_BL.shape, generator=random) < 0.7, lone, city)
        return torch.where(chosen, decoys, body_BL)

    def _places(self, count: int, random: torch.Generator) -> Tensor:
        """Return where the needles' cities stand [B, N], no two needles overlapping, the asked ones first."""
        slots = self.body - self.needles
        chosen = torch.rand(count, slots, generator=random).topk(self.needles, 1).indices.sort(1).values
        shuffled = torch.rand(count, self.needles, generator=random).argsort(1)
        if self.depth is not None:  # the needle nearest to the wanted depth is moved there, and asked first
            wanted = round(self.depth * (slots - 1))
            nearest = (chosen - wanted).abs().argmin(1, keepdim=True)
            chosen = chosen.scatter(1, nearest, wanted)
            shuffled = shuffled.masked_fill(shuffled == nearest, -1).sort(dim=1, stable=True).values
            shuffled[:, :1] = nearest
        return (chosen + torch.arange(self.needles)).gather(1, shuffled)


@dataclass(frozen=True, kw_only=True)
class Examples(Needles):
    """Classification from examples: cities of one stem have one number, another in each text; new cities are asked.

        ‹begin› rain Alburg 17 on Bordale 5 old Alham 17 ... ? Almere 17 Borton 5

    needles: the examples, of `classes` stems in equal numbers. alternating: the classes take turns; otherwise the
    examples stand in any order. A question's `places` is the number of the first example of its class.

    Raises `BadInput` for stems that do not have so many cities.
    """

    needles: int = 12
    questions: int = 4
    classes: int = 4
    alternating: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        each, new = self.needles // self.classes, -(-self.questions // self.classes)
        if self.needles % self.classes or self.classes > len(_STEMS) or each + new > len(_ENDS):
            raise BadInput(
                f"{self.needles} examples and {self.questions} questions of {self.classes} classes make no text.",
                expected=f"at most {len(_STEMS)} classes with as many examples each, and {len(_ENDS)} cities in each",
            )

    def draw(self, count: int, seed: int | torch.Generator) -> Batch:
        """Return `count` texts; equal seeds give equal texts. A generator is used and moved on."""
        random = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
        body = self._fillers(count, random)
        stems, labels = (
            torch.rand(count, size, generator=random).argsort(1)[:, : self.classes]
            for size in (len(_STEMS), len(NUMBERS))
        )
        ends = torch.rand(count, self.classes, len(_ENDS), generator=random).argsort(2)
        body = self._with_decoys(body, torch.rand(count, len(CITIES), generator=random).argsort(1), random)
        order = torch.arange(self.needles).expand(count, -1)
        if not self.alternating:
            order = torch.rand(count, self.needles, generator=random).argsort(1)
        asked = torch.arange(self.questions).expand(count, -1) + self.needles
        text = torch.arange(count)[:, None]

        def members(number: Tensor) -> tuple[Tensor, Tensor]:
            kind, which = number % self.classes, number // self.classes
            city = stems[text, kind] * len(_ENDS) + ends[text, kind, which]
            return city + _CITY, labels[text, kind] + _NUMBER

        places = self._places(count, random).sort(1).values
        same = (order[:, None] % self.classes) == (asked[..., None] % self.classes)
        first = places.gather(1, same.int().argmax(2))
        return self._written(body, (places, *members(order)), (*members(asked), first))


@cache
def usual_numbers() -> Tensor:
    """Return the token of each city's usual number [64], the same for every text there is."""
    random = torch.Generator().manual_seed(2410)
    return torch.randint(len(NUMBERS), (len(CITIES),), generator=random) + _NUMBER


@cache
def _followers() -> Tensor:
    """Return the four followers of each filler [128, 4]: the same source for every text there is."""
    random = torch.Generator().manual_seed(2410_05258)
    return torch.stack([torch.randperm(len(FILLERS), generator=random)[:4] for _ in FILLERS])
