"""How much each attention, MLP and block changes the residual stream, by the metrics that have been proposed.

    scores = Cosine()(model, documents)        # 1 - cosine of the stream before and after each part
    print(scores.table())
    scores.ranked("attention")                 # layers, the most redundant first

Every metric is a small frozen object that is called with a model and documents and returns `LayerScores`.
"""

from .calibration import calibration
from .metrics import Cosine, Metric, RandomOrder, RelativeMagnitude, ReverseOrder
from .positions import PositionScores, position_scores
from .scores import LayerScores, ScoreMap
from .windows import WindowScores, window_scores

__all__ = [
    "Cosine",
    "LayerScores",
    "Metric",
    "PositionScores",
    "RandomOrder",
    "RelativeMagnitude",
    "ReverseOrder",
    "ScoreMap",
    "WindowScores",
    "calibration",
    "position_scores",
    "window_scores",
]
