"""Controls: the slow measurements of lab/facts that the lesson replays, and a model with a wide MLP as contrast.

Stored in data/sweeps/11_matched.json: how damage grows with the set (ten matched sets each) in lab/facts and in the
wide model of the same seed, the damage map beside twenty drawn maps, interference beside 19.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labkit.base.data import data_dir
from labkit.base.errors import BrokenFile, NotAvailable
from labkit.base.files import write_atomically

from .damage import ShareCurve, by_share
from .interference import Interference, interference
from .null import DamageNull, damage_null
from .study import RelationStudy

__all__ = ["MatchedControls", "controls_path", "measure_controls"]

MATCHED, MAPS, GAINS = 10, 20, 19  # matched sets for a point of a curve; drawn maps; drawn maps of interference


def controls_path() -> Path:
    """Return where the stored controls are."""
    return data_dir() / "sweeps" / "11_matched.json"


@dataclass(frozen=True)
class MatchedControls:
    """Stored results: `narrow` is lab/facts, `wide` has four times its MLP neurons, `known` what each knows intact."""

    null: DamageNull
    gains: Interference
    narrow: ShareCurve
    wide: ShareCurve | None = None
    known: dict[str, float] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None = None) -> MatchedControls:
        """Read them; raise `NotAvailable` where there are none, `BrokenFile` where they are damaged."""
        path = path or controls_path()
        if not path.is_file():
            raise NotAvailable(f"There are no controls at {path}.", do="run labkit sweep matched")
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            curves = [ShareCurve.from_dict(found[name]) for name in ("narrow", "wide") if name in found]
            gains = Interference(**{name: _tuples(value) for name, value in found["gains"].items()})
            return cls(DamageNull.from_dict(found["null"]), gains, *curves, known=found.get("known", {}))
        except (ValueError, KeyError, TypeError) as error:
            raise BrokenFile(f"{path} is damaged ({error}).", do="restore the file") from error


def measure_controls(
    narrow: RelationStudy,
    wide: RelationStudy,
    early: RelationStudy,
    path: Path,
    say: Callable[[str], None] = print,
    **options: Any,
) -> None:
    """Measure what is not yet stored at `path` (about a minute each), a part at a time; options: of the curves."""
    options = {"draws": MATCHED, **options}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    studies = {"narrow": narrow, "wide": wide, "early": early}
    parts: dict[str, Callable[[], Any]] = {
        "gains": lambda: asdict(interference(early, 0.012, GAINS)),
        "null": lambda: damage_null(narrow, 0.1, MAPS).as_dict(),
        "narrow": lambda: by_share(narrow, **options).as_dict(),
        "wide": lambda: by_share(wide, **options).as_dict(),
        "known": lambda: {name: round(float(study.before().right.mean()), 4) for name, study in studies.items()},
    }
    for name, measure in parts.items():
        if name not in found:
            found[name] = measure()
            lines = [f'"{part}": {json.dumps(value)}' for part, value in found.items()]
            write_atomically(path, "{" + ",\n".join(lines) + "}\n")
            say(name)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
