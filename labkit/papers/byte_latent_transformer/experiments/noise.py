"""The noise lab: which of four endings belongs to a text, before and after letters are swapped, dropped, repeated.

The paper asks HellaSwag so; our endings are the last sentences of pages of the world, three of the four from others.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from labkit import world
from labkit.base.data import data_dir
from labkit.base.errors import NotAvailable
from labkit.measurements.estimate import Estimate, mean_over
from labkit.training import Runs

from ..method.model import nats_of
from ..method.patching import Patcher, token_lengths
from ..task import NOISES, noised, pages, spelled, spelling_words
from ..training import entropy_model, patcher_of, trained
from ..training.letters import letter_places
from ..training.rows import Rows, byte_rows, entropies_of, starts_of, token_rows
from ..training.studies import LONGER_STEPS, STUDIES, trained_longer

__all__ = [
    "PLACES",
    "Endings",
    "Noise",
    "Spelling",
    "accuracy_over_seeds",
    "endings",
    "measured_noise",
    "noise_gap",
    "noise_lab",
    "noise_runs",
    "spelling",
    "spelling_over_seeds",
]

PLACES = ("prompt", "completion", "both")
PROMPT, ENDING = 70, 50  # bytes at most


@dataclass(frozen=True)
class Endings:
    """A question: a prompt, four endings, and which is right."""

    prompt: str
    options: tuple[str, ...]
    answer: int


def endings(n: int, seed: int, split: str = "test") -> list[Endings]:
    """Return n questions whose endings are sentences of different pages."""
    rng, found, sentences = random.Random(f"endings/{split}/{seed}"), [], []
    for page in pages(6 * n, seed=1000 + seed, split=split):
        parts = page.replace("\n", " ").split(". ")
        if len(parts) < 4 or page.startswith("Spell"):
            continue
        prompt = ". ".join(parts[-4:-2])[-PROMPT:].split(" ", 1)[-1] + "."
        sentences.append((prompt, parts[-2] + "."))
    sentences = [(prompt, end) for prompt, end in sentences if 15 <= len(end) <= ENDING]
    for number in range(n):
        prompt, right = sentences[number % len(sentences)]
        others = rng.sample([end for _, end in sentences if end != right], 3)
        options = [right, *others]
        rng.shuffle(options)
        found.append(Endings(prompt, tuple(options), options.index(right)))
    return found


@torch.no_grad()
def scores(model: nn.Module, prompts: list[str], ends: list[str], arm: str, patcher: Patcher | None) -> np.ndarray:
    """Return the log-probability of each ending after its prompt, for each byte of the ending [N]."""
    texts = [f"{prompt} {end}" for prompt, end in zip(prompts, ends)]
    rows: Rows = (token_rows if arm == "bpe" else byte_rows)(texts)
    starts = None
    if patcher is not None:
        starts = starts_of(rows, patcher, entropies_of(entropy_model(), rows))
    first = [len(f"{prompt} ".encode()) + 1 for prompt in prompts]  # the begin is place 0
    if arm == "bpe":  # the first token that reaches into the ending
        reach = [np.cumsum(token_lengths(world.tokenizer(), text)) for text in texts]
        first = [int((ends_at <= byte).sum()) + 1 for ends_at, byte in zip(reach, (f - 1 for f in first))]
    found = []
    for start in range(0, len(texts), 60):
        part = slice(start, start + 60)
        longest = max(rows.lengths[part])
        ids, wanted = rows.ids[part, :longest], rows.targets[part, : longest - 1].clone()
        wanted &= torch.arange(1, longest) >= torch.tensor(first[part])[:, None]
        wanted &= torch.arange(1, longest) < torch.tensor(rows.lengths[part])[:, None] - 1  # not the end of the page
        logits = model(ids[:, :-1], None if starts is None else starts[part, :longest])
        found += (-(nats_of(logits, ids[:, 1:]) * wanted).sum(-1)).tolist()
    return np.array(found) / [len(end.encode()) for end in ends]


@dataclass(frozen=True)
class Noise:
    """Share of endings found, intact and under each noise at each place, for one model."""

    arm: str
    intact: float
    noised: Mapping[str, Mapping[str, float]]

    @property
    def drop(self) -> float:
        """The mean loss of accuracy over noises and places."""
        return self.intact - float(np.mean([value for by in self.noised.values() for value in by.values()]))

    def table(self) -> str:
        """Return one line a noise: accuracy with the prompt, the completion, or both noised."""
        lines = [f"{name:11}" + " ".join(f"{by[place]:10.0%}" for place in PLACES) for name, by in self.noised.items()]
        return "\n".join(
            [f"{self.arm}: intact {self.intact:.0%}", " " * 11 + " ".join(f"{p:>10}" for p in PLACES), *lines]
        )


def noise_lab(arm: str, seed: int, n: int, model: nn.Module) -> Noise:
    """Return how often a trained arm finds the right one of four endings, before and after each noise.

    Found is the ending with the highest log-probability a byte. The questions depend on `seed`: every seed brings its
    own, and arms of one seed answer the same ones.
    """
    patcher, asked = patcher_of(arm), endings(n, seed)

    def accuracy(change: str | None, place: str) -> float:
        prompts, ends = [], []
        for question in asked:
            for option in question.options:
                change_prompt = change and place in ("prompt", "both")
                prompts.append(noised(question.prompt, change) if change_prompt else question.prompt)
                ends.append(noised(option, change) if change and place in ("completion", "both") else option)
        found = scores(model, prompts, ends, arm, patcher)
        return float(np.mean(found.reshape(n, 4).argmax(1) == [question.answer for question in asked]))

    table = {name: {place: round(accuracy(name, place), 4) for place in PLACES} for name in NOISES}
    return Noise(arm, round(accuracy(None, "prompt"), 4), table)


@dataclass(frozen=True)
class Spelling:
    """Share of letters spelled right, for words seen in training and for words held out."""

    arm: str
    seen: float
    held_out: float

    def table(self) -> str:
        """Return both shares."""
        return f"{self.arm}: {self.seen:.0%} of the letters of trained words, {self.held_out:.0%} of held-out words"


@torch.no_grad()
def spelling(arm: str, model: nn.Module, n: int = 60) -> Spelling:
    """Return how many letters an arm spells right, each letter guessed with the right ones before it."""
    patcher, shares = patcher_of(arm), []
    for split in ("train", "test"):
        texts = [spelled(word) for word in spelling_words(split)[:n]]
        rows = (token_rows if arm == "bpe" else byte_rows)(texts)
        starts = None if patcher is None else starts_of(rows, patcher, entropies_of(entropy_model(), rows))
        guessed = model(rows.ids[:, :-1], None if starts is None else starts).argmax(-1)
        right = []
        for row, (text, ids) in enumerate(zip(texts, rows.ids)):
            answer = text.split(": ")[1].rstrip(".")
            stop = rows.lengths[row] - 2  # the place of the full stop
            spans = list(letter_places(arm, 0, answer))
            places = [stop - spans[-1].stop + torch.tensor(span) for span in spans]  # of each letter, one or two tokens
            right += [bool((guessed[row, place - 1] == ids[place]).all()) for place in places]
        shares.append(float(np.mean(right)))
    return Spelling(arm, *(round(share, 4) for share in shares))


def noise_runs() -> Runs:
    """Return the table of what trained arms made of noise and spelling, which comes with the course."""
    return Runs(data_dir() / "sweeps" / "05_noise.jsonl")


def measure_noise(arm: str, seed: int, n: int = 30) -> dict:
    """Measure noise and spelling of an arm trained from `seed`, unless that is known, and keep it in the table."""

    def measure() -> dict:
        model = trained(arm, seed)
        noise, letters = noise_lab(arm, seed, n, model), spelling(arm, model)
        return {"intact": noise.intact, "noised": noise.noised, "seen": letters.seen, "held_out": letters.held_out}

    return noise_runs().do({"arm": arm, "seed": seed}, measure)


def measure_longer(arm: str, seed: int, n: int = 120) -> dict:
    """Measure noise and spelling of an arm trained for 480 steps from `seed`, unless that is known, and keep it."""

    def measure() -> dict:
        model = trained_longer(arm, seed)
        noise, letters = noise_lab(arm, seed, n, model), spelling(arm, model)
        return {"intact": noise.intact, "noised": noise.noised, "seen": letters.seen, "held_out": letters.held_out}

    return noise_runs().do({"arm": arm, "seed": seed, "steps": LONGER_STEPS}, measure)


def longer_noise_of(arm: str, seed: int) -> dict[str, Any]:
    """Return what was measured of an arm trained for 480 steps from `seed`, with `drop`."""
    row = noise_runs().find(arm=arm, seed=seed, steps=LONGER_STEPS)
    if row is None:
        raise NotAvailable(
            f"The noise lab has no {arm} of seed {seed} trained for {LONGER_STEPS} steps.",
            do="python -m labkit.papers.byte_latent_transformer.experiments",
        )
    return row | {"drop": Noise(arm, row["intact"], row["noised"]).drop}


def noise_of(arm: str, seed: int) -> dict[str, Any]:
    """Return what was measured of an arm trained from `seed`, with `drop`; `NotAvailable` where nothing was."""
    row = noise_runs().find(arm=arm, seed=seed)
    if row is None:
        raise NotAvailable(
            f"The noise lab has no {arm} of seed {seed}.",
            do="python -m labkit.papers.byte_latent_transformer.experiments",
        )
    return row | {"drop": Noise(arm, row["intact"], row["noised"]).drop}


def measured_noise(arm: str, seed: int) -> Noise:
    """Return what an arm trained for 480 steps from `seed` made of noise."""
    row = longer_noise_of(arm, seed)
    return Noise(arm, row["intact"], row["noised"])


def noise_gap(first: str, second: str) -> Estimate:
    """Return how much more of its right answers one arm loses to noise than another, with Student's interval."""
    seeds = STUDIES["longer"].seeds
    gaps = [measured_noise(first, seed).drop - measured_noise(second, seed).drop for seed in seeds]
    return mean_over(gaps, "seeds", method="t", name=f"fall of {first} minus fall of {second}", unit="share", null=0.0)


def accuracy_over_seeds(arm: str, noise: str, place: str = "both") -> tuple[Estimate, Estimate]:
    """Return the share of endings that five models of an arm find, intact and under a noise ("intact": none)."""
    found = [measured_noise(arm, seed) for seed in STUDIES["longer"].seeds]
    after = [one.intact if noise == "intact" else one.noised[noise][place] for one in found]
    before = [one.intact for one in found]
    intact, noised_ = (mean_over(values, "seeds", method="t", name=arm, unit="share") for values in (before, after))
    return intact, noised_


def spelling_over_seeds(arm: str) -> tuple[Estimate, Estimate]:
    """Return the share of letters that five models of an arm spell right: of trained words, of held-out words."""
    rows = [longer_noise_of(arm, seed) for seed in STUDIES["longer"].seeds]
    names = ("seen", "held_out")
    seen, held = (mean_over([row[n] for row in rows], "seeds", method="t", name=arm, unit="share") for n in names)
    return seen, held
