"""Does the score know what a part is worth? Every metric of redundancy against the loss without each part in turn.

panel = labkit.TruthPanel("lab/deep")
panel.set(metric="without residual", part="attention")
"""

from .data import METRICS, TruthData, TruthRun, TruthState
from .panel import TruthPanel

__all__ = ["METRICS", "TruthData", "TruthPanel", "TruthRun", "TruthState"]
