"""Studies beside the arms, in a table of their own: a BLT made of a BPE model, many scripts, longer training.

reuse: the latent transformer starts as the blocks of a trained BPE model (section 6.2 of the paper).
scripts: both arms read the world, Python's own library and other alphabets in equal parts.
longer: both arms read the pages of the other runs for 480 steps, and their weights are kept for the noise lab.
choices: the paper against the released code, and patches by counts against those by a transformer.
parts: patches by a small convolution, and tables of frequent n-grams, beside the arms' own BLT of the same seeds.
letters: both arms read questions about the letters of words beside the pages of the other runs.
Rates are chosen on seed 0, which no claim uses: every arm of a study is tried at the same four, and at more until the
best has a worse one on either side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import nn

from labkit.base.data import data_dir
from labkit.base.errors import NotAvailable
from labkit.base.files import write_atomically
from labkit.training import Runs, sharing

from .. import task
from ..method.entropy import NGrams
from ..method.model import BLTConfig, Flat, FlatConfig
from ..method.patching import Entropy, calibrated
from ..method.reuse import SLOW, byteify
from .arms import ARMS, FRESH, PROGRAM, RATES, STEPS, prepared, prepared_pages
from .choices import chosen
from .entropy import CACHE, SIZE
from .letters import lettered
from .rows import byte_rows, mean_size, starts_of, token_rows
from .short import Data, bits, run

__all__ = ["STUDIES", "Study", "rate_of", "study_runs"]

DONOR = FlatConfig(vocab=1137, width=96, depth=2, hash_sizes=(2, 3, 4))  # the shape of our latent transformer
DONOR_STEPS = 480
POOL, UNSEEN = 1600, 60  # pages
LONGER_STEPS = 480


def unseen(name: str, split: str) -> Data:
    """Return pages of the world that no arm was trained on, as an arm reads them."""
    return prepared_pages(name, task.pages(UNSEEN, seed=7, split=split))


def donor() -> Flat:
    """Return the BPE model whose blocks are taken over, trained once on pages of its own."""
    model, path = DONOR.build(0), CACHE / "donor.safetensors"
    if not path.is_file():
        run(model, (token_rows(task.pages(POOL, seed=2)), None), 6e-3, 0, DONOR_STEPS)
        write_atomically(path, to_bytes({name: w.contiguous() for name, w in model.state_dict().items()}))
    model.load_state_dict(load_file(path))
    return model.eval()


def reused(name: str, lr: float, seed: int) -> dict[str, Any]:
    """Train a BLT whose latent transformer starts as the donor's blocks, at a tenth of the learning rate there."""
    model = byteify(BLTConfig().build(seed), donor())
    found = run(model, prepared("entropy"), lr, seed, STEPS, scales=SLOW)
    return found | {split: bits(model, unseen("entropy", split)) for split in ("valid", "test")}


@cache
def mixed(name: str) -> Data:
    """Return the mixed pages as an arm reads them."""
    return as_read(name, task.mixed_pages(POOL, seed=0))


@cache
def mixed_patcher() -> Entropy:
    """Return the entropy rule for mixed pages: counts of four bytes in them, cut into patches of 4.5 bytes."""
    rows = byte_rows(task.mixed_pages(POOL, seed=0))
    counts = NGrams([task.byte_ids(page) for page in rows.pages], order=4)
    fresh = [counts(task.byte_ids(page)) for page in task.mixed_pages(200, seed=1)]  # those it counted are too easy
    return Entropy(counts, above=calibrated(fresh, SIZE))


def as_read(name: str, pages: list[str]) -> Data:
    """Return any pages as an arm of this study reads them."""
    if name == "bpe":
        return token_rows(pages), None
    rows = byte_rows(pages)
    return rows, starts_of(rows, mixed_patcher())


def scripts(name: str, lr: float, seed: int) -> dict[str, Any]:
    """Train an arm on mixed pages; return its bits per byte and the bytes of its pieces for each kind of text."""
    model = ARMS[name].config.build(seed)
    found: dict[str, Any] = run(model, mixed(name), lr, seed, STEPS)
    found["valid"] = bits(model, as_read(name, task.mixed_pages(UNSEEN, seed=7, split="valid")))
    found["kinds"], found["pieces"] = {}, {}
    for kind in task.KINDS:
        rows, starts = as_read(name, task.pages_of_kind(kind, UNSEEN, seed=7, split="test"))
        found["kinds"][kind] = bits(model, (rows, starts))
        found["pieces"][kind] = round(mean_size(rows, starts), 3)
    return found


