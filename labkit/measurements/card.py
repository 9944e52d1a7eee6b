"""The numbers on a shipped model's card: what it lacks to the floor, and whether it knows who has the lantern."""

from __future__ import annotations

from typing import Any

from labkit import world
from labkit.base.errors import BadInput

from .choices import choice_accuracy
from .estimate import Estimate, mean_over
from .language import loss

__all__ = ["card_numbers"]

_STORIES, _QUESTIONS, _SEED = 200, 300, 90  # of the valid split, which neither training nor any claim reads


def card_numbers(handle: Any) -> dict[str, dict[str, Any]]:
    """Return the tables of a card for a model that reads the world: each number with its interval, n, and over what.

    `above_floor` is the loss on whole stories, their end included, minus the world's exact floor on the same stories.
    """
    if not getattr(handle, "ours", False):
        raise BadInput(f"{handle!r} does not read the world's pieces.", expected="a handle of one of the lab models")
    stories = world.documents("stories", _STORIES, _SEED, "valid")
    found = loss(handle, handle.encode_documents([story.text for story in stories]))
    floors = [world.floor([story], int(tokens)) for story, tokens in zip(stories, found.weights)]
    above = [value - floor for value, floor in zip(found.per_unit, floors)]
    questions = world.questions(_QUESTIONS, _SEED, "valid")
    return {
        "loss_on_stories": _table(found),
        "above_floor": _table(mean_over(above, weights=found.weights, name="loss above the floor", unit=found.unit)),
        "who_has_the_lantern": _table(choice_accuracy(handle, questions)),
    }


def _table(estimate: Estimate) -> dict[str, Any]:
    table = {end: round(getattr(estimate, end), 4) for end in ("value", "low", "high")}
    table |= {"n": estimate.n, "over": estimate.over, "unit": estimate.unit}
    return table | ({} if estimate.null is None else {"chance": round(estimate.null, 4)})
