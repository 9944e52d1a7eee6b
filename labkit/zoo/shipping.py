"""Ship a trained model with the course: weights in half precision, a card, its entry in the manifest.

Or its card alone: what another seed makes of the same recipe needs no weights to be told.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from labkit import models, world
from labkit.base import toml
from labkit.base.errors import BadInput, BrokenFile
from labkit.base.files import parsed, write_atomically
from labkit.training import read_log

from .handle import Handle
from .manifest import CARD, Entry, folder_of, record

__all__ = ["card_of_run", "ship", "ship_files", "ship_model"]


def ship(
    run: str | Path,
    name: str | None = None,
    measure: Callable[[Handle], dict[str, Any]] | None = None,
    defects: Sequence[str] = (),
) -> Entry:
    """Put the final model of the run in folder `run` among the shipped ones and return its manifest entry.

    `measure(handle)` sees the model as readers will load it, rounded to half precision, and returns tables of
    numbers for the card. `defects` are what a reader should know in plain sentences. The manifest is written last.

    Raises `BrokenFile` for a folder without a run and `BadInput` for a run that did not finish.
    """
    card = card_of_run(run, name, measure, defects)
    return ship_model(models.load(Path(run) / "final"), card)


def ship_model(model: models.Decoder, card: dict[str, Any], files: Mapping[str, bytes | str] | None = None) -> Entry:
    """Put a model among the shipped ones under its card's name, in half precision, and return its manifest entry.

    `card` says what a reader should know: name, about, how it was trained (steps, lr, seed, loss, minutes), defects,
    and `tokenizer`, a name that its paper registers, where the model does not read the world's pieces. The number of
    weights is filled in. `files` are what goes with the model, by name. Raises `BadInput` for a card without a name.
    """
    if not card.get("name"):
        raise BadInput("The card names no model.", expected='name = "family/model"')
    name, params = card["name"], sum(parameter.numel() for parameter in model.parameters())
    models.save(model, folder_of(name), half=True)
    return ship_files(card, params, files or {}, written=("config.json", "model.safetensors"))


def ship_files(
    card: dict[str, Any], params: int, files: Mapping[str, bytes | str], *, written: Sequence[str] = ()
) -> Entry:
    """Put files among the shipped models under their card's name: a model of a paper's own kind, or what goes with one.

    files: contents by name. written: names of files that lie in the folder already. The manifest is written last.
    """
    folder = folder_of(card["name"])
    for name, content in files.items():
        write_atomically(folder / name, content)
    write_atomically(folder / CARD, toml.dumps({"params": params, **card}))
    return record(card["name"], params, [*written, *files, CARD])


def card_of_run(
    run: str | Path,
    name: str | None = None,
    measure: Callable[[Handle], dict[str, Any]] | None = None,
    defects: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the card with which `ship` would ship the final model of a run; nothing is written."""
    run = Path(run)
    try:
        started = parsed((run / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BrokenFile(
            f"{run} holds no run of training ({error}).", do="name the folder training wrote to"
        ) from error
    ends = [entry for entry in read_log(run / "log.jsonl") if entry["event"] in ("finished", "diverged")]
    if not ends or ends[-1]["event"] != "finished":
        raise BadInput(f"The run in {run} did not finish.", expected="a finished run", do="resume the training first")
    name = name or started["recipe"]["name"]
    with tempfile.TemporaryDirectory() as temporary:
        models.save(models.load(run / "final"), temporary, half=True)
        model = models.load(temporary)
    card = {**_facts(name, started, ends[-1], model), "defects": list(defects)}
    return {**card, **(measure(Handle(name, model, world.tokenizer(), card)) if measure else {})}


def _facts(name: str, started: dict[str, Any], end: dict[str, Any], model: models.Decoder) -> dict[str, Any]:
    recipe = started["recipe"]
    constructed = {"constructed": True, "planted": end["planted"]} if "planted" in end else {}
    return {
        "name": name,
        "about": recipe["about"],
        "recipe": recipe["name"],
        "size": recipe["size"],
        "seed": started["seed"],
        "lr": recipe["lr"],
        "world": recipe["world"],
        "params": sum(parameter.numel() for parameter in model.parameters()),
        "steps": end["step"],
        "tokens": end["tokens"],
        "minutes": round(end["seconds"] / 60, 1),
        "threads": recipe["threads"],
        "torch": started["torch"],
        "precision": "float16 on disk, float32 when loaded",
        **constructed,
    }
