"""Training: recipes as data, one loop, a log a run; resumed after a kill as if nothing had happened."""

from .batches import Batches, Group, padded
from .curves import Curve, Curves, collect
from .fit import Fit, Fitted, fit
from .grids import Trial, grid, run_grid
from .live import LiveStep, train_live
from .log import read_log
from .loop import Run, train
from .loss import accumulate, document_losses
from .recipe import SIZES, Recipe, differences, read_recipe, recipes
from .runs import Runs
from .sharing import best_rate, next_rate, share

__all__ = [
    "SIZES",
    "Batches",
    "Curve",
    "Curves",
    "Fit",
    "Fitted",
    "Group",
    "LiveStep",
    "Recipe",
    "Run",
    "Runs",
    "Trial",
    "accumulate",
    "best_rate",
    "collect",
    "differences",
    "document_losses",
    "fit",
    "grid",
    "next_rate",
    "padded",
    "read_log",
    "read_recipe",
    "recipes",
    "run_grid",
    "share",
    "train",
    "train_live",
]
