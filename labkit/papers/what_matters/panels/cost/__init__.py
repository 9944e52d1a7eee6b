"""What does a cut save? Weights, cache, FLOPs and measured time with attentions, MLPs or whole blocks gone.

panel = labkit.CostPanel("lab/deep")
panel.set(batch=8, length=224, gone=4)
"""

from .data import CostData, CostRow, CostRun, CostState
from .panel import CostPanel

__all__ = ["CostData", "CostPanel", "CostRow", "CostRun", "CostState"]
