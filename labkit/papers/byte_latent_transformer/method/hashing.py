"""Hash n-gram embeddings: what stood in the last three to eight bytes, added to each byte (section 3.2.1).

Shapes: B batch, L length, D width, N sizes of n-grams.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput

from ..task import BOS

__all__ = [
    "FrequentEmbedding",
    "FrequentNGrams",
    "HashedEmbedding",
    "collisions",
    "expected_collisions",
    "hash_ids",
]

PRIMES = (1_000_000_007, 5_915_587_277, 1_500_450_271, 3_267_000_013)  # the authors', one for each hash function


def hash_ids(
    ids_BL: Tensor, n: int, rows: int, *, prime: int = PRIMES[0], released: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the row of the table for the n bytes that end at each place [B, L], and where there are n bytes.

    RollPolyHash(g) = sum over j = 1..n of b_{i-j+1} a^{j-1}, modulo the rows, a being the prime; a gram does not reach
    over the begin of its document. `released`: as in the authors' code, where the newest byte has the highest power,
    numbers wrap at 64 bits, and missing bytes are zeros, so that every place has a gram.
    """
    padded = torch.cat((ids_BL.new_zeros(ids_BL.shape[0], n - 1), ids_BL), dim=1)
    grams_BLn = padded.unfold(1, n, 1)  # oldest byte first
    if released:
        powers = torch.tensor(prime, device=ids_BL.device) ** torch.arange(n, device=ids_BL.device)
        return (grams_BLn * powers).sum(-1) % rows, torch.ones_like(ids_BL, dtype=torch.bool)
    powers = torch.tensor([pow(prime, n - 1 - j, rows) for j in range(n)], device=ids_BL.device)
    return (grams_BLn * powers).sum(-1) % rows, whole(ids_BL, n)


def whole(ids_BL: Tensor, n: int) -> Tensor:
    """Return where the n bytes that end at a place lie in one document [B, L], its begin included."""
    places = torch.arange(ids_BL.shape[1], device=ids_BL.device).expand_as(ids_BL)
    begin_BL = torch.where(ids_BL == BOS, places, 0).cummax(dim=1).values
    return places - (n - 1) >= begin_BL


class HashedEmbedding(nn.Module):
    """e_i = (x_i + sum over tables of E[hash of the last n ids]) / (tables + 1); without sizes, a plain embedding.

    functions: hash functions, each with a table for every size. mean: divide by the tables and one, as the paper says
    and the authors' code does not.
    """

    def __init__(
        self,
        vocab: int,
        width: int,
        sizes: Sequence[int],
        rows: int,
        *,
        functions: int = 1,
        mean: bool = True,
        released: bool = False,
    ):
        super().__init__()
        if any(n < 2 for n in sizes) or (sizes and rows < 2):
            raise BadInput(f"n-grams of sizes {list(sizes)} in {rows} rows.", expected="sizes and rows from 2 up")
        if not 1 <= functions <= len(PRIMES):
            raise BadInput(f"{functions} hash functions were asked for.", expected=f"1 to {len(PRIMES)}")
        self.keys = [(n, prime) for prime in PRIMES[:functions] for n in sizes]
        self.sizes, self.rows, self.mean, self.released = tuple(sizes), rows, mean, released
        self.bytes = nn.Embedding(vocab, width)
        self.tables = nn.ModuleList(nn.Embedding(rows, width) for _ in self.keys)

    def forward(self, ids_BL: Tensor) -> Tensor:
        e_BLD = self.bytes(ids_BL)
        for (n, prime), table in zip(self.keys, self.tables):
            row_BL, there_BL = hash_ids(ids_BL, n, self.rows, prime=prime, released=self.released)
            e_BLD = e_BLD + table(row_BL) * there_BL[..., None]
        return e_BLD / (len(self.tables) + 1) if self.mean else e_BLD


class FrequentNGrams(nn.Module):
    """A table for the most frequent n-grams of a text instead of hashes: no collisions, and rare n-grams have no row.

    ids_BL: the text it counts in. most: how many n-grams get a row. What it returns is added to the bytes' embedding.
    """

    def __init__(self, ids_BL: Tensor, n: int, most: int, width: int):
        super().__init__()
        self.n = n
        self.register_buffer("known", ids_BL.unique())
        if not 1 <= n <= 63 / math.log2(len(self.known) + 1):
            raise BadInput(
                f"n-grams of {n} ids of {len(self.known)} kinds do not fit 63 bits.", expected="from 1 to fewer ids"
            )
        grams, counts = torch.unique(self.keys(ids_BL)[whole(ids_BL, n)], return_counts=True)
        kept = grams[counts.argsort(descending=True, stable=True)[:most]].sort().values
        self.register_buffer("grams", kept)
        self.table = nn.Embedding(len(kept), width)

    def keys(self, ids_BL: Tensor) -> Tensor:
        """Return one number for the n ids that end at each place [B, L], different for different n-grams of the text.

        Ids that are not in the text are all 0: an n-gram with one of them is none that was counted.
        """
        at_BL = torch.searchsorted(self.known, ids_BL.contiguous()).clamp(max=len(self.known) - 1)
        digits_BL = torch.where(self.known[at_BL] == ids_BL, at_BL + 1, 0)
        padded = torch.cat((digits_BL.new_zeros(digits_BL.shape[0], self.n - 1), digits_BL), dim=1)
        powers = (len(self.known) + 1) ** torch.arange(self.n, device=ids_BL.device)
        return (padded.unfold(1, self.n, 1) * powers).sum(-1)

    def forward(self, ids_BL: Tensor) -> Tensor:
        keys_BL = self.keys(ids_BL)
        row_BL = torch.searchsorted(self.grams, keys_BL).clamp(max=len(self.grams) - 1)
        return self.table(row_BL) * (self.grams[row_BL] == keys_BL)[..., None]


class FrequentEmbedding(nn.Module):
    """`HashedEmbedding` with tables of the most frequent n-grams of a text: as many rows, divided as there.

    For an n-gram without a row the paper takes the encoder's state; ours adds nothing.
    """

    def __init__(self, vocab: int, width: int, sizes: Sequence[int], rows: int, ids_BL: Tensor):
        super().__init__()
        self.bytes = nn.Embedding(vocab, width)
        self.tables = nn.ModuleList(FrequentNGrams(ids_BL, n, rows, width) for n in sizes)

    def forward(self, ids_BL: Tensor) -> Tensor:
        return sum((table(ids_BL) for table in self.tables), self.bytes(ids_BL)) / (len(self.tables) + 1)


def collisions(ids_BL: Tensor, n: int, rows: int) -> tuple[float, int]:
    """Return the share of the distinct n-grams of a text that share their row with another, and how many there are."""
    row_BL, there_BL = hash_ids(ids_BL, n, rows)
    grams = torch.cat((ids_BL.new_zeros(ids_BL.shape[0], n - 1), ids_BL), dim=1).unfold(1, n, 1)[there_BL]
    grams, where = torch.unique(grams, dim=0, return_inverse=True)
    row = torch.zeros(len(grams), dtype=torch.long).scatter_(0, where, row_BL[there_BL])
    return float((torch.bincount(row, minlength=rows)[row] > 1).double().mean()), len(grams)


def expected_collisions(grams: int, rows: int) -> float:
    """Return the share that would collide if every distinct n-gram fell on a row by chance: 1 - (1 - 1/M)^(U-1)."""
    return 1 - (1 - 1 / rows) ** (grams - 1)
