"""Does a cut heal? Loss and copying of a cut model while what is left of it is trained on, beside the intact one.

panel = labkit.HealPanel("lab/deep")
panel.set(cut="4 attentions", steps=20)          # panel.recompute(); panel.run() trains here and now
"""

from .data import CUTS, HealCurve, HealData, HealRun, HealState
from .panel import HealPanel

__all__ = ["CUTS", "HealCurve", "HealData", "HealPanel", "HealRun", "HealState"]
