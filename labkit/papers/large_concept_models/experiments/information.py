"""The token model at work: it writes stories of its own, and judges what a sentence has to do with its context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.models.generation import generate

from .. import task
from ..training import story_pieces
from .quality import Quality, judge_pieces

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["mutual_information", "token_quality"]


@torch.no_grad()
def token_quality(
    model: ModelLike, events: task.Sentences, *, draws: int = 16, seed: int = 0, name: str = "token model"
) -> Quality:
    """Return the quality of what the token model writes after events, one piece after the other, at temperature 1."""
    ids_BL = story_pieces(events.repeat(draws))
    end, g = task.tokenizer().eos, torch.Generator().manual_seed(seed)
    written_BL = generate(model, ids_BL, task.LENGTH, temperature=1.0, generator=g, stop=end)[:, ids_BL.shape[1] :]
    written_BL = F.pad(written_BL, (0, task.LENGTH - written_BL.shape[1]), value=end)
    ended_BL = (written_BL == end).long()
    pieces_BL = written_BL.masked_fill(ended_BL.cumsum(1) - ended_BL > 0, task.PAD)
    return judge_pieces(events, pieces_BL.view(len(events), draws, -1), name)


@torch.no_grad()
def mutual_information(judge: Any, events: task.Sentences, pieces_EML: Tensor) -> list[float]:
    """Return per event the mean of log p(sentence | event) − log p(sentence), in nats a piece, as a judge has it.

    The paper's MI with GPT-2 for a judge and ten sentences of context; ours is a token model trained on the same
    stories, some of which begin with the second sentence.
    """
    e, m, length = pieces_EML.shape
    said_BL = pieces_EML.reshape(e * m, length)
    before_BW = story_pieces(events.repeat(m))
    given_B = _log_p(judge, torch.cat([before_BW, said_BL], dim=1), before_BW.shape[1])
    alone_B = _log_p(judge, torch.cat([before_BW[:, :1], said_BL], dim=1), 1)
    count_B = (said_BL != task.PAD).sum(1)
    return ((given_B - alone_B) / count_B).view(e, m).mean(1).tolist()


def _log_p(judge: Any, ids_BL: Tensor, start: int) -> Tensor:
    """Return the log-probability of the pieces from `start` on [B]; PAD counts for nothing."""
    logits_BLV = judge(ids_BL.clamp(min=0)).logits[:, start - 1 : -1]
    wanted_BL = ids_BL[:, start:]
    loss_BL = F.cross_entropy(logits_BLV.transpose(1, 2), wanted_BL.clamp(min=0), reduction="none")
    return -(loss_BL * (wanted_BL != task.PAD)).sum(1)
