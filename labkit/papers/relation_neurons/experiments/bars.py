"""Own accuracy in bars, on facts that the search saw or did not see, and the damage of one pair as the set grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .damage import SHARES, damage_map
from .study import RelationStudy

if TYPE_CHECKING:
    from labkit.figures.plain import Bars

__all__ = ["OwnBars", "own_bars", "pair_curve"]


@dataclass(frozen=True)
class OwnBars:
    """For each relation its accuracy intact, with its own neurons off, and with random sets off (a mean over draws)."""

    k: int
    seen: bool
    intact: dict[str, float]
    own: dict[str, float]
    random: dict[str, float]

    def table(self) -> str:
        """Return one line a relation."""
        lines = [f"{'relation':14}  intact  own off  random off"]
        lines += [f"{r:14}  {self.intact[r]:6.2f}  {self.own[r]:7.2f}  {self.random[r]:10.2f}" for r in self.intact]
        return "\n".join(lines)

    def picture(self) -> Bars:
        """Return the bars, to be shown."""
        from labkit.figures.plain import Bars

        which = "facts of the search" if self.seen else "held-out facts"
        groups = {"intact": self.intact, "its own neurons off": self.own, "as many at random off": self.random}
        own, random = (sum(part.values()) / len(part) for part in (self.own, self.random))
        return Bars(
            title=f"What each relation keeps of its {which}, {self.k} neurons off",
            labels=list(self.intact),
            groups={name: list(values.values()) for name, values in groups.items()},
            x_label="share of questions answered correctly",
            sentence=f"Of its {which} a relation keeps {own:.0%} on average without its own neurons, {random:.0%} "
            f"without as many random ones.",
        )


def own_bars(study: RelationStudy, share: float = 0.1, draws: int = 10, **options: Any) -> OwnBars:
    """Return the bars of a study; options: of `damage_map`, such as `seen` or `wording`."""
    found = damage_map(study, share, **options)
    one = study.relations[:1]  # a random set is nobody's: any name will do
    drawn = [damage_map(study, share, "random", silenced=one, seed=seed, **options) for seed in range(draws)]
    names = found.relations
    return OwnBars(
        found.k,
        bool(options.get("seen")),
        {name: float(found.before[found.rows(name)].mean()) for name in names},
        {name: float(found.after[found.silenced.index(name), found.rows(name)].mean()) for name in names},
        {name: sum(float(d.after[0, d.rows(name)].mean()) for d in drawn) / draws for name in names},
    )


def pair_curve(
    study: RelationStudy, silenced: str, asked: str, shares: Sequence[float] = SHARES, **options: Any
) -> dict[float, float]:
    """Return the drop of one relation with another's neurons off, for growing sets; options: of `damage_map`."""
    only = {"silenced": [silenced], "asked": [asked], **options}
    return {share: damage_map(study, share, **only).drop(asked, silenced) for share in shares}
