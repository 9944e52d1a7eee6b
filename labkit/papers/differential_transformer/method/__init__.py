"""Differential attention, its two versions, what it is compared with, and the edits that operate on it."""

from .attention import DiffAttention, HeadNorm, NormedAttention
from .config import DiffTransformer, NeedleDiff, NeedleSoftmax, SoftmaxTransformer, attention_flops, halved
from .edits import HeadNormOff, SetLambda
from .lambdas import Exponential, Frozen, Scalar, lambda_init
from .second import DiffAttentionV2
from .smear import answer_logits, logits_at

__all__ = [
    "DiffAttention",
    "DiffAttentionV2",
    "DiffTransformer",
    "Exponential",
    "Frozen",
    "HeadNorm",
    "HeadNormOff",
    "NeedleDiff",
    "NeedleSoftmax",
    "NormedAttention",
    "Scalar",
    "SetLambda",
    "SoftmaxTransformer",
    "answer_logits",
    "attention_flops",
    "halved",
    "lambda_init",
    "logits_at",
]
