"""Does the score know what a part is worth? Every metric of redundancy against the loss without each part in turn.

panel = labkit.ScoreVsAblationPanel("lab/deep")
panel.set(metric="without residual", part="attention")
"""

from .data import METRICS, ScoreVsAblationData, ScoreVsAblationRun, ScoreVsAblationState
from .panel import ScoreVsAblationPanel

__all__ = ["METRICS", "ScoreVsAblationData", "ScoreVsAblationPanel", "ScoreVsAblationRun", "ScoreVsAblationState"]
