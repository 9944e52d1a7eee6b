"""The model of a panel that reads text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.base.errors import BadInput

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["depth_of_reader"]


def depth_of_reader(model: ModelLike) -> int:
    """Return the number of blocks of a handle; raise `BadInput` for a model that comes without its tokenizer."""
    from labkit.anatomy import anatomy_of

    if not hasattr(model, "encode"):
        raise BadInput(
            f"This panel reads text, and a {type(model).__name__} has no tokenizer.",
            expected="the name of a model, or what labkit.load returns",
        )
    return anatomy_of(model).depth
