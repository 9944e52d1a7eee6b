"""Many edits, one model, one text: each recomputed only from what it touches, kept in a small file, replayed
without torch.

Names are imported when first used: `Sweep.load(path)` and everything a loaded sweep answers need no torch.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "result": ("Point", "Sweep"),
    "run": ("sweep",),
    "making": ("Step",),
    "pruning": ("EffectiveDepth", "effective_depth", "pruning_curve"),
    "leave_one_out": ("LeaveOneOut", "score_agreement"),
    "dropping": ("consecutive", "iterative", "one_shot"),
    "racing": ("Race", "race"),
    "gains": ("every_gain", "gains_path", "store_gains"),
    "scalars": ("zeroing_agreement",),
    "lists": ("every_block", "every_sublayer", "weights"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'labkit.sweeps' has no attribute {name!r}")
    value = getattr(import_module(f"labkit.sweeps.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
