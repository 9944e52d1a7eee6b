"""The experiments of the lesson: functions from a model and texts to frozen results."""

from .activations import LargeActivations, QuantiseScores, large_activations
from .allocation import Allocation, Look, allocate, look_at_text, question_maps
from .arms import Arms, compare_arms
from .microphones import Microphones, two_microphones
from .retrieval import DepthGrid, Found, depth_grid, find_needles
from .shared import SharedNoise, shared_noise
from .surgery import Surgery, operate_on_lambda

__all__ = [
    "Allocation",
    "Arms",
    "DepthGrid",
    "Found",
    "LargeActivations",
    "Look",
    "Microphones",
    "QuantiseScores",
    "SharedNoise",
    "Surgery",
    "allocate",
    "compare_arms",
    "depth_grid",
    "find_needles",
    "large_activations",
    "look_at_text",
    "operate_on_lambda",
    "question_maps",
    "shared_noise",
    "two_microphones",
]
