"""From scratch: small models that read nothing but days of the islands, whole or stripped, by next-token loss alone.

A model of the arm "punctuation" never meets a mark: not in training, and not where it is asked about stripped days.
The arms differ in the bodies alone: a seed's first values, its days and their order are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from labkit import world
from labkit.models import Decoder, DecoderConfig, next_token_loss
from labkit.training import Fit, Fitted, fit

from ..task.days import days
from ..task.passages import Passage, body_of

__all__ = ["SCRATCH_ARMS", "SCRATCH_FIT", "scratch_config", "scratch_loss", "train_scratch"]

SCRATCH_ARMS = ("full", "punctuation")
# Looked at on seeds 100 to 102, on whole days of several makes: within 250 to 1,000 steps three models of eleven
# learned the answer at this rate, none of four did at half or twice of it.
SCRATCH_FIT = Fit(steps=500, lr=4e-3, warmup=50, last_lr=0.3)
SCRATCH_BATCH, SCRATCH_DAYS, SCRATCH_SEED = 32, 16_000, 4000


def scratch_config() -> DecoderConfig:
    """Return a shape that may learn in minutes who has the lantern: three blocks, 64 channels."""
    vocab = world.tokenizer().vocab_size
    return DecoderConfig(vocab=vocab, width=64, depth=3, heads=4, ffn=128, context=256, init_std=0.06)


@cache
def _days() -> list[Passage]:
    return days(SCRATCH_DAYS, SCRATCH_SEED)


def scratch_loss(arm: str, seed: int) -> Callable[[Decoder, int], Tensor]:
    """Return the plain next-token loss over days, question and answer included, stripped as the arm says."""
    begin, condition = world.tokenizer().bos, "intact" if arm == "full" else arm

    def loss_at(model: Decoder, step: int) -> Tensor:
        generator = torch.Generator().manual_seed(1_000_000 * seed + step)
        numbers = torch.randint(SCRATCH_DAYS, (SCRATCH_BATCH,), generator=generator).tolist()
        rows = []
        for row, one in enumerate(_days()[number] for number in numbers):
            rows.append(torch.tensor([begin, *body_of(one, condition, step * 1000 + row), *one.tail]))
        ids_BL = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)
        # what fills a row up stands after it: nobody reads it
        return next_token_loss(model(ids_BL.clamp_min(0)).logits, ids_BL)

    return loss_at


def train_scratch(arm: str, *, seed: int, settings: Fit = SCRATCH_FIT) -> tuple[Decoder, Fitted]:
    """Return a model that read the arm's days and nothing else; `seed` draws its first values and the days."""
    model = scratch_config().build(seed)
    return model, fit(model, scratch_loss(arm, seed), settings)