def longer(name: str, lr: float, seed: int) -> dict[str, Any]:
    """Train an arm for 480 steps and keep its weights; return its bits per byte on pages of valid and of test."""
    model = ARMS[name].config.build(seed)
    found = run(model, prepared(name), lr, seed, LONGER_STEPS)
    weights = {part: w.contiguous() for part, w in model.state_dict().items()}
    write_atomically(longer_weights(name, lr, seed), to_bytes(weights))
    return found | {split: bits(model, unseen(name, split)) for split in ("valid", "test")}


def longer_weights(name: str, lr: float, seed: int) -> Path:
    """Return where the weights of a longer run are kept until they are measured; they are not in the course."""
    return CACHE / f"longer-{name}-{lr:g}-{seed}.safetensors"


def trained_longer(name: str, seed: int) -> nn.Module:
    """Return an arm as it was trained for 480 steps, at its better rate, if its weights are still on this machine."""
    path = longer_weights(name, rate_of("longer", name), seed)
    if not path.is_file():
        raise NotAvailable(f"The weights of the longer {name}, seed {seed}, are not here.", do=PROGRAM)
    model = ARMS[name].config.build(seed)
    model.load_state_dict(load_file(path))
    return model.eval()


# The table.


@dataclass(frozen=True)
class Study:
    """What is trained: the rates of each arm that are tried on seed 0, the seeds of the claim, and how one is made."""

    rates: dict[str, tuple[float, ...]]
    seeds: tuple[int, ...]
    make: Callable[[str, float, int], dict[str, Any]]


SLOWER = (3e-3, 6e-3, 12e-3, 24e-3)  # for 480 steps

STUDIES = {
    "parts": Study(dict.fromkeys(("cnn", "frequent"), RATES), FRESH, chosen),
    "reuse": Study({"entropy": RATES}, (1, 2, 3, 4, 5), reused),
    "choices": Study(dict.fromkeys(("entropy", "doubled", "raw_sum", "counts"), RATES), (21, 22, 23, 24, 25), chosen),
    "scripts": Study({"entropy": RATES, "bpe": RATES}, (11, 12, 13, 14, 15), scripts),
    "longer": Study({"entropy": SLOWER, "bpe": SLOWER}, (6, 7, 8, 9, 10), longer),
    "letters": Study({"entropy": SLOWER, "bpe": SLOWER}, (31, 32, 33, 34, 35), lettered),
}


def study_runs() -> Runs:
    """Return the table of these runs, which comes with the course."""
    return Runs(data_dir() / "sweeps" / "05_studies.jsonl")


def rate_of(study: str, arm: str) -> float:
    """Return the learning rate at which an arm of a study was best on seed 0's pages of valid."""
    return sharing.best_rate(study_runs().where(study=study, arm=arm, seed=0), "valid", do=PROGRAM)


def next_rate(study: str, arm: str) -> float | None:
    """Return the learning rate to try next on seed 0; None when the best has a worse one on either side."""
    return sharing.next_rate(study_runs().where(study=study, arm=arm, seed=0), STUDIES[study].rates[arm], "valid")


def lacking(study: str) -> list[tuple[str, float, int]]:
    """Return which runs of a study can be made now: arm, rate, seed; the next rate of each arm first."""
    plan = STUDIES[study]
    known = {(run["arm"], run["lr"], run["seed"]) for run in study_runs().where(study=study)}
    tries = [(arm, lr, 0) for arm in plan.rates if (lr := next_rate(study, arm)) is not None]
    if tries:
        return tries
    wanted = [(arm, rate_of(study, arm), seed) for seed in plan.seeds for arm in plan.rates]
    return [one for one in wanted if one not in known]


def make(study: str, arm: str, lr: float, seed: int) -> None:
    """Make a run of a study unless it is known."""
    settings = {"study": study, "arm": arm, "lr": lr, "seed": seed}
    found = study_runs().do(settings, lambda: STUDIES[study].make(arm, lr, seed))
    print(study, arm, lr, seed, found["valid"], found["seconds"], flush=True)
