"""How much each attention, MLP and block changes the residual stream, by the metrics that have been proposed.

    scores = Cosine()(model, documents)        # 1 - cosine of the stream before and after each part
    print(scores.table())
    scores.ranked("attention")                 # layers, the most redundant first

Every metric is a small frozen object that is called with a model and documents and returns `LayerScores`. Names are
imported when first used: scores that were kept are read without torch.
"""

from labkit.base.doors import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "calibration": ("calibration",),
        "metrics": ("Cosine", "Metric", "RandomOrder", "RelativeMagnitude", "ReverseOrder"),
        "positions": ("PositionScores", "position_scores"),
        "scores": ("LayerScores", "ScoreMap"),
        "windows": ("WindowScores", "window_scores"),
    },
)
