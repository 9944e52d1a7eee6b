"""Edits of a model as values, made for the length of a `with` and then taken back bit for bit.

    with labkit.edit(model, DropAttention(3), ScaleWeight("layers.1.mlp.down[12, 7]", 0.5)):
        ...                                    # the model is changed here, and only here
    copy = labkit.apply(model, plan)           # or: a copy, changed for good
    print(labkit.audit(model))                 # what is active
    small = labkit.shrink(model, plan)         # or: a smaller model without the parts that drops leave out

A new kind of edit is one frozen dataclass. If it writes weights, it says which values become which:

    @dataclass(frozen=True)
    class RoundTo(WeightEdit):                 # has the field `address`; saved as kind = "round_to"
        step: float

        def values(self, old):                 # [out, in] whatever the family stores
            return (old / self.step).round() * self.step

        def __str__(self):
            return f"round {self.address} to multiples of {self.step:g}"

Otherwise it derives from `Edit` and its `prepare(model)` returns a list of changes, of the three kinds there are:
`Write(view, rule)`, `Forward(module, function, where)` and `Hook.at(site, function)`. Each of them takes itself
back, so that an edit needs no code for undoing. `prepare` raises what is wrong and touches nothing. Nothing here
draws on the global random state.
"""

from labkit.anatomy import model_lock

from .activations import ReplaceActivation, RestoreActivation
from .audit import Audit, audit
from .changes import Change, ConflictingWrite, Forward, Hook, Write
from .drops import DropAttention, DropBlock, DropMLP, MaskNeurons
from .editing import Editing, apply, edit, undo_all
from .edits import Edit, ScaleWeight, SetWeight, WeightEdit, ZeroWeight
from .healing import Healed, heal, healing
from .plan import Plan
from .quantise import Quantise, QuantiseActivation
from .shrinking import dropped, drops, shrink
from .sources import FromRun, Mean, Source, Zero

__all__ = [
    "Audit",
    "Change",
    "ConflictingWrite",
    "DropAttention",
    "DropBlock",
    "DropMLP",
    "Edit",
    "Editing",
    "Forward",
    "FromRun",
    "Healed",
    "Hook",
    "MaskNeurons",
    "Mean",
    "Plan",
    "Quantise",
    "QuantiseActivation",
    "ReplaceActivation",
    "RestoreActivation",
    "ScaleWeight",
    "SetWeight",
    "Source",
    "WeightEdit",
    "Write",
    "Zero",
    "ZeroWeight",
    "apply",
    "audit",
    "dropped",
    "drops",
    "edit",
    "heal",
    "healing",
    "model_lock",
    "shrink",
    "undo_all",
]
