"""A second space: can a sentence encoder that was never meant to be read back serve as a concept space?

python -m labkit.papers.large_concept_models.experiments.second_space
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from labkit.base.data import data_dir
from labkit.base.files import write_atomically
from labkit.panels.tables import Table
from labkit.training import Fit, fit

from .. import task
from ..method.normaliser import Normaliser
from ..method.pretrained import PretrainedCodec, decoder_loss
from ..method.space import ConceptSpace
from .quality import exact_answers, judge_concepts, test_events

__all__ = ["check_slots", "learn_second_space", "measure_second_space", "second_space_path", "stored_second_space"]


def second_space_path() -> Path:
    """Return the file of what was measured."""
    return data_dir() / "sweeps" / "06_minilm.json"


def stored_second_space() -> Table:
    """Return what was measured: the gate, and how often ideal models' vectors say something that can follow."""
    found = json.loads(second_space_path().read_text(encoding="utf-8"))
    rows = [("held-out sentences, word for word", found["exact"]["exact"])]
    for ideal, name in (("truth", "true futures"), ("mean", "averages of the futures")):
        rows += [
            (f"{name} after {verb} ({len(branch)})", found["possible"][ideal][verb])
            for verb, branch in zip(task.EVENTS, task.BRANCHES)
            if len(branch) > 1
        ]
    return Table("In the space of all-MiniLM-L6-v2, with a decoder of ours", ["what is decoded", "right"], rows)


def learn_second_space(
    encoder: Any,
    *,
    steps: int = 1200,
    batch: int = 128,
    noise: float = 0.3,
    seed: int = 0,
    sentences: int | None = None,
) -> tuple[ConceptSpace, Any]:
    """Return the space of an encoder with a decoder trained on the world's English sentences, and how its fit went.

    sentences: train on so many only. What `task.held_out` names is never trained on.
    """
    events = task.all_events()
    known = task.join([events, *(f[events.kind_N == 3] for f in task.futures(events)), task.text_end(1)])
    known = known[~task.held_out(known)]
    pieces_NL = task.tokens(known, 0).unique(dim=0)
    if sentences is not None:
        pieces_NL = pieces_NL[torch.randperm(len(pieces_NL), generator=torch.Generator().manual_seed(seed))[:sentences]]
    codec = PretrainedCodec.build(encoder, seed=seed)
    texts = [task.tokenizer().decode(p for p in row if p != task.PAD) for row in pieces_NL.tolist()]
    c_NC = codec.standardise(codec.raw(texts))

    def loss_at(model: nn.Module, step: int) -> Tensor:
        g = torch.Generator().manual_seed(1_000_003 * (seed + 1) + step)
        some = torch.randint(len(c_NC), (batch,), generator=g)
        return decoder_loss(model, c_NC[some], pieces_NL[some], g, noise)

    fitted = fit(codec, loss_at, Fit(steps=steps, lr=3e-3, warmup=min(100, steps), last_lr=0.01))
    return ConceptSpace(codec, Normaliser(codec.config.concept)), fitted


def check_slots(space: ConceptSpace, n: int = 400, seed: int = 99) -> dict[str, float]:
    """Return for n held-out English sentences the share said word for word ("exact"), and with each slot right."""
    held = task.draw(n, torch.Generator().manual_seed(seed), held=True)
    pieces_NL = space.pieces(space.encode(held))
    said, ok_N = task.read(pieces_NL)
    same_N = ok_N & (said.kind_N == held.kind_N)
    found = {
        "exact": float((pieces_NL == task.tokens(held, 0)).all(1).float().mean()),
        "kind": float(same_N.float().mean()),
    }
    event_N = held.kind_N < task.FUTURE
    for number, slot in enumerate(task.SLOTS):
        has_N = event_N if slot == "object" else ~event_N if slot in ("mood", "vehicle") else torch.ones_like(event_N)
        right_N = (said.slots_NS[:, number] == held.slots_NS[:, number]) & ok_N
        found[slot] = float(right_N[has_N].float().mean())
    return found


def measure_second_space(encoder: Any, seed: int = 0, **training: Any) -> dict[str, Any]:
    """Return the gate, slot by slot; what ideal models say in the space; and how alike what is confused is (cosine)."""
    space, fitted = learn_second_space(encoder, seed=seed, **training)
    events = test_events(20)
    ideal = {
        name: {verb: judge_concepts(space, events, z).of("possible", verb).value for verb in task.EVENTS}
        for name, z in exact_answers(space, events, 4).items()
    }
    pairs = {
        "another island": ("Ilo lost the kettle on Sable .", "Ilo lost the kettle on Lull ."),
        "another name": ("Ilo lost the kettle on Sable .", "Mei lost the kettle on Sable ."),
        "another thing": ("Ilo lost the kettle on Sable .", "Ilo lost the violin on Sable ."),
        "another verb": ("Ilo lost the kettle on Sable .", "Ilo found the kettle on Sable ."),
    }
    cosine = {name: float(torch.mul(*encoder.embed(list(pair))).sum()) for name, pair in pairs.items()}
    return {
        "exact": check_slots(space), "possible": ideal, "cosine": cosine,
        "seed": seed, "loss": fitted.last(), "seconds": round(fitted.seconds, 1),
        "params": sum(p.numel() for p in space.codec.parameters()),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the decoder and write what it gives."""
    from labkit.zoo import load

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=1200)
    asked = parser.parse_args(arguments)
    found = measure_second_space(load("minilm"), steps=asked.steps)
    write_atomically(asked.out or second_space_path(), (json.dumps(found, indent=1) + "\n").encode())
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
