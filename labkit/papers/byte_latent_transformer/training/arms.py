"""The arms and their runs: one run a line in a table, weights beside it.

Every arm reads the same pages in the same order; it differs in what its entry in `ARMS` says. Learning rates are
chosen on seed 0, which no claim uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from labkit import world
from labkit.base.data import data_dir
from labkit.base.errors import NotAvailable
from labkit.base.files import write_atomically
from labkit.training import Runs, sharing

from .. import task
from ..method.accounting import cost, cost_of_megabyte, cost_of_tokens
from ..method.entropy import ByteEntropies
from ..method.model import BLTConfig, FlatConfig
from ..method.patching import Entropy, Patcher, Space, Strided
from ..method.relatives import MegaByteConfig, SpaceByteConfig
from ..method.storage import save_blt
from .entropy import CACHE, ENTROPY, SIZE, entropy_model, pool, pool_entropies, threshold
from .rows import Rows, byte_rows, entropies_of, mean_size, starts_of, token_rows
from .short import bits, run

__all__ = [
    "ARMS",
    "FRESH",
    "LATER",
    "NEAR",
    "PROGRAM",
    "RATES",
    "RIVALS",
    "SEEDS",
    "STEPS",
    "Arm",
    "best_rate",
    "do",
    "next_rate",
    "patcher_of",
    "prepared",
    "prepared_pages",
    "runs",
    "ship",
    "trained",
]

STEPS = 140  # of four pages each
RATES = (6e-3, 12e-3, 24e-3, 48e-3)  # for every arm; then more until the best has a worse one on either side
SEEDS = (1, 2, 3, 4, 5)
FRESH = (41, 42, 43, 44, 45)  # for what was promised after the arms had been seen on the others
LATER = (46, 47, 48, 49, 50)  # MegaByte's: on the five before, a version of it without norms had been seen
RIVALS = {"entropy": (*FRESH, *LATER), "space": FRESH, "spacebyte": FRESH, "megabyte": LATER}  # who is trained on those
NEAR = 24e-3  # the rate at which the entropy arm was nearly as good: verdicts are looked at with it as well
PAGES = 60  # of valid, for choosing rates, and of test
PROGRAM = "python -m labkit.papers.byte_latent_transformer.training"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A model and how its text is cut; `size` is the mean patch or token in bytes that it is meant to have."""

    about: str
    config: BLTConfig | FlatConfig | MegaByteConfig
    patcher: str | None = None
    size: float = SIZE

    @property
    def cost(self) -> float:
        """Floating-point operations a byte of a full page at this arm's size, forward."""
        if isinstance(self.config, FlatConfig):
            return cost_of_tokens(self.config, self.size, task.PAGE)
        if isinstance(self.config, MegaByteConfig):
            return cost_of_megabyte(self.config, self.size, task.PAGE)
        return cost(self.config, self.size, task.PAGE).total


ARMS = {
    "entropy": Arm(about="BLT, entropy patches", config=BLTConfig(), patcher="entropy"),
    "strided": Arm(about="BLT, a patch every 4.5 bytes", config=BLTConfig(), patcher="strided"),
    "space": Arm(about="BLT, patches end at spaces", config=BLTConfig(), patcher="space", size=4.9),
    "bpe": Arm(
        about="BPE tokens with hashed n-grams of tokens",
        config=FlatConfig(vocab=1137, width=96, depth=5, ffn=224, hash_sizes=(2, 3, 4)),
        size=3.7,
    ),
    "flat": Arm(about="bytes without patches, same hash tables", config=FlatConfig(depth=4, ffn=144), size=1.0),
    "no_hash": Arm(about="BLT without hash n-grams", config=BLTConfig(hash_sizes=()), patcher="entropy"),
    "no_cross": Arm(about="BLT without cross-attention", config=BLTConfig(cross=False), patcher="entropy"),
    "double": Arm(
        about="BLT, patches and latent depth doubled", config=BLTConfig(latent=4), patcher="entropy", size=2 * SIZE
    ),
    "spacebyte": Arm(about="SpaceByte, same hash tables", config=SpaceByteConfig(), patcher="space", size=4.9),
    "megabyte": Arm(about="MegaByte, same hash tables", config=MegaByteConfig(), patcher="strided"),
}


