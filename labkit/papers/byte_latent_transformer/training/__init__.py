"""What is trained: the entropy model, then the arms; `python -m labkit.papers.byte_latent_transformer.training`."""

from .arms import ARMS, RATES, Arm, best_rate, patcher_of, prepared_pages, runs, trained
from .entropy import ENTROPY, SIZE, entropy_model, threshold

__all__ = [
    "ARMS",
    "ENTROPY",
    "RATES",
    "SIZE",
    "Arm",
    "best_rate",
    "entropy_model",
    "patcher_of",
    "prepared_pages",
    "runs",
    "threshold",
    "trained",
]
