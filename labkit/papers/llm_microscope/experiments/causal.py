"""Does the model *use* what stands at punctuation? Its states there are replaced, and the loss is read.

Removal from the text changes what is read; this changes what is remembered, and leaves the text alone. A state is
replaced by the mean of its kind, or by one of its kind from another text (a patch). The control replaces as many other
tokens' states. The loss is taken over tokens after a place of neither kind (Chauhan et al. 2025
ask the same of GPT-2, DeepSeek and Gemma).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.anatomy import in_eval_mode, site_of
from labkit.base.errors import BadInput, unknown
from labkit.interventions.changes import Hook
from labkit.measurements import Estimate, mean_over
from labkit.measurements.tables import text_table

from ..method.states import cloud_of, levels
from ..task.classes import CLASSES, classes_of

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["BY", "Necessity", "necessity"]

BY = ("mean", "patch")


@dataclass(frozen=True)
class Necessity:
    """For every level: the rise of the loss when a class's states are replaced there, and when as many others' are."""

    name: str
    levels: tuple[int, ...]
    of_class: tuple[Estimate, ...]
    of_others: tuple[Estimate, ...]
    excess: tuple[Estimate, ...]
    replaced: float
    by: str = "mean"

    def table(self) -> str:
        """Return one row a level."""
        rows = [
            [str(level), f"{a.value:.3f}", f"{b.value:.3f}", f"{c.value:+.3f}", f"{c.low:+.3f} to {c.high:+.3f}"]
            for level, a, b, c in zip(self.levels, self.of_class, self.of_others, self.excess)
        ]
        how = {"mean": "their mean", "patch": "states of other texts"}[self.by]
        title = f"Rise of the loss, nats a token: states of {self.name} replaced by {how}, or of as many others"
        return text_table(["level", self.name, "others", "difference", "interval"], rows, title=title)


def necessity(
    model: ModelLike,
    documents: Sequence[Tensor],
    name: str = "punctuation",
    *,
    at: Sequence[int] | None = None,
    by: str = "mean",
    seed: int = 0,
) -> Necessity:
    """Return how much the loss rises when the states of a class are replaced at a level, against as many others.

    at: the levels (default: all but the last, which no later token reads). by: what replaces them, the mean of their
    kind (the class, or all else), or "patch", a state of their kind from another document, drawn by `seed`.
    Raises `BadInput` without such a token, for no level, and to patch from a single document.
    """
    if name not in CLASSES:
        raise BadInput(f"{name!r} is no class of tokens.", expected=", ".join(CLASSES))
    if by not in BY:
        raise unknown("replacement", by, BY)
    if by == "patch" and len(documents) < 2:
        raise BadInput("A single text has no other to patch from.", expected="at least two documents")
    sites = levels(model)
    chosen_levels = tuple(range(len(sites) - 1) if at is None else at)
    if not chosen_levels or not all(0 <= level < len(sites) for level in chosen_levels):
        raise BadInput(f"at = {list(chosen_levels)}.", expected=f"levels from 0 to {len(sites) - 1}, at least one")
    cloud = cloud_of(model, documents)
    kinds = classes_of(model, cloud.ids)
    mine = torch.tensor([one == name for one in kinds])
    if not mine.any() or mine.all():
        raise BadInput(f"These texts have {int(mine.sum())} tokens of class {name}.", expected="some, and some others")
    intact = [_nats(model, ids) for ids in documents]
    of_class: list[Estimate] = []
    of_others: list[Estimate] = []
    excess: list[Estimate] = []
    replaced = 0
    for level in chosen_levels:
        rises: tuple[list[float], list[float]] = ([], [])
        replaced = 0
        for number, ids in enumerate(documents):
            kinds = classes_of(model, ids)
            places = [i for i in range(1, len(ids)) if kinds[i] == name]
            others = [i for i in range(1, len(ids)) if kinds[i] != name]
            count = min(len(places), len(others) // 2)  # half of the others stay, so that something is left to score
            chosen = (
                places[:count] if count < len(places) else places,
                sorted(Random(f"causal/{seed}/{number}").sample(others, count)),
            )
            scored = torch.tensor([i not in chosen[0] and i not in chosen[1] for i in range(len(ids) - 1)])
            scored[0] = False
            for rise, where, kind in zip(rises, chosen, (mine, ~mine)):
                h_PD = cloud.h_STD[level, kind].mean(0, keepdim=True)
                if by == "patch":
                    elsewhere = (kind & (torch.tensor(cloud.document) != number)).nonzero()[:, 0].tolist()
                    if not elsewhere:
                        raise BadInput(f"No other text has a token of class {name}.", do="give more texts")
                    drawn = Random(f"patch/{seed}/{number}/{level}").choices(elsewhere, k=len(where))
                    h_PD = cloud.h_STD[level, drawn]
                changed = _nats(model, ids, sites[level], where, h_PD)
                rise.append(float((changed - intact[number])[scored].mean()))
            replaced += count
        for kept, values, label in (
            (of_class, rises[0], f"rise without {name}"),
            (of_others, rises[1], "rise without others"),
            (excess, [a - b for a, b in zip(*rises)], "difference"),
        ):
            kept.append(mean_over(values, seed=seed, name=label, unit="nats a token", null=0.0))
    return Necessity(
        name, chosen_levels, tuple(of_class), tuple(of_others), tuple(excess), replaced / len(documents), by
    )


def _nats(
    model: ModelLike, ids: Tensor, site: str | None = None, where: Sequence[int] = (), h_PD: Tensor | None = None
) -> Tensor:
    """Return -log p of each next token [L - 1], with the stream at P places of a site replaced (or by one for all)."""
    hook = None
    if site is not None:

        def swap(h_BLD: Tensor) -> Tensor:
            h_BLD = h_BLD.clone()
            h_BLD[:, list(where)] = h_PD.to(h_BLD)
            return h_BLD

        hook = Hook.at(site_of(model, site), swap)
        hook.install()
    try:
        logits = in_eval_mode(model, lambda module: module(ids[None]).logits[0, :-1].float())
    finally:
        if hook is not None:
            hook.undo()
    return F.cross_entropy(logits, ids[1:], reduction="none")
