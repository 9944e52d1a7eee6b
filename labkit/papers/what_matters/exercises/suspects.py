"""Whom the judge of exercise 02.4 is shown: functions that score a cut model rightly, and clever impostors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Rescore", "impostors", "innocents", "rescored", "rescored_as_released", "small_models"]

Rescore = Callable[[Any, Sequence, Sequence[int]], list[float]]


def rescored(model: ModelLike, documents: Sequence, gone: Sequence[int]) -> list[float]:
    """Return the score of every attention in the model without those in `gone`, whose own score is 0."""
    from labkit.interventions import DropAttention, edit

    with edit(model, *map(DropAttention, gone)):
        return _attentions(model, documents)


def rescored_as_released(model: ModelLike, documents: Sequence, gone: Sequence[int]) -> list[float]:
    """Do it as the authors' released iterative mode does: a block with a dropped attention is passed over as a whole,
    its MLP too, before the parts after it are scored."""
    from labkit.interventions import DropBlock, edit

    with edit(model, *map(DropBlock, gone)):
        return _attentions(model, documents)


def innocents() -> Iterator[Rescore]:
    """Yield functions that do what they say, in two ways that differ in the last digits."""
    yield _sealed(rescored)
    yield _sealed(_text_by_text)


def impostors(depth: int) -> Iterator[tuple[str, Rescore]]:
    """Yield (what passes if this one does, function), for a model of `depth` blocks."""
    yield "never", _sealed(lambda model, documents, gone: rescored(model, documents, ()))
    yield "released", _sealed(rescored_as_released)
    for layer in range(depth):
        yield "one layer", _sealed(_off_at(layer))
    yield "only the first", _sealed(lambda model, documents, gone: rescored(model, documents, gone[:1]))
    yield "never intact", _sealed(lambda model, documents, gone: rescored(model, documents, gone or (1,)))


def small_models() -> Iterator[tuple[Any, list[Any]]]:
    """Yield random models of four to six blocks that write much, each with texts for it."""
    import torch

    from labkit.models import DecoderConfig

    for depth in (4, 5, 6):
        config = DecoderConfig(vocab=23, width=16, depth=depth, heads=2, ffn=24, context=16, init_std=0.3)
        generator = torch.Generator().manual_seed(depth)
        yield config.build(seed=depth).eval(), list(torch.randint(23, (3, 12), generator=generator))


def _attentions(model: ModelLike, documents: Sequence) -> list[float]:
    from ..method.metrics import Cosine

    return [one.value for one in Cosine()(model, documents).attention]


def _text_by_text(model: ModelLike, documents: Sequence, gone: Sequence[int]) -> list[float]:
    rows = [rescored(model, [text], gone) for text in documents]
    lengths = [len(text) for text in documents]
    return [sum(n * x for n, x in zip(lengths, column)) / sum(lengths) + 1e-9 for column in zip(*rows)]


def _off_at(layer: int) -> Rescore:
    """Return a function whose score of one layer, or of the next that is left, is a twentieth too high."""

    def off(model: ModelLike, documents: Sequence, gone: Sequence[int]) -> list[float]:
        scores = rescored(model, documents, gone)
        order = [(layer + step) % len(scores) for step in range(len(scores))]
        place = next(one for one in order if one not in gone)
        return [score * 1.05 if one == place else score for one, score in enumerate(scores)]

    return off


def _sealed(function: Rescore) -> Rescore:
    """Return the function under one name and one source, so that only what it does tells it from another."""

    def rescore(model: ModelLike, texts: Sequence, gone: Sequence[int]) -> list[float]:
        return function(model, texts, tuple(gone))

    return rescore
