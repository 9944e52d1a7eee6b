"""Optional models from the hub: a section of a lesson uses one where it is at hand, and is skipped where it is not."""

from __future__ import annotations

from typing import Any

from labkit.base.errors import NoNetwork

__all__ = ["load_if_here"]


def load_if_here(name: str) -> Any:
    """Return the handle of a hub model, or None after one plain line when neither this machine nor the hub has it.

    A name that does not exist, damaged weights, a full disk still raise: those are not a missing network.
    """
    from labkit.zoo import load  # torch comes with it, and a lesson opens without

    try:
        return load(name)
    except NoNetwork as error:
        print(f"Skipped: {error.what} With a network, the next cells run on it as they are.")
        return None
