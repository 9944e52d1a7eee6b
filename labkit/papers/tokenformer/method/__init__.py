"""TokenFormer: linear layers as attention to parameter tokens, and growth by appending some.

theta.py      Θ in all its variants            growth.py     grow, duplicate
pattention.py the layer                        widening.py   how a Transformer grows
model.py      the model and its baseline       resuming.py   optimiser memory, frozen or slower old rows
accounting.py parameters, FLOPs, stages        usage.py      who is used, masking
"""

from .accounting import ModelCost, TrainingStage, cumulative_flops, matched_tokens, model_cost
from .growth import ROWS, TAUS, duplicate, grow, grow_layer
from .model import TokenFormer, Transformer, pattention_layers
from .pattention import Pattention
from .resuming import check_optimiser, held_back, migrate
from .theta import THETAS
from .usage import MaskTokens, effective_number, least_used, masks, usage
from .widening import block_pad, clone_wider, net2wider

__all__ = [
    "ROWS",
    "TAUS",
    "THETAS",
    "MaskTokens",
    "ModelCost",
    "Pattention",
    "TokenFormer",
    "TrainingStage",
    "Transformer",
    "block_pad",
    "check_optimiser",
    "clone_wider",
    "cumulative_flops",
    "duplicate",
    "effective_number",
    "grow",
    "grow_layer",
    "held_back",
    "least_used",
    "masks",
    "matched_tokens",
    "migrate",
    "model_cost",
    "net2wider",
    "pattention_layers",
    "usage",
]
