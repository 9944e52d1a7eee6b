"""What does the score see? One part's score at every token of a sentence, with and without residual and first token.

panel = labkit.ScorePanel("lab/deep")
panel.set(part="mlp", layer=0, text="The ferry was late.")
"""

from .data import ScoreData, ScoreRun, ScoreState
from .panel import ScorePanel

__all__ = ["ScoreData", "ScorePanel", "ScoreRun", "ScoreState"]
