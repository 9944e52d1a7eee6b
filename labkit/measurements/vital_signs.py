"""Vital signs: how a model is, in seven numbers that are the same everywhere, before and after an operation.

tracking            who has the lantern at the end of a day (four answers to choose from, as in the next three)
recall, copying     what a list in the text says; how a repeated list goes on
facts               what is true of a resident, asked in words that were never trained on
above the floor     nats a token that a model loses on stories against the least that any reader can lose
whole stories       how many of its own stories `world.check` finds nothing wrong with
contradictions      all that it finds wrong, per ten sentences: what contradicts the text or the canon, and sentences
                    that cannot be read at all, one each

A model that never read the world can be asked only for what stands in the text: the first three.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from labkit import models, world
from labkit.anatomy import in_eval_mode, module_of
from labkit.base.errors import BadInput
from labkit.base.numbers import number
from labkit.base.results import Result
from labkit.world.stories import WEATHER
from labkit.zoo import Handle, ModelLike

from .choices import choice_accuracy
from .estimate import Estimate, mean_over, proportion
from .language import Loss, difference, loss
from .tables import text_table

__all__ = ["Vitals", "VitalsPair", "sample_stories", "vitals"]

SPLIT = "valid"  # which neither training nor any claim reads
SIGNS = ("tracking", "places", "recall", "copying", "facts", "above_floor", "whole_stories", "contradictions")
_ROWS = 64  # stories written at a time
_LONGEST = 240  # tokens; the world's own are shorter
_ASKED: dict[str, Callable[..., list]] = {
    "tracking": world.questions,
    "places": world.places_questions,
    "recall": world.recall_questions,
    "copying": world.copying_questions,
    "facts": world.facts_questions,
}


@dataclass(frozen=True, kw_only=True)
class Vitals(Result):
    """One estimate per sign, None where a model cannot be asked; `null` is chance, or the floor.

    loss: what `above_floor` was taken from. stories: what the model wrote, to be read.
    """

    model: str
    params: int
    n: int
    seed: int
    tracking: Estimate
    places: Estimate
    recall: Estimate
    copying: Estimate
    facts: Estimate | None = None
    above_floor: Estimate | None = None
    whole_stories: Estimate | None = None
    contradictions: Estimate | None = None
    loss: Loss | None = field(default=None, repr=False)
    stories: tuple[str, ...] = field(default=(), repr=False)

    @property
    def signs(self) -> dict[str, Estimate]:
        """The signs that were measured, by name."""
        return {name: sign for name in SIGNS if (sign := getattr(self, name)) is not None}

    def beside(self, cut: Vitals) -> VitalsPair:
        """Return these vitals with those of the same model after a cut."""
        return VitalsPair(intact=self, cut=cut)

    def table(self) -> str:
        """Return one line per sign."""
        rows = [[sign.name, *_cells(sign), sign.unit, number(sign.null)] for sign in self.signs.values()]
        title = f"Vital signs of {self.model}, {self.params:,} parameters, {self.n} texts of each kind"
        return text_table(["sign", "value", "95% interval", "unit", "chance or floor"], rows, title=title)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        about = {name: getattr(self, name) for name in ("model", "params", "n", "seed")}
        return {**about, **{name: sign.as_dict() for name, sign in self.signs.items()}}


@dataclass(frozen=True, kw_only=True)
class VitalsPair(Result):
    """The vitals of an intact model beside those of the cut one, measured on the same texts."""

    intact: Vitals
    cut: Vitals

    def __post_init__(self) -> None:
        asked = [(one.n, one.seed, list(one.signs)) for one in (self.intact, self.cut)]
        if asked[0] != asked[1]:
            raise BadInput(
                "The two vitals were not taken alike.",
                expected="the same n, the same seed and the same signs",
                do="labkit.vitals(model, n, seed=seed) of both",
            )

    @property
    def changes(self) -> dict[str, Estimate]:
        """Cut minus intact, text by text; not of what each wrote itself, whose texts are not the same."""
        pairs = {name: (self.cut.signs[name], sign) for name, sign in self.intact.signs.items()}
        own = ("whole_stories", "contradictions")
        return {name: difference(*pair) for name, pair in pairs.items() if name not in own}

    def table(self) -> str:
        """Return one line per sign: intact, cut, and the change where texts were the same."""
        rows = []
        for name, intact in self.intact.signs.items():
            change = self.changes.get(name)
            last = ["", ""] if change is None else list(_cells(change))
            rows.append([intact.name, number(intact.value), number(self.cut.signs[name].value), *last, intact.unit])
        title = f"Vital signs of {self.intact.model} and, cut, of {self.cut.model}"
        return text_table(["sign", "intact", "cut", "change", "95% interval", "unit"], rows, title=title)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        changes = {name: change.as_dict() for name, change in self.changes.items()}
        return {"intact": self.intact.as_dict(), "cut": self.cut.as_dict(), "changes": changes}


def vitals(model: ModelLike, n: int = 64, *, seed: int = 0, texts: Sequence[str] | None = None) -> Vitals:
    """Return the vital signs of a model, each over `n` questions, documents or stories of its own.

    model: a handle, or one of our decoders. seed: of the questions and of the sampling. texts: stories on which to
    measure the loss instead of the world's; `BadInput` names the words the world does not know, or the mistake.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 2:
        raise BadInput(f"n = {n!r} of each kind.", expected="a whole number from 2 up")
    handle = _reader(model)
    told = None if texts is None else _parsed(texts)
    asked: dict[str, Any] = {
        name: replace(choice_accuracy(handle, write(n, seed, SPLIT)), name=name)
        for name, write in _ASKED.items()
        if handle.ours or name != "facts"
    }
    if not handle.ours:
        return Vitals(model=handle.name, params=handle.parameters, n=n, seed=seed, **asked)
    total, above = _loss_on_stories(handle, told or world.documents("stories", n, seed, SPLIT))
    stories = sample_stories(handle, n, seed=seed)
    wrong = [len(world.check(story)) for story in stories]
    sentences = [max(1, sum(map(story.count, ".?!"))) for story in stories]
    return Vitals(
        model=handle.name,
        params=handle.parameters,
        n=n,
        seed=seed,
        **asked,
        above_floor=above,
        whole_stories=proportion([float(not found) for found in wrong], "stories", name="whole stories", null=0.0),
        contradictions=mean_over(
            [10 * found / length for found, length in zip(wrong, sentences)],
            "stories",
            weights=sentences,
            name="contradictions",
            unit="per ten sentences",
            null=0.0,
        ),
        loss=total,
        stories=tuple(stories),
    )


