"""labkit: cut, compare and restore parts of a transformer.

The names below are the front door. Each is imported when first used, so that `import labkit` costs nothing
and a stored sweep can be read without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_FRONT_DOOR = {
    "Decoder": "labkit.models",
    "DecoderConfig": "labkit.models",
    "generate": "labkit.models",
    "load": "labkit.zoo",
    "Address": "labkit.anatomy",
    "anatomy_of": "labkit.anatomy",
    "fingerprint": "labkit.anatomy",
    "record": "labkit.anatomy",
    "view": "labkit.anatomy",
    "DropAttention": "labkit.interventions",
    "DropBlock": "labkit.interventions",
    "DropMLP": "labkit.interventions",
    "FromRun": "labkit.interventions",
    "MaskNeurons": "labkit.interventions",
    "Mean": "labkit.interventions",
    "Plan": "labkit.interventions",
    "Quantise": "labkit.interventions",
    "QuantiseActivation": "labkit.interventions",
    "ReplaceActivation": "labkit.interventions",
    "RestoreActivation": "labkit.interventions",
    "ScaleWeight": "labkit.interventions",
    "SetWeight": "labkit.interventions",
    "SwitchLayerNormScaling": "labkit.interventions",
    "Zero": "labkit.interventions",
    "ZeroWeight": "labkit.interventions",
    "apply": "labkit.interventions",
    "audit": "labkit.interventions",
    "drops": "labkit.interventions",
    "edit": "labkit.interventions",
    "shrink": "labkit.interventions",
    "vitals": "labkit.measurements",
    "Sweep": "labkit.sweeps",
    "sweep": "labkit.sweeps",
    "open_lesson": "labkit.lessons",
}
# The layers themselves, left to right: each imports only from those before it.
_LAYERS = (
    "base",
    "world",
    "models",
    "training",
    "zoo",
    "anatomy",
    "interventions",
    "measurements",
    "sweeps",
    "claims",
    "figures",
    "panels",
    "lessons",
    "papers",
    "cli",
)

__all__ = [*_FRONT_DOOR, *_LAYERS]

if TYPE_CHECKING:  # what editors and type checkers see
    from labkit.anatomy import Address, anatomy_of, fingerprint, record, view
    from labkit.interventions import (
        DropAttention,
        DropBlock,
        DropMLP,
        FromRun,
        MaskNeurons,
        Mean,
        Plan,
        Quantise,
        QuantiseActivation,
        ReplaceActivation,
        RestoreActivation,
        ScaleWeight,
        SetWeight,
        SwitchLayerNormScaling,
        Zero,
        ZeroWeight,
        apply,
        audit,
        drops,
        edit,
        shrink,
    )
    from labkit.lessons import open_lesson
    from labkit.measurements import vitals
    from labkit.models import Decoder, DecoderConfig, generate
    from labkit.sweeps import Sweep, sweep
    from labkit.zoo import load


def __getattr__(name: str) -> Any:
    if name in _LAYERS:
        return import_module(f"labkit.{name}")
    if name not in _FRONT_DOOR:
        raise AttributeError(f"module 'labkit' has no attribute {name!r}")
    value = getattr(import_module(_FRONT_DOOR[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
