"""What the address map is asked and what it answers, as values, and what every part of a model is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["PIECES", "ROLES", "PlaceData", "PlaceState", "Role"]

# How much of a weight is meant: the words shown, and how it is kept in a state.
PIECES = {"all of it": "all", "one row": "row", "one column": "column", "one number": "number"}


class Role(NamedTuple):
    """What a part reads and writes; out, into: what one row and one column of it stand for ({} is the place)."""

    name: str
    reads: str
    writes: str
    out: str
    into: str = ""


_NORMED = "channel {} of the stream, normed"
ROLES = {
    "embed": Role(
        "the embedding", "which token stands there", "the stream's first values", "token {}", "channel {} of the stream"
    ),
    "positions": Role(
        "the table of positions", "where a token stands", "to the stream", "position {}", "channel {} of the stream"
    ),
    "embed_norm": Role("the norm after the embedding", "the embedding", "the stream's first values", "channel {}"),
    "attn_norm": Role("the norm before the attention", "the stream", "to the attention's q, k and v", "channel {}"),
    "attn.q": Role("the queries' matrix", "the normed stream", "what a token looks for", "query number {}", _NORMED),
    "attn.k": Role("the keys' matrix", "the normed stream", "what a token is found by", "key number {}", _NORMED),
    "attn.v": Role("the values' matrix", "the normed stream", "what a token hands over", "value number {}", _NORMED),
    "attn.q_norm": Role("the queries' norm", "the queries", "to the comparison with the keys", "number {} of a head"),
    "attn.k_norm": Role("the keys' norm", "the keys", "to the comparison with the queries", "number {} of a head"),
    "attn.o": Role(
        "the attention's output matrix", "what the heads fetched", "to the stream", "channel {} of the stream",
        "number {} of what the heads fetched",
    ),
    "attn_post_norm": Role("the norm after the attention", "the attention's output", "to the stream", "channel {}"),
    "mlp_norm": Role("the norm before the MLP", "the stream", "to the MLP", "channel {}"),
    "mlp.gate": Role("the MLP's gate", "the normed stream", "how far each neuron opens", "neuron {}", _NORMED),
    "mlp.up": Role("the MLP's up projection", "the normed stream", "to the MLP's neurons", "neuron {}", _NORMED),
    "mlp.down": Role(
        "the MLP's down projection", "the MLP's neurons", "to the stream", "channel {} of the stream", "neuron {}"
    ),
    "mlp_post_norm": Role("the norm after the MLP", "the MLP's output", "to the stream", "channel {}"),
    "final_norm": Role("the last norm", "the stream", "to the head", "channel {}"),
    "head": Role("the head", "the stream, normed", "a score for every token", "token {}", _NORMED),
}  # fmt: skip


@dataclass(frozen=True)
class PlaceState:
    """Which part, of which layer (the ends of a model have none), and how much of it."""

    part: str = "mlp.down"
    layer: int = 0
    piece: str = "all"


@dataclass(frozen=True)
class PlaceData:
    """One place: its address, the shape [out, in] of the whole weight, how many numbers are meant, their share of all.

    at: the row and column meant, None where all are. value: of one number. shared: other names of the same weight.
    around: (address, shape, numbers) of every weight of the layer, or of the ends.
    """

    address: str
    part: str
    shape: tuple[int, ...]
    at: tuple[int | None, ...]
    numbers: int
    share: float
    depth: int
    value: float | None
    shared: tuple[str, ...]
    around: tuple[tuple[str, tuple[int, ...], int], ...]
