"""Relation-specific neurons (Liu, Chen et al. 2025, section 3): record, rank by average precision, silence, ask again.

Shapes: N prompts, M neurons, B prompts of equal length, L tokens, F outputs of one module.
"""

from .asking import Answers, Quiz, answers, begins
from .finding import Found, Search, find_neurons, known, neurons_at
from .neurons import ATTENTION, FFN, MODULES, Layout, layout_of, neuron_count
from .ranking import average_precision, rank, standardised_difference
from .recording import POOLS, record_pooled
from .silencing import SilenceNeurons, forced

__all__ = [
    "ATTENTION",
    "FFN",
    "MODULES",
    "POOLS",
    "Answers",
    "Found",
    "Layout",
    "Quiz",
    "Search",
    "SilenceNeurons",
    "answers",
    "average_precision",
    "begins",
    "find_neurons",
    "forced",
    "known",
    "layout_of",
    "neuron_count",
    "neurons_at",
    "rank",
    "record_pooled",
    "standardised_difference",
]
