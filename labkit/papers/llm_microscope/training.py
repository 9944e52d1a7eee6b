"""What this paper trains, as data. `python -m labkit.papers.llm_microscope.training reader` trains one again.

1. readers: the contextualisation decoder of lab/deep ("reader"), and its baseline ("own_word"), which is given the
   token's own embedding, or nothing, and never the context. Same blocks at the start, same documents, same steps.
   Two more are trained for a check alone: given "nothing", and given the states of other tokens ("shuffled").
2. single levels: an adapter of its own for some levels, with the reader's decoder frozen.
3. removal: lab/deep goes on reading, by next-token loss alone, long documents as they are or stripped by a rule.

Everything resumes: a reader that is there is not trained again, and runs are kept line by line (`Runs`).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from labkit import world
from labkit.anatomy import module_of
from labkit.base.errors import unknown
from labkit.models import Decoder, DecoderConfig, next_token_loss
from labkit.training import Fit, Fitted, Runs, fit
from labkit.zoo import Handle, load

from .method.answering import right_answers
from .method.contextualiser import Adapter, Contextualiser, windows
from .method.states import levels as levels_of
from .method.states import states_of
from .method.storage import Reader, load_reader, ship_reader
from .task.documents import DISTRACTORS
from .task.passages import body_of, story_passages, training_passage
from .task.removal import UNTRAINED

__all__ = ["ARMS", "READER_FIT", "REMOVAL_FIT", "SINGLE_LEVELS", "new_reader", "train_reader", "train_removal"]

SUBJECT = "lab/deep"
BLOCKS = (0, 1, 2, 11)  # of the subject: what the decoder starts from; of the choices tried, they write best together
WINDOW = 16  # words before a token that are to be rebuilt
DOCUMENTS, DOCUMENT_SEED = 4000, 1000
PER_STEP, PER_DOCUMENT = 8, 32  # documents in a batch, tokens looked at in each
READER_FIT = Fit(steps=500, lr=1e-3, warmup=30, weight_decay=0.01, last_lr=0.02)
EMPTY_SHARE = 0.5  # of the baseline's rows get nothing at all, the others their own word
KINDS: dict[str, dict[str, Any]] = {
    "reader": {},
    "own_word": {"given": (0,), "empty": EMPTY_SHARE},
    "nothing": {"given": (0,), "empty": 1.0},
    "shuffled": {"shuffled": True},
}

SINGLE_LEVELS = (0, 3, 6, 12)
SINGLE_FIT = Fit(steps=100, lr=3e-3, warmup=15, weight_decay=0.01, last_lr=0.02)

CONTROL = "content words as many as punctuation"
ARMS = ("full", "punctuation", "stop words", CONTROL)  # what was taken out of the texts it went on reading
REMOVAL_BATCH, REMOVAL_SEED = 8, 3000
REMOVAL_FIT = Fit(steps=24, lr=1e-3, warmup=3, weight_decay=0.01, last_lr=0.02)
SHORT = replace(REMOVAL_FIT, steps=20, warmup=2)  # what a reader trains in the lesson, in seconds


# Readers ---------------------------------------------------------------------------------------------------------


def new_reader(subject: Handle, levels: int, seed: int = 0, *, blocks: Sequence[int] | None = BLOCKS) -> Contextualiser:
    """Return a fresh reader: adapter at random, decoder from some of the subject's blocks, embedding frozen.

    blocks: which ones; None is the paper's full copy. A subject of another make (from the hub) lends its embedding
    alone: as many blocks are then drawn by `seed`.
    """
    ours, embedding = isinstance(subject.model, Decoder), module_of(subject).get_input_embeddings().weight
    chosen = range(len(levels_of(subject)) - 1) if blocks is None else blocks
    vocab, width = embedding.shape
    if ours:
        shape = {"heads": subject.model.config.heads, "ffn": subject.model.config.ffn}
    else:
        shape = {"heads": math.gcd(width, subject.model.config.num_attention_heads), "ffn": 3 * width}
    config = DecoderConfig(vocab=vocab, width=width, depth=len(chosen), context=WINDOW, **shape)
    reader = Contextualiser.empty(config, levels)
    reader.adapter.initialise(torch.Generator().manual_seed(seed))
    reader.decoder.load_state_dict(config.build(seed).state_dict())
    if ours:
        for mine, block in zip(reader.decoder.trunk.blocks, chosen):
            mine.load_state_dict(subject.model.trunk.blocks[block].state_dict())
        reader.decoder.norm.load_state_dict(subject.model.norm.state_dict())
    with torch.no_grad():
        reader.decoder.embed.weight.copy_(embedding)
    reader.decoder.embed.weight.requires_grad_(False)
    return reader


@cache
def _texts(subject: Handle, seed: int = DOCUMENT_SEED, n: int = DOCUMENTS, split: str = "train") -> list[list[int]]:
    made = world.documents("stories", n, seed, split)
    return [ids.tolist() for ids in subject.encode_documents([one.text for one in made])]


def draw(texts: Sequence[Sequence[int]], seed: int, n: int, per_text: int) -> list[tuple[Tensor, Tensor]]:
    """Return `n` texts, ids [L], each with the positions [P] looked at in it; drawn by `seed` alone."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for number in torch.randint(len(texts), (n,), generator=generator).tolist():
        ids = torch.tensor(texts[number])
        found.append((ids, torch.randperm(len(ids) - 2, generator=generator)[:per_text] + 2))
    return found


