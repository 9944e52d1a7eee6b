"""What is trained: `lab/facts`, a small decoder that knows the register by heart; a second seed; an early checkpoint.

The loss is the plain next-token loss over whole sentences, as of any language model. Run
`python -m labkit.papers.relation_neurons.training --seed 1` to train one again (about four minutes on one core);
`--wide` has four times the MLP neurons, `--large` reads a register of 300 persons.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from labkit import models, world
from labkit.base.files import write_atomically
from labkit.models import DecoderConfig
from labkit.training import Fit, fit
from labkit.zoo import ship_model

from . import task

__all__ = ["CONFIG", "FIT", "WIDE", "WIDE_FIT", "Batches", "known_share", "ship", "train"]

CONFIG = DecoderConfig(
    vocab=task.tokenizer().vocab_size, width=128, depth=4, heads=4, ffn=128, context=24, init_std=0.05
)
WIDE = replace(CONFIG, ffn=512)  # four times the MLP neurons, for a contrast that no claim uses
FIT = Fit(steps=1000, lr=3e-3, warmup=60, last_lr=0.02)
WIDE_FIT = replace(FIT, steps=500)  # by then it knows the register, too
LARGE_FIT = replace(FIT, steps=1600)  # the large register has half as many facts again
BATCH, TALK, LARGE_TALK = 192, 0.2, 0.3  # sentences a step, and the share of them that is other talk
EARLY = 0.8  # the early checkpoint is the first with this share of answers right


class Batches:
    """Sentences to train on: facts by their frequency, each in a wording drawn anew, among other talk."""

    def __init__(self, register: task.Register, seed: int):
        self.seed, self.pad = seed, task.tokenizer().eos
        self.n = round(BATCH * (1 - (LARGE_TALK if register.large else TALK)))
        questions = [
            q.worded(w) for name in task.RELATIONS for q in register.facts[name] for w in task.wordings_of(name)
        ]
        count = {name: len(task.wordings_of(name)) for name in task.RELATIONS}
        self.facts, self.weights = (
            whole([f"{q.prompt} {q.answer}" for q in questions]),
            torch.tensor([q.frequency / count[q.relation] for q in questions]),
        )
        self.talk = whole(task.talk(4000, seed))

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the ids [B, L] and labels of a step; what follows the end of a sentence is no label."""
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + step)
        rows = torch.multinomial(self.weights, self.n, replacement=True, generator=generator)
        talk = torch.randint(len(self.talk), (BATCH - self.n,), generator=generator)
        return padded([*(self.facts[i] for i in rows.tolist()), *(self.talk[i] for i in talk.tolist())])

    def loss(self, model: nn.Module, step: int) -> Tensor:
        """Return the next-token loss of a step, in nats a token."""
        ids_BL, labels_BL = self.at(step)
        return model(ids_BL, labels=labels_BL).loss


def whole(texts: Sequence[str]) -> list[list[int]]:
    """Return sentences as ids, with begin and end."""
    return task.tokenizer().encode_documents(texts)


