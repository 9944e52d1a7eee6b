"""The logit lens: what the head would say at each level, and what the true next token costs there.

p_i^l = softmax(head(norm(h_i^l))),  E_i^l = -log p_i^l[w_{i+1}]   (LLM-Microscope, eq. 6; nostalgebraist 2020)

The final norm stands between the trunk and the head, so a level that is to be read like the last needs it, once. The
released code leaves it out below the last level, where transformers has applied it already; its "loss" is that of the
arg-max token, which is a confidence.

Shapes: S levels, L tokens, V vocabulary, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.anatomy import anatomy_of, in_eval_mode, module_of, tokens
from labkit.base.errors import BadInput, unknown

from .states import states_of

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["SCALES", "Lens", "logit_lens", "rescale"]

SCALES = ("everything", "sentence", "token")


@dataclass(frozen=True)
class Lens:
    """What each level would say: every field is [S, L - 1], about the token after each one, but `top` [S, L, K].

    loss: nats of the true next token. confidence: -log p of the most likely one. rank: how many are more likely than
    the true one. kl: from the last level to this one, in nats. top: the K most likely tokens, the likeliest first.
    """

    loss: Tensor
    confidence: Tensor
    rank: Tensor
    kl: Tensor
    top: Tensor

    def error_curve(self) -> list[float]:
        """Return the mean loss of the true next token at each level, in nats."""
        return self.loss.mean(1).tolist()

    def first_right(self) -> list[int | None]:
        """Return for each token the first level from which on the true next token stays the most likely one."""
        right_SL = self.rank == 0
        found: list[int | None] = []
        for column in right_SL.T.tolist():
            wrong = [level for level, one in enumerate(column) if not one]
            start = wrong[-1] + 1 if wrong else 0
            found.append(start if start < len(column) else None)
        return found


def logit_lens(model: ModelLike, ids: Any, *, norm: bool = True, k: int = 1) -> Lens:
    """Return the lens over one text of token ids [L]; `norm` False skips the final norm except at the last level.

    k: how many of the most likely tokens are kept. Raises `BadInput` for a text of one token, which has no next one,
    and for a model without a head.
    """
    ids_L = tokens(model, ids)[0]
    if len(ids_L) < 2:
        raise BadInput("A text of one token has no next token.", expected="at least two tokens", do="give more text")
    head = module_of(model).get_output_embeddings()
    if head is None:
        raise BadInput("This model has no head, so no lens.", expected="a model that predicts the next token")
    h_SLD, final = states_of(model, ids_L), anatomy_of(model).final_norm

    config = getattr(module_of(model), "config", None)
    cap = getattr(config, "final_logit_softcapping", None)  # Gemma 2 bends its logits

    def read(module: nn.Module) -> list[Tensor]:
        levels = [final(h_LD) if norm else h_LD for h_LD in h_SLD[:-1]]
        logits = [head(h_LD).float() for h_LD in (*levels, final(h_SLD[-1]))]
        return [F.log_softmax(cap * torch.tanh(one / cap) if cap else one, dim=-1) for one in logits]

    logp_SLV = in_eval_mode(model, read)
    true = ids_L[1:, None]
    picked = [logp_LV[:-1].gather(-1, true) for logp_LV in logp_SLV]
    last = logp_SLV[-1][:-1]
    return Lens(
        loss=torch.stack([-p[:, 0] for p in picked]),
        confidence=torch.stack([-logp_LV[:-1].max(-1).values for logp_LV in logp_SLV]),
        rank=torch.stack([(logp_LV[:-1] > p).sum(-1) for logp_LV, p in zip(logp_SLV, picked)]),
        kl=torch.stack([(last.exp() * (last - logp_LV[:-1])).sum(-1) for logp_LV in logp_SLV]),
        top=torch.stack([logp_LV.topk(k).indices for logp_LV in logp_SLV]),
    )


def rescale(values_SL: Tensor, over: str = "everything") -> Tensor:
    """Return values stretched to 0 … 1 for a heat map: over everything, over each level's sentence, or over each token.

    A constant row becomes 0, not NaN.
    """
    if over not in SCALES:
        raise unknown("scale", over, SCALES)
    dims = {"everything": (0, 1), "sentence": (1,), "token": (0,)}[over]
    low, high = values_SL.amin(dims, keepdim=True), values_SL.amax(dims, keepdim=True)
    return torch.where(high > low, (values_SL - low) / (high - low).clamp_min(1e-300), torch.zeros_like(values_SL))
