"""Readers on disk: adapter, blocks and norm in half precision; the embedding is the subject's own and is not stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save

from labkit.base import toml
from labkit.base.errors import BadInput
from labkit.models import DecoderConfig
from labkit.models.storage import on_disk, read_tensors
from labkit.zoo import Handle, card_of, entries, folder_of, load, ship_files, verify

from .contextualiser import Contextualiser

__all__ = ["Reader", "load_reader", "read_contextualiser", "ship_reader"]

_WEIGHTS, _CONFIG, _CARD = "model.safetensors", "config.json", "card.toml"
_SUBJECTS_OWN = ("decoder.embed.weight", "decoder.head.weight")


class Reader:
    """A trained contextualiser with the subject whose states it reads, and its card.

    name: where it is shipped. window: how many words before a token it was trained to rebuild.
    """

    def __init__(self, name: str, model: Contextualiser, subject: Handle, card: dict[str, Any]):
        self.name, self.model, self.subject, self.card = name, model, subject, card
        self.window = model.decoder.config.context

    def __repr__(self) -> str:
        return f"Reader({self.name!r}, reads {self.subject.name}, {self.window} words back)"


def ship_reader(model: Contextualiser, card: dict[str, Any]) -> None:
    """Put a reader among the shipped models under its card's name."""
    kept = {name: on_disk(name, value) for name, value in model.state_dict().items() if name not in _SUBJECTS_OWN}
    table = {"kind": "contextualiser", "levels": len(model.adapter.pool.logits), **_sizes(model.decoder.config)}
    params = sum(value.numel() for value in kept.values())
    ship_files(card, params, {_WEIGHTS: save(kept), _CONFIG: json.dumps(table, indent=2) + "\n"})


def load_reader(name: str = "microscope/reader", subject: Handle | None = None) -> Reader:
    """Return a shipped reader in float32 beside its subject, which is loaded unless given.

    Raises `BadInput` when the subject is another model than the one the reader was trained on.
    """
    verify(entries()[name])
    card = card_of(name)
    subject = load(card["subject"]) if subject is None else subject
    if subject.name != card["subject"]:
        raise BadInput(
            f"{name} reads the states of {card['subject']}, not of {subject.name}.",
            expected=f"labkit.load({card['subject']!r})",
            do="train a reader for another model with labkit.papers.llm_microscope.training",
        )
    return Reader(name, read_contextualiser(folder_of(name), subject), subject, card)


def read_contextualiser(folder: Path, subject: Handle | None = None) -> Contextualiser:
    """Return the contextualiser in a folder, with the embedding of its subject, which is loaded unless given."""
    if subject is None:
        subject = load(toml.read(folder / _CARD)["subject"])
    table = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    levels, _ = table.pop("levels"), table.pop("kind")
    model = Contextualiser.empty(DecoderConfig(**table), levels)
    state, _ = read_tensors(folder / _WEIGHTS)
    model.load_state_dict({**state, **dict.fromkeys(_SUBJECTS_OWN, subject.model.embed.weight.detach())})
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.eval()


def _sizes(config: DecoderConfig) -> dict[str, Any]:
    return {key: value for key, value in config.as_dict().items() if key != "kind"}
