"""Cut it yourself: any attentions and MLPs of a model left out at once, and what that costs and saves.

panel = labkit.LayerGridPanel("lab/deep")
panel.set(gone={"attention": [8, 9], "mlp": [5]})        # or a ready choice, by its title
"""

from .data import LayerGridData, LayerGridRun, LayerGridState
from .panel import LayerGridPanel

__all__ = ["LayerGridData", "LayerGridPanel", "LayerGridRun", "LayerGridState"]
