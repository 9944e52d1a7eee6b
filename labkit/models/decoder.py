"""Decoder: token ends around a trunk, called as a causal language model of transformers is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.base.errors import BadInput

from .state import Cache, State, causal_mask, segment_positions

if TYPE_CHECKING:
    from .config import DecoderConfig

__all__ = ["Decoder", "Output", "next_token_loss"]


@dataclass
class Output:
    """What a call returns: logits [B, L, V]; loss when labels were given; the cache when one is in use."""

    logits: Tensor
    loss: Tensor | None = None
    past_key_values: Cache | None = None


class Decoder(nn.Module):
    """A causal language model: embed, trunk, norm, head.

    Make one with `config.build(seed)`. `embed`, `trunk.blocks`, `norm` and `head` are plain modules, and a pass is
    `finish(trunk(begin(input_ids)))`, so that any part of it can be run, kept or replaced on its own.
    """

    def __init__(self, config: DecoderConfig):
        super().__init__()
        self.config = config
        # Its first values are set later; drawing them here, on the meta device, would import torch's compiler.
        unset_VD = torch.empty(config.vocab, config.width)
        self.embed = nn.Embedding(config.vocab, config.width, _weight=unset_VD)
        self.trunk = config.trunk()
        self.norm = config.final_norm()
        self.head = nn.Linear(config.width, config.vocab, bias=False)
        self._tie()

    def begin(
        self,
        input_ids: Tensor,
        *,
        attention_mask: Tensor | None = None,
        segments: Tensor | None = None,
        cache: Cache | None = None,
    ) -> State:
        """Return the State in front of the first block: embeddings, positions and who may read whom."""
        past = 0 if cache is None else cache.length
        self._check(input_ids, past)
        length, device = input_ids.shape[1], input_ids.device
        positions = torch.arange(past, past + length, device=device)[None]
        if segments is not None:
            positions = segment_positions(segments)
        try:
            stream = self.embed(input_ids)
        except IndexError:
            raise BadInput(
                f"A token id lies outside the vocabulary ({int(input_ids.min())} to {int(input_ids.max())}).",
                expected=f"ids from 0 to {self.config.vocab - 1}",
                do="encode the text with the model's own tokenizer",
            ) from None
        mask = causal_mask(length, past, device, attention_mask, segments)
        return State(stream=stream, positions=positions, mask=mask, cache=cache)

    def finish(self, state: State) -> Tensor:
        """Return the logits [B, L, V] of a State that left the trunk."""
        return self.head(self.norm(state.stream))

    def forward(
        self,
        input_ids: Tensor,
        past_key_values: Cache | None = None,
        use_cache: bool = False,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        segments: Tensor | None = None,
    ) -> Output:
        """Return the `Output` for token ids [B, L].

        attention_mask [B, cached + L] is 0 on padding. segments [B, L] numbers the documents of a packed row:
        none reads another and positions restart with each. labels [B, L] are the ids themselves; position t is
        scored on label t + 1, within its document, and -100 is left out.
        """
        cache = Cache() if use_cache and past_key_values is None else past_key_values
        state = self.begin(input_ids, attention_mask=attention_mask, segments=segments, cache=cache)
        logits = self.finish(self.trunk(state))
        if cache is not None:
            cache.length += input_ids.shape[1]
        loss = None if labels is None else next_token_loss(logits, labels, segments)
        return Output(logits=logits, loss=loss, past_key_values=cache)

    def generate(self, input_ids: Tensor, max_new_tokens: int, **options) -> Tensor:
        """Continue token ids [B, L]; see `labkit.models.generate`."""
        from .generation import generate

        return generate(self, input_ids, max_new_tokens, **options)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embed.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the weights."""
        return self.embed.weight.dtype

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding, under the name transformers uses."""
        return self.embed

    def get_output_embeddings(self) -> nn.Module:
        """Return the head, under the name transformers uses."""
        return self.head

    def _check(self, input_ids: Tensor, past: int) -> None:
        if input_ids.dim() != 2 or input_ids.shape[1] == 0 or input_ids.is_floating_point():
            raise BadInput(
                f"input_ids has shape {list(input_ids.shape)} and type {input_ids.dtype}.",
                expected="whole numbers of shape [batch, length], at least one token long",
            )
        if past + input_ids.shape[1] > self.config.context:
            raise BadInput(
                f"The text is {past + input_ids.shape[1]} tokens long.",
                expected=f"at most {self.config.context}, the context of this model",
                do="shorten it",
            )

    def _tie(self) -> None:
        if self.config.tie:
            self.head.weight = self.embed.weight

    def _apply(self, fn: Callable, recurse: bool = True) -> Decoder:
        # Moving off the meta device makes new parameters one by one, which would part the tied pair.
        super()._apply(fn, recurse)
        self._tie()
        return self


def next_token_loss(logits_BLV: Tensor, labels_BL: Tensor, segments_BL: Tensor | None = None) -> Tensor:
    """Return the mean cross-entropy in nats a token at each next token of the same document; label -100 is left out."""
    targets = labels_BL[:, 1:]
    if segments_BL is not None:
        targets = targets.masked_fill(segments_BL[:, 1:] != segments_BL[:, :-1], -100)
    return F.cross_entropy(logits_BLV[:, :-1].flatten(0, 1).float(), targets.flatten(), ignore_index=-100)
