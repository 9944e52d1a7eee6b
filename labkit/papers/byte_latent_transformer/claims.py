"""Which experiment decides which sentence: each function returns one value per unit.

Arms are compared seed by seed, each at the learning rate that was best on seed 0, which no claim uses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from labkit import zoo
from labkit.claims.records import Measured

from .experiments.costing import PAPER_SIZES
from .experiments.cutting import drift, moved_over_prefixes, patchers, word_starts
from .experiments.noise import longer_noise_of, noise_of
from .experiments.quality import runs_of, study_of, thresholds
from .method.accounting import cost
from .method.entropy import ByteEntropies
from .method.generation import ready
from .method.model import BLTConfig, bits_per_byte
from .method.patching import Entropy, Space, Strided
from .task import byte_ids, pages
from .training import ENTROPY, entropy_model, threshold

STORY = "blt/story"

__all__ = [
    "bits_difference",
    "choices_difference",
    "doubling_leaves_the_local_cost",
    "drop_difference",
    "entropy_model_size",
    "first_letters",
    "future_changes",
    "growth_of_patches",
    "kinds_difference",
    "letters_difference",
    "longer_difference",
    "lower_threshold",
    "moved_boundaries",
    "parameter_ratios",
    "part_difference",
    "reuse_difference",
    "spelling_difference",
]


def bits_difference(*, n: int, seeds: Sequence[int], first: str, second: str) -> Measured:
    """Return per seed the bits per byte of arm `first` minus those of arm `second`."""
    return _over_seeds([[runs_of(arm, seeds)[at] for arm in (first, second)] for at in range(len(seeds))], "test")


def drop_difference(*, n: int, seeds: Sequence[int], first: str, second: str) -> Measured:
    """Return per seed by how much noise lowers the accuracy of arm `first`, minus the same of arm `second`."""
    return _over_seeds([[noise_of(arm, seed) for arm in (first, second)] for seed in seeds], "drop")


def spelling_difference(*, n: int, seeds: Sequence[int], first: str, second: str) -> Measured:
    """Return per seed the share of letters of held-out words that arm `first` spells right, minus that of `second`."""
    return _over_seeds([[noise_of(arm, seed) for arm in (first, second)] for seed in seeds], "held_out")


def longer_difference(*, n: int, seeds: Sequence[int], first: str, second: str, measure: str) -> Measured:
    """Return per seed a measure of arm `first` in the noise lab minus that of `second`, both trained for 480 steps.

    measure: "drop" (by how much noise lowers the accuracy) or "held_out" (letters of held-out words spelled right).
    """
    return _over_seeds([[longer_noise_of(arm, seed) for arm in (first, second)] for seed in seeds], measure)


def reuse_difference(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the bits per byte of a BLT with a token model's blocks minus those of one from scratch."""
    reused, scratch = study_of("reuse", "entropy", seeds), runs_of("entropy", seeds)
    return _over_seeds(list(zip(reused, scratch)), "test")


def kinds_difference(*, n: int, seeds: Sequence[int], kind: str, first: str, second: str) -> Measured:
    """Return per seed the bits per byte of arm `first` minus those of `second` on one kind of the mixed pages."""
    pairs = zip(study_of("scripts", first, seeds), study_of("scripts", second, seeds))
    return _over_seeds([[run | {"bits": run["kinds"][kind]} for run in pair] for pair in pairs], "bits")


def choices_difference(*, n: int, seeds: Sequence[int], first: str, second: str) -> Measured:
    """Return per seed the bits per byte of a BLT decided as `first` minus those of one decided as `second`."""
    return _over_seeds(list(zip(study_of("choices", first, seeds), study_of("choices", second, seeds))), "test")


def part_difference(*, n: int, seeds: Sequence[int], other: str) -> Measured:
    """Return per seed the bits per byte of the arms' BLT minus those of one with a part changed to `other`."""
    return _over_seeds(list(zip(runs_of("entropy", seeds), study_of("parts", other, seeds))), "test")


def letters_difference(*, n: int, seeds: Sequence[int], measure: str, first: str, second: str) -> Measured:
    """Return per seed the share of questions about held-out words that arm `first` answers right, minus `second`'s.

    measure: "contains" (has the word the letter) or "swap" (letters of the word with two letters swapped).
    """
    pairs = zip(study_of("letters", first, seeds), study_of("letters", second, seeds))
    return _over_seeds([[run | {"share": run["held_out"][measure]} for run in pair] for pair in pairs], "share")


