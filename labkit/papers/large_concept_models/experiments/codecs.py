"""What a codec keeps: exact match in all four directions, and how much noise its decoder forgives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from labkit.measurements.estimate import Estimate, proportion
from labkit.panels.tables import Table

from .. import task
from ..method.codec import Codec, noised

__all__ = ["CodecCheck", "Fragility", "check_codec", "fragility", "fragility_by_words"]

GATE = 0.95
ALPHAS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class CodecCheck:
    """Exact match of decode(encode(s)) on sentences never trained on, and how alike translations are (cosine)."""

    name: str
    exact: dict[str, Estimate]  # "English → German" and so on
    alike_translations: float
    alike_others: float

    @property
    def passes(self) -> bool:
        """Whether both languages survive their own round trip at the gate of 95 %."""
        return all(self.exact[f"{one} → {one}"].value >= GATE for one in task.LANGUAGES)

    def table(self) -> Table:
        """Return one row a direction."""
        rows = [(way, one.value, one.low, one.high) for way, one in self.exact.items()]
        return Table(f"{self.name}: held-out sentences said exactly", ["from → to", "share", "low", "high"], rows)


def check_codec(codec: Codec, name: str = "codec", n: int = 400, seed: int = 99) -> CodecCheck:
    """Return the check of a codec on n sentences that training never saw."""
    held = task.draw(n, torch.Generator().manual_seed(seed), held=True)
    concepts = [codec.encode(held, language) for language in range(2)]
    exact = {}
    for source, c_NC in zip(task.LANGUAGES, concepts):
        for number, goal in enumerate(task.LANGUAGES):
            same_N = (codec.decode_pieces(c_NC, number) == task.tokens(held, number)).all(1)
            exact[f"{source} → {goal}"] = proportion(same_N.float().tolist(), "sentences")
    alike = F.cosine_similarity(*concepts).mean()
    others = F.cosine_similarity(concepts[0], concepts[1].roll(1, 0)).mean()
    return CodecCheck(name, exact, float(alike), float(others))


@dataclass(frozen=True)
class Fragility:
    """Share of sentences said exactly from √(1−α) c + √α ε, at each α; `by_sentence` [α][N] is 0 or 1."""

    name: str
    alphas: tuple[float, ...]
    by_sentence: tuple[tuple[float, ...], ...]

    @property
    def exact(self) -> list[Estimate]:
        """The share at each α with Wilson's interval over sentences."""
        return [proportion(row, "sentences") for row in self.by_sentence]

    @property
    def score(self) -> list[float]:
        """Each sentence's fragility: minus the share of α at which it is still said exactly."""
        return [-sum(column) / len(self.alphas) for column in zip(*self.by_sentence)]

    def table(self) -> Table:
        """Return one row an α."""
        rows = [(a, one.value, one.low, one.high) for a, one in zip(self.alphas, self.exact)]
        return Table(f"{self.name}: said exactly through noise", ["α", "share", "low", "high"], rows)


def fragility(
    codec: Codec,
    name: str = "codec",
    alphas: Sequence[float] = ALPHAS,
    n: int = 200,
    seed: int = 98,
) -> Fragility:
    """Return how often English sentences survive noise of each strength (the paper, section 4.2)."""
    g = torch.Generator().manual_seed(seed)
    held = task.draw(n, g, held=True)
    c_NC, wanted_NL = codec.encode(held), task.tokens(held, 0)
    rows = [(codec.decode_pieces(noised(c_NC, alpha, g), 0) == wanted_NL).all(1).float().tolist() for alpha in alphas]
    return Fragility(name, tuple(alphas), tuple(map(tuple, rows)))


def fragility_by_words(codec: Codec, alpha: float = 0.5, n: int = 400, seed: int = 97) -> dict[int, Estimate]:
    """Return for each length in words how often sentences of both languages are said exactly through one noise α.

    Our sentences have 7 to 9 words; in the paper fragility grows with length from 20 characters to 250 and more.
    """
    g = torch.Generator().manual_seed(seed)
    held, survived = task.draw(n, g, held=True), {}
    for language in range(len(task.LANGUAGES)):
        wanted_NL = task.tokens(held, language)
        said_NL = codec.decode_pieces(noised(codec.encode(held, language), alpha, g), language)
        for words, same in zip(((wanted_NL != task.PAD).sum(1) - 1).tolist(), (said_NL == wanted_NL).all(1).tolist()):
            survived.setdefault(words, []).append(float(same))
    return {words: proportion(rows, "sentences") for words, rows in sorted(survived.items())}
