"""Texts through a model: checked documents, batches of equal length, one pass.

Shapes: B documents of equal length, L tokens, V vocabulary. No padding anywhere, so a document's numbers do not
depend on its neighbours beyond rounding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from labkit.anatomy import anatomy_of, module_of
from labkit.base.errors import BadInput
from labkit.zoo.finite import tell_not_finite

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Batch", "batches", "checked_documents", "forward", "outputs_per_token", "text_hash"]

MOST_TOKENS = 4096  # in one batch
MOST_LOGITS = 1 << 24  # numbers in one batch of logits: 64 MB of float32


@dataclass(frozen=True)
class Batch:
    """Documents of one length, ids [B, L], and where each stands in the caller's list."""

    ids_BL: Tensor
    index: tuple[int, ...]


def checked_documents(model: ModelLike, documents: Sequence, shortest: int = 2) -> list[Tensor]:
    """Return each document as a 1-D LongTensor; text is encoded when `model` is a handle with a tokenizer.

    Raises `BadInput` for no documents, for one shorter than `shortest` tokens, for ids outside the vocabulary.
    """
    if isinstance(documents, str) or not len(documents):
        raise BadInput(
            "One text was given where a list of documents belongs."
            if isinstance(documents, str)
            else "There are no documents to measure on.",
            expected="a list of documents, each a list of token ids",
        )
    vocabulary = module_of(model).get_input_embeddings().weight.shape[0]
    checked = []
    for number, document in enumerate(documents):
        ids = _as_ids(model, document, number)
        if len(ids) < shortest:
            raise BadInput(
                f"Document {number} has {len(ids)} tokens.",
                expected=f"at least {shortest}: the first token is read, never scored",
                do="leave short documents out, or join them",
            )
        if int(ids.min()) < 0 or int(ids.max()) >= vocabulary:
            raise BadInput(
                f"Document {number} holds token ids from {int(ids.min())} to {int(ids.max())}.",
                expected=f"ids from 0 to {vocabulary - 1}",
                do="encode the text with this model's own tokenizer",
            )
        checked.append(ids)
    return checked


def batches(model: ModelLike, documents: Sequence[Tensor], *, states: bool = False) -> list[Batch]:
    """Group documents of equal length, in batches whose logits stay small.

    states: whether last states will do where a model has no head; otherwise such a model raises `BadInput`.
    """
    module = module_of(model)
    if module.get_output_embeddings() is None and not states:
        raise BadInput(
            f"A {type(module).__name__} predicts no next token.",
            expected="a model that continues a text",
            do="ask an encoder how far its embeddings turn: sweep(..., measure=TurnMeasure())",
        )
    outputs = outputs_per_token(module)
    device = next(module.parameters()).device
    by_length: dict[int, list[int]] = {}
    for number, ids in enumerate(documents):
        by_length.setdefault(len(ids), []).append(number)
    grouped = []
    for length, numbers in by_length.items():
        rows = max(1, min(MOST_TOKENS, MOST_LOGITS // outputs) // length)
        for start in range(0, len(numbers), rows):
            index = tuple(numbers[start : start + rows])
            grouped.append(Batch(torch.stack([documents[i] for i in index]).to(device), index))
    return grouped


def outputs_per_token(module: nn.Module) -> int:
    """Return how many numbers `forward` gives for each token: the vocabulary, or an encoder's width."""
    head = module.get_output_embeddings()
    return module.get_input_embeddings().weight.shape[1] if head is None else head.weight.shape[0]


def forward(module: nn.Module, ids_BL: Tensor) -> Tensor:
    """Return the logits [B, L, V] in float32, of an encoder without a head its last states [B, L, D].

    Raises `BadInput` where the text does not fit the model.
    """
    longest, length = _longest(module), ids_BL.shape[1]
    if longest is not None and length > longest:  # told here: a GPU does not survive a look after the end of a table
        raise _too_long(length, f"its table of positions has {longest}")
    try:
        output = module(input_ids=ids_BL, use_cache=False)
    except IndexError as error:
        raise _too_long(length, str(error)) from error
    tell_not_finite(module, ids_BL, output)
    return (output.logits if hasattr(output, "logits") else output.last_hidden_state).float()


def _longest(module: nn.Module) -> int | None:
    try:
        return anatomy_of(module).longest
    except BadInput:  # a family that anatomy does not know can be measured all the same
        return None


def _too_long(length: int, why: str) -> BadInput:
    return BadInput(
        f"The model could not read a document of {length} tokens ({why}).",
        expected="documents no longer than the model's context",
        do="cut the documents into shorter ones",
    )


def text_hash(documents: Sequence[Tensor]) -> str:
    """Return a short name for exactly these documents in this order."""
    digest = hashlib.sha256()
    for ids in documents:
        digest.update(",".join(map(str, ids.tolist())).encode() + b";")
    return digest.hexdigest()[:16]


def _as_ids(model: ModelLike, document: Any, number: int) -> Tensor:
    if isinstance(document, str):
        if not hasattr(model, "encode"):
            raise BadInput(
                f"Document {number} is text, and a bare model has no tokenizer.",
                expected="token ids",
                do="pass the handle that labkit.load returned, or encode the text first",
            )
        document = model.encode(document)
    ids = torch.as_tensor(document)
    if ids.dim() != 1 or (len(ids) and (ids.is_floating_point() or ids.dtype == torch.bool)):
        raise BadInput(
            f"Document {number} has shape {list(ids.shape)} and type {ids.dtype}.",
            expected="whole numbers in one row: the token ids of one document",
        )
    return ids.to(device="cpu", dtype=torch.long)
