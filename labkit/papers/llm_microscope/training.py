"""What this paper trains, as data. `python -m labkit.papers.llm_microscope.training reader` trains one again.

1. readers: the contextualisation decoder of lab/deep ("reader"), and its baseline ("own_word"), which is given the
   token's own embedding, or nothing, and never the context. Same blocks at the start, same documents, same steps.
2. single levels: an adapter of its own for some levels, with the reader's decoder frozen.
3. removal: lab/deep goes on reading, by next-token loss alone, long documents as they are or stripped by a rule.

Everything resumes: a reader that is there is not trained again, and runs are kept line by line (`Runs`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit import world
from labkit.models import Decoder, DecoderConfig
from labkit.training import Fit, Fitted, Runs, fit
from labkit.zoo import Handle, load

from .method.answering import right_answers
from .method.contextualiser import Adapter, Contextualiser, windows
from .method.states import states_of
from .method.storage import Reader, load_reader, ship_reader
from .task.documents import DISTRACTORS
from .task.passages import body_of, story_passages, training_passage

__all__ = ["ARMS", "READER_FIT", "REMOVAL_FIT", "SINGLE_LEVELS", "new_reader", "train_reader", "train_removal"]

SUBJECT = "lab/deep"
BLOCKS = (0, 1, 2, 11)  # of the subject: what the decoder starts from; of the choices tried, they write best together
WINDOW = 16  # words before a token that are to be rebuilt
DOCUMENTS, DOCUMENT_SEED, VALID_SEED = 4000, 1000, 1001
PER_STEP, PER_DOCUMENT = 8, 32  # documents in a batch, tokens looked at in each
READER_FIT = Fit(steps=500, lr=1e-3, warmup=30, weight_decay=0.01, last_lr=0.02)
EMPTY_SHARE = 0.5  # of the baseline's rows get nothing at all, the others their own word

SINGLE_LEVELS = (0, 2, 4, 6, 8, 10, 12)
SINGLE_FIT = Fit(steps=120, lr=3e-3, warmup=10, weight_decay=0.01, last_lr=0.02)

CONTROL = "content words as many as punctuation"
ARMS = ("full", "punctuation", "stop words", CONTROL)  # what was taken out of the texts it went on reading
REMOVAL_BATCH, REMOVAL_SEED = 8, 3000
REMOVAL_FIT = Fit(steps=24, lr=1e-3, warmup=3, weight_decay=0.01, last_lr=0.02)
SHORT = replace(REMOVAL_FIT, steps=20, warmup=2)  # what a reader trains in the lesson, in seconds


# Readers ---------------------------------------------------------------------------------------------------------


def new_reader(subject: Handle, levels: int, seed: int = 0) -> Contextualiser:
    """Return a fresh reader: adapter at random, decoder from a few of the subject's blocks, embedding frozen."""
    own = subject.model.config
    config = DecoderConfig(
        vocab=own.vocab, width=own.width, depth=len(BLOCKS), heads=own.heads, ffn=own.ffn, context=WINDOW
    )
    reader = Contextualiser.empty(config, levels)
    reader.adapter.initialise(torch.Generator().manual_seed(seed), config.init_std)
    for mine, block in zip(reader.decoder.trunk.blocks, BLOCKS):
        mine.load_state_dict(subject.model.trunk.blocks[block].state_dict())
    reader.decoder.norm.load_state_dict(subject.model.norm.state_dict())
    reader.decoder.embed.load_state_dict(subject.model.embed.state_dict())
    reader.decoder.embed.weight.requires_grad_(False)
    return reader


@cache
def _texts(seed: int = DOCUMENT_SEED, n: int = DOCUMENTS, split: str = "train") -> list[list[int]]:
    made = world.documents("stories", n, seed, split)
    return world.tokenizer().encode_documents([one.text for one in made])


