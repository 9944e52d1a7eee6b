"""A small language model of each kind on the course's world: loss by position, and on words that were said before.

    python -m labkit.papers.differential_transformer.experiments.language

The paper draws the loss over the position in the text (figure 4) and tells words that end a pair already read from all
others (table 6). Two blocks of width 64, whole texts of the world in rows of 128 tokens. Lesson: 04.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.anatomy import module_of
from labkit.base.data import data_dir
from labkit.base.errors import BadInput, NotAvailable, unknown
from labkit.models import DecoderConfig, next_token_loss
from labkit.training import Runs, fit, sharing

from ..method import DiffAttention
from ..training import schedule
from .arms import Arms

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = [
    "LossByPosition",
    "compare_language",
    "language_path",
    "loss_by_position",
    "said_before",
    "text_rows",
    "train_language",
]

ARMS: Mapping[str, Mapping[str, Any]] = {
    "softmax 8×8": {"kind": "softmax-transformer", "heads": 8},
    "normed 4×16": {"kind": "softmax-transformer", "heads": 4, "mixer": "normed"},
    "diff": {"kind": "diff-transformer", "heads": 4},
}
LENGTH, ROWS, STEPS = 128, 16, 500
PILOT, SEEDS = 0, (31, 32, 33, 34, 35)
# All for every arm: one that was tried until a rate was worse on either side stopped at a hill in between.
LRS = (1.6e-2, 8e-3, 4e-3, 2e-3, 1e-3)
WORDS = {"loss": "all tokens", "hit": "tokens that end a pair read before", "other": "all others"}
PARTS = {"stories": 0.5, "facts": 0.25, "recall": 0.25}


@dataclass(frozen=True)
class LossByPosition:
    """Nats a token from `edges[i]` up to `edges[i + 1]`, mean over texts.

    cumulative[i]: mean over every position up to `edges[i + 1]`, as the paper draws it. hit, other: nats at targets
    that end a pair of tokens already read in the text, and at all others; share: how many are hits.
    """

    edges: tuple[int, ...]
    nats: tuple[float, ...]
    cumulative: tuple[float, ...]
    hit: float
    other: float
    share: float

    def table(self) -> str:
        """Return it as text."""
        rows = zip(self.edges, self.edges[1:], self.nats, self.cumulative)
        return "\n".join(
            [f"{'tokens':>10} {'nats':>7} {'so far':>7}"]
            + [f"{f'{start}-{stop - 1}':>10} {one:7.3f} {mean:7.3f}" for start, stop, one, mean in rows]
            + [f"said before ({self.share:.0%}): {self.hit:.3f}   others: {self.other:.3f}"]
        )


def said_before(ids_BL: Tensor) -> Tensor:
    """Return for each target ids[:, 1:] whether the pair it ends stood in the text before [B, L − 1]."""
    pairs = ids_BL[:, :-1] * (int(ids_BL.max()) + 1) + ids_BL[:, 1:]
    same = pairs[:, :, None] == pairs[:, None, :]
    return (same & torch.ones(same.shape[1:], dtype=torch.bool).tril(-1)).any(-1)


@torch.no_grad()
def loss_by_position(model: ModelLike, ids_BL: Tensor, *, bins: int = 8) -> LossByPosition:
    """Return the loss of `model` on rows of tokens by position, in `bins` equal stretches.

    Raises `BadInput` for rows that cannot be cut so.
    """
    targets = ids_BL.shape[1] - 1
    if bins < 1 or targets < bins or targets % bins:
        raise BadInput(f"{targets} targets cannot be cut into {bins} stretches.", expected="a multiple of bins, plus 1")
    logits_BLV = module_of(model)(ids_BL[:, :-1]).logits
    nats_BL = F.cross_entropy(logits_BLV.flatten(0, 1), ids_BL[:, 1:].flatten(), reduction="none").view(len(ids_BL), -1)
    by_bin = nats_BL.mean(0).view(bins, -1).mean(1)
    hit = said_before(ids_BL)
    return LossByPosition(
        edges=tuple(targets // bins * number for number in range(bins + 1)),
        nats=tuple(by_bin.tolist()),
        cumulative=tuple((by_bin.cumsum(0) / torch.arange(1, bins + 1)).tolist()),
        hit=float(nats_BL[hit].mean()),
        other=float(nats_BL[~hit].mean()),
        share=float(hit.float().mean()),
    )


@lru_cache(maxsize=2)
def text_rows(count: int, seed: int, split: str = "train") -> Tensor:
    """Return `count` rows of LENGTH + 1 tokens [count, 129]: texts of the world one after the other, cut."""
    from labkit import world

    # One row of documents has fewer tokens than asked for at most by its last document.
    ids = [token for document in world.corpus(PARTS, count * (LENGTH + 1) + 1000, seed, split) for token in document]
    return torch.tensor(ids[: count * (LENGTH + 1)]).view(count, LENGTH + 1)


def train_language(arm: str, lr: float, seed: int, *, steps: int = STEPS) -> dict[str, Any]:
    """Train one model and return what it does on texts it has not read, as plain numbers."""
    from labkit import world

    config = DecoderConfig.from_dict(
        {
            "vocab": world.tokenizer().vocab_size,
            "width": 64,
            "depth": 2,
            "ffn": 168,
            "context": LENGTH + 1,
            "init_std": 0.08,
        }
        | ARMS[arm]
    )
    model, rows = config.build(seed), text_rows(STEPS * ROWS, seed)

    def loss_at(model: nn.Module, step: int) -> Tensor:
        ids = rows[(step - 1) * ROWS : step * ROWS]
        return next_token_loss(model(ids).logits, ids)

    went = fit(model, loss_at, schedule(lr, steps))
    found = loss_by_position(model, text_rows(64, 9_000, "test"))
    mixers = [block.attention.mixer for block in model.trunk.blocks]
    return {
        "nats": [round(one, 4) for one in found.nats],
        "loss": round(found.cumulative[-1], 4),
        "hit": round(found.hit, 4),
        "other": round(found.other, 4),
        "lam": [round(mixer.lam().item(), 4) for mixer in mixers if isinstance(mixer, DiffAttention)],
        "seconds": round(went.seconds, 1),
        "diverged": went.diverged,
    }


def language_path() -> Path:
    """Return where the runs lie."""
    return data_dir() / "sweeps" / "04_language.jsonl"


def best_rate(arm: str, table: Runs) -> float:
    """Return the rate with the least loss on the pilot seed; raise `NotAvailable` where none was tried."""
    return sharing.best_rate(table.where(arm=arm, seed=PILOT), do=f"python -m {__name__}")


def cells_of(table: Runs) -> Iterator[dict[str, Any]]:
    """Return the settings of every run: pilots at every rate, then the seeds, each arm at its best."""
    for arm in ARMS:
        for lr in LRS:
            yield {"arm": arm, "lr": lr, "seed": PILOT}
    for seed in SEEDS:
        for arm in ARMS:
            yield {"arm": arm, "lr": best_rate(arm, table), "seed": seed}


def compare_language(
    what: str = "loss", seeds: Sequence[int] | None = None, *, rates: Mapping[str, float] | None = None
) -> Arms:
    """Return "loss", "hit" (targets that end a pair read before) or "other" for every arm, in nats a token, by seed.

    seeds: those to compare; None: all but the pilot's. rates: arm -> learning rate; None: each at its best. Raises
    `UnknownName` for another quantity and `NotAvailable` where an arm has no run.
    """
    if what not in WORDS:
        raise unknown("quantity", what, WORDS)
    table = Runs(language_path())
    rates = rates or {arm: best_rate(arm, table) for arm in ARMS}
    values = {
        arm: {
            run["seed"]: run[what]
            for run in table.where(arm=arm, lr=lr)
            if (run["seed"] != PILOT if seeds is None else run["seed"] in seeds)
        }
        for arm, lr in rates.items()
    }
    if missing := [arm for arm, held in values.items() if not held]:
        raise NotAvailable(f"No language model of the arm {missing[0]!r} has been made.", do="python -m " + __name__)
    return Arms(what, "nats a token", f"The course's world, {WORDS[what]}", values, rates)


def main(minutes: float = math.inf) -> None:
    """Train and measure every arm, one run after the other."""
    torch.set_num_threads(1)
    table = Runs(language_path())
    for run in sharing.share(table, cells_of(table), train_language, minutes=minutes):
        print(run, flush=True)


if __name__ == "__main__":
    main()