def first_letters(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per page the mean entropy at first letters of words minus that at their other letters, in nats."""
    found = word_starts(pages(n, seeds[0], split="test"))
    return _over_pages([a - b for a, b in zip(found.first, found.rest)], ENTROPY)


def growth_of_patches(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per sentence the bytes a patch in its third repetition over those in its first, global threshold."""
    sentences = [page.replace("\n", " ").split(". ")[0] + "." for page in pages(n, seeds[0], split="test")]
    sizes = drift([sentence[:60] for sentence in sentences], times=3).sizes["threshold"]
    return _over_pages([row[2] / row[0] for row in sizes], ENTROPY)


def lower_threshold(*, n: int, seeds: Sequence[int], share: float = 1 / 6) -> Measured:
    """Return per page the bits per byte at a share of the trained threshold, minus those at the trained one."""
    found = thresholds([threshold() * share, threshold()], n, seeds[0])
    lower, trained = ([bits_per_byte(x, b) for x, b in zip(nats, found.bytes)] for nats in found.nats)
    return _over_pages([a - b for a, b in zip(lower, trained)], STORY)


def moved_boundaries(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return how many boundaries differ between n pages and all their prefixes, for the three incremental patchers."""
    texts, which = pages(n, seeds[0], split="test"), patchers()
    rules = (which["every 4.5 bytes"], which["spaces"], which["entropy threshold"])
    counts = np.sum([moved_over_prefixes(rule, texts) for rule in rules], axis=0)
    return _over_pages(counts.astype(float).tolist(), ENTROPY)


@torch.no_grad()
def future_changes(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return on n pages the largest change of any logit before a byte that is replaced, by place and patcher."""
    model, values = BLTConfig().build(seeds[0]).eval(), []
    rules = (Strided(4.5), Space(), Entropy(ByteEntropies(entropy_model()), above=threshold()))
    for text in pages(n, seeds[0], split="test"):
        ids, worst = byte_ids(text[:80]), 0.0
        for rule in rules:
            whole = model(*ready(ids, rule))
            for place in range(0, len(ids), 9):
                other = ids.copy()
                other[place] = byte_ids("%")[0]
                worst = max(worst, float((model(*ready(other, rule)) - whole)[0, : place + 1].abs().max()))
        values.append(worst)
    return _over_pages(values, ENTROPY)


def doubling_leaves_the_local_cost(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for each size of model how much the local models' share of the work changes when patches double: 0."""
    values = []
    for config, context in PAPER_SIZES.values():
        one, two = cost(config, 4.5, context, plain=True), cost(config, 9.0, context, plain=True)
        values.append((two.encoder + two.decoder) / (one.encoder + one.decoder) - 1)
    return Measured(values=tuple(values), units=tuple(PAPER_SIZES))


def entropy_model_size(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return the weights in millions of a transformer with the layers and width the paper gives its entropy model."""
    layers, width, vocab = 14, 512, 260
    return Measured(values=((layers * 12 * width**2 + 2 * vocab * width) / 1e6,), units=("14 layers, 512 wide",))


def parameter_ratios(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for rows of table 10 the weights of its blocks (12 l h²) over the number printed there."""
    printed = {
        "400M encoder": (1, 768, 7e6),
        "1B encoder": (1, 1024, 12e6),
        "8B encoder": (1, 1280, 20e6),
        "400M latent": (24, 1280, 470e6),
        "2B latent": (26, 2560, 2e9),
        "4B latent": (36, 3072, 4e9),
        "8B latent": (32, 4096, 6.4e9),
        "400M decoder": (7, 768, 50e6),
        "1B decoder": (9, 1024, 113e6),
        "8B decoder": (6, 1280, 120e6),
    }
    return Measured(values=tuple(12 * l * h * h / told for l, h, told in printed.values()), units=tuple(printed))


def _over_seeds(pairs: Sequence[Sequence[Mapping[str, Any]]], name: str) -> Measured:
    """Return `name` of the first run minus that of the second, seed by seed, and a digest of all the runs say."""
    digest = hashlib.sha256(json.dumps([list(map(dict, pair)) for pair in pairs], sort_keys=True).encode()).hexdigest()
    units = tuple(f"seed {first['seed']}" for first, _ in pairs)
    values = tuple(first[name] - second[name] for first, second in pairs)
    return Measured(values=values, units=units, models={"runs of lesson 05": digest})


def _over_pages(values: Sequence[float], model: str) -> Measured:
    files = {file.path: file.sha256 for file in zoo.entries()[model].files}
    units = tuple(f"page {number}" for number in range(len(values)))
    return Measured(values=tuple(values), units=units, models={model: files["model.safetensors"]})
