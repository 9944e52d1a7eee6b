"""Rounding with the super weight kept, over bits and clips: what clip and keep each do, beside plain rounding.

Yu et al. 2024, Figure 7, set clipping with the weight restored against plain rounding. How far to clip is free to
choose: their scripts use 9 to 20 standard deviations. So everything is measured at several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.base.data import data_dir
from labkit.base.results import Result
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.tables import text_table

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["BITS", "CLIPS", "RoundedLoss", "RoundingGrid", "rounding", "rounding_path", "sweep_rounding"]

BITS = (3, 4, 5)
CLIPS = (3.0, 4.0, 5.0, 6.0, 9.0, 11.0, 12.0, 20.0)  # standard deviations of |w| above its mean; theirs from 9
MARGIN = 0.01  # nats a token, as in the ledger
_STORIES, _SEED = 64, 21408


@dataclass(frozen=True, kw_only=True)
class RoundedLoss:
    """The rise of each document's loss, nats a token, at some bits and clip (None: none), the weight kept or not."""

    bits: int
    clip: float | None
    kept: bool
    rises: tuple[float, ...]

    @property
    def rise(self) -> Estimate:
        """Its mean over documents, each counting alike."""
        return mean_over(self.rises, over="documents", name="rise of the loss", unit="nats/token")


@dataclass(frozen=True, kw_only=True)
class RoundingGrid(Result):
    """Every way of rounding the down projections, on the same documents."""

    model: str
    weight: str
    found: tuple[RoundedLoss, ...]

    def at(self, bits: int, clip: float | None = None, kept: bool = False) -> RoundedLoss:
        """Return one way."""
        return next(one for one in self.found if (one.bits, one.clip, one.kept) == (bits, clip, kept))

    @property
    def bits(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(one.bits for one in self.found))

    @property
    def clips(self) -> tuple[float, ...]:
        return tuple(dict.fromkeys(one.clip for one in self.found if one.clip is not None))

    def saved(self, bits: int, clip: float, against: str = "plain") -> Estimate:
        """Return what clipping with the weight kept adds to the loss of plain rounding, or of the same `"clip"`."""
        other = self.at(bits, clip if against == "clip" else None)
        pairs = zip(self.at(bits, clip, True).rises, other.rises)
        return mean_over(
            [both - alone for both, alone in pairs], over="documents", name="kept and clipped", unit="nats/token"
        )

    def words(self, bits: int, margin: float = MARGIN) -> dict[float, str]:
        """Return what keeping and clipping does at each clip: "pays", "costs", "changes nothing" or "unresolved".

        By the ledger's rule: nothing where the whole interval lies within the margin, else its side of 0.
        """
        found = {}
        for clip in self.clips:
            one = self.saved(bits, clip)
            nothing = max(abs(one.low), abs(one.high)) <= margin
            side = "pays" if one.high < 0 else "costs" if one.low > 0 else "unresolved"
            found[clip] = "changes nothing" if nothing else side
        return found

    def table(self) -> str:
        """Return one line per clip: the change against plain rounding at every number of bits."""
        heads = ["clip at"] + [f"{bits} bits" for bits in self.bits]
        rows = [["no clip, not kept"] + [f"+{self.at(bits).rise.value:.3f} in all" for bits in self.bits]]
        for clip in self.clips:
            cells = [self.saved(bits, clip) for bits in self.bits]
            rows.append([f"{clip:g} std"] + [f"{c.value:+.3f} [{c.low:+.3f}, {c.high:+.3f}]" for c in cells])
        return text_table(heads, rows, title="Clipped and the weight kept, against plain rounding, nats a token")

    @classmethod
    def load(cls, path: Path | None = None) -> RoundingGrid:
        """Read the stored one, or another; raise `BrokenFile` for a damaged one."""
        return cls.read(path or rounding_path(), do="restore it, or labkit sweep rounding")


def rounding(
    model: ModelLike,
    weight: str,
    documents: Sequence,
    bits: Sequence[int] = BITS,
    clips: Sequence[float] = CLIPS,
    *,
    say: Callable[[str], None] = lambda line: None,
) -> RoundingGrid:
    """Round all down projections in every way and return the rises: per bits plain, kept, and both at each clip."""
    from labkit.interventions import Quantise, edit
    from labkit.measurements import loss

    intact, found = loss(model, documents).per_unit, []
    for many in bits:
        for clip in (None, *clips):
            for kept in (False, True):
                with edit(model, Quantise("mlp.down", many, clip=clip, keep=(weight,) * kept)):
                    after = loss(model, documents).per_unit
                rises = tuple(cut - before for cut, before in zip(after, intact))
                found.append(RoundedLoss(bits=many, clip=clip, kept=kept, rises=rises))
                say(f"{many} bits, clip {clip}, {'kept' if kept else 'not kept'}: {found[-1].rise.value:+.4f}")
    return RoundingGrid(model=model.name, weight=weight, found=tuple(found))


def rounding_path() -> Path:
    """Return where the stored grid lies."""
    return data_dir() / "sweeps" / "01_rounding.json"


def sweep_rounding(say: Callable[[str], None] = print, out: Path | None = None) -> Path:
    """Measure the grid on lab/planted for `labkit sweep rounding` and return the file."""
    from labkit.claims.subjects import stories
    from labkit.zoo import load

    handle = load("lab/planted")
    grid = rounding(handle, handle.card["planted"]["address"], stories(handle, _STORIES, _SEED), say=say)
    path = (out or data_dir() / "sweeps") / "01_rounding.json"
    grid.save(path)
    return path
