"""Questions about letters, half of the pages: does a word have a letter, and what is it with two letters swapped?

After CUTE (Edman et al. 2024), which the paper asks; the words asked about at the end were in no question before.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labkit import world

from .. import task
from ..method.entropy import ByteEntropies
from ..method.patching import Entropy, calibrated
from .arms import ARMS
from .entropy import SIZE, entropy_model
from .rows import Rows, byte_rows, entropies_of, mean_size, starts_of, token_rows
from .short import Data, bits, run

__all__ = ["LETTER_STEPS", "answers", "asked", "lettered"]

LETTER_STEPS = 480
POOL, UNSEEN = 1600, 60  # pages


@cache
def patcher() -> Entropy:
    """Return the entropy rule with patches of 4.5 bytes on these pages: a threshold does not carry over."""
    rows = byte_rows(task.letter_pages(POOL, seed=0))
    seen = [h[:length] for h, length in zip(entropies_of(entropy_model(), rows), rows.lengths)]
    return Entropy(ByteEntropies(entropy_model()), above=calibrated(seen, SIZE))


def read(arm: str, pages: Sequence[str]) -> Data:
    """Return pages as an arm reads them."""
    if arm == "bpe":
        return token_rows(pages), None
    rows = byte_rows(pages)
    return rows, starts_of(rows, patcher(), entropies_of(entropy_model(), rows))


@cache
def training_pages(arm: str) -> Data:
    """Return the pages that an arm is trained on, as it reads them."""
    return read(arm, task.letter_pages(POOL, seed=0))


def lettered(arm: str, lr: float, seed: int, steps: int = LETTER_STEPS) -> dict[str, Any]:
    """Train an arm on stories and questions; return its bits per byte and the share of questions it answers right."""
    model = ARMS[arm].config.build(seed)
    found = run(model, training_pages(arm), lr, seed, steps)
    rows, starts = read(arm, task.letter_pages(UNSEEN, seed=7, split="valid"))
    found["valid"] = bits(model, (rows, starts))
    found["size"] = round(mean_size(rows, starts), 3)
    for split, name in (("train", "seen"), ("test", "held_out")):
        found[name] = answers(arm, model, split)
    return found


def asked(split: str, kind: str) -> list[tuple[str, str]]:
    """Return question and answer for every word of a split, four of each; "contains" has as many yes as no."""
    rng = random.Random(f"asked/{split}/{kind}")
    found = []
    for word in task.letter_words(split):
        for number in range(4):
            if kind == "contains":
                found.append(task.contains_question(word, rng, there=number % 2 == 0))
            else:
                found.append(task.swap_question(word, rng))
    return found


@torch.no_grad()
def answers(arm: str, model: nn.Module, split: str) -> dict[str, float]:
    """Return the share of right answers, the letters before each being the right ones.

    contains: whether the likelier of yes and no is right. swap: letters of the answer; moved: those that were swapped;
    whole: answers without a wrong letter.
    """
    rows, logits = answered(arm, model, asked(split, "contains"))
    yes, no = (first_id(arm, word) for word in ("yes", "no"))
    right = []
    for row, (_, answer) in enumerate(asked(split, "contains")):
        place = answer_places(arm, rows, row, answer)[0] - 1
        right.append((logits[row, place, yes] > logits[row, place, no]).item() == (answer == "yes"))
    found = {"contains": float(np.mean(right))}
    questions = asked(split, "swap")
    rows, logits = answered(arm, model, questions)
    guessed = logits.argmax(-1)
    right, moved, whole = [], [], []
    for row, (question, answer) in enumerate(questions):
        word = question.split(" ")[-1].rstrip(":")
        hits = [
            all((guessed[row, place - 1] == rows.ids[row, place]).item() for place in places)
            for places in letter_places(arm, answer_places(arm, rows, row, answer).start, answer)
        ]
        right += hits
        moved += [hit for hit, old, new in zip(hits, word, answer.split(" ")) if old != new]
        whole.append(all(hits))
    found |= {"swap": float(np.mean(right)), "moved": float(np.mean(moved)), "whole": float(np.mean(whole))}
    return {name: round(share, 4) for name, share in found.items()}


def answered(arm: str, model: nn.Module, questions: Sequence[tuple[str, str]]) -> tuple[Rows, Tensor]:
    """Return the questions with their answers as rows, and the logits of every next id."""
    rows, starts = read(arm, [f"{question} {answer}." for question, answer in questions])
    parts = [slice(at, at + 50) for at in range(0, len(rows.ids), 50)]
    told = [model(rows.ids[part, :-1], None if starts is None else starts[part]) for part in parts]
    return rows, torch.cat(told)


def first_id(arm: str, answer: str) -> int:
    """Return the id at which the answers yes and no part."""
    return world.tokenizer().encode(answer)[0] if arm == "bpe" else int(task.byte_ids(answer)[0])


def answer_places(arm: str, rows: Rows, row: int, answer: str) -> range:
    """Return where the answer stands in a row; begin is place 0, and full stop and end come after the answer."""
    stop = rows.lengths[row] - 2
    size = len(world.tokenizer().encode(answer)) if arm == "bpe" else len(answer.encode())
    return range(stop - size, stop)


def letter_places(arm: str, place: int, answer: str) -> Iterator[range]:
    """Yield where each letter of a spelled answer stands; some letters are two tokens, the space and the letter."""
    for letter in answer.split(" "):
        size = len(world.tokenizer().encode(letter)) if arm == "bpe" else 1
        yield range(place, place + size)
        place += size + (arm != "bpe")
