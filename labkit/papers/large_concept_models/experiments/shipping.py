"""Put the trained models of the choosing seed among those that come with the course, each with its card.

python -m labkit.papers.large_concept_models.experiments.shipping aligned unaligned base two-tower
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit.training import Runs
from labkit.world import VERSION

from ..method import store
from ..training import ARMS, CHOOSING, CODECS, FOLDER, load_run
from .codecs import check_codec
from .quality import quality_of, test_events

__all__ = ["ship_run"]

ABOUT = {
    "aligned": "A codec for sentences in English and German, trained by translation: both have one vector.",
    "unaligned": "The control: a codec that learned both languages and never saw a translation.",
    "base": "Base-LCM: the next sentence vector by squared error, in the space of concepts/aligned.",
    "two-tower": "Two-Tower diffusion: the next sentence vector drawn in 20 steps, in the space of concepts/aligned.",
}
DEFECTS = {
    "aligned": ["knows the sentences of its small world and no others"],
    "unaligned": ["a vector of one language says nothing in the other, as intended"],
    "base": ["after verbs with several futures it answers with their average, as intended"],
    "two-tower": ["one sentence of context, one of continuation and the end of the text are all it has seen"],
}


def ship_run(name: str, folder: Path = FOLDER) -> Any:
    """Ship the run of an arm with the choosing seed and return its manifest entry."""
    recipe = {**CODECS, **ARMS}[name]
    run = Runs(folder / "trained.jsonl").find(arm=name, lr=recipe.lr, seed=CHOOSING)
    model = load_run(name, CHOOSING, folder=folder)
    facts = {key: run[key] for key in ("seed", "lr", "loss")} | {"minutes": round(run["seconds"] / 60, 1)}
    facts |= {
        "world": VERSION,
        "steps": recipe.steps,
        "batch": recipe.batch,
        "precision": "float16 on disk, float32 when loaded",
    }
    if name in CODECS:
        check = check_codec(model.codec)
        measured = {"exact": {way: round(one.value, 4) for way, one in check.exact.items()}}
    else:
        space = load_run(recipe.space, CHOOSING, folder=folder)
        quality = quality_of(model, space, test_events(), draws=8)
        measured = {
            "possible": {v: round(quality.of("possible", v).value, 3) for v in ("sold", "found", "lent", "lost")}
        }
    return store.ship(model, name, {"about": ABOUT[name], **facts, "defects": DEFECTS[name], **measured})


def main(arguments: Sequence[str] | None = None) -> None:
    """Ship what is named."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("names", nargs="+", choices=ABOUT)
    for name in parser.parse_args(arguments).names:
        print(ship_run(name))


if __name__ == "__main__":
    main()
