"""What separately trained models are worth to fine-tuning on one small task, pair by pair, for lesson 08.

Sun et al. (2025, Table 2) fine-tune pre-trained models on questions of common sense and find the scaled ones ahead.
Here the task is what is true of each resident, of which a run of the depth experiments has learned a part: documents of
facts alone, then questions in words that were never trained on. Every pair is tuned on the same documents in the same
order; each recipe at the rate that was best on the seed on which its learning rate was chosen too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from labkit.base.errors import BadInput, NotAvailable
from labkit.base.rows import Rows
from labkit.measurements.tables import text_table

from .block_runs import END, START, BlockRuns, blocks_path

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["TUNING_RATES", "Transfer", "Transfers", "answers", "sweep_transfers", "transfer", "transfers_path", "tune"]

TASK = "facts"
DOCUMENTS, STEPS, TUNING_RATES = 16, 200, (1e-3, 2e-3, 4e-3)
QUESTIONS, SEED = 400, 89
CHOOSING = 0


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """One fine-tuned model: the run it comes from (its recipe, lr and seed), and how it answers unseen questions.

    start: "end" for the trained model, "0" for the same one with its first, untrained weights: what tuning alone does.
    tuning_lr: the highest rate of fine-tuning. nats: minus the log-probability of the right answer, mean over the
    questions, before and after. right: the share of questions whose right answer, of four, is the most probable one.
    """

    recipe: str
    lr: float
    seed: int
    start: str
    tuning_lr: float
    nats_before: float
    nats: float
    right_before: float
    right: float


@dataclass(frozen=True)
class Transfers(Rows[Transfer]):
    """Fine-tuned models in the order in which they were tuned."""

    form, row, what = "labkit transfers 1", Transfer, "fine-tuned models"
    remedy = "restore it, or labkit sweep transfer"

    def of(
        self, recipe: str, *, tuning_lr: float | None = None, seeds: Sequence[int] | None = None, start: str = END
    ) -> list[Transfer]:
        """Return the models of a recipe, in the order of their seeds."""
        found = [
            row
            for row in self.runs
            if (row.recipe, row.start) == (recipe, start)
            and tuning_lr in (None, row.tuning_lr)
            and (seeds is None or row.seed in seeds)
        ]
        return sorted(found, key=lambda row: (row.seed, row.tuning_lr))

    def best_lr(self, recipe: str, start: str = END) -> float:
        """Return the tuning rate that left the fewest nats on the choosing seed."""
        tried = self.of(recipe, seeds=[CHOOSING], start=start)
        if not tried:
            raise BadInput(f"No model of {recipe} with seed {CHOOSING} has been tuned.", do="labkit sweep transfer")
        return min(tried, key=lambda row: row.nats).tuning_lr

    def table(self) -> str:
        """Return one line per model."""
        heads = ["recipe", "start", "seed", "rate", "nats before", "after", "right before", "after"]
        rows = [
            [row.recipe, row.start, str(row.seed), f"{row.tuning_lr:g}"]
            + [f"{value:.3f}" for value in (row.nats_before, row.nats, row.right_before, row.right)]
            for row in self.runs
        ]
        return text_table(heads, rows)

    @classmethod
    def load(cls, path: str | os.PathLike | None = None) -> Transfers:
        """Read what `save` wrote (default: the course's own); raise `BrokenFile` for a damaged file."""
        return super().load(transfers_path() if path is None else path)


def transfers_path() -> Path:
    """Return where the course keeps its own fine-tuned models' numbers."""
    return blocks_path().with_name("08_transfer.json")


def tune(model: ModelLike, seed: int, lr: float) -> Any:
    """Return a copy of a decoder that reads the world, fine-tuned on the task: 200 steps of 16 documents."""
    from labkit.interventions import heal

    return heal(model, steps=STEPS, lr=lr, documents={TASK: DOCUMENTS}, seed=seed).model


def transfer(
    recipes: Sequence[str] = ("depth/pre", "depth/lns"),
    seeds: Sequence[int] = (1, 2, 3, 4, 5),
    *,
    out: str | os.PathLike = "runs/grid",
    known: Transfers | None = None,
    say: Callable[[Transfers], None] | None = None,
) -> Transfers:
    """Fine-tune the finished runs of a grid in `out`, each recipe at its best learning rate, and return the numbers.

    The choosing seed is tuned at all of `TUNING_RATES`, from trained and from first weights; `seeds` at the best of
    them, from trained ones. known: what need not be done again. say: called with all so far after each. Raises
    `NotAvailable` for a run that is missing.
    """
    from labkit.training import read_recipe

    blocks, read = BlockRuns.load(), [read_recipe(recipe) for recipe in recipes]
    lrs = {recipe.name: blocks.best_lr(recipe.name, [CHOOSING]) for recipe in read}
    done = [row for row in known or () if lrs.get(row.recipe) == row.lr]  # others were runs of a rate now beaten
    for seed in (CHOOSING, *seeds):
        for recipe in read:
            trial = _finished(recipe, lrs[recipe.name], seed, out)
            for start, rates in _asked(recipe.name, seed, done):
                for rate in rates:
                    about = {"recipe": recipe.name, "lr": trial.recipe.lr, "seed": seed, "start": start}
                    about["tuning_lr"] = rate
                    if any(about.items() <= asdict(row).items() for row in done):
                        continue
                    done.append(_tuned(trial, about))
                    if say is not None:
                        say(Transfers(tuple(done)))
    return Transfers(tuple(done))


def sweep_transfers(say: Callable[[str], None] = print, out: Path | None = None, folder: Path | None = None) -> Path:
    """Do `transfer` for `labkit sweep transfer` on a grid's runs, going on where it was, and return the file."""
    out = out or transfers_path()

    def keep(so_far: Transfers) -> None:
        so_far.save(out)
        say(f"{len(so_far)} tunings")

    transfer(out=folder or Path("runs/grid"), known=Transfers.load(out) if out.is_file() else None, say=keep)
    return out


def _finished(recipe: Any, lr: float, seed: int, out: str | os.PathLike) -> Any:
    from labkit.training import grid

    (trial,) = grid([recipe], lrs=[lr], seeds=[seed], out=out)
    if trial.status != "finished":
        raise NotAvailable(
            f"{recipe.name} at {lr:g} with seed {seed} has not been trained in {out}.",
            do=f"labkit grid {recipe.name} --lr {lr:g} --seeds {seed} --out {out}",
        )
    return trial


def _asked(recipe: str, seed: int, done: Sequence[Transfer]) -> list[tuple[str, Sequence[float]]]:
    """Return from which weights a model is tuned, and at which rates."""
    if seed == CHOOSING:
        return [(START, TUNING_RATES), (END, TUNING_RATES)]
    return [(END, [Transfers(tuple(done)).best_lr(recipe)])]


def _tuned(trial: Any, about: dict[str, Any]) -> Transfer:
    from labkit.models import load

    first = trial.recipe.config().build(trial.seed).eval()
    model = load(trial.folder / "final") if about["start"] == END else first
    nats_before, right_before = answers(model)
    nats, right = answers(tune(model, trial.seed, about["tuning_lr"]))
    return Transfer(nats_before=nats_before, nats=nats, right_before=right_before, right=right, **about)


def answers(model: ModelLike) -> tuple[float, float]:
    """Return the mean nats a right answer costs, and the share of questions answered right, in unseen words."""
    from labkit import world
    from labkit.measurements import Question, choice_accuracy

    tokenizer = world.tokenizer()
    asked = world.facts_questions(QUESTIONS, SEED)
    found = choice_accuracy(model, [Question(*one.encoded(tokenizer), one.answer) for one in asked])
    nats = fmean(-options[answer] for options, answer in zip(found.log_probs, found.answers))
    return round(nats, 5), round(found.value, 5)
