"""Quant-LCM: a concept as the sum of K entries, one from each of K codebooks, predicted one after the other.

Residual vector quantisation: the first book is fitted to the concepts, the second to what the first leaves over, and so
on; x ≈ c_1 + … + c_K. The model reads the context and the sum so far, and answers for the next book: which entry
(Quant-d), or the whole concept, whose distance to the entries then decides (Quant-c). Section 2.3.5.
Shapes: B rows, C numbers, K books, U units in a book.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.base.errors import BadInput

from .codec import seeded
from .models import ConceptConfig, OneTower, TimeEmbedding, checked

__all__ = ["Books", "QuantLCM", "fit_books", "read_again"]


class Books(nn.Module):
    """K codebooks of U entries: quantise(x) -> codes [B, K], sum_of(codes) -> their sum [B, C]."""

    def __init__(self, entries_KUC: Tensor):
        super().__init__()
        self.register_buffer("entries_KUC", entries_KUC)

    def quantise(self, x_BC: Tensor) -> Tensor:
        """Return the nearest entry of each book to what the books before it leave over [B, K]."""
        codes, left_BC = [], x_BC
        for entries_UC in self.entries_KUC:
            codes.append(torch.cdist(left_BC, entries_UC).argmin(1))
            left_BC = left_BC - entries_UC[codes[-1]]
        return torch.stack(codes, dim=1)

    def sum_of(self, codes_BK: Tensor, first: int | None = None) -> Tensor:
        """Return c_1 + … + c_first [B, C] (all of them by default)."""
        chosen_BKC = self.entries_KUC[torch.arange(len(self.entries_KUC)), codes_BK]
        return chosen_BKC[:, : len(self.entries_KUC) if first is None else first].sum(1)


def fit_books(x_NC: Tensor, books: int, units: int, generator: torch.Generator, rounds: int = 12) -> Books:
    """Return codebooks by k-means on residuals; raise `BadInput` for fewer concepts than units."""
    if len(x_NC) < units:
        raise BadInput(f"{len(x_NC)} concepts for {units} units.", expected="at least one concept a unit")
    entries, left_NC = [], x_NC
    for _ in range(books):
        centres_UC = left_NC[torch.randperm(len(left_NC), generator=generator)[:units]]
        for _ in range(rounds):
            nearest_N = torch.cdist(left_NC, centres_UC).argmin(1)
            count_U = torch.bincount(nearest_N, minlength=units)[:, None]
            total_UC = torch.zeros_like(centres_UC).index_add_(0, nearest_N, left_NC)
            centres_UC = torch.where(count_U > 0, total_UC / count_U.clamp(min=1), centres_UC)
        entries.append(centres_UC)
        left_NC = left_NC - centres_UC[torch.cdist(left_NC, centres_UC).argmin(1)]
    return Books(torch.stack(entries))


def read_again(books: Books, x_NC: Tensor) -> float:
    """Return the share of concepts whose quantised vector is quantised to the same codes again: not all need be."""
    codes_NK = books.quantise(x_NC)
    return float((books.quantise(books.sum_of(codes_NK)) == codes_NK).all(1).float().mean())


class QuantLCM(nn.Module):
    """One-Tower with the sum so far for a noisy concept and the number of the book for a step.

    `discrete`: answers are logits over the units of the next book; else the whole concept.
    """

    def __init__(self, config: ConceptConfig, books: Books, discrete: bool = True):
        super().__init__()
        self.config, self.books, self.discrete = config, books, discrete
        self.tower = OneTower(config)
        units, width = books.entries_KUC.shape[1], config.width
        self.tower.post = nn.Linear(width, units if discrete else config.concept)
        self.tower.time = TimeEmbedding(width)

    @classmethod
    def build(cls, config: ConceptConfig, books: Books, discrete: bool = True, seed: int = 0) -> QuantLCM:
        """Return a model whose first weights depend on `seed` alone."""
        return seeded(lambda c: cls(c, books, discrete), config, seed)

    def forward(
        self, x_BNC: Tensor, sum_BNC: Tensor, book_BN: Tensor, drop_BN: Tensor | None = None, start: int = 0
    ) -> Tensor:
        """Return the answer for book number `book` at positions `start` …, the sums so far given [B, N, U or C]."""
        return self.tower.all_at_once(x_BNC, sum_BNC, book_BN, drop_BN, start)

    def loss(self, x_BNC: Tensor, generator: torch.Generator, drop: float = 0.15) -> Tensor:
        """Return cross-entropy on the unit (or squared error on the concept) at a random book of each sentence."""
        codes_BNK = self.books.quantise(x_BNC.flatten(0, 1)).unflatten(0, x_BNC.shape[:2])
        count = codes_BNK.shape[-1]
        book_BN = torch.randint(0, count, x_BNC.shape[:2], generator=generator)
        chosen_BNKC = self.books.entries_KUC[torch.arange(count), codes_BNK]
        so_far_BNK = torch.arange(count) < book_BN[..., None]
        sum_BNC = (chosen_BNKC * so_far_BNK[..., None]).sum(2)
        drop_BN = torch.rand(x_BNC.shape[:2], generator=generator) < drop
        answer = self(x_BNC, sum_BNC, book_BN, drop_BN, start=1)
        if not self.discrete:
            return F.mse_loss(answer, x_BNC[:, 1:])
        return F.cross_entropy(answer.flatten(0, 1), codes_BNK.gather(2, book_BN[..., None])[:, 1:].flatten())

    def unit_logits(self, x_BNC: Tensor, sum_BC: Tensor, book: int, guidance: float = 1.0, beta: float = 1.0) -> Tensor:
        """Return logits over the units of one book for the concept after x_BNC [B, U].

        Quant-c: −β ‖c_i − r̂‖² with r̂ the guessed concept minus the sum so far. Guidance acts on logits or concepts.
        """
        book_B = torch.full((len(sum_BC),), book)
        answer = self.tower.next(x_BNC, sum_BC, book_B)
        if guidance != 1:
            without = self.tower.next(x_BNC, sum_BC, book_B, seen=False)
            answer = without + guidance * (answer - without)
        if self.discrete:
            return answer
        return -beta * torch.cdist(answer - sum_BC, self.books.entries_KUC[book]).pow(2)

    @torch.no_grad()
    def sample(
        self,
        x_BNC: Tensor,
        generator: torch.Generator,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        guidance: float = 1.0,
        beta: float = 1.0,
    ) -> Tensor:
        """Return one concept after each context [B, C]: from the zero vector on, one entry a book; 0 is greedy."""
        checked(x_BNC, self.config.concept)
        sum_BC = x_BNC.new_zeros(len(x_BNC), self.config.concept)
        for book, entries_UC in enumerate(self.books.entries_KUC):
            logits_BU = self.unit_logits(x_BNC, sum_BC, book, guidance, beta)
            if top_k is not None:
                logits_BU = logits_BU.masked_fill(logits_BU < logits_BU.topk(top_k).values[:, -1:], -torch.inf)
            best_B = logits_BU.argmax(-1)
            if temperature > 0:
                best_B = torch.multinomial((logits_BU / temperature).softmax(-1), 1, generator=generator)[:, 0]
            sum_BC = sum_BC + entries_UC[best_B]
        return sum_BC
