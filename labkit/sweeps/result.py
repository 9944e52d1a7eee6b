"""A sweep's result: what every plan did to one model on one text. Reads, writes and answers without torch.

The file is JSON, one line per plan, values rounded to 1e-6: small enough to commit, whole or absent on disk. What it
keeps is one value per document (or question); means, changes and intervals are recomputed from those, never stored.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from labkit.base.errors import BrokenFile, UnknownName, unknown
from labkit.base.files import parsed, write_atomically
from labkit.base.toml import check_keys
from labkit.measurements.estimate import Estimate, bootstrap_interval, mean_over, proportion
from labkit.measurements.tables import text_table

from .keys import plan_key, plan_label

__all__ = ["Point", "Sweep", "rounded"]

FORMAT = "labkit sweep 1"
DECIMALS = 6


@dataclass(frozen=True)
class Point:
    """One plan and what it did: `value` of the cut model, `change` against the intact one (paired, null 0)."""

    label: str
    plan: tuple[Mapping[str, Any], ...]
    measured: Estimate
    change: Estimate

    @property
    def value(self) -> float:
        """The measure on the cut model."""
        return self.measured.value

    def __str__(self) -> str:
        return f"{self.label}: {self.change}"


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The plans in order, and per plan one value per unit; `finished` is False after a cancel or an interrupt.

    model: its name. fingerprint, text: what it was and what it read, as hashes. measure, unit, over: what the
    values are. weights: what each unit counts for. intact: values of the model without any plan.
    engine: "prefix" or "plain"; reason: why some or all reuse was given up. work: sub-layer visits over the
    whole text, made and as a plain loop would have made them. values: by plan key, done plans only.
    """

    model: str
    fingerprint: str
    text: str
    documents: int
    tokens: int
    measure: str
    unit: str
    over: str
    weights: tuple[float, ...] = field(repr=False)
    intact: tuple[float, ...] = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)
    plans: tuple[tuple[Mapping[str, Any], ...], ...] = field(repr=False)
    values: Mapping[str, tuple[float, ...]] = field(repr=False)
    engine: str = "prefix"
    reason: str = ""
    work: Mapping[str, int] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether every plan was measured."""
        return all(plan_key(plan) in self.values for plan in self.plans)

    @cached_property
    def base(self) -> Estimate:
        """The measure on the intact model."""
        return self._measured(self.intact)

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """One point per plan that was measured, in the order of the plans."""
        done = [(label, plan) for label, plan in zip(self.labels, self.plans) if plan_key(plan) in self.values]
        if not done:
            return ()
        values = np.array([self.values[plan_key(plan)] for _, plan in done])
        measured = [self._measured(row) for row in values] if self.unit == "share" else self._estimates(values)
        changes = self._estimates(values - np.array(self.intact), change=True)
        return tuple(Point(*named, *both) for named, *both in zip(done, measured, changes))

    @property
    def missing(self) -> tuple[str, ...]:
        """Labels of the plans that were not measured."""
        return tuple(label for label, plan in zip(self.labels, self.plans) if plan_key(plan) not in self.values)

    def __getitem__(self, plan: Any) -> Point:
        """Return the point of a plan, an edit, a list of edits, or a label; raise `UnknownName` if there is none."""
        key = None if isinstance(plan, str) else plan_key(plan)
        if (found := self._index.get(plan if key is None else key)) is not None:
            return found
        label = plan if key is None else plan_label(plan)
        if label in self.missing:
            raise UnknownName(
                f"{label!r} was not measured: the sweep stopped after {len(self.values)} plans.",
                expected=f"one of the {len(self.points)} plans that were",
                do="run the sweep again with the same path: it goes on where it stopped",
            )
        raise unknown("point of this sweep", label, self.labels)

    @cached_property
    def _index(self) -> dict[str, Point]:
        by_label = {point.label: point for point in reversed(self.points)}
        return by_label | {plan_key(point.plan): point for point in self.points}

    def __iter__(self) -> Iterator[Point]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def ranked(self) -> tuple[Point, ...]:
        """Return the points, the largest change upwards first."""
        return tuple(sorted(self.points, key=lambda point: -math.inf if math.isnan(c := point.change.value) else -c))

    def table(self, *, ranked: bool = False) -> str:
        """Return one line per plan: the measure, its change, and the interval of the change."""
        rows = [["(intact)", f"{self.base.value:.4f}", "", ""]]
        for point in self.ranked() if ranked else self.points:
            change = point.change
            shown = ["overflow", ""] if math.isnan(change.value) else [f"{point.value:.4f}", f"{change.value:+.4f}"]
            interval = "" if math.isnan(change.low) else f"{change.low:+.4f} to {change.high:+.4f}"
            rows.append([point.label, *shown, interval])
        title = f"{self.model}: {self.measure} in {self.unit} over {len(self.intact)} {self.over}"
        if self.missing:
            title += f" (stopped: {len(self.missing)} of {len(self.plans)} plans not measured)"
        return text_table(["plan", self.measure, "change", "95% interval"], rows, title=title)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values: the header, and one entry per plan."""
        header = {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.name not in ("labels", "plans", "values")
        }
        header |= {name: [_out(value) for value in header[name]] for name in ("weights", "intact")}
        points = [
            {"label": label, "plan": [dict(edit) for edit in plan], "values": self._stored(plan)}
            for label, plan in zip(self.labels, self.plans)
        ]
        return {"format": FORMAT, **header, "work": dict(self.work), "finished": self.finished, "points": points}

    def save(self, path: str | os.PathLike) -> Path:
        """Write the sweep to `path`, one line per plan; an earlier file is replaced whole or not at all."""
        table = self.as_dict()
        points = ",\n".join("  " + json.dumps(point, ensure_ascii=False) for point in table.pop("points"))
        header = json.dumps(table, ensure_ascii=False, indent=None)[1:-1]
        return write_atomically(path, f'{{{header},\n "points": [\n{points}\n ]}}\n')

    @classmethod
    def load(cls, path: str | os.PathLike) -> Sweep:
        """Read a sweep; raise `BrokenFile` for a file that is cut short, damaged or something else."""
        try:
            table = parsed(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise BrokenFile(f"Could not read {path} ({error.strerror}).", do="check the path") from error
        except ValueError as error:
            raise _broken(path, f"not JSON: {error}") from error
        if not isinstance(table, dict) or table.get("format") != FORMAT:
            found = table.get("format") if isinstance(table, dict) else type(table).__name__
            raise _broken(path, f"its format is {found!r}, not {FORMAT!r}")
        check_keys(
            table,
            {*(item.name for item in fields(cls)), "format", "finished", "points"} - {"labels", "plans", "values"},
            str(path),
        )
        try:
            return cls._from_dict(table)
        except (KeyError, TypeError, ValueError) as error:
            raise _broken(path, f"{type(error).__name__} {error}") from error

    @classmethod
    def _from_dict(cls, table: dict[str, Any]) -> Sweep:
        header = {key: value for key, value in table.items() if key not in ("format", "finished", "points")}
        header |= {name: tuple(_in(value) for value in header[name]) for name in ("weights", "intact")}
        plans = tuple(tuple(point["plan"]) for point in table["points"])
        values = {
            plan_key(plan): tuple(_in(value) for value in point["values"])
            for plan, point in zip(plans, table["points"])
            if point["values"] is not None
        }
        units = len(header["intact"])
        if len(header["weights"]) != units or any(len(row) != units for row in values.values()):
            raise ValueError(f"a plan without one value for each of {units} {header['over']}")
        labels = tuple(str(point["label"]) for point in table["points"])
        return cls(**header, labels=labels, plans=plans, values=values)

    def _stored(self, plan: tuple) -> list[float | None] | None:
        values = self.values.get(plan_key(plan))
        return None if values is None else [_out(value) for value in values]

    def _measured(self, values: Sequence[float]) -> Estimate:
        if self.unit == "share":
            return proportion(values, self.over, name=self.measure)
        return mean_over(values, self.over, weights=self.weights, name=self.measure, unit=self.unit)

    def _estimates(self, values_SU: np.ndarray, *, change: bool = False) -> list[Estimate]:
        """Return one estimate per row [S plans, U units], as `mean_over` would, but all resampled together."""
        weights = np.array(self.weights)
        low_S, high_S = bootstrap_interval(values_SU.T, weights)
        return [
            Estimate(
                name=f"change of {self.measure}" if change else self.measure,
                value=float(np.average(row, weights=weights)),
                low=float(low),
                high=float(high),
                n=len(row),
                over=self.over,
                unit=self.unit,
                null=0.0 if change else None,
                per_unit=tuple(row.tolist()),
                weights=self.weights,
            )
            for row, low, high in zip(values_SU, low_S, high_S)
        ]


def rounded(values: Sequence[float]) -> tuple[float, ...]:
    """Return values as a sweep keeps them, in memory as on disk, so that a replay says what the run said."""
    return tuple(round(value, DECIMALS) + 0.0 if math.isfinite(value) else math.nan for value in values)


def _out(value: float) -> float | int | None:
    if math.isnan(value):
        return None
    return int(value) if value == int(value) else value


def _in(value: float | None) -> float:
    if value is not None and not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return math.nan if value is None else float(value)


def _broken(path: str | os.PathLike, why: str) -> BrokenFile:
    return BrokenFile(
        f"{path} is not a whole sweep ({why}).",
        expected="a file that Sweep.save wrote",
        do="move it away and run the sweep again, or restore it from a copy",
    )
