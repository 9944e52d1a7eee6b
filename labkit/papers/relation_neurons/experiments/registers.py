"""Models of large registers: what they know, and what of the small ones' findings stands there. Lesson: 11."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labkit.measurements import Estimate, mean_over

from .null import DamageNull
from .portrait import Portraits, large_path

__all__ = ["LargeRegisters", "large_registers"]


@dataclass(frozen=True, eq=False)
class LargeRegisters:
    """By seed: known, the share of answers right in the relation (and wording) least known; mothers, the share of
    answers about mothers lost with father's neurons off beyond those lost with matched sets; maps, where measured."""

    known: Mapping[int, Mapping[str, float]]
    mothers: Mapping[int, Estimate]
    maps: Mapping[int, DamageNull]

    def fewest(self, seed: int) -> tuple[str, float]:
        """Return the relation of which a model knows least, and the share."""
        known = self.known[seed]
        return min(known.items(), key=lambda item: item[1])

    def table(self) -> str:
        """Return a line a model."""
        lines = [f"{'model':8} {'least known':22} mothers lost with father's off, beyond matched sets"]
        for seed, mothers in self.mothers.items():
            relation, share = self.fewest(seed)
            told = f"{mothers.value:+.2f} [{mothers.low:+.2f}, {mothers.high:+.2f}] of the questions"
            lines.append(f"{f'seed {seed}':8} {f'{relation} {share:.0%}':22} {told}")
        return "\n".join(lines)


def large_registers() -> LargeRegisters:
    """Return what is stored of every model of a large register; intervals are over questions."""
    known, mothers, maps = {}, {}, {}
    for seed, one in Portraits.load(large_path()).of.items():
        off = one["father_off"]
        lost = [matched - own for matched, own in zip(off["matched"], off["mother"], strict=True)]
        known[seed] = one["least_known"]
        mothers[seed] = mean_over(lost, over="questions", name="mothers lost beyond matched sets", null=0.0)
        if "map" in one:
            maps[seed] = DamageNull.from_dict(one["map"])
    return LargeRegisters(known, mothers, maps)
