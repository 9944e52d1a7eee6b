"""The stored answers of the cut panel: numbers in a sweep, words in a small TOML file beside it; read without torch.

The sweep's units are texts: each day as it stands, and each day followed by each word that may come next. Its values
are losses in nats per scored token: on the whole day, or on that word, whose probability is then exp(-loss).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from labkit import world
from labkit.base import toml
from labkit.base.data import data_dir
from labkit.base.errors import BrokenFile, NotAvailable
from labkit.base.files import write_atomically
from labkit.measurements.readings import Day, Reading, day_of
from labkit.sweeps import Sweep
from labkit.sweeps.keys import plan_key

from .cut import CutData, CutState

if TYPE_CHECKING:
    from torch import Tensor

    from labkit.zoo import ModelLike

__all__ = ["Replay", "store", "sweep_cuts"]

NAME = "00_cut"
KINDS = {"attention": "drop_attention", "mlp": "drop_mlp", "block": "drop_block"}
DAYS = 3


@dataclass(frozen=True)
class Replay:
    """Stored answers to a few days for one shipped model."""

    sweep: Sweep
    days: tuple[Day, ...]
    depth: int
    words: tuple[dict[str, Any], ...]  # per day: its tokens, and by cut ("mlp 2") how the model goes on

    @classmethod
    def of(cls, model: str, folder: Path | None = None) -> Replay | None:
        """Return what is stored for the model called `model`, or None."""
        path = (folder or data_dir() / "sweeps") / f"{NAME}.toml"
        if not path.is_file():
            return None
        table = toml.read(path)
        if table.get("model") != model:
            return None
        toml.check_keys(table, ["model", "fingerprint", "depth", "days"], str(path))
        sweep = Sweep.load(path.with_suffix(".json"))
        if sweep.fingerprint != table["fingerprint"]:
            raise BrokenFile(
                f"{path} and the sweep beside it are not of one model.",
                expected="two files of one run",
                do="restore both, or write them again with `labkit sweep cut-panel`",
            )
        days = tuple(Day(one["title"], one["text"], tuple(one["words"]), one["right"]) for one in table["days"])
        return cls(sweep, days, table["depth"], tuple(table["days"]))

    def find(self, state: CutState) -> CutData | None:
        """Return the stored answer to `state`, or None."""
        number = next((i for i, day in enumerate(self.days) if day.text == state.story), None)
        plan = [{"kind": KINDS[state.part], "layer": state.layer}] if state.part != "nothing" else []
        values = self.sweep.values.get(plan_key(plan)) if plan else self.sweep.intact
        if number is None or values is None:
            return None
        day, told = self.days[number], self.words[number]
        intact = self._reading(number, self.sweep.intact, told["goes_on"]["nothing"])
        cut = self._reading(number, values, told["goes_on"][_label(state)])
        return CutData(state.part, state.layer, day.words, day.right, told["tokens"], (), intact, cut)

    def _reading(self, number: int, values: Sequence[float], goes_on: str) -> Reading:
        start = sum(1 + len(day.words) for day in self.days[:number])
        loss, *losses = values[start : start + 1 + len(self.days[number].words)]
        return Reading(tuple(math.exp(-nats) for nats in losses), loss, goes_on)


@dataclass(frozen=True)
class LastTokensLoss:
    """Loss on the last tokens of each text; `scored` says at how many."""

    documents: tuple[tuple[int, ...], ...] = field(repr=False)
    scored: tuple[int, ...] = field(repr=False)
    name: ClassVar[str] = "loss on the last tokens"
    unit: ClassVar[str] = "nats/token"
    over: ClassVar[str] = "texts"
    needs_intact: ClassVar[bool] = False

    def score(self, logits_BLV: Tensor, batch: Any, intact_BLV: Tensor | None = None) -> list[float]:
        from labkit.measurements.measures import token_losses

        losses = token_losses(logits_BLV, batch.ids_BL)
        return [float(row[-self.scored[number] :].mean()) for row, number in zip(losses, batch.index)]

    def fold(self, scores: Sequence[float], lengths: Sequence[int]) -> tuple[list[float], list[float]]:
        return list(scores), list(self.scored)


def store(model: ModelLike | str = "lab/tiny", folder: Path | None = None, n_days: int = DAYS) -> Replay:
    """Cut every part of every layer, on the first days that the intact model gets right, and keep the answers.

    Writes 00_cut.json (a sweep) and 00_cut.toml (the days and the words) to `data/sweeps`, and returns what is kept.
    """
    from labkit import sweeps, zoo
    from labkit.anatomy import anatomy_of

    handle = zoo.load(model) if isinstance(model, str) else model
    folder = folder or data_dir() / "sweeps"
    days = _days_it_knows(handle, n_days)
    texts = [handle.encode(day.text).tolist() for day in days]
    measure = _measure(handle, days, texts)
    plans = [*sweeps.every_sublayer(handle), *sweeps.every_block(handle)]
    sweep = sweeps.sweep(handle, plans, measure=measure)
    states = [
        [CutState(day.text, part, layer) for part in KINDS for layer in range(anatomy_of(handle).depth)] for day in days
    ]
    tables = [
        asdict(day) | {"tokens": len(ids), "goes_on": _goes_on(handle, day, asked)}
        for day, ids, asked in zip(days, texts, states)
    ]
    table = {"model": sweep.model, "fingerprint": sweep.fingerprint, "depth": anatomy_of(handle).depth, "days": tables}
    sweep.save(folder / f"{NAME}.json")  # all is measured: what was there before is only lost to what replaces it
    write_atomically(folder / f"{NAME}.toml", toml.dumps(table))
    return Replay.of(sweep.model, folder)


def sweep_cuts(
    say: Callable[[str], None] = print, model: ModelLike | str = "lab/tiny", out: Path | None = None
) -> Path:
    """Do `store` for `labkit sweep cut-panel` and return the file of the sweep."""
    kept = store(model, out)
    say(f"{len(kept.sweep)} cuts on {len(kept.days)} days")
    return (out or data_dir() / "sweeps") / f"{NAME}.json"


def _goes_on(handle: Any, day: Day, states: Sequence[CutState]) -> dict[str, str]:
    from labkit.measurements.readings import read

    from .cut_readings import read_cut

    ids_L = handle.encode(day.text)
    cuts = {_label(state): read_cut(handle, state, ids_L, ()).goes_on for state in states}
    return {"nothing": read(handle, ids_L, ()).goes_on} | cuts


def _measure(handle: Any, days: Sequence[Day], texts: Sequence[list[int]]) -> LastTokensLoss:
    from labkit.measurements.readings import first_pieces

    documents, scored = [], []
    for day, ids in zip(days, texts):
        documents += [ids, *([*ids, piece] for piece in first_pieces(handle, day.text, day.words))]
        scored += [len(ids) - 1, *(1 for _ in day.words)]
    return LastTokensLoss(tuple(map(tuple, documents)), tuple(scored))


def _days_it_knows(handle: Any, n: int) -> list[Day]:
    from labkit.measurements.readings import first_pieces, read

    known = []
    for question in world.questions(100, seed=0):
        day = day_of(question)
        first = first_pieces(handle, day.text, day.words)
        chances = read(handle, handle.encode(day.text), first, go_on=0).probabilities
        if day.words[chances.index(max(chances))] == day.right:
            known.append(day)
        if len(known) == n:
            return known
    raise NotAvailable(f"{handle.name} answers fewer than {n} of 100 days right.", do="store for another model")


def _label(state: CutState) -> str:
    return "nothing" if state.part == "nothing" else f"{state.part} {state.layer}"
