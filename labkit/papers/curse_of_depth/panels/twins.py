"""Two small models trained side by side before the reader's eyes, Pre-LN and another. Lesson: 08, deeper.

Both start from the same draws and read the same documents. Stored answers lie in data/sweeps/08_twins.json;
`labkit sweep twins` trains the presets and writes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.base.data import data_dir
from labkit.base.errors import BrokenFile
from labkit.base.files import write_atomically
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.jobs import Progress
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from .beginning import PLACEMENTS

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from labkit.training import LiveStep, Recipe

__all__ = ["TrainingPairData", "TrainingPairPanel", "TrainingPairState", "store"]

FIRST = "Pre-LN"
LRS = {"0.002": 2e-3, "0.004": 4e-3, "0.008": 8e-3}
STEPS, EVERY, SHOWN = 240, 10, 40  # steps; steps a point of the curve is the mean of; steps between two pictures
DOCUMENTS = {"stories": 4, "choice": 2, "facts": 2}
WIDTH = {"width": 48, "heads": 2, "ffn": 128, "context": 256, "tie": False, "init_std": 0.08}
SEED, STORIES = 0, 2


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


class TrainingPairPanel(Panel):
    """Train two models of 4 to 24 blocks for a minute on one thread; Cancel stops it and keeps the picture."""

    question = "Which of two young models learns faster, and which uses its blocks?"
    State = TrainingPairState
    size = (8.6, 3.6)

    def __init__(self, *, steps: int = STEPS, **options: Any):
        self.n_steps = steps
        super().__init__(None, **options)

    def make_controls(self) -> Sequence[Control]:
        others = tuple(name for name in PLACEMENTS if name != FIRST)
        return (
            Choice("other", others, label="Beside Pre-LN", help="where the norm or the factor stands in the other one"),
            Slider("depth", 4, 24, 4, label="Blocks"),
            Choice("lr", LRS, label="Learning rate", help="the highest; the same for both, which is a choice too"),
        )

    def steps(self, state: TrainingPairState) -> Generator[float, None, TrainingPairData]:
        """Yield after every step of both, now and then with a picture, and return the last look."""
        from labkit.training import train_live

        recipes = {name: recipe_of(name, state, self.n_steps) for name in (FIRST, state.other)}
        seen: dict[str, list[LiveStep]] = {name: [] for name in recipes}
        losses: dict[str, list[float]] = {name: [] for name in recipes}
        tokens: list[int] = []
        for number, both in enumerate(zip(*(train_live(recipe, SEED) for recipe in recipes.values())), start=1):
            for name, one in zip(recipes, both):
                seen[name] = [*seen[name], one][-EVERY:]
            ended = number == self.n_steps or any(one.diverged for one in both)
            if number % EVERY == 0 or ended:
                tokens.append(both[0].tokens)
                for name, steps in seen.items():
                    losses[name].append(sum(step.loss for step in steps) / len(steps))
            done = number / self.n_steps
            if number % SHOWN == 0 and not ended:
                yield Progress(done, self._look(state, both, tokens, losses))
            else:
                yield done
        return self._look(state, both, tokens, losses)

    def _look(
        self, state: TrainingPairState, both: Sequence[LiveStep], tokens: list[int], losses: Mapping[str, list[float]]
    ) -> TrainingPairData:
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
            state.other, state.depth, state.lr, both[0].step, self.n_steps, tuple(tokens), curves, variance, turns,
            costs, diverged,
        )  # fmt: skip

    def stored(self, state: TrainingPairState) -> TrainingPairData | None:
        return kept().get((state.other, state.depth, state.lr)) if self.n_steps == STEPS else None

    def presets(self) -> Sequence[TrainingPairState]:
        return [TrainingPairState(), TrainingPairState(other="Post-LN")]

    def restored(self, state: TrainingPairState) -> TrainingPairState:
        return self.start

    def draw(self, data: TrainingPairData, figure: FigureBase) -> None:
        from .lines import Plot, paint_plots

        thousands = [tokens / 1000 for tokens in data.tokens]
        reach = thousands[-1] * data.steps / data.step
        loss = {"limits": (0.6, 3.0), "y": "nats a token", "x": "thousand tokens", "places": thousands, "reach": reach}
        variance = {name: line[1:] for name, line in data.variance.items()}
        paint_plots(
            [
                Plot("Loss while training", data.losses, **loss),
                Plot("Stream", variance, (1e-3, 1e2), "variance", True),
                Plot("Cost to lose", data.costs, (1e-4, 10.0), "nats a token", True),
            ],
            figure,
        )

    def sentence(self, data: TrainingPairData) -> str:
        first, other = (data.losses[name][-1] for name in (FIRST, data.other))
        behind = [data.variance[name][-1] for name in (FIRST, data.other)]
        last = [data.costs[name][-1] for name in (FIRST, data.other)]
        broken = "".join(f" {name} has diverged." for name in data.diverged)
        return (
            f"After {data.step} of {data.steps} steps ({data.tokens[-1]:,} tokens) the loss is {first:.3f} in {FIRST} "
            f"and {other:.3f} with {data.other}; variance after the last of {data.depth} blocks {behind[0]:.3g} and "
            f"{behind[1]:.3g}; losing that block costs {last[0]:+.4f} and {last[1]:+.4f} nats.{broken} One seed and a "
            f"minute: enough to see the stream, too little for a verdict on the loss."
        )

    def table(self, data: TrainingPairData) -> Table:
        names = (FIRST, data.other)
        rows = [
            (f"{words} {number}", *values)
            for words, lines in (("variance", data.variance), ("turn", data.turns), ("cost", data.costs))
            for number, values in enumerate(zip(*(lines[name][-data.depth :] for name in names)), start=1)
        ]
        rows += [
            (f"loss after {tokens:,} tokens", *both) for tokens, *both in zip(data.tokens, *map(data.losses.get, names))
        ]
        return Table("By block: variance after it, turn by it, cost of losing it (nats a token)", ("", *names), rows)

    def code(self, state: TrainingPairState) -> str:
        recipes = [recipe_of(name, state, self.n_steps).as_dict() for name in (FIRST, state.other)]
        lines = [
            "from labkit.training import Recipe, train_live",
            "",
            *(f"{name} = Recipe(**{recipe!r})" for name, recipe in zip(("first", "second"), recipes)),
            "for one, other in zip(train_live(first), train_live(second)):  # both models are yours between two steps",
            f"    if one.step % {EVERY} == 0:",
            "        print(one.step, one.tokens, one.loss, other.loss)",
        ]
        return "\n".join(lines)


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


def store(out: Path | None = None, say: Callable[[str], None] = lambda words: None) -> Path:
    """Train the panel's presets (a minute or two each) and keep the answers."""
    panel = TrainingPairPanel(steps=STEPS)
    rows = []
    for state in panel.presets():
        data = panel.compute(state)
        say(f"trained {state.other}")
        shape = {name: {key: _short(line) for key, line in getattr(data, name).items()} for name in _LINES}
        rows.append(json.dumps(asdict(replace(data, **shape))))
    return write_atomically(out or twins_path(), '{"twins": [\n' + ",\n".join(rows) + "\n]}\n")


_LINES = ("losses", "variance", "turns", "costs")


def _short(line: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.5g}") for value in line)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: tuple(line) for name, line in value.items()}
    return tuple(value) if isinstance(value, list) else value
