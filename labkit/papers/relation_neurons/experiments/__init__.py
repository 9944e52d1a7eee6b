"""What is asked of relation neurons: each experiment once, from a `RelationStudy` to a frozen result."""

from .bars import OwnBars, own_bars, pair_curve
from .concepts import ConceptOverlap, concept_overlap
from .controls import MatchedControls
from .cumulative import Cumulativity, cumulativity
from .damage import DamageMap, ShareCurve, by_share, damage_map, neurons_for
from .facts import FrequencyGap, LostAnswers, TalkLoss, frequency_gap, lost_answers, talk_loss
from .interference import Interference, interference
from .null import DamageNull, damage_null
from .overlap import NeuronOverlap, entity_overlap, neuron_overlap, places
from .portrait import Portraits
from .registers import LargeRegisters, large_registers
from .strips import BestNeurons, NeuronStrips, best_neurons, chosen_ap, neuron_strips
from .study import RelationStudy

__all__ = [
    "BestNeurons",
    "ConceptOverlap",
    "Cumulativity",
    "DamageMap",
    "DamageNull",
    "FrequencyGap",
    "Interference",
    "LargeRegisters",
    "LostAnswers",
    "MatchedControls",
    "NeuronOverlap",
    "NeuronStrips",
    "OwnBars",
    "Portraits",
    "RelationStudy",
    "ShareCurve",
    "TalkLoss",
    "best_neurons",
    "by_share",
    "chosen_ap",
    "concept_overlap",
    "cumulativity",
    "damage_map",
    "damage_null",
    "entity_overlap",
    "frequency_gap",
    "interference",
    "large_registers",
    "lost_answers",
    "neuron_overlap",
    "neuron_strips",
    "neurons_for",
    "own_bars",
    "pair_curve",
    "places",
    "talk_loss",
]
