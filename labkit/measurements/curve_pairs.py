"""Two recipes compared pair by pair: runs of one seed read the same documents in the same order.

Each recipe stands at its own best learning rate; seeds that only one of them has, or that diverged, are left out and
named. The interval is Student's over seeds, so that five seeds are the least worth having.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.training.curves import Curve, Curves

from .estimate import Estimate, mean_over
from .tables import text_table

__all__ = ["CurveDifference", "compare_curves"]


@dataclass(frozen=True, kw_only=True)
class CurveDifference(Result):
    """Loss of `second` minus loss of `first`, in nats a token, by tokens read.

    difference[i] is over seeds, after tokens[i], each loss averaged over `window` entries of the log. last: over the
    last tenth. crossings: tokens after which the sign of the mean changed. left_out: what could not be paired, and why.
    """

    first: str
    second: str
    lrs: tuple[float, float]
    seeds: tuple[int, ...]
    tokens: tuple[int, ...]
    difference: tuple[Estimate, ...]
    last: Estimate
    window: int
    left_out: tuple[str, ...]

    @property
    def crossings(self) -> tuple[int, ...]:
        """Where the mean difference changes its sign."""
        values = [one.value for one in self.difference]
        return tuple(self.tokens[i] for i in range(1, len(values)) if values[i - 1] * values[i] < 0)

    def table(self) -> str:
        """Return the last difference and some moments on the way."""
        chosen = range(0, len(self.tokens), max(1, len(self.tokens) // 8))
        rows = [
            [f"{self.tokens[i]:,}", f"{(d := self.difference[i]).value:+.4f}", f"{d.low:+.4f} to {d.high:+.4f}"]
            for i in chosen
        ]
        title = f"{self.second} (lr {self.lrs[1]:g}) minus {self.first} (lr {self.lrs[0]:g}): {self.last}"
        return "\n".join([text_table(["tokens", "difference", "interval"], rows, title=title), *self.left_out])


def compare_curves(
    curves: Curves,
    first: str,
    second: str,
    *,
    lrs: tuple[float, float] | None = None,
    seeds: Sequence[int] | None = None,
    window: int = 5,
) -> CurveDifference:
    """Return second minus first at equal tokens; lrs: their learning rates (default: the best of each).

    seeds: only these. A rate found on some seeds is to be judged on fresh ones, so name them.

    Raises `BadInput` when no seed finished in both, or when paired runs did not read the same tokens.
    """
    chosen = lrs or (curves.best_lr(first), curves.best_lr(second))
    sides = [
        {run.seed: run for run in curves.of(name, lr) if seeds is None or run.seed in seeds}
        for name, lr in zip((first, second), chosen)
    ]
    pairs, left_out = _paired(sides, (first, second))
    gaps = [[y - x for x, y in zip(_smooth(a, window), _smooth(b, window))] for a, b in pairs]
    name, unit = f"{second} minus {first}", "nats/token"
    difference = tuple(mean_over(values, "seeds", method="t", name=name, unit=unit, null=0.0) for values in zip(*gaps))
    ends = [b.last_loss - a.last_loss for a, b in pairs]
    return CurveDifference(
        first=first,
        second=second,
        lrs=chosen,
        seeds=tuple(a.seed for a, _ in pairs),
        tokens=pairs[0][0].tokens,
        difference=difference,
        last=mean_over(ends, "seeds", method="t", name=name, unit=unit, null=0.0),
        window=window,
        left_out=tuple(left_out),
    )


def _paired(sides: list[dict[int, Curve]], names: tuple[str, str]) -> tuple[list[tuple[Curve, Curve]], list[str]]:
    """Return the pairs of finished runs of one seed, and a line for every run that found no partner or is none."""
    seeds = sorted({*sides[0], *sides[1]})
    status = [{seed: side[seed].status if seed in side else "not run" for seed in seeds} for side in sides]
    pairs = [(sides[0][s], sides[1][s]) for s in seeds if status[0][s] == status[1][s] == "finished"]
    left_out = [
        f"left out: {name}, seed {seed}, {how[seed]}"
        for name, how in zip(names, status)
        for seed in seeds
        if how[seed] != "finished"
    ]
    if not pairs:
        raise BadInput(f"No seed finished in both {' and '.join(names)}.", do="; ".join(left_out) or "run more seeds")
    if any(a.tokens != b.tokens for a, b in pairs):
        raise BadInput("The paired runs did not read the same tokens.", expected="recipes alike but for their model")
    return pairs, left_out


def _smooth(run: Curve, window: int) -> list[float]:
    parts = [run.loss[max(0, i + 1 - window) : i + 1] for i in range(len(run.loss))]
    return [sum(part) / len(part) for part in parts]
