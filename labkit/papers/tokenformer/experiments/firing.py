"""Which parameter tokens answer to your sentence: one layer, every data token.

Shapes: L pieces of the text, n parameter tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.base.errors import unknown

from ..method import effective_number, pattention_layers, usage

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["TokenFiring", "token_firing"]


@dataclass(frozen=True)
class TokenFiring:
    """How much each of n parameter tokens gives to every piece of a text, in one layer.

    amounts: Θ(X Kᵀ), one tuple of n numbers for each piece. old: tokens there before growth (all, if unknown).
    effective: how many tokens share the work for each piece, from 1 to n.
    """

    layer: str
    pieces: tuple[str, ...]
    amounts: tuple[tuple[float, ...], ...]
    effective: tuple[float, ...]
    old: int

    @property
    def tokens(self) -> int:
        """n."""
        return len(self.amounts[0])

    @property
    def active(self) -> float:
        """The share of amounts above a tenth of the largest of their piece."""
        shares = [sum(a > max(row) / 10 for a in row) / len(row) for row in self.amounts]
        return sum(shares) / len(shares)

    @property
    def new_share(self) -> float:
        """The share of all squared amounts that new tokens have."""
        squares = [[a * a for a in row] for row in self.amounts]
        return sum(sum(row[self.old :]) for row in squares) / sum(map(sum, squares))

    def top(self, piece: int, n: int = 3) -> tuple[int, ...]:
        """Return the numbers of the n tokens that give most to one piece."""
        row = self.amounts[piece]
        return tuple(sorted(range(len(row)), key=lambda token: -row[token])[:n])

    def readers(self, token: int, n: int = 3) -> tuple[str, ...]:
        """Return the pieces to which one token gives most, each word once."""
        order = sorted(range(len(self.pieces)), key=lambda piece: -self.amounts[piece][token])
        return tuple(dict.fromkeys(self.pieces[piece] for piece in order))[:n]

    def table(self) -> str:
        """Return one line for each piece: its three strongest tokens, and how many share the work."""
        lines = [f"{'piece':<14}{'strongest tokens':<22}{'share the work':>14}"]
        for number, piece in enumerate(self.pieces):
            top = ", ".join(f"{token}{'*' if token >= self.old else ''}" for token in self.top(number))
            lines.append(f"{piece:<14}{top:<22}{self.effective[number]:>14.1f}")
        return "\n".join(lines)


def token_firing(model: ModelLike, text: str, layer: str = "layers.1.mlp", *, old: int | None = None) -> TokenFiring:
    """Read `text` with a TokenFormer (a handle of `labkit.load`) and return what one layer's tokens do.

    old: how many of the layer's tokens were there before growth. Raises `UnknownName` for a layer, `BadInput` for a
    text without words or with words the model never saw.
    """
    if layer not in (layers := pattention_layers(model.model)):
        raise unknown("layer", layer, layers)
    ids_L = model.encode(text)[: model.model.config.context]
    found = usage(model.model, ids_L[None])[layer]
    return TokenFiring(
        layer=layer,
        pieces=tuple(model.pieces(ids_L)[1:]),
        amounts=tuple(tuple(row) for row in found[0, 1:].tolist()),
        effective=tuple(effective_number(found)[0, 1:].tolist()),
        old=layers[layer].tokens if old is None else old,
    )
