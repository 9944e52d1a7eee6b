"""The super activation: what a super weight makes, how far it travels, and how much of the damage it explains.

Shapes: L tokens, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from labkit.anatomy import Address, anatomy_of, record
from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.interventions import Edit, RestoreActivation, ZeroWeight, edit
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.language import logits, loss
from labkit.measurements.runs import checked_documents
from labkit.measurements.tables import text_table

from .ablation import matched_nulls, one_weight

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["RestoreCurve", "SuperActivation", "TokenShift", "restore_curve", "super_activation", "token_shift"]

_RESAMPLES = 2000
_STOP = """
a an and are as at be but by for from had has have he her his i in is it its not of on or she so than that the their
them then there they this to was were who will with you . , ; : ! ? " '
"""
STOP_WORDS = frozenset(_STOP.split())


@dataclass(frozen=True, kw_only=True)
class SuperActivation(Result):
    """The entry of the stream that a weight makes, at its token and channel, after every block from its own on.

    intact, cut: the entry's value with the weight in place and at zero. others: with the `removed` largest other
    weights of its matrix at zero instead (the paper's Fig. 4). medians: the median size of a stream entry.
    """

    address: str
    position: int
    channel: int
    layers: tuple[int, ...]
    intact: tuple[float, ...]
    cut: tuple[float, ...]
    others: tuple[float, ...]
    removed: int
    medians: tuple[float, ...]

    @property
    def over_median(self) -> tuple[float, ...]:
        """Its size over the stream's median, after every block (massive activations: about 1,000 and more)."""
        return tuple(abs(value) / median for value, median in zip(self.intact, self.medians))

    @property
    def gone(self) -> tuple[float, ...]:
        """The share of it that goes with the weight."""
        return tuple(1 - after / before if before else 0.0 for before, after in zip(self.intact, self.cut))

    def table(self) -> str:
        """Return one line per block."""
        rows = [
            [str(layer), f"{a:.4g}", f"{b:.4g}", f"{c:.4g}", f"{over:.4g}"]
            for layer, a, b, c, over in zip(self.layers, self.intact, self.cut, self.others, self.over_median)
        ]
        title = f"Token {self.position}, channel {self.channel} of the stream, made by {self.address}"
        heads = ["after block", "intact", "weight at zero", f"{self.removed} others at zero", "times the median"]
        return text_table(heads, rows, title=title)


@dataclass(frozen=True, kw_only=True)
class RestoreCurve(Result):
    """How much of the loss caused by zeroing a weight comes back when its activation is restored at m tokens.

    tokens: the m, with -1 for all tokens. recovered: share of the loss, 0 at m = 0 and 1 at all (null 0).
    """

    address: str
    tokens: tuple[int, ...]
    recovered: tuple[Estimate, ...]

    def table(self) -> str:
        """Return one line per m."""
        rows = [
            ["all" if m < 0 else str(m), f"{r.value:.3f}", f"{r.low:.3f} to {r.high:.3f}"]
            for m, r in zip(self.tokens, self.recovered)
        ]
        title = f"Share of the loss recovered with {self.address} at zero, over {self.recovered[0].n} documents"
        return text_table(["tokens restored", "recovered", "95 % interval"], rows, title=title)


@dataclass(frozen=True, kw_only=True)
class TokenShift(Result):
    """Probability of the next token after each prompt, intact and cut, averaged over prompts (the paper's Fig. 5).

    tokens: ids of the tokens likeliest in the intact model; stop: the share of all probability on stop words.
    """

    tokens: tuple[int, ...]
    pieces: tuple[str, ...]
    intact: tuple[Estimate, ...]
    cut: tuple[Estimate, ...]
    stop_intact: Estimate | None = None
    stop_cut: Estimate | None = None

    def table(self) -> str:
        """Return one line per token, and the share of stop words where it is known."""
        rows = [
            [piece, f"{a.value:.4f}", f"{b.value:.4f}", f"{b.value / a.value:.3g}" if a.value else "-"]
            for piece, a, b in zip(self.pieces, self.intact, self.cut)
        ]
        if self.stop_intact is not None:
            a, b = self.stop_intact.value, self.stop_cut.value
            rows.append(["all stop words", f"{a:.4f}", f"{b:.4f}", f"{b / a:.3g}" if a else "-"])
        title = f"Next token, mean probability over {self.intact[0].n} prompts"
        return text_table(["token", "intact", "cut", "times"], rows, title=title)


def super_activation(model: ModelLike, address: str, prompt: Any, *, others: int = 100) -> SuperActivation:
    """Return the stream's entry that a weight `layers.L.mlp.down[out, in]` makes on a prompt, with and without it.

    others: how many of the largest other weights of its matrix are removed for comparison, not in the same column.
    """
    place = _down(address)
    ids = checked_documents(model, [prompt], shortest=1)[0]
    layers = tuple(range(place.layer, anatomy_of(model).depth))
    names = [f"layers.{layer}" for layer in layers]
    neurons = f"layers.{place.layer}.mlp.neurons"
    seen = record(model, ids, [neurons, *names])
    position, channel = int(seen[neurons][0, :, place.index[1]].abs().argmax()), place.index[0]
    with edit(model, ZeroWeight(str(place))):
        after = record(model, ids, names)
    largest = matched_nulls(model, str(place), others, "largest")
    with edit(model, *map(ZeroWeight, largest)):
        without_others = record(model, ids, names)
    return SuperActivation(
        address=str(place),
        position=position,
        channel=channel,
        layers=layers,
        intact=tuple(float(seen[name][0, position, channel]) for name in names),
        cut=tuple(float(after[name][0, position, channel]) for name in names),
        others=tuple(float(without_others[name][0, position, channel]) for name in names),
        removed=len(largest),
        medians=tuple(float(seen[name].abs().median()) for name in names),
    )


def restore_curve(
    model: ModelLike, address: str, documents: Sequence, tokens: Sequence[int] = (0, 1, 2, 4, 8, -1), *, seed: int = 0
) -> RestoreCurve:
    """Zero a weight and put back, at m tokens, what the intact model's MLP writes to the weight's channel.

    `tokens` lists the m. The tokens at which the weight contributes most come first, so that m = 1 is the paper's
    "Prune SW, +SA"; -1 stands for all of them. Raises `BadInput` when zeroing costs nothing: there is then nothing to
    recover.
    """
    place = _down(address)
    checked = checked_documents(model, documents)
    weights = [len(ids) - 1 for ids in checked]
    intact, zero = np.array(loss(model, checked).per_unit), ZeroWeight(str(place))
    with edit(model, zero):
        cut = np.array(loss(model, checked).per_unit)
    if np.average(cut - intact, weights=weights) <= 0:
        raise BadInput(f"Zeroing {place} costs no loss here: there is nothing to recover.", do="look at `ablate` first")
    orders = [_loudest(model, ids, place) for ids in checked]
    found = []
    for m in tokens:
        losses = [_restored(model, ids, place, zero, order, m) for ids, order in zip(checked, orders)]
        found.append(_share(cut - np.array(losses), cut - intact, np.array(weights, float), seed))
    return RestoreCurve(address=str(place), tokens=tuple(tokens), recovered=tuple(found))


def token_shift(
    model: ModelLike, edits: Sequence[Edit], prompts: Sequence, *, most: int = 10, stop: frozenset[str] = STOP_WORDS
) -> TokenShift:
    """Return how some edits move the probability of the token after each prompt (texts or token ids).

    The `most` likeliest tokens of the intact model are listed. The share of stop words needs a handle with a
    tokenizer: a token counts when its text, spaces and capitals aside, is in `stop`.
    """
    intact_PV = _next(model, prompts)
    with edit(model, *edits):
        cut_PV = _next(model, prompts)
    tokens = intact_PV.mean(dim=0).topk(min(most, intact_PV.shape[1])).indices.tolist()
    speaks = hasattr(model, "pieces")
    pieces = tuple(model.pieces(tokens)) if speaks else tuple(map(str, tokens))

    def mean(values: Tensor) -> Estimate:
        return mean_over(values.tolist(), over="prompts", name="probability")

    shares: dict[str, Estimate] = {}
    if speaks:
        texts = [
            text.replace("▁", " ").replace("Ġ", " ").strip().lower() for text in model.pieces(range(intact_PV.shape[1]))
        ]
        stops = torch.tensor([text in stop for text in texts])
        shares = {"stop_intact": mean(intact_PV[:, stops].sum(1)), "stop_cut": mean(cut_PV[:, stops].sum(1))}
    return TokenShift(
        tokens=tuple(tokens),
        pieces=pieces,
        intact=tuple(mean(intact_PV[:, token]) for token in tokens),
        cut=tuple(mean(cut_PV[:, token]) for token in tokens),
        **shares,
    )


def _next(model: ModelLike, prompts: Sequence) -> Tensor:
    """Return the probabilities of the token after each prompt [P, V]."""
    return torch.stack([found_LV[-1].double().softmax(-1) for found_LV in logits(model, prompts)])


def _loudest(model: ModelLike, ids: Tensor, place: Address) -> list[int]:
    """Return the tokens by how much the weight contributes there, most first."""
    site = f"layers.{place.layer}.mlp.neurons"
    return record(model, ids, [site])[site][0, :, place.index[1]].abs().argsort(descending=True).tolist()


def _restored(model: ModelLike, ids: Tensor, place: Address, zero: Edit, order: list[int], m: int) -> float:
    chosen = tuple(sorted(order if m < 0 else order[:m]))
    site, channel = f"layers.{place.layer}.mlp", (place.index[0],)
    restore = [RestoreActivation(site, tuple(ids.tolist()), chosen, channel)] if chosen else []
    with edit(model, zero, *restore):
        return loss(model, [ids]).value


def _share(back: np.ndarray, lost: np.ndarray, weights: np.ndarray, seed: int) -> Estimate:
    """Return sum(back) / sum(lost), weighted, with the bootstrap interval over documents; per_unit: what came back."""
    counts = np.random.default_rng(seed).multinomial(len(back), np.full(len(back), 1 / len(back)), size=_RESAMPLES)
    value = float((back * weights).sum() / (lost * weights).sum())
    ends = (float("nan"), float("nan"))
    if len(back) > 1:
        ends = np.quantile((counts @ (back * weights)) / (counts @ (lost * weights)), [0.025, 0.975])
    return Estimate(
        name="share recovered", value=value, low=float(ends[0]), high=float(ends[1]), n=len(back), over="documents",
        unit="of the loss", null=0.0, per_unit=tuple(back.tolist()), weights=tuple(weights.tolist()),
    )  # fmt: skip


def _down(address: str) -> Address:
    place = one_weight(address)
    if place.part != "mlp.down":
        raise BadInput(f"{place} is no weight of a down projection.", expected="layers.L.mlp.down[out, in]")
    return place
