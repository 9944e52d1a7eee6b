"""What is asked of relation neurons: each experiment once, from a `Study` to a frozen result."""

from .concepts import ConceptOverlap, concept_overlap
from .cumulative import Cumulativity, cumulativity
from .damage import DamageMap, ShareCurve, by_share, damage_map, neurons_for
from .facts import Errors, FrequencyGap, TalkLoss, errors, frequency_gap, talk_loss
from .interference import Interference, interference
from .overlap import Overlap, overlap, places
from .strips import Strips, strips
from .study import Study

__all__ = [
    "ConceptOverlap",
    "Cumulativity",
    "DamageMap",
    "Errors",
    "FrequencyGap",
    "Interference",
    "Overlap",
    "ShareCurve",
    "Strips",
    "Study",
    "TalkLoss",
    "by_share",
    "concept_overlap",
    "cumulativity",
    "damage_map",
    "errors",
    "frequency_gap",
    "interference",
    "neurons_for",
    "overlap",
    "places",
    "strips",
    "talk_loss",
]
