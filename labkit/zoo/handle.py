"""Handle: a model with the tokenizer and the card that belong to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from labkit import models
from labkit.base.errors import BadInput
from labkit.base.locks import lock_of

__all__ = ["Handle", "ModelLike", "module_of"]


@dataclass(frozen=True, eq=False)
class Handle:
    """One kind of handle for every model: ours, a hub model, a local folder.

    name: what was asked for. model: the module, in evaluation mode and float32. tokenizer: its own.
    card: what is known about it (for shipped models: recipe, seed, numbers with intervals, known defects).
    """

    name: str
    model: nn.Module
    tokenizer: Any
    card: dict[str, Any] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        where = "" if self.device.type == "cpu" else f", on {self.device}"
        return f"Handle({self.name!r}, {self.parameters:,} parameters{where})"

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def parameters(self) -> int:
        """The number of weights, a shared one counted once."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def ours(self) -> bool:
        """Whether this is one of the course's own decoders, which read the world's pieces."""
        return isinstance(self.model, models.Decoder)

    @property
    def end(self) -> int | None:
        """The token that ends a text, if there is one."""
        return self.tokenizer.eos if self.ours else self.tokenizer.eos_token_id

    @property
    def context(self) -> int | None:
        """How many tokens a text may have: of our models, and of those that look positions up in a table."""
        if isinstance(self.model, models.Decoder):
            return self.model.config.context
        tables = ("wpe", "embed_positions")
        named = self.model.named_modules()
        return next(
            (m.num_embeddings for name, m in named if name.endswith(tables) and isinstance(m, nn.Embedding)), None
        )

    def encode(self, text: str) -> Tensor:
        """Return the token ids [L] of a text as the model reads them: with its begin, on its device."""
        if not isinstance(text, str):
            raise BadInput(f"{text!r} of type {type(text).__name__} is no text.", expected="a string")
        if not text.strip():
            raise BadInput("The text is empty.", expected="at least one word")
        ids = [self.tokenizer.bos, *self.tokenizer.encode(text)] if self.ours else self.tokenizer(text)["input_ids"]
        return torch.tensor(ids, dtype=torch.long, device=self.device)

    def encode_batch(self, texts: Sequence[str]) -> list[Tensor]:
        """Return the token ids of each text."""
        if isinstance(texts, str):
            raise BadInput(
                "One text was given where several belong.", expected="a list of texts", do="use encode(text)"
            )
        return [self.encode(text) for text in texts]

    def encode_documents(self, texts: Sequence[str]) -> list[Tensor]:
        """Return whole documents: as `encode_batch`, and for our models with the end, which is predicted too."""
        made = self.encode_batch(texts)
        return [torch.cat((ids, ids.new_tensor([self.end]))) for ids in made] if self.ours else made

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """Return the text of token ids, begin and end left out."""
        ids = [int(i) for i in ids]
        return self.tokenizer.decode(ids) if self.ours else self.tokenizer.decode(ids, skip_special_tokens=True)

    def pieces(self, ids: Iterable[int] | Tensor) -> list[str]:
        """Return each token as readable text, for the axes of pictures."""
        ids = [int(i) for i in ids]
        return self.tokenizer.pieces(ids) if self.ours else [self.tokenizer.decode([i]) for i in ids]

    def generate(self, text: str, max_new_tokens: int = 40, *, temperature: float = 0.0, seed: int = 0) -> str:
        """Return `text` continued by up to `max_new_tokens` tokens, or to the end the model gives it.

        Waits while another thread edits or measures the model.
        """
        generator = torch.Generator().manual_seed(seed) if temperature > 0 else None
        ids = self.encode(text)[None]
        with lock_of(self.model):  # from the first token to the last it is one model
            ids = models.generate(
                self.model,
                ids,
                max_new_tokens,
                temperature=temperature,
                generator=generator,
                stop=() if self.end is None else self.end,
                context=self.context,
            )
        return self.decode(ids[0])


ModelLike: TypeAlias = Handle | nn.Module  # what every function that takes a model takes


def module_of(model: ModelLike) -> nn.Module:
    """Return the module of a handle, or the module itself; raise `BadInput` for anything else."""
    module = model.model if isinstance(model, Handle) else model
    if isinstance(module, nn.Module):
        first = next(module.parameters(), None)
        if first is not None and first.is_meta and any(hasattr(part, "_hf_hook") for part in module.modules()):
            raise BadInput(
                "The model is offloaded: its weights are moved in at each call.",
                expected="a model whose weights stay in memory",
                do="load it whole, without device_map, or a smaller one",
            )
        return module
    raise BadInput(
        f"{model!r} of type {type(model).__name__} is no model.",
        expected="what labkit.load(name) returns, or a torch module",
        do=f"labkit.load({model!r})" if isinstance(model, str) else None,
    )
