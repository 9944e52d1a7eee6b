"""One key of zeros is appended to a layer: under which Θ do the other tokens notice?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from labkit.base.errors import BadInput

from ..method import THETAS, Pattention

__all__ = ["AppendedKey", "AppendedKeys", "appended_key"]

EXACT = 1e-12  # in double precision, relative


@dataclass(frozen=True)
class AppendedKey:
    """How much the output of a layer changes, relative to its length, one number for each layer drawn.

    fixed, live: with τ kept, and with τ that follows the number of tokens.
    """

    theta: str
    fixed: tuple[float, ...]
    live: tuple[float, ...]

    @property
    def exact(self) -> tuple[bool, bool]:
        """Whether the output is the same in every layer drawn: with τ fixed, with τ live."""
        return max(self.fixed) <= EXACT, max(self.live) <= EXACT


@dataclass(frozen=True)
class AppendedKeys:
    """The rows of the experiment, one for each Θ; `tokens` before, `added` zero keys with random values."""

    rows: tuple[AppendedKey, ...]
    tokens: int
    added: int

    def of(self, theta: str) -> AppendedKey:
        """Return the row of one Θ."""
        return next(row for row in self.rows if row.theta == theta)

    def table(self) -> str:
        """Return the rows as lines of text: the largest relative change in any layer drawn."""
        lines = [f"{'Θ':<12}{'τ fixed':>12}{'τ live':>12}"]
        for row in self.rows:
            shown = ("same" if exact else f"{max(v):.2g}" for v, exact in zip((row.fixed, row.live), row.exact))
            lines.append(f"{row.theta:<12}" + "".join(f"{text:>12}" for text in shown))
        return "\n".join(lines)


@torch.no_grad()
def appended_key(
    thetas: Sequence[str] = tuple(THETAS),
    *,
    tokens: int = 48,
    added: int = 1,
    width: int = 64,
    seeds: Sequence[int] = (0, 1, 2),
) -> AppendedKeys:
    """Append `added` zero keys with random values to layers of random weights and compare outputs, in double precision.

    The layers read 32 random data tokens; scores have a standard deviation of about 0.8.
    Raises `BadInput` for fewer than one key, or no layer.
    """
    if added < 1 or tokens < 1 or not seeds:
        raise BadInput(f"{added} keys were appended to {tokens} in {len(seeds)} layers.", expected="at least 1 of each")
    rows = []
    for theta in thetas:
        changes = [[_change(theta, tokens, added, width, seed, live) for seed in seeds] for live in (False, True)]
        rows.append(AppendedKey(theta, *(tuple(values) for values in changes)))
    return AppendedKeys(tuple(rows), tokens, added)


def _change(theta: str, tokens: int, added: int, width: int, seed: int, live: bool) -> float:
    generator = torch.Generator().manual_seed(seed)
    small = Pattention(width, width, tokens, theta=theta, scale_tokens=tokens, key_std=0.1).double()
    small.initialise(generator, 0.1)
    large = Pattention(
        width, width, tokens + added, theta=theta, scale_tokens=None if live else tokens, key_std=0.1
    ).double()
    large.initialise(generator, 0.1)
    large.keys[:tokens], large.keys[tokens:], large.values[:tokens] = small.keys, 0.0, small.values
    x_BLD = torch.randn(1, 32, width, generator=generator).double()
    before = small(x_BLD)
    return float((large(x_BLD) - before).norm() / before.norm())
