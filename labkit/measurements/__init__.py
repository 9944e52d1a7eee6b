"""What a model does with a text, as plain numbers with intervals; nothing of the measuring stays in the model.

Names are imported when first used: intervals alone (`Estimate`, `mean_over`, `proportion`) need no torch.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "redundancy": ("LayerScores", "PositionScores", "ScoreMap"),
    "super_weights": ("Ablation", "DoseCurve", "RestoreCurve", "SpikeProfile", "SuperActivation"),
    "estimate": ("Estimate", "mean_over", "proportion"),
    "language": ("Loss", "difference", "kl", "logits", "loss", "perplexity_ratio"),
    "choices": ("ChoiceAccuracy", "Question", "as_questions", "choice_accuracy"),
    "card": ("card_numbers",),
    "residuals": ("ResidualStats", "residual_stats"),
    "vital_signs": ("Vitals", "VitalsPair", "sample_stories", "vitals"),
    "capabilities": ("Probes", "probes"),
    "accounting": ("ModelSizes", "cache_table", "degradation_ratio", "sizes_of"),
    "speed": ("SpeedTest", "speed_test"),
    "zeroing": ("ZeroingEstimates", "zeroing_estimates"),
    "ranks": ("Agreement", "agreement", "spearman"),
    "measures": ("ChoiceMeasure", "KLMeasure", "LossMeasure"),
    "profiles": ("LayerProfile", "profile"),
    "depth": ("AngularDistances", "angular_distance", "angular_distances", "relative_updates"),
    "gradients": ("gradient_norms", "weight_changes"),
    "jacobian": ("block_jacobian", "block_jacobians", "diagonal_share", "distance_from_identity"),
    "depth_theory": ("TheoryCurves", "check_theorems", "theory_curves"),
    "turning": ("TurnMeasure",),
    "through_training": ("by_step", "kept_models", "variance_by_step"),
    "curve_pairs": ("CurveDifference", "compare_curves"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'labkit.measurements' has no attribute {name!r}")
    value = getattr(import_module(f"labkit.measurements.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
