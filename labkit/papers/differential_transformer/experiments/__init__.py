"""The experiments of the lesson: functions from a model and texts to frozen results."""

from .activations import LargeActivations, QuantiseScores, large_activations
from .allocation import Allocation, Look, allocate, look_at_text, question_maps
from .arms import Arms, compare_arms, rates_tried
from .dynamics import context_size, head_sizes, map_gradients, throughput
from .microphones import Microphones, two_microphones
from .orders import order_margin
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
    "context_size",
    "depth_grid",
    "find_needles",
    "head_sizes",
    "large_activations",
    "look_at_text",
    "map_gradients",
    "operate_on_lambda",
    "order_margin",
    "question_maps",
    "rates_tried",
    "shared_noise",
    "throughput",
    "two_microphones",
]
