"""What falls first, the loss or a skill? Strategies of dropping parts race; a slider says how many are gone.

panel = labkit.RacePanel("lab/deep")
panel.set(gone=4, probe="copying")
"""

from .data import PROBES, STRATEGIES, RaceData, RaceRun, RaceState
from .panel import RacePanel

__all__ = ["PROBES", "STRATEGIES", "RaceData", "RacePanel", "RaceRun", "RaceState"]