def contextual_loss(
    subject: Handle,
    seed: int,
    given: Sequence[int] | None = None,
    *,
    empty: float = 0.0,
    shuffled: bool = False,
    texts: Sequence[Sequence[int]] | None = None,
    per_step: int = PER_STEP,
) -> Callable[[Contextualiser, int], Tensor]:
    """Return C per token of a batch, as the loss of a step.

    given: the levels of the subject that the reader is shown (default: all). empty: the share of rows that are shown
    nothing instead: states of 0, of which the adapter makes a constant that is learned (e = 0 itself would leave the
    first word at log V, since nothing in a decoder without biases moves a stream of 0). shuffled: each row is shown a
    token of another document of the batch. texts: token ids to train on (default: stories of the islands).
    """
    texts = _texts(subject) if texts is None else texts

    def loss_at(reader: Contextualiser, step: int) -> Tensor:
        batch = draw(texts, 10_000 * seed + step, per_step, PER_DOCUMENT)
        shown_BSD = _shown(subject, batch, given)
        if shuffled:
            shown_BSD = _of_others(shown_BSD)
        if empty:
            empty_B = torch.arange(len(shown_BSD)) % round(1 / empty) == 0
            shown_BSD = shown_BSD.masked_fill(empty_B[:, None, None], 0.0)
        before_BK = _before(batch)
        return reader.loss(reader.embed(shown_BSD), before_BK).sum() / (before_BK >= 0).sum()

    return loss_at


def _shown(subject: Handle, batch: Sequence[tuple[Tensor, Tensor]], given: Sequence[int] | None) -> Tensor:
    """Return the states [B, S, D] of the tokens looked at, at the levels given."""
    which = slice(None) if given is None else list(given)
    return torch.cat([states_of(subject, ids)[which][:, at].transpose(0, 1) for ids, at in batch])


