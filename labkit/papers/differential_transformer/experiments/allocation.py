"""Where the attention of a question goes: the answer, other needles, noise (table 3 of the paper). Lesson: 04."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import module_of
from labkit.base.errors import BadInput
from labkit.measurements.estimate import Estimate, mean_over

from ..method.edits import mixer_of
from ..method.smear import answer_logits
from ..task import ANSWERS, CLASSES, Batch, class_of, tokenizer

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["PLACES", "Allocation", "Look", "allocate", "look_at_text", "place_marks", "question_maps"]

PLACES = ("answer", "other needles", "noise", "begin and questions")
_OTHER, _NOISE, _REST = 1, 2, 3


@dataclass(frozen=True)
class Allocation:
    """Shares of a question's attention by text: `signed[i]` and `absolute[i]` have one share for each of `PLACES`.

    signed: weights over their sum, as the paper's table has it. absolute: sizes of weights over the sum of sizes.
    Averaged over heads and questions of a text; both are the same where no weight is negative.
    """

    signed: tuple[tuple[float, ...], ...]
    absolute: tuple[tuple[float, ...], ...]
    negative: tuple[float, ...]  # the share of weights below 0, by text

    def share(self, place: str, *, signed: bool = True) -> Estimate:
        """Return the mean share of one place with its interval over texts."""
        rows = self.signed if signed else self.absolute
        values = [row[PLACES.index(place)] for row in rows]
        kind = "signed" if signed else "absolute"
        return mean_over(values, over="texts", name=f"{kind} share of the {place}", unit="of the attention")

    def table(self) -> str:
        """Return signed and absolute shares side by side."""
        lines = [f"{'':20} {'signed':>8} {'absolute':>9}"]
        for place in PLACES:
            both = (self.share(place, signed=kind).value for kind in (True, False))
            lines.append("{:20} {:8.3f} {:9.3f}".format(place, *both))
        return "\n".join(lines)


@torch.no_grad()
def allocate(model: ModelLike, batch: Batch) -> Allocation:
    """Return where the questions of `batch` look, in the last block of `model`."""
    maps_BHRL = question_maps(model, batch)[-1]
    shares = []
    for weights in (maps_BHRL, maps_BHRL.abs()):
        share_BHRL = weights / weights.sum(-1, keepdim=True)
        shares.append(torch.stack([(share_BHRL * mark).sum(-1).mean((1, 2)) for mark in place_marks(batch)], -1))
    # Only what a question may read counts: behind it every weight is exactly 0.
    below = (maps_BHRL < 0).sum((1, 2, 3)) / (maps_BHRL != 0).sum((1, 2, 3))
    signed, absolute = (tuple(tuple(row) for row in one.tolist()) for one in shares)
    return Allocation(signed, absolute, tuple(below.tolist()))


@torch.no_grad()
def question_maps(model: ModelLike, batch: Batch) -> tuple[Tensor, ...]:
    """Return the attention of the questions in the last block, each [B, h, R, L]: the maps, then what is used of them.

    A softmax model has one map, which is also what is used; differential attention has A1, A2 and A1 − λ A2.
    """
    whole = module_of(model)
    state = whole.trunk.enter(whole.begin(batch.ids))
    for block in whole.trunk.blocks[:-1]:
        state = block(state)
    branch = whole.trunk.blocks[-1].attention
    x_BLD = branch.norm(state.stream)
    parts = branch.mixer.maps(x_BLD, state) if hasattr(branch.mixer, "maps") else ()
    return tuple(one[:, :, batch.rows] for one in (*parts, branch.mixer.weights(x_BLD, state)))


def place_marks(batch: Batch) -> Tensor:
    """Return for each of `PLACES` which tokens are there [4, B, 1, R, L], each token in exactly one for a question."""
    kinds_BL = class_of(batch.ids)
    place_BL = torch.where((kinds_BL == 0) | (kinds_BL == CLASSES.index("question")), _REST, _NOISE)
    needles = torch.cat((batch.cities, batch.cities + 1), 1)
    place_BL = place_BL.scatter(1, needles, _OTHER)
    place_BL[:, int(batch.rows[0]) - 1 :] = _REST
    place_BRL = place_BL[:, None].expand(-1, len(batch.rows), -1).scatter(2, batch.places[..., None], 0)
    return torch.stack([(place_BRL == number).float()[:, None] for number in range(len(PLACES))])


@dataclass(frozen=True)
class Look:
    """One text through one model: its words, what the last word reads by head, and the model's answer.

    weights [h][L]: of the last word. maps: A1 and A2 likewise, for differential attention. probable: the most likely
    numbers with their probabilities. lam: λ, where there is one.
    """

    words: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    maps: tuple[tuple[tuple[float, ...], ...], ...]
    probable: tuple[tuple[str, float], ...]
    lam: float | None

    def shares(self, *, signed: bool) -> tuple[float, ...]:
        """Return each word's share of the attention, averaged over heads, of weights or of their sizes."""
        rows = torch.tensor(self.weights)
        rows = rows if signed else rows.abs()
        return tuple((rows / rows.sum(-1, keepdim=True)).mean(0).tolist())

    @property
    def answer(self) -> str:
        """The most likely number."""
        return self.probable[0][0]


@torch.no_grad()
def look_at_text(model: ModelLike, text: str, *, likely: int = 3) -> Look:
    """Return what the last word of `text` reads in the last block, and how the model goes on.

    Raises `BadInput` for a word that is not of this language, and for a text longer than the model's context.
    """
    try:
        ids = torch.tensor([[tokenizer().bos, *tokenizer().encode(text)]])
    except BadInput as problem:
        raise BadInput(
            problem.what, expected="cities such as Alburg, numbers from 1 to 64, words such as rain and light, and ?"
        ) from problem
    if ids.shape[1] < 3:
        raise BadInput("The text is too short to read anything in.", expected="some words, the last of them a city")
    last = torch.tensor([ids.shape[1] - 1])
    nothing = torch.zeros(1, 1, dtype=torch.long)
    batch = Batch(ids=ids, rows=last, answers=nothing, places=nothing, cities=nothing)
    *parts, used = question_maps(model, batch)
    whole = module_of(model)
    top = answer_logits(whole, batch)[0, 0].softmax(-1).topk(likely)
    lam = getattr(mixer_of(model, len(whole.trunk.blocks) - 1), "lam", None)
    return Look(
        words=tuple(tokenizer().pieces(ids[0])),
        weights=_rows(used),
        maps=tuple(_rows(one) for one in parts),
        probable=tuple(zip(tokenizer().pieces(top.indices + ANSWERS.start), top.values.tolist())),
        lam=lam().item() if parts else None,
    )


def _rows(map_1h1L: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in map_1h1L[0, :, 0].tolist())
