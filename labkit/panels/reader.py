"""Panels that read text: the depth of a model that can, and what is said of words it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labkit.base.errors import BadInput

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["depth_of_reader", "never_seen"]


def depth_of_reader(model: ModelLike) -> int:
    """Return the number of blocks of a handle; raise `BadInput` for a model that comes without its tokenizer."""
    from labkit.anatomy import anatomy_of

    if not hasattr(model, "encode"):
        raise BadInput(
            f"This panel reads text, and a {type(model).__name__} has no tokenizer.",
            expected="the name of a model, or what labkit.load returns",
        )
    return anatomy_of(model).depth


def never_seen(words: Sequence[str]) -> str:
    """Return a sentence that names up to five words of a text that no text of training had; "" for none."""
    shown = ", ".join(f"“{word}”" for word in words[:5])
    return f"Words it has never seen: {shown}." if shown else ""
