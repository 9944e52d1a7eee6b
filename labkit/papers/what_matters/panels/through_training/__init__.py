"""Were they always cheap? Score and true cost of every part at the steps of training that a run kept.

panel = labkit.ThroughTrainingPanel("lab/deep")
panel.set(step=800, part="mlp", measure="loss")
"""

from .data import MEASURES, TrainingData, TrainingRun, TrainingState
from .panel import ThroughTrainingPanel

__all__ = ["MEASURES", "ThroughTrainingPanel", "TrainingData", "TrainingRun", "TrainingState"]