def draw(texts: Sequence[Sequence[int]], seed: int, n: int, per_text: int) -> list[tuple[Tensor, Tensor]]:
    """Return `n` texts, ids [L], each with the positions [P] looked at in it; drawn by `seed` alone."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for number in torch.randint(len(texts), (n,), generator=generator).tolist():
        ids = torch.tensor(texts[number])
        found.append((ids, torch.randperm(len(ids) - 2, generator=generator)[:per_text] + 2))
    return found


def contextual_loss(subject: Handle, seed: int) -> Callable[[Contextualiser, int], Tensor]:
    """Return C per token of a batch, as the loss of a step: the reader sees every level of the subject."""

    def loss_at(reader: Contextualiser, step: int) -> Tensor:
        batch = draw(_texts(), 10_000 * seed + step, PER_STEP, PER_DOCUMENT)
        h_BSD = torch.cat([states_of(subject, ids)[:, at].transpose(0, 1) for ids, at in batch])
        return _mean_loss(reader, reader.embed(h_BSD), batch)

    return loss_at


def baseline_loss(subject: Handle, seed: int) -> Callable[[Contextualiser, int], Tensor]:
    """Return the same for the baseline on the same tokens: half of its rows are given their own word, half nothing."""

    def loss_at(reader: Contextualiser, step: int) -> Tensor:
        batch = draw(_texts(), 10_000 * seed + step, PER_STEP, PER_DOCUMENT)
        with torch.no_grad():
            h_BSD = torch.cat([subject.model.embed(ids[at])[:, None] for ids, at in batch])
        empty_B = torch.arange(len(h_BSD)) % round(1 / EMPTY_SHARE) == 0
        return _mean_loss(reader, reader.embed(h_BSD).masked_fill(empty_B[:, None], 0.0), batch)

    return loss_at


def single_level_loss(subject: Handle, level: int, seed: int) -> Callable[[Contextualiser, int], Tensor]:
    """Return the reader's loss with one level in place of all: `reader` pools a single one."""

    def loss_at(reader: Contextualiser, step: int) -> Tensor:
        batch = draw(_texts(), 10_000 * seed + step, PER_STEP // 2, PER_DOCUMENT)
        h_BSD = torch.cat([states_of(subject, ids)[level, at][:, None] for ids, at in batch])
        return _mean_loss(reader, reader.embed(h_BSD), batch)

    return loss_at


def train_single(level: int, *, seed: int = 0, settings: Fit = SINGLE_FIT) -> tuple[Reader, Fitted]:
    """Return the shipped reader with an adapter of its own for one level, its decoder as it was."""
    reader = load_reader("microscope/reader")
    reader.model.adapter = Adapter(1, reader.model.decoder.config.width)
    reader.model.adapter.initialise(torch.Generator().manual_seed(seed), 0.0)
    return reader, fit(reader.model, single_level_loss(reader.subject, level, seed), settings)


def _mean_loss(reader: Contextualiser, e_BD: Tensor, batch: list[tuple[Tensor, Tensor]]) -> Tensor:
    before_BK = torch.cat([windows(ids, at.tolist(), WINDOW) for ids, at in batch])
    return reader.loss(e_BD, before_BK).sum() / (before_BK >= 0).sum()


def train_reader(
    kind: str, *, seed: int = 0, settings: Fit = READER_FIT, watch: Any = None
) -> tuple[nn.Module, Fitted]:
    """Return a trained "reader" or "own_word", and how the fit went."""
    subject = load(SUBJECT)
    levels, loss_of = (len(subject.model.trunk.blocks) + 1, contextual_loss) if kind == "reader" else (1, baseline_loss)
    reader = new_reader(subject, levels, seed)
    return reader, fit(reader, loss_of(subject, seed), settings, watch=watch)


# Removal ---------------------------------------------------------------------------------------------------------


def removal_loss(arm: str, seed: int) -> Callable[[Decoder, int], Tensor]:
    """Return the plain next-token loss over long documents whose body is stripped as the arm says."""
    begin = world.tokenizer().bos

    def loss_at(model: Decoder, step: int) -> Tensor:
        made = [training_passage(step * REMOVAL_BATCH + row, REMOVAL_SEED + seed) for row in range(REMOVAL_BATCH)]
        bodies = [one.body if arm == "full" else body_of(one, arm, step * 1000 + row) for row, one in enumerate(made)]
        rows = [torch.tensor([begin, *body, *one.tail]) for body, one in zip(bodies, made)]
        ids_BL = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)
        logits_BLV = model(ids_BL.clamp_min(0)).logits  # what fills a row up stands after it: nobody reads it
        return F.cross_entropy(logits_BLV[:, :-1].flatten(0, 1), ids_BL[:, 1:].flatten(), ignore_index=-100)

    return loss_at


