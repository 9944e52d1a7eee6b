"""The experiments of lesson 09, each a function from a model and expressions to a frozen result."""

from .accounting import Bill, bill, step_seconds
from .capture import Captured, capture
from .circuits import Circuit, circuits
from .collapse import ByLayer, cloud, matrix_entropy, near_tokens, separability, value_entropy
from .reading import Solved, losses, read_working, solve, unseen
from .routing import EdgeCosts, Pruning, RoutingMap, edge_costs, entry_costs, prune, routing_map

__all__ = [
    "Bill",
    "ByLayer",
    "Captured",
    "Circuit",
    "EdgeCosts",
    "Pruning",
    "RoutingMap",
    "Solved",
    "bill",
    "capture",
    "circuits",
    "cloud",
    "edge_costs",
    "entry_costs",
    "losses",
    "matrix_entropy",
    "near_tokens",
    "prune",
    "read_working",
    "routing_map",
    "separability",
    "solve",
    "step_seconds",
    "unseen",
    "value_entropy",
]
