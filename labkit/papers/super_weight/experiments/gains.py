"""Every gain of a sentence encoder's layer norms set to zero, one at a time: the stored sweep of lesson 01."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit.base.data import data_dir
from labkit.sweeps.result import Sweep

__all__ = ["SENTENCES", "every_gain", "gains_path", "store_gains", "sweep_gains"]

# Everyday sentences of one length, so that one pass reads them all.
SENTENCES = (
    "The ferry left the island in the morning.",
    "A cat sleeps on the warm grey stones.",
    "She gave the old lantern to her brother.",
    "The doctor told the goat to walk more.",
    "Eleven gulls sat on the school roof.",
)


def every_gain(encoder: Any) -> list:
    """Return one edit for each gain of the norms after attention and MLP, layer by layer."""
    from labkit.anatomy import anatomy_of, view
    from labkit.interventions import ZeroWeight

    norms = [
        f"layers.{layer}.{norm}" for layer in range(anatomy_of(encoder).depth) for norm in ("attn_norm", "mlp_norm")
    ]
    return [ZeroWeight(f"{norm}[{channel}]") for norm in norms for channel in range(view(encoder, norm).shape[0])]


def gains_path() -> Path:
    """Return where the stored sweep lies."""
    return data_dir() / "sweeps" / "01_gains.json"


def store_gains(progress: Callable[[Any], None] | None = None, path: Path | None = None) -> Sweep:
    """Zero every gain of the encoder alone, measure how far five sentences turn, and keep it (minutes)."""
    from labkit.measurements import TurnMeasure
    from labkit.sweeps.run import sweep
    from labkit.zoo import load

    encoder = load("minilm")
    return sweep(encoder, every_gain(encoder), SENTENCES, TurnMeasure(), path=path or gains_path(), progress=progress)


def sweep_gains(say: Callable[[str], None] = print, out: Path | None = None) -> Path:
    """Do `store_gains` for `labkit sweep gains` and return the file."""
    store_gains(lambda step: say(f"{step.done}/{step.total}  {step.label}  {step.change:+.4f}"), out)
    return out or gains_path()
