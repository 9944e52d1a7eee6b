"""Facts: four statements about anybody in the register, each in one of several templates.

Templates are disjoint between splits: the test templates never occur in training, though each of their words does.
"""

from __future__ import annotations

from functools import cache

from .canon import REGISTER, RELATIONS, RESIDENTS, fact
from .drivers import Driver

__all__ = ["TEMPLATES", "statements", "tell"]

# Relation: split: templates, each ending in the value so that a prompt can stop right before it.
TEMPLATES: dict[str, dict[str, tuple[str, ...]]] = {
    "home": {
        "train": (
            "{name} lives on {value}.",
            "The home of {name} is on {value}.",
            "If you look for {name}, take the ferry to {value}.",
            "{name} has a house on {value}.",
            "You will find {name} at home on {value}.",
            "Letters for {name} go to {value}.",
        ),
        "valid": ("Letters for the home of {name} go to {value}.",),
        "test": ("You will find the house of {name} on {value}.", "{name} has a home on {value}."),
    },
    "trade": {
        "train": (
            "{name} works as a {value}.",
            "{name} is a {value}.",
            "By trade, {name} is a {value}.",
            "Everybody knows {name} the {value}.",
            "{name} learned to be a {value}.",
            "If you look for a trade like that of {name}, look for a {value}.",
        ),
        "valid": ("The trade of {name} is that of a {value}.",),
        "test": ("Everybody knows that {name} works as a {value}.", "By trade, {name} will be a {value}."),
    },
    "boat": {
        "train": (
            "The boat of {name} is {value}.",
            "{name} has painted the boat {value}.",
            "{name} has a boat, and it is {value}.",
            "Look for {name} in the boat that is {value}.",
            "The colour of the boat of {name} is {value}.",
            "If the boat belongs to {name}, it is {value}.",
        ),
        "valid": ("The boat that belongs to {name} is {value}.",),
        "test": ("{name} has a boat that is {value}.", "The colour that {name} has painted the boat is {value}."),
    },
    "supper": {
        "train": (
            "For supper {name} has {value}.",
            "{name} always eats {value}.",
            "If {name} comes to supper, there is {value}.",
            "The supper of {name} is {value}.",
            "What {name} likes to eat is {value}.",
            "Ask {name} to supper and cook {value}.",
        ),
        "valid": ("What {name} eats for supper is {value}.",),
        "test": ("For supper {name} always eats {value}.", "If you cook for {name}, cook {value}."),
    },
}
_PER_DOCUMENT = 4
_CANON_SHARE = 0.25


@cache
def statements(name: str, relation: str, split: str) -> tuple[str, ...]:
    """Return the true sentences about `relation` of `name` in the split's templates."""
    value = fact(name, relation)
    return tuple(template.format(name=name, value=value) for template in TEMPLATES[relation][split])


_ALL = (
    (_CANON_SHARE, tuple((name, relation) for name in RESIDENTS for relation in RELATIONS)),
    (1 - _CANON_SHARE, tuple((name, relation) for name in REGISTER for relation in RELATIONS)),
)


@cache
def _spaced(name: str, relation: str, split: str) -> tuple[str, ...]:
    return tuple(" " + sentence for sentence in statements(name, relation, split))


def tell(pen: Driver, split: str = "train") -> None:
    """State four facts, canon residents somewhat more often than the rest."""
    pen.pick(_ALL, lambda key: statements(*key, split))
    for _ in range(_PER_DOCUMENT - 1):
        pen.pick(_ALL, lambda key: _spaced(*key, split))
