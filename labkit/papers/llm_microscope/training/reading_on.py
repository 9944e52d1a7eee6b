"""Reading on: lab/deep goes on, by next-token loss alone, with long documents as they are or stripped by a rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from labkit import world
from labkit.models import Decoder, next_token_loss
from labkit.training import Fit, Fitted, fit
from labkit.zoo import load

from ..task.passages import body_of, training_passage
from .readers import SUBJECT

__all__ = ["ARMS", "REMOVAL_FIT", "REMOVAL_SEED", "SHORT", "removal_loss", "train_removal"]

CONTROL = "content words as many as punctuation"
ARMS = ("full", "punctuation", "stop words", CONTROL)  # what was taken out of the texts it went on reading
REMOVAL_BATCH, REMOVAL_SEED = 8, 3000
REMOVAL_FIT = Fit(steps=24, lr=1e-3, warmup=3, weight_decay=0.01, last_lr=0.02)
SHORT = replace(REMOVAL_FIT, steps=20, warmup=2)  # what a reader trains in the lesson, in seconds


def removal_loss(arm: str, seed: int) -> Callable[[Decoder, int], Tensor]:
    """Return the plain next-token loss over long documents whose body is stripped as the arm says."""
    begin = world.tokenizer().bos

    def loss_at(model: Decoder, step: int) -> Tensor:
        made = [training_passage(step * REMOVAL_BATCH + row, REMOVAL_SEED + seed) for row in range(REMOVAL_BATCH)]
        bodies = [one.body if arm == "full" else body_of(one, arm, step * 1000 + row) for row, one in enumerate(made)]
        rows = [torch.tensor([begin, *body, *one.tail]) for body, one in zip(bodies, made)]
        ids_BL = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)
        # what fills a row up stands after it: nobody reads it
        return next_token_loss(model(ids_BL.clamp_min(0)).logits, ids_BL)

    return loss_at


def train_removal(arm: str, *, seed: int, settings: Fit = REMOVAL_FIT) -> tuple[Decoder, Fitted]:
    """Return lab/deep after it went on reading documents stripped as the arm says; `seed` draws the documents."""
    model = load(SUBJECT).model.train().requires_grad_(True)
    return model, fit(model, removal_loss(arm, seed), settings)
