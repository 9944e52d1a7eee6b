"""Two small models trained side by side before the reader's eyes, Pre-LN and another. Lesson: 08, deeper.

Both start from the same draws and read the same documents. Stored answers lie in data/sweeps/08_twins.json;
`labkit sweep twins` trains the presets and writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.jobs import Progress
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.twins import (
    EVERY,
    FIRST,
    SEED,
    STEPS,
    TrainingPairData,
    TrainingPairState,
    kept,
    look_at_both,
    recipe_of,
    save,
)
from ..experiments.untrained import PLACEMENTS

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from labkit.training import LiveStep

__all__ = ["TrainingPairPanel", "store"]

SHOWN = 40  # steps between two pictures
LRS = {"0.002": 2e-3, "0.004": 4e-3, "0.008": 8e-3}


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
                yield Progress(done, look_at_both(state, both, self.n_steps, tokens, losses))
            else:
                yield done
        return look_at_both(state, both, self.n_steps, tokens, losses)

    def stored(self, state: TrainingPairState) -> TrainingPairData | None:
        return kept().get((state.other, state.depth, state.lr)) if self.n_steps == STEPS else None

    def presets(self) -> Sequence[TrainingPairState]:
        return [TrainingPairState(), TrainingPairState(lr=8e-3), TrainingPairState(other="Post-LN")]

    def draw(self, data: TrainingPairData, figure: FigureBase) -> None:
        from ..figures.lines import Plot, paint_plots

        thousands = [tokens / 1000 for tokens in data.tokens]
        reach = thousands[-1] * data.steps / data.step
        loss = {"limits": (0.6, 3.0), "y": "nats a token", "x": "thousand tokens", "places": thousands, "reach": reach}
        variance = {name: line[1:] for name, line in data.variance.items()}
        paint_plots(
            [
                Plot(f"Loss, rate {data.lr:g}", data.losses, **loss),
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
            f"At {data.lr:g}, after {data.step} of {data.steps} steps ({data.tokens[-1]:,} tokens), the loss is "
            f"{first:.3f} in {FIRST} and {other:.3f} with {data.other}; variance after the last of {data.depth} blocks "
            f"{behind[0]:.3g} and {behind[1]:.3g}; losing that block costs {last[0]:+.4f} and {last[1]:+.4f} nats."
            f"{broken} One seed and a minute: enough to see the stream, too little for a verdict on the loss."
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
        return "\n".join([
            "from labkit.training import Recipe, train_live",
            "",
            *(f"{name} = Recipe(**{recipe!r})" for name, recipe in zip(("first", "second"), recipes)),
            "for one, other in zip(train_live(first), train_live(second)):  # both models are yours between two steps",
            f"    if one.step % {EVERY} == 0:",
            "        print(one.step, one.tokens, one.loss, other.loss)",
        ])  # fmt: skip


def store(out: Path | None = None, say: Callable[[str], None] = lambda words: None) -> Path:
    """Train the panel's presets (a minute or two each) and keep the answers."""
    panel, answers = TrainingPairPanel(steps=STEPS), []
    for state in panel.presets():
        answers.append(panel.compute(state))
        say(f"trained {state.other}")
    return save(answers, out)
