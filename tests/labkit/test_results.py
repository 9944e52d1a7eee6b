"""Results: plain JSON values and back, for every shape of field that a result has."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from labkit.base.errors import BrokenFile
from labkit.base.results import Result
from labkit.measurements import mean_over
from labkit.measurements.estimate import Estimate


@dataclass(frozen=True)
class Row:
    name: str
    cost: Estimate | None = None


@dataclass(frozen=True, kw_only=True)
class Found(Result):
    rows: tuple[Row, ...]
    pair: tuple[int, str]
    lines: Mapping[str, tuple[float, ...]]
    by_step: dict[int, float] = field(default_factory=dict)
    nothing: float = math.nan

    def table(self) -> str:
        return " ".join(row.name for row in self.rows)


FOUND = Found(
    rows=(Row("a", mean_over([1.0, 2.0, 4.0], "seeds")), Row("b")),
    pair=(3, "c"),
    lines={"x": (0.5, math.inf)},
    by_step={10: 1.0},
)


def test_a_result_becomes_json_and_itself_again(tmp_path):
    told = json.loads(json.dumps(FOUND.as_dict(), allow_nan=False))
    again = Found.from_dict(told)
    assert again.rows == FOUND.rows and again.pair == FOUND.pair and again.by_step == FOUND.by_step
    assert again.lines["x"][0] == 0.5 and math.isnan(again.lines["x"][1]) and math.isnan(again.nothing)
    assert str(FOUND) == "a b"
    path = FOUND.save(tmp_path / "found.json")
    assert Found.read(path, do="measure it again").rows == FOUND.rows


@pytest.mark.parametrize("text", ["", "[1]", '{"rows": []}', '{"rows": [{"nom": "a"}], "pair": [1, "c"], "lines": {}}'])
def test_a_damaged_file_is_told_with_what_to_do(tmp_path, text):
    path = tmp_path / "found.json"
    path.write_text(text)
    with pytest.raises(BrokenFile, match=r"holds no Found(?s:.*)measure it again"):
        Found.read(path, do="measure it again")
