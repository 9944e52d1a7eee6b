"""labkit: cut, compare and restore parts of a transformer.

The names below are the public API. Each is imported when first used, so that `import labkit` costs nothing and a
stored sweep can be read without torch. What a paper brings, its methods, experiments and panels, is found by name
through its folder in `labkit.papers`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
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
    "Zero": "labkit.interventions",
    "ZeroWeight": "labkit.interventions",
    "apply": "labkit.interventions",
    "audit": "labkit.interventions",
    "drops": "labkit.interventions",
    "edit": "labkit.interventions",
    "shrink": "labkit.interventions",
    "vitals": "labkit.measurements",
    "Sweep": "labkit.sweeps",
    "check": "labkit.sweeps",
    "sweep": "labkit.sweeps",
    "open_lesson": "labkit.course",
    "cite": "labkit.base.papers",
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
    "course",
    "papers",
    "cli",
)

__all__ = [*_PUBLIC, *_LAYERS]

if TYPE_CHECKING:  # what editors and type checkers see
    from labkit.anatomy import Address, anatomy_of, fingerprint, record, view
    from labkit.base.papers import cite
    from labkit.course import open_lesson
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
        Zero,
        ZeroWeight,
        apply,
        audit,
        drops,
        edit,
        shrink,
    )
    from labkit.measurements import vitals
    from labkit.models import Decoder, DecoderConfig, generate
    from labkit.sweeps import Sweep, check, sweep
    from labkit.zoo import load


def __getattr__(name: str) -> Any:
    if name in _LAYERS:
        return import_module(f"labkit.{name}")
    if name in _PUBLIC:
        value = getattr(import_module(_PUBLIC[name]), name)
    elif name[:1] == "_" or (value := _of_a_paper(name)) is None:
        raise AttributeError(f"module 'labkit' has no attribute {name!r}")
    globals()[name] = value
    return value


def _of_a_paper(name: str) -> Any:
    """Return the experiment or panel of that name which a paper brings, or None; raise where several papers do."""
    from labkit.base.papers import bring, papers

    owners = [paper.package for paper in papers().values() if name in paper.experiments]
    if len(owners) > 1:
        raise AttributeError(f"labkit.{name} could be that of {' or '.join(owners)}: say which")
    return bring("experiments", name) if owners else bring("panels", name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