def patcher_of(arm: str | Arm) -> Patcher | None:
    """Return an arm's patching function."""
    arm = ARMS[arm] if isinstance(arm, str) else arm
    if arm.patcher == "entropy":
        return Entropy(ByteEntropies(entropy_model()), above=threshold(arm.size))
    return {"strided": Strided(SIZE), "space": Space(), None: None}[arm.patcher]


# Runs.


@cache
def prepared(name: str) -> tuple[Rows, Tensor | None]:
    """Return the training rows of an arm and who starts a patch in them."""
    arm = ARMS[name]
    rows = token_rows(pool()) if name == "bpe" else byte_rows(pool())
    if arm.patcher is None:
        return rows, None
    return rows, starts_of(rows, patcher_of(arm), pool_entropies())


def prepared_pages(name: str, pages: list[str]) -> tuple[Rows, Tensor | None]:
    """Return any pages as an arm reads them."""
    rows, patcher = (token_rows if name == "bpe" else byte_rows)(pages), patcher_of(name)
    if patcher is None:
        return rows, None
    h = entropies_of(entropy_model(), rows) if isinstance(patcher, Entropy) else None
    return rows, starts_of(rows, patcher, h)


def train_one(name: str, lr: float, seed: int, steps: int = STEPS) -> tuple[nn.Module, dict[str, Any]]:
    """Train an arm and return it with what was found: loss, bits per byte on pages of valid and of test."""
    model = ARMS[name].config.build(seed)
    found = run(model, prepared(name), lr, seed, steps)
    for split in ("valid", "test"):
        rows, starts = prepared_pages(name, task.pages(PAGES, seed=7, split=split))
        found[split] = bits(model, (rows, starts))
        found["size"] = round(mean_size(rows, starts), 3)
    return model, found


def runs() -> Runs:
    """Return the table of runs that comes with the course."""
    return Runs(data_dir() / "sweeps" / "05_runs.jsonl")


def best_rate(name: str) -> float:
    """Return the learning rate at which an arm was best on seed 0's pages of valid."""
    return sharing.best_rate(runs().where(arm=name, seed=0), "valid", do=f"{PROGRAM} rates {name}")


def next_rate(name: str) -> float | None:
    """Return the learning rate to try next for an arm on seed 0; None when its best has a worse one on either side."""
    return sharing.next_rate(runs().where(arm=name, seed=0), RATES, "valid")


def weights_of(name: str, lr: float, seed: int) -> Path:
    """Return where a run's weights are kept between training and measuring; they are not in the course."""
    return CACHE / f"{name}-{lr:g}-{seed}.safetensors"


def do(name: str, lr: float, seed: int) -> None:
    """Make a run unless it is known, and keep its weights."""

    def train() -> dict[str, Any]:
        model, found = train_one(name, lr, seed)
        weights = {part: w.contiguous() for part, w in model.state_dict().items()}
        write_atomically(weights_of(name, lr, seed), to_bytes(weights))
        return found

    run = runs().do({"arm": name, "lr": lr, "seed": seed}, train)
    print(name, lr, seed, run["valid"], run["seconds"], flush=True)


def trained(name: str, seed: int) -> nn.Module:
    """Return an arm as it was trained from `seed`, if its weights are still on this machine."""
    path = weights_of(name, best_rate(name), seed)
    if not path.is_file():
        raise NotAvailable(f"The weights of {name}, seed {seed}, are not here.", do=f"{PROGRAM} runs {seed}")
    model = ARMS[name].config.build(seed)
    model.load_state_dict(load_file(path))
    return model.eval()


def ship(steps: int = 800) -> None:
    """Train the entropy arm for longer, from seed 0, and ship it as blt/story."""
    lr = best_rate("entropy") / 2
    model, found = train_one("entropy", lr, 0, steps)
    card = {
        "name": "blt/story",
        "about": "a Byte Latent Transformer on stories of the world, spelled words among them",
        "patches": f"where the entropy of {ENTROPY} is above {threshold():.4f} nats: {found['size']} bytes on average",
        "threshold": threshold(),
        "entropy_model": ENTROPY,
        "tokenizer": "bytes",
        "world": world.VERSION,
        "steps": steps,
        "lr": lr,
        "seed": 0,
        "loss": found["loss"][-1],
        "bits_per_byte": found["test"],
        "minutes": round(found["seconds"] / 60, 1),
        "defects": ["trained for about a minute: its sentences are right, its facts are not"],
    }
    save_blt(model, card)
