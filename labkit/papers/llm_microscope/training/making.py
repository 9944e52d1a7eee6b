"""What is made of the trainings: shipped readers, and runs kept line by line, so that each is done once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from labkit.training import Runs, share
from labkit.zoo import load

from ..method.answering import right_answers
from ..method.contextualiser import Contextualiser
from ..method.states import levels as levels_of
from ..method.storage import load_reader, ship_reader
from ..task.days import days
from ..task.documents import DISTRACTORS
from ..task.passages import story_passages
from ..task.removal import UNTRAINED
from .readers import (
    PER_DOCUMENT,
    PER_STEP,
    READER_FIT,
    SINGLE_FIT,
    SINGLE_LEVELS,
    SUBJECT,
    draw,
    of_others,
    shown,
    story_ids,
    train_reader,
    train_single,
    words_before,
)
from .reading_on import ARMS, REMOVAL_FIT, train_removal
from .scratch import SCRATCH_FIT, train_scratch

__all__ = ["make_reader", "make_removal", "make_scratch", "make_shuffled", "make_single", "make_untrained"]

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


def make_scratch(arms: Sequence[str], seeds: Sequence[int], questions: int, judged: int) -> None:
    """Train models from scratch that are not known yet, and keep what each answers about whole and stripped days.

    judged: the seed of the days that they are asked about. Several processes may share the work.
    """
    runs, asked = Runs(f"{RUNS}/scratch.jsonl"), days(questions, judged, "test", asked=True)

    def train(arm: str, seed: int, **_: Any) -> dict[str, Any]:
        model, found = train_scratch(arm, seed=seed)
        right = {test: [int(one) for one in right_answers(model, asked, test)] for test in ("intact", "punctuation")}
        return {"loss": round(found.last(), 5), "seconds": round(found.seconds, 1), "right": right}

    fixed = {"lr": SCRATCH_FIT.lr, "steps": SCRATCH_FIT.steps, "judged": judged}
    for found in share(runs, [{"arm": arm, "seed": seed, **fixed} for seed in seeds for arm in arms], train):
        shares = {test: round(sum(right) / len(right), 3) for test, right in found["right"].items()}
        print(found["arm"], found["seed"], found["loss"], found["seconds"], shares, flush=True)


@torch.no_grad()
def _C_of(model: Contextualiser, e_BD: Tensor, batch: Sequence[tuple[Tensor, Tensor]]) -> float:
    before_BK = words_before(batch)
    return float(model.loss(e_BD, before_BK).sum() / (before_BK >= 0).sum())


def make_shuffled(judged: int, steps: int = READER_FIT.steps, stories: int = 24) -> None:
    """Train a reader on other tokens' states and one on nothing, and keep what each pays on unseen stories.

    The first is given other tokens' states here, too, as is the shipped reader, which never met such in training. What
    it gains lies within 0.02 nats of 0 after as many steps as the shipped reader had; after 160 it still lost 0.023.
    """
    runs, subject = Runs(f"{RUNS}/shuffled.jsonl"), load(SUBJECT)
    batch = draw(story_ids(subject, judged, stories, "test"), judged, stories, PER_DOCUMENT)
    h_BSD = shown(subject, batch, None)

    def per_story(model: Contextualiser, e_BD: Tensor) -> dict[str, Any]:
        parts = zip(e_BD.split([len(at) for _, at in batch]), batch)
        return {"C": [round(_C_of(model, e, [one]), 4) for e, one in parts]}

    def train(kind: str) -> dict[str, Any]:
        model, found = train_reader(kind, settings=replace(READER_FIT, steps=steps))
        given = torch.zeros_like(h_BSD[:, :1]) if kind == "nothing" else of_others(h_BSD)
        with torch.no_grad():
            e_BD = model.embed(given)
        return {**per_story(model, e_BD), "loss": round(found.last(), 4), "seconds": round(found.seconds, 1)}

    @torch.no_grad()
    def shipped() -> dict[str, Any]:
        reader = load_reader("microscope/reader", subject).model
        return per_story(reader, reader.embed(of_others(h_BSD)))

    for kind in ("nothing", "shuffled"):
        print(runs.do({"kind": kind, "steps": steps, "judged": judged}, lambda kind=kind: train(kind)), flush=True)
    print(runs.do({"kind": "shipped reader", "steps": READER_FIT.steps, "judged": judged}, shipped), flush=True)


def make_single(judged: int, stories: int = 24) -> None:
    """Train an adapter for each of some levels, and for all, and keep C on unseen stories, one value a story.

    What the baseline pays for the same words when it is given nothing is kept beside.
    """
    runs, subject = Runs(f"{RUNS}/levels.jsonl"), load(SUBJECT)
    batch = draw(story_ids(subject, judged, stories, "test"), judged, stories, PER_DOCUMENT)

    def per_story(model: Contextualiser, embed: Callable[[Tensor], Tensor], given: Sequence[int]) -> list[float]:
        return [round(_C_of(model, embed(shown(subject, [one], given)), [one]), 4) for one in batch]

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
