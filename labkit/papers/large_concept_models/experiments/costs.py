"""What a sentence costs: encoder, concept model and decoder against a token model, counted and not timed."""

from __future__ import annotations

from dataclasses import dataclass

from labkit.base.errors import BadInput
from labkit.panels.tables import Table

__all__ = ["Cost", "cost_of", "crossover"]


@dataclass(frozen=True)
class Cost:
    """Multiply-adds to read a context of sentences and write one more, in the two ways of doing it.

    parts: of the concept model, by what they are spent on; `token` is the token model's. All from weights × positions
    plus attention, a cache assumed in both.
    """

    sentences: int
    pieces: float
    parts: dict[str, float]
    token: float

    @property
    def concept(self) -> float:
        """The concept model's total."""
        return sum(self.parts.values())

    @property
    def ratio(self) -> float:
        """The concept model's cost over the token model's."""
        return self.concept / self.token

    def table(self) -> Table:
        """Return one row a part."""
        rows = [*self.parts.items(), ("concept model, all", self.concept), ("token model", self.token)]
        title = f"One sentence after {self.sentences}, {self.pieces:g} pieces each"
        return Table(title, ["part", "multiply-adds"], [(name, f"{cost:.3g}") for name, cost in rows])


def cost_of(
    *,
    sentences: int,
    pieces: float,
    encoder: float,
    context: float,
    denoiser: float,
    decoder: float,
    token: float,
    token_width: int,
    token_depth: int,
    steps: int = 40,
    branches: int = 2,
) -> Cost:
    """Return the cost of writing one sentence after `sentences` others of `pieces` pieces, these read first.

    encoder, context, denoiser, decoder, token: weights that each position passes through. branches: 2 with guidance.
    The token model's attention is over all pieces, 2 · width · (pieces read) a layer and piece.
    """
    if sentences < 1 or pieces <= 0 or steps < 1:
        raise BadInput(f"{sentences} sentences, {pieces} pieces, {steps} steps.", expected="all at least 1")
    read, written = sentences * pieces, pieces
    parts = {
        "encoder": encoder * read,
        "contextualizer": context * sentences,
        "denoiser": denoiser * steps * branches,
        "decoder": decoder * written,
    }
    attention = 2 * token_width * token_depth * ((read + written) ** 2 / 2)
    return Cost(sentences, pieces, parts, token * (read + written) + attention)


def crossover(limit: int = 4096, **sizes: float) -> int | None:
    """Return the fewest sentences of context from which on the concept model is cheaper; None up to `limit`."""
    return next((n for n in range(1, limit + 1) if cost_of(sentences=n, **sizes).ratio < 1), None)
