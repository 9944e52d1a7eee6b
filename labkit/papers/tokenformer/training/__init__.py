"""What is trained: `python -m labkit.papers.tokenformer.training --seeds 0 31 32 33 34 35` makes every missing run.

On seed 0 each arm is trained at all of its learning rates, on the others at the one that was best there.
"""

from .arms import ARMS, CHOOSING, LARGE, LARGE_TRANSFORMER, SMALL, SMALL_TRANSFORMER, Arm, equal_cost_steps
from .running import best_rate, make, runs, train_arm, validation_loss
from .shipping import ship
from .workers import work

__all__ = [
    "ARMS",
    "CHOOSING",
    "LARGE",
    "LARGE_TRANSFORMER",
    "SMALL",
    "SMALL_TRANSFORMER",
    "Arm",
    "best_rate",
    "equal_cost_steps",
    "make",
    "runs",
    "ship",
    "train_arm",
    "validation_loss",
    "work",
]