def train_removal(arm: str, *, seed: int, settings: Fit = REMOVAL_FIT) -> tuple[Decoder, Fitted]:
    """Return lab/deep after it went on reading documents stripped as the arm says; `seed` draws the documents."""
    model = load(SUBJECT).model.train().requires_grad_(True)
    return model, fit(model, removal_loss(arm, seed), settings)


# From the command line -------------------------------------------------------------------------------------------

ABOUT = {
    "reader": "Rebuilds up to 16 words before a token of lab/deep from that token's states at all 13 levels.",
    "own_word": "The baseline beside microscope/reader: the same task, given the token's own word, or nothing.",
}
RUNS = "runs/10"
CONDITIONS = {arm: ("intact", arm) for arm in ARMS} | {"full": ("intact", *ARMS[1:])}  # what each arm is asked about


def make_reader(kind: str) -> None:
    """Train a reader and put it among the shipped models."""

    def watch(step: int, loss: float) -> None:
        if step % 50 == 0:
            print(f"{kind} step {step} loss {loss:.4f}", flush=True)

    model, found = train_reader(kind, watch=watch)
    card = {
        "name": f"microscope/{kind}",
        "about": ABOUT[kind],
        "subject": SUBJECT,
        "recipe": "labkit.papers.llm_microscope.training",
        "seed": 0,
        "lr": READER_FIT.lr,
        "steps": READER_FIT.steps,
        "windows": READER_FIT.steps * PER_STEP * PER_DOCUMENT,
        "minutes": round(found.seconds / 60, 1),
        "loss": round(found.last(), 4),
        "precision": "float16 on disk, float32 when loaded; the embedding is that of lab/deep",
        "defects": [
            "It reads stories of the islands only.",
            "It was trained for minutes: a longer training reads more.",
        ],
    }
    ship_reader(model, card)


def make_removal(arms: Sequence[str], seeds: Sequence[int], lr: float, passages: int, judged: int) -> None:
    """Train removal models that are not known yet, and keep what each makes of each condition on unseen documents.

    judged: the seed of the documents they are asked about.
    """
    runs = Runs(f"{RUNS}/removal.jsonl")
    asked = story_passages(passages, judged, distractors=DISTRACTORS)
    for arm in arms:
        for seed in seeds:
            settings = {"arm": arm, "seed": seed, "lr": lr, "steps": REMOVAL_FIT.steps, "judged": judged}

            def train(arm: str = arm, seed: int = seed) -> dict[str, Any]:
                model, found = train_removal(arm, seed=seed, settings=replace(REMOVAL_FIT, lr=lr))
                right = {name: [int(one) for one in right_answers(model, asked, name)] for name in CONDITIONS[arm]}
                return {"loss": round(found.last(), 5), "seconds": round(found.seconds, 1), "right": right}

            found = runs.do(settings, train)
            shares = {name: round(sum(right) / len(right), 3) for name, right in found["right"].items()}
            print(arm, seed, lr, found["loss"], shares, flush=True)


def make_single(judged: int, stories: int = 24) -> None:
    """Train an adapter for each of some levels and keep its C on unseen stories in a table."""
    runs = Runs(f"{RUNS}/levels.jsonl")
    batch = draw(_texts(judged, stories, "test"), judged, stories, PER_DOCUMENT)
    for level in SINGLE_LEVELS:

        def train(level: int = level) -> dict[str, Any]:
            reader, found = train_single(level)
            with torch.no_grad():
                h_BSD = torch.cat([states_of(reader.subject, ids)[level, at][:, None] for ids, at in batch])
                C = float(_mean_loss(reader.model, reader.model.embed(h_BSD), batch))
            return {"C": round(C, 4), "loss": round(found.last(), 4), "seconds": round(found.seconds, 1)}

        print(runs.do({"level": level, "steps": SINGLE_FIT.steps, "judged": judged}, train), flush=True)


def main() -> None:
    """Train what is asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("reader", "own_word", "single", "removal"))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--lr", type=float, default=REMOVAL_FIT.lr)
    parser.add_argument("--passages", type=int, default=100)
    parser.add_argument("--judged", type=int, default=2000)
    asked = parser.parse_args()
    if asked.what == "removal":
        make_removal(asked.arms, asked.seeds, asked.lr, asked.passages, asked.judged)
    elif asked.what == "single":
        make_single(asked.judged)
    else:
        make_reader(asked.what)


if __name__ == "__main__":
    main()
