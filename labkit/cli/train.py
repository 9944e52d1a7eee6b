"""Train one of the course's models from its recipe.

A run that was killed goes on where it stopped; on the CPU with the same number of threads it ends bit for bit the same.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.base import toml
from labkit.base.files import write_atomically

if TYPE_CHECKING:
    from labkit.training import Run

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="a recipe, such as lab/tiny, or a recipe's file")
    parser.add_argument("--size", default="cpu", help="cpu (minutes to an hour) or gpu (minutes on one) (default: cpu)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="the run's folder (default: runs/NAME-SIZE-SEED)")
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on with a run found in the folder (the default), or refuse a folder in use",
    )
    parser.add_argument(
        "--defect", action="append", default=[], help="with --ship: a sentence for the card; repeatable"
    )
    parser.add_argument(
        "--history", action="store_true", help="measure the vital signs at every kept step and store them as data"
    )
    parser.add_argument(
        "--card", action="store_true", help="store the card without the model: what this seed makes of the recipe"
    )
    parser.add_argument("--ship", action="store_true", help="put the finished model, with its card, into data/models")


def run(options: argparse.Namespace) -> int:
    from labkit.training import recipes, train

    if options.name is None:
        print("\n".join(sorted(recipes())))
        return 0
    done = train(options.name, options.size, options.seed, options.out, options.resume, say=_say)
    print(f"{done.status} at step {done.step}, {done.tokens:,} tokens in {done.seconds / 60:.1f} min: {done.folder}")
    if done.status == "finished":
        _store(done, options)
    return int(done.status != "finished")


def _store(done: Run, options: argparse.Namespace) -> None:
    """Keep of a finished run what was asked for; another seed's card and history lie beside those of seed 0."""
    name = done.recipe.name
    if options.ship:
        from labkit.measurements import card_numbers
        from labkit.zoo import ship

        print(ship(done.folder, measure=card_numbers, defects=options.defect))
    if options.card:
        from labkit.measurements.card import card_file, card_numbers
        from labkit.zoo import card_of_run

        card = card_of_run(done.folder, measure=card_numbers, defects=options.defect)
        print(write_atomically(card_file(name, options.seed), toml.dumps(card)))
    if options.history:
        from labkit.measurements.history import history_file, take_history

        history = take_history(done.folder, name)
        print(f"{history}\n{history.save(history_file(name, 0 if options.ship else options.seed))}")


def _say(entry: dict[str, Any]) -> None:
    if entry["event"] == "step":
        words = (
            f"step {entry['step']}  loss {entry['loss']:.4f}  lr {entry['lr']:.2e}  {entry['tokens_per_s']} tokens/s"
        )
        print(words, flush=True)
    else:
        print(json.dumps({key: value for key, value in entry.items() if key != "recipe"}), flush=True)
