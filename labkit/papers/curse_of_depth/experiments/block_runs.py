"""What every block is worth in many separately trained models: the stored measurements of lesson 08.

The runs of a grid leave checkpoints in folders that nobody ships. `measure_runs` reads the stream and leaves out every
part of each; the numbers of all runs lie in one small JSON file, one line per checkpoint, read without torch.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.base.data import data_dir
from labkit.base.errors import BadInput, unknown
from labkit.base.rows import Rows

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = [
    "DEPTH_KINDS",
    "IDLE",
    "PARTS",
    "BlockRun",
    "BlockRuns",
    "blocks_path",
    "curves_path",
    "measure_model",
    "measure_runs",
    "one_rate_blocks_path",
    "one_rate_curves_path",
    "placements_path",
    "stories",
    "sweep_depths",
    "sweep_one_rate",
]

PARTS = ("block", "attention", "mlp")
IDLE = 0.01  # nats a token: a block that costs no more to lose is called idle
STORIES, SEED = 32, 88
DEPTH_KINDS = {  # recipe -> in words
    "depth/pre": "Pre-LN",
    "depth/lns": "LayerNorm Scaling",
    "depth/lns-full": "LayerNorm Scaling, p = 1",
    "depth/lns-branch": "factor after the branch",
    "depth/pre-scaled": "Pre-LN, outputs smaller",
    "depth/lns-scaled": "Scaling, outputs smaller",
    "depth/post": "Post-LN",
    "depth/sandwich": "Sandwich",
    "depth/mix": "Mix-LN",
    "depth/deepnorm": "DeepNorm",
    "depth/skipinit": "SkipInit",
    "depth/layerscale": "LayerScale",
    "depth/rezero": "ReZero",
    "depth/pre-8": "Pre-LN, 8 blocks",
    "depth/pre-32": "Pre-LN, 32 blocks",
    "depth/lns-8": "Scaling, 8 blocks",
    "depth/lns-32": "Scaling, 32 blocks",
}
START, END = "0", "end"


@dataclass(frozen=True, kw_only=True)
class BlockRun:
    """One checkpoint of one run, by block: stream after it, turn by it, and the cost of losing it or a part of it.

    step: the number of the training step, "0" before the first, or "end". loss and costs are nats a token, means over
    the same stories.
    variance has one number more than there are blocks: the embedding's comes first. Costs that were not asked are ().
    """

    recipe: str
    lr: float
    seed: int
    step: str
    loss: float
    variance: tuple[float, ...]
    turns: tuple[float, ...]
    block: tuple[float, ...]
    attention: tuple[float, ...]
    mlp: tuple[float, ...]

    def costs(self, part: str = "block") -> tuple[float, ...]:
        """Return what each block, or its attention or MLP, costs to lose."""
        if part not in PARTS:
            raise unknown("part of a block", part, PARTS)
        return getattr(self, part)

    @property
    def depth(self) -> int:
        """The number of blocks."""
        return len(self.turns)

    @property
    def idle(self) -> int:
        """How many blocks cost at most `IDLE` to lose."""
        return sum(cost <= IDLE for cost in self.block)


@dataclass(frozen=True)
class BlockRuns(Rows[BlockRun]):
    """Checkpoints in the order of recipe, learning rate, seed and step."""

    form, row, what = "labkit blocks 1", BlockRun, "measured runs"
    remedy = "restore it, or train the grid and measure it again"

    def steps(self) -> list[str]:
        """Return the steps that every run has, the first one first."""
        per_run: dict[tuple, set[str]] = {}
        for run in self.runs:
            per_run.setdefault((run.recipe, run.lr, run.seed), set()).add(run.step)
        return sorted(set.intersection(*per_run.values()) if per_run else (), key=_when)

    def of(
        self, recipe: str, *, lr: float | None = None, seeds: Sequence[int] | None = None, step: str = END
    ) -> list[BlockRun]:
        """Return the checkpoints of a recipe at one step, in the order of their seeds."""
        if recipe not in self.recipes:
            raise unknown("recipe among these runs", recipe, self.recipes)
        found = [
            run
            for run in self.runs
            if (run.recipe, run.step) == (recipe, step)
            and lr in (None, run.lr)
            and (seeds is None or run.seed in seeds)
        ]
        return sorted(found, key=lambda run: run.seed)

    def best_lr(self, recipe: str, seeds: Sequence[int] | None = None) -> float:
        """Return the learning rate at which most seeds were trained, of several the one with the least mean loss."""
        losses: dict[float, list[float]] = {}
        for run in self.of(recipe, seeds=seeds):
            losses.setdefault(run.lr, []).append(run.loss)
        if not losses:
            raise BadInput(f"No run of {recipe} with the seeds {seeds} was measured.", do="measure some, or ask others")
        return min(losses, key=lambda lr: (-len(losses[lr]), sum(losses[lr]) / len(losses[lr])))

    def written(self, run: BlockRun) -> dict[str, Any]:
        """Return a checkpoint with its numbers to five digits: costs differ by more between seeds."""

        def digits(value: Any) -> Any:
            return float(f"{value:.5g}") if isinstance(value, float) else value

        return {k: [digits(x) for x in v] if isinstance(v, tuple) else digits(v) for k, v in asdict(run).items()}

    @classmethod
    def load(cls, path: str | os.PathLike | None = None) -> BlockRuns:
        """Read saved checkpoints (default: the course's own); raise `BrokenFile` for a damaged file."""
        return super().load(blocks_path() if path is None else path)


def blocks_path() -> Path:
    """Return where the course keeps its own measured runs."""
    return data_dir() / "sweeps" / "08_blocks.json"


def curves_path() -> Path:
    """Return where the course keeps the training curves of the same runs."""
    return blocks_path().with_name("08_curves.json")


def one_rate_blocks_path() -> Path:
    """Return where the course keeps what was measured in shorter runs of three recipes at one learning rate."""
    return blocks_path().with_name("08_one_rate_blocks.json")


def one_rate_curves_path() -> Path:
    """Return where the course keeps the training curves of those shorter runs."""
    return blocks_path().with_name("08_one_rate_curves.json")


def placements_path() -> Path:
    """Return where the course keeps the curves of a first look at every recipe of these experiments."""
    return blocks_path().with_name("08_placements.json")


def stories() -> list[list[int]]:
    """Return the stories on which all checkpoints are measured; no model was trained on them."""
    from labkit import world

    texts = [one.text for one in world.documents("stories", STORIES, seed=SEED, split="test")]
    return world.tokenizer().encode_documents(texts)


def measure_model(model: ModelLike, documents: Sequence, *, parts: Sequence[str] = PARTS, **about: Any) -> BlockRun:
    """Return one checkpoint measured on `documents`; parts: whose loss is asked; about: its recipe, lr, seed, step."""
    from labkit.measurements import loss, residual_stats
    from labkit.sweeps.leave_one_out import DROPS
    from labkit.sweeps.run import sweep

    from ..method.distances import angular_distances

    turns = [one.value for one in angular_distances(model, documents).adjacent]
    costs: dict[str, tuple[float, ...]] = dict.fromkeys(PARTS, ())
    if parts:
        drops = {(part, layer): DROPS[part](layer) for part in parts for layer in range(len(turns))}
        found = sweep(model, list(drops.values()), documents)
        for part in parts:
            costs[part] = tuple(found[drops[part, layer]].change.value for layer in range(len(turns)))
    base = found.base if parts else loss(model, documents)
    variance = tuple(one.value for one in residual_stats(model, documents).variance)
    return BlockRun(loss=base.value, variance=variance, turns=tuple(turns), **costs, **about)


def measure_runs(
    folders: Sequence[str | os.PathLike],
    *,
    steps: Sequence[str] = (START, END),
    parts: Sequence[str] = PARTS,
    known: BlockRuns | None = None,
    say: Callable[[BlockRuns, BlockRun], None] | None = None,
) -> BlockRuns:
    """Return `known` and the finished runs in `folders`, measured at those of `steps` that they kept.

    steps: "0" is before training, "end" after. parts: which parts are left out. known: what need not be measured again.
    say: called after each checkpoint with all so far and that one. Runs that did not finish are left out.
    """
    documents, steps = stories(), sorted(steps, key=_when)
    done = {(run.recipe, run.lr, run.seed, run.step): run for run in known or ()}
    for about, model in _checkpoints(folders, steps):
        if about not in done:
            named = dict(zip(("recipe", "lr", "seed", "step"), about))
            done[about] = measure_model(model(), documents, parts=parts, **named)
            if say is not None:
                say(_sorted(done.values()), done[about])
    return _sorted(done.values())


def sweep_one_rate(
    say: Callable[[str], None] = print,
    out: Path | None = None,
    folder: Path | None = None,
    parts: Sequence[str] = (),
) -> Path:
    """Store a grid's finished runs for `labkit sweep one-rate`: their curves, and each trained model as it is.

    out: the file of the models; the curves lie beside it. What both hold already stays. folder: the grid's (default:
    runs/grid). parts: which parts are left out of each model, one at a time.
    """
    from labkit.training import Curves, collect

    out = out or one_rate_blocks_path()
    curves = out.with_name(one_rate_curves_path().name)
    folders = [about.parent for about in sorted((folder or Path("runs/grid")).glob("*/run.json"))]
    kept = {(run.recipe, run.lr, run.seed): run for run in (Curves.load(curves) if curves.is_file() else ())}
    kept |= {(run.recipe, run.lr, run.seed): run for run in collect(folders) if run.status == "finished"}
    Curves(tuple(run for _, run in sorted(kept.items()))).save(curves)
    found = measure_runs(folders, steps=(END,), parts=parts, known=BlockRuns.load(out) if out.is_file() else None)
    say(f"{len(found)} runs")
    return found.save(out)


def sweep_depths(say: Callable[[str], None] = print, out: Path | None = None, folder: Path | None = None) -> Path:
    """Store the grid in runs/depths for `labkit sweep depths`, with what each block costs to lose."""
    return sweep_one_rate(say, out, folder or Path("runs/depths"), parts=("block",))


def _sorted(runs: Iterable[BlockRun]) -> BlockRuns:
    return BlockRuns(tuple(sorted(runs, key=lambda run: (run.recipe, run.lr, run.seed, _when(run.step)))))


def _checkpoints(
    folders: Sequence[str | os.PathLike], steps: Sequence[str]
) -> Iterator[tuple[tuple, Callable[[], Any]]]:
    """Yield (recipe, lr, seed, step) and how to load it, for every finished run."""
    from labkit import world
    from labkit.models import DecoderConfig, load
    from labkit.training import collect

    for folder in map(Path, folders):
        (curve,) = collect([folder])
        if curve.status != "finished":
            continue
        config = DecoderConfig.from_dict({"vocab": world.tokenizer().vocab_size, **curve.model})
        for step in steps:
            place = folder / ("final" if step == END else f"steps/{step:0>6}")
            if step == START:
                yield (curve.recipe, curve.lr, curve.seed, step), lambda c=config, s=curve.seed: c.build(s).eval()
            elif place.is_dir():
                yield (curve.recipe, curve.lr, curve.seed, step), lambda place=place: load(place)


def _when(step: str) -> float:
    if step != END and not step.isdecimal():
        raise BadInput(f"step = {step!r}.", expected='the number of a step, or "end"')
    return math.inf if step == END else float(step)