def _before(batch: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    return torch.cat([windows(ids, at.tolist(), WINDOW) for ids, at in batch])


def train_reader(
    kind: str,
    *,
    seed: int = 0,
    settings: Fit = READER_FIT,
    subject: Handle | None = None,
    texts: Sequence[Sequence[int]] | None = None,
    blocks: Sequence[int] | None = BLOCKS,
    watch: Any = None,
) -> tuple[nn.Module, Fitted]:
    """Return a trained reader of one of `KINDS` for a subject (default: lab/deep), and how the fit went.

    texts, blocks: see `contextual_loss` and `new_reader`.
    """
    if kind not in KINDS:
        raise unknown("kind of reader", kind, list(KINDS))
    subject = load(SUBJECT) if subject is None else subject
    levels = len(KINDS[kind].get("given", levels_of(subject)))
    reader = new_reader(subject, levels, seed, blocks=blocks)
    return reader, fit(reader, contextual_loss(subject, seed, texts=texts, **KINDS[kind]), settings, watch=watch)


def train_single(
    given: Sequence[int],
    *,
    seed: int = 0,
    settings: Fit = SINGLE_FIT,
    subject: Handle | None = None,
    texts: Sequence[Sequence[int]] | None = None,
) -> tuple[Reader, Fitted]:
    """Return the shipped reader with an adapter of its own for some levels, its decoder as it was.

    The adapter's two matrices start from the shipped ones, so that what is learned is how to read these levels.
    """
    reader = load_reader("microscope/reader", subject)
    shipped, own = reader.model.adapter, Adapter(len(given), reader.model.decoder.config.width)
    own.initialise(torch.Generator().manual_seed(seed))
    for mine, theirs in ((own.up, shipped.up), (own.down, shipped.down)):
        mine.load_state_dict(theirs.state_dict())
    reader.model.adapter = own
    loss = contextual_loss(reader.subject, seed, given, texts=texts, per_step=PER_STEP // 2)
    return reader, fit(reader.model, loss, settings)


# Removal ---------------------------------------------------------------------------------------------------------


def removal_loss(arm: str, seed: int) -> Callable[[Decoder, int], Tensor]:
    """Return the plain next-token loss over long documents whose body is stripped as the arm says."""
    begin = world.tokenizer().bos

    def loss_at(model: Decoder, step: int) -> Tensor:
        made = [training_passage(step * REMOVAL_BATCH + row, REMOVAL_SEED + seed) for row in range(REMOVAL_BATCH)]
        bodies = [one.body if arm == "full" else body_of(one, arm, step * 1000 + row) for row, one in enumerate(made)]
        rows = [torch.tensor([begin, *body, *one.tail]) for body, one in zip(bodies, made)]
        ids_BL = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)
        # what fills a row up stands after it: nobody reads it
        return next_token_loss(model(ids_BL.clamp_min(0)).logits, ids_BL)

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


def make_untrained(passages: int, judged: int) -> None:
    """Keep what the model makes of the same questions before it goes on reading."""
    asked = story_passages(passages, judged, distractors=DISTRACTORS)

    def ask() -> dict[str, Any]:
        model = load(SUBJECT).model
        return {"right": {name: [int(one) for one in right_answers(model, asked, name)] for name in CONDITIONS["full"]}}

    found = Runs(f"{RUNS}/removal.jsonl").do({"arm": UNTRAINED, "seed": 0, "steps": 0, "judged": judged}, ask)
    print(UNTRAINED, {name: sum(right) / len(right) for name, right in found["right"].items()}, flush=True)


@torch.no_grad()
def _C_of(model: Contextualiser, e_BD: Tensor, batch: Sequence[tuple[Tensor, Tensor]]) -> float:
    before_BK = _before(batch)
    return float(model.loss(e_BD, before_BK).sum() / (before_BK >= 0).sum())


def _of_others(h_BSD: Tensor) -> Tensor:
    """Return the rows half a batch further on, which are of other documents, and any of their tokens."""
    return h_BSD.roll(len(h_BSD) // 2, 0)


def make_shuffled(judged: int, steps: int = 160, stories: int = 24) -> None:
    """Train a reader on other tokens' states and one on nothing, and keep what each pays on unseen stories.

    The first is given other tokens' states here, too, as is the shipped reader, which never met such in training.
    """
    runs, subject = Runs(f"{RUNS}/shuffled.jsonl"), load(SUBJECT)
    batch = draw(_texts(subject, judged, stories, "test"), judged, stories, PER_DOCUMENT)
    h_BSD = _shown(subject, batch, None)

    def per_story(model: Contextualiser, e_BD: Tensor) -> dict[str, Any]:
        parts = zip(e_BD.split([len(at) for _, at in batch]), batch)
        return {"C": [round(_C_of(model, e, [one]), 4) for e, one in parts]}

    def train(kind: str) -> dict[str, Any]:
        model, found = train_reader(kind, settings=replace(READER_FIT, steps=steps))
        given = torch.zeros_like(h_BSD[:, :1]) if kind == "nothing" else _of_others(h_BSD)
        with torch.no_grad():
            e_BD = model.embed(given)
        return {**per_story(model, e_BD), "loss": round(found.last(), 4), "seconds": round(found.seconds, 1)}

    @torch.no_grad()
    def shipped() -> dict[str, Any]:
        reader = load_reader("microscope/reader", subject).model
        return per_story(reader, reader.embed(_of_others(h_BSD)))

    for kind in ("nothing", "shuffled"):
        print(runs.do({"kind": kind, "steps": steps, "judged": judged}, lambda kind=kind: train(kind)), flush=True)
    print(runs.do({"kind": "shipped reader", "steps": READER_FIT.steps, "judged": judged}, shipped), flush=True)


def make_single(judged: int, stories: int = 24) -> None:
    """Train an adapter for each of some levels, and for all, and keep C on unseen stories, one value a story.

    What the baseline pays for the same words when it is given nothing is kept beside.
    """
    runs, subject = Runs(f"{RUNS}/levels.jsonl"), load(SUBJECT)
    batch = draw(_texts(subject, judged, stories, "test"), judged, stories, PER_DOCUMENT)

    def per_story(model: Contextualiser, embed: Callable[[Tensor], Tensor], given: Sequence[int]) -> list[float]:
        return [round(_C_of(model, embed(_shown(subject, [one], given)), [one]), 4) for one in batch]

    def nothing() -> dict[str, Any]:
        baseline = load_reader("microscope/own_word", subject).model
        return {"C": per_story(baseline, lambda h_BSD: baseline.embed(torch.zeros_like(h_BSD)), (0,))}

    print(runs.do({"given": [], "steps": 0, "judged": judged}, nothing), flush=True)
    for given in (*((level,) for level in SINGLE_LEVELS), tuple(range(len(levels_of(subject))))):

        def train(given: Sequence[int] = given) -> dict[str, Any]:
            reader, found = train_single(given, subject=subject)
            weights = [round(one, 4) for one in reader.model.adapter.pool.weights_S.tolist()]
            C = per_story(reader.model, reader.model.embed, given)
            return {"C": C, "weights": weights, "loss": round(found.last(), 4), "seconds": round(found.seconds, 1)}

        print(runs.do({"given": list(given), "steps": SINGLE_FIT.steps, "judged": judged}, train), flush=True)


def main() -> None:
    """Train what is asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("reader", "own_word", "shuffled", "single", "removal"))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--lr", type=float, default=REMOVAL_FIT.lr)
    parser.add_argument("--passages", type=int, default=100)
    parser.add_argument("--judged", type=int, default=2000)
    asked = parser.parse_args()
    if asked.what == "removal":
        make_untrained(asked.passages, asked.judged)
        make_removal(asked.arms, asked.seeds, asked.lr, asked.passages, asked.judged)
    elif asked.what == "single":
        make_single(asked.judged)
    elif asked.what == "shuffled":
        make_shuffled(asked.judged)
    else:
        make_reader(asked.what)


if __name__ == "__main__":
    main()