def sample_stories(handle: Handle, n: int, *, seed: int = 0, temperature: float = 1.0) -> list[str]:
    """Return `n` stories that a model writes, by default at temperature 1: as it believes the world to be.

    It is given the begin token and the two words by which a document shows itself to be a story; the world has two
    such pairs, equally often, and so have these.
    """
    first = dict.fromkeys(
        " ".join(text.split()[:2]) for key, texts in WEATHER.items() for text in texts if key[0] == "morning"
    )
    openings = [handle.encode(words) for words in first]
    told: list[str] = []

    def write(module: nn.Module) -> None:
        device = next(module.parameters()).device
        generator = torch.Generator().manual_seed(seed)
        while len(told) < n:
            rows = [openings[number % len(openings)] for number in range(len(told), min(n, len(told) + _ROWS))]
            ids_BL = torch.stack(rows).to(device)
            made = models.generate(
                module, ids_BL, _LONGEST, temperature=temperature, generator=generator, stop=handle.end
            )
            told.extend(handle.decode(ids) for ids in made)

    in_eval_mode(handle, write)
    return told


def _reader(model: ModelLike) -> Handle:
    """Return a handle that reads text, also for one of our decoders given bare."""
    if isinstance(model, Handle):
        if model.model.get_output_embeddings() is None:
            raise BadInput(f"{model.name} predicts no next word.", expected="a model that continues a text")
        return model
    module, tokenizer = module_of(model), world.tokenizer()
    if not isinstance(module, models.Decoder) or module.config.vocab != tokenizer.vocab_size:
        raise BadInput(
            f"This {type(module).__name__} came without its tokenizer.",
            expected="what labkit.load returns, or a decoder that reads the world's pieces",
        )
    return Handle("the model", module, tokenizer)


def _loss_on_stories(handle: Handle, stories: Sequence[world.Document]) -> tuple[Loss, Estimate]:
    """Return the loss on whole stories, their end included, and what it lies above the floor of the same stories."""
    found = loss(handle, handle.encode_documents([story.text for story in stories]))
    floors = [world.floor([story], int(tokens)) for story, tokens in zip(stories, found.weights)]
    above = [value - least for value, least in zip(found.per_unit, floors)]
    name = "loss above the floor"
    return found, mean_over(above, weights=found.weights, name=name, unit=found.unit, null=0.0)


def _parsed(texts: Sequence[str]) -> list[world.Document]:
    if isinstance(texts, str) or not len(texts) or not all(isinstance(text, str) for text in texts):
        raise BadInput(f"{texts!r} is no list of stories.", expected="a list with at least one text")
    for place, text in enumerate(texts):
        if strange := world.unknown_words(text):
            raise BadInput(f"Text {place} holds words the world does not know: {', '.join(strange)}.")
        if problems := world.check(text):
            raise BadInput(f"Text {place} is no text of the world: {problems[0]}", do="labkit.world.check(text)")
    return [world.parse(text) for text in texts]


def _cells(estimate: Estimate) -> tuple[str, str]:
    return number(estimate.value), f"{number(estimate.low)} to {number(estimate.high)}"