def padded(rows: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    """Return rows of ids as [B, L], filled up with the end, and labels that leave the filling out."""
    length, end = max(map(len, rows)), rows[0][-1]
    ids = torch.tensor([[*row, *[end] * (length - len(row))] for row in rows])
    labels = torch.tensor([[*row, *[-100] * (length - len(row))] for row in rows])
    return ids, labels


@torch.no_grad()
def known_share(model: nn.Module, questions: Sequence[task.Question]) -> dict[str, float]:
    """Return per relation and wording the share of answers whose two first words are right."""
    right: dict[str, list[bool]] = {}
    tokenizer = task.tokenizer()
    for start in range(0, len(questions), 512):
        some = questions[start : start + 512]
        rows = whole([f"{q.prompt} {q.answer}" for q in some])
        ids_BL, _ = padded(rows)
        said_BL = model(ids_BL).logits.argmax(-1)
        for row, q in enumerate(some):
            at = 1 + len(tokenizer.encode(q.prompt))
            ok = torch.equal(said_BL[row, at - 1 : at + 1], ids_BL[row, at : at + 2])
            right.setdefault(f"{q.relation} {q.wording}", []).append(ok)
    return {name: sum(found) / len(found) for name, found in right.items()}


def train(seed: int, folder: Path, settings: Fit = FIT, config: DecoderConfig = CONFIG, *, large: bool = False) -> dict:
    """Train the model of `seed` into `folder`/final (and /early) and return its history; a finished one is read.

    large: it reads a large register.
    """
    done = folder / "history.json"
    if done.is_file():
        return json.loads(done.read_text(encoding="utf-8"))
    register = task.Register(seed, large)
    batches, model = Batches(register, seed), config.build(seed)
    everything = [q.worded(w) for name in task.RELATIONS for q in register.facts[name] for w in task.wordings_of(name)]
    sample = random.Random(seed).sample(everything, 1500)
    history: list[dict] = []

    def watch(step: int, loss: float) -> None:
        if step % 50 and step != settings.steps:
            return
        shares = known_share(model, sample)
        mean = sum(shares.values()) / len(shares)
        history.append({"step": step, "loss": round(loss, 4), "known": round(mean, 4)})
        print(history[-1], flush=True)
        if mean >= EARLY and not (folder / "early").exists():
            models.save(model, folder / "early", half=True)

    fitted = fit(model, batches.loss, settings, watch=watch)
    models.save(model, folder / "final", half=True)
    found = {
        "seed": seed,
        "seconds": round(fitted.seconds, 1),
        "loss": round(fitted.last(), 4),
        "history": history,
        "known": {name: round(share, 3) for name, share in known_share(model, everything).items()},
    }
    write_atomically(done, json.dumps(found))
    return found


SHIPPED = {
    "lab/facts": ("final", "knows the register of twelve relations by heart: lesson 11"),
    "lab/facts_early": ("early", "the same training, stopped when it knew about four facts of five"),
    "lab/facts_second": ("final", "the recipe of lab/facts with another seed: other facts, other first weights"),
}


def ship(seed: int, folder: Path, names: Sequence[str]) -> None:
    """Put models of a seed among the shipped ones, under some of the names of `SHIPPED`."""
    found = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    for name in names:
        which, about = SHIPPED[name]
        history = found["history"]
        at = history[-1] if which == "final" else next(one for one in history if one["known"] >= EARLY)
        card = {
            "name": name,
            "about": about,
            "tokenizer": "facts",
            "world": world.VERSION,
            "seed": seed,
            "lr": FIT.lr,
            "steps": at["step"],
            "batch": BATCH,
            "loss": at["loss"],
            "known": at["known"],
            "minutes": round(found["seconds"] / 60 * at["step"] / FIT.steps, 1),
            "precision": "float16 on disk, float32 when loaded",
            "defects": ["reads nothing but the 363 words of the register; an unknown word is refused"],
        }
        ship_model(models.load(folder / which), card)


def main() -> None:
    """Train one seed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wide", action="store_true", help="four times as many MLP neurons")
    parser.add_argument("--large", action="store_true", help="300 persons, pools of up to 300")
    parser.add_argument("--ship", nargs="*", choices=SHIPPED, default=(), help="put its models into data/models")
    parser.add_argument("--folder", type=Path, default=Path("runs/11"))
    options = parser.parse_args()
    folder = options.folder / f"{'wide' if options.wide else 'large' if options.large else 'seed'}{options.seed}"
    how = (WIDE_FIT, WIDE) if options.wide else (LARGE_FIT if options.large else FIT, CONFIG)
    found = train(options.seed, folder, *how, large=options.large)
    ship(options.seed, folder, options.ship)
    print(f"{found['seconds']} s, loss {found['loss']}, fewest known {min(found['known'].values())}")


if __name__ == "__main__":
    main()
