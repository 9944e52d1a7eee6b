"""LIMe: routers over the keys and values of all earlier layers, its two versions, and its rivals."""

from .attention import HiddenMixture, LayerMixAttention, RoutedAttention
from .baselines import DenseFormer, HyperConnections, ValueResidual
from .config import LIMe, LIMeOfStates, router_parameters
from .edits import CutRoutes, ForgetPast, SetRoute, SetRouter, SetShares, routers_of
from .router import AverageRouter, ChannelRouter, Router, SameHeadRouter, readable_layers

__all__ = [
    "AverageRouter",
    "ChannelRouter",
    "CutRoutes",
    "DenseFormer",
    "ForgetPast",
    "HiddenMixture",
    "HyperConnections",
    "LIMe",
    "LIMeOfStates",
    "LayerMixAttention",
    "RoutedAttention",
    "Router",
    "SameHeadRouter",
    "SetRoute",
    "SetRouter",
    "SetShares",
    "ValueResidual",
    "readable_layers",
    "router_parameters",
    "routers_of",
]
