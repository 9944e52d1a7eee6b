"""Super weights: single scalars of a down projection that a model hangs on (Yu et al. 2024), found and tried.

found = find_super_weights(model, text)          # one pass; addresses `layers.L.mlp.down[out, in]`
peeled = peel(model, text)                       # zero what is found, look again
trial = ablate(model, found.addresses, documents)  # against matched nulls; this decides
"""

from .ablation import NULLS, Ablation, Cut, DoseCurve, ablate, dose_curve, matched_nulls, neuron_of
from .activation import RestoreCurve, SuperActivation, TokenShift, restore_curve, super_activation, token_shift
from .amplifier import amplifier_directions, amplifier_matrix, amplifier_sizes
from .detector import Candidate, Detection, Peeling, find_super_weights, peel
from .emergence import Emergence, Moment, emergence, emergence_path
from .profile import Spike, SpikeProfile, spike_profile
from .published import PublishedWeight, index_sources, published, published_table

__all__ = [
    "NULLS",
    "Ablation",
    "Candidate",
    "Cut",
    "Detection",
    "DoseCurve",
    "Emergence",
    "Moment",
    "Peeling",
    "PublishedWeight",
    "RestoreCurve",
    "Spike",
    "SpikeProfile",
    "SuperActivation",
    "TokenShift",
    "ablate",
    "amplifier_directions",
    "amplifier_matrix",
    "amplifier_sizes",
    "dose_curve",
    "emergence",
    "emergence_path",
    "find_super_weights",
    "index_sources",
    "matched_nulls",
    "neuron_of",
    "peel",
    "published",
    "published_table",
    "restore_curve",
    "spike_profile",
    "super_activation",
    "token_shift",
]
