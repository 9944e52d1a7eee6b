"""The numbers on the card of a model with a planted weight: does the model hang on it, and is it found?"""

from __future__ import annotations

from typing import Any

from labkit import world
from labkit.base.errors import BadInput
from labkit.measurements.estimate import Estimate

from ..method.ablation import ablate
from ..method.detector import find_super_weights

__all__ = ["planted_numbers"]

_STORIES, _PROMPTS, _SEED = 60, 10, 91  # of the valid split


def planted_numbers(handle: Any) -> dict[str, dict[str, Any]]:
    """Return tables for the card of a constructed model, whose card names the planted weight's address.

    Perplexity with it at zero and with the worst of fifteen nulls of the same matrix at zero (five each of the
    largest, the nearest in size and random ones), and how many prompts the detector names it alone on.
    """
    if "planted" not in handle.card:
        raise BadInput(f"Nothing is planted in {handle!r}, by its card.", expected="a constructed model")
    address = handle.card["planted"]["address"]
    texts = [story.text for story in world.documents("stories", _STORIES, _SEED, "valid")]
    trial = ablate(handle, [address], handle.encode_documents(texts), neurons=False)
    worst = max((null.ratio for null in trial.nulls), key=lambda ratio: ratio.value)
    alone = [find_super_weights(handle, text).addresses == (address,) for text in texts[:_PROMPTS]]
    return {
        "loss_on_stories": _table(trial.intact),
        "planted_at_zero": _table(trial.tried[0].ratio),
        "worst_null_at_zero": _table(worst) | {"of": len(trial.nulls)},
        "detector": {"names_it_alone": sum(alone), "prompts": len(alone)},
    }


def _table(found: Estimate) -> dict[str, Any]:
    ends = {end: float(f"{getattr(found, end):.5g}") for end in ("value", "low", "high")}
    return ends | {"n": found.n, "over": found.over, "unit": found.unit}
