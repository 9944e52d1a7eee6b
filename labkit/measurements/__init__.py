"""What a model does with a text, as plain numbers with intervals; nothing of the measuring stays in the model.

Names are imported when first used: intervals alone (`Estimate`, `mean_over`, `proportion`) need no torch.
"""

from labkit.base.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "layer_scores": ("LayerScores", "ScoreMap"),
        "estimate": ("Estimate", "mean_over", "proportion"),
        "language": ("Loss", "difference", "kl", "logits", "loss", "perplexity_ratio"),
        "choices": ("ChoiceAccuracy", "Question", "as_questions", "choice_accuracy"),
        "card": ("card_numbers",),
        "residuals": ("ResidualStats", "residual_stats"),
        "vital_signs": ("Vitals", "VitalsPair", "sample_stories", "vitals"),
        "capabilities": ("Probes", "probes"),
        "plain_questions": ("lookups", "sums"),
        "accounting": ("ModelSizes", "cache_table", "degradation_ratio", "sizes_of"),
        "speed": ("SpeedTest", "speed_test"),
        "zeroing": ("ZeroingEstimates", "zeroing_estimates"),
        "ranks": ("Agreement", "agreement", "spearman"),
        "measures": ("ChoiceMeasure", "KLMeasure", "LossMeasure"),
        "profiles": ("LayerProfile", "profile"),
        "sinks": ("AttentionSinks", "attention_received", "attention_sinks"),
        "turning": ("TurnMeasure",),
        "through_training": ("by_step", "kept_models", "variance_by_step"),
        "history": ("History", "take_history"),
        "curve_pairs": ("CurveDifference", "compare_curves"),
    },
)
