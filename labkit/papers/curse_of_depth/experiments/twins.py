"""Two small models trained side by side, Pre-LN and another: their recipes, looks at both, and the stored answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.base.data import data_dir
from labkit.base.errors import BrokenFile
from labkit.base.files import write_atomically

from .untrained import PLACEMENTS

if TYPE_CHECKING:
    from labkit.training import LiveStep, Recipe

__all__ = ["TrainingPairData", "TrainingPairState", "kept", "look_at_both", "recipe_of", "save", "twins_path"]

FIRST = "Pre-LN"
STEPS, EVERY = 240, 10  # steps; steps a point of the curve is the mean of
DOCUMENTS = {"stories": 4, "choice": 2, "facts": 2}
WIDTH = {"width": 48, "heads": 2, "ffn": 128, "context": 256, "tie": False, "init_std": 0.08}
SEED, STORIES = 0, 2
_LINES = ("losses", "variance", "turns", "costs")


@dataclass(frozen=True)
class TrainingPairState:
    """Which model is trained beside Pre-LN, how deep both are, and at which learning rate."""

    other: str = "LayerNorm Scaling"
    depth: int = 12
    lr: float = 4e-3


@dataclass(frozen=True)
class TrainingPairData:
    """Both models after `step` of `steps`: by name the loss over the steps so far, and by block what each is and costs.

    losses[name][i] is the mean over `EVERY` steps, up to tokens[i]. diverged: whose loss is no number any more.
    """

    other: str
    depth: int
    lr: float
    step: int
    steps: int
    tokens: tuple[int, ...]
    losses: Mapping[str, tuple[float, ...]]
    variance: Mapping[str, tuple[float, ...]]
    turns: Mapping[str, tuple[float, ...]]
    costs: Mapping[str, tuple[float, ...]]
    diverged: tuple[str, ...] = ()


def look_at_both(
    state: TrainingPairState,
    both: Sequence[LiveStep],
    n_steps: int,
    tokens: Sequence[int],
    losses: Mapping[str, Sequence[float]],
) -> TrainingPairData:
    """Return what the two models are on a few held-out stories, beside the losses so far."""
    from labkit import world
    from labkit.sweeps import pruning_curve

    from .reading import read_stream

    texts = [one.text for one in world.documents("stories", STORIES, seed=8, split="test")]
    documents = world.tokenizer().encode_documents(texts)
    variance, turns, costs = {}, {}, {}
    for name, one in zip((FIRST, state.other), both):
        variance[name], turns[name] = read_stream(one.model, documents)
        costs[name] = tuple(point.change.value for point in pruning_curve(one.model, documents).points)
    curves = {name: tuple(line) for name, line in losses.items()}
    diverged = tuple(name for name, one in zip((FIRST, state.other), both) if one.diverged)
    return TrainingPairData(
        state.other, state.depth, state.lr, both[0].step, n_steps, tuple(tokens), curves, variance, turns, costs,
        diverged,
    )  # fmt: skip


def recipe_of(name: str, state: TrainingPairState, steps: int) -> Recipe:
    """Return the recipe of one of the two models."""
    from labkit.training import Recipe

    return Recipe(
        name=f"twin {name}", size="cpu", model={**PLACEMENTS[name], **WIDTH, "depth": state.depth}, documents=DOCUMENTS,
        steps=steps, lr=state.lr, warmup=max(1, steps // 10), last_lr=0.1, weight_decay=0.0, groups=2, pool=4,
    )  # fmt: skip


def twins_path() -> Path:
    """Return where the stored answers lie."""
    return data_dir() / "sweeps" / "08_twins.json"


def kept() -> dict[tuple[str, int, float], TrainingPairData]:
    """Return the stored answers by the state they answer."""
    path = twins_path()
    if not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["twins"]
        found = [TrainingPairData(**{name: _frozen(value) for name, value in row.items()}) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenFile(
            f"{path} is damaged ({error}).", expected="what labkit sweep twins wrote", do="git restore it"
        ) from error
    return {(one.other, one.depth, one.lr): one for one in found}


def _short(line: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.5g}") for value in line)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: tuple(line) for name, line in value.items()}
    return tuple(value) if isinstance(value, list) else value


def save(answers: Iterable[TrainingPairData], out: Path | None = None) -> Path:
    """Write the stored answers."""
    rows = []
    for data in answers:
        shape = {name: {key: _short(line) for key, line in getattr(data, name).items()} for name in _LINES}
        rows.append(json.dumps(asdict(replace(data, **shape))))
    return write_atomically(out or twins_path(), '{"twins": [\n' + ",\n".join(rows) + "\n]}\n")
