"""How good are drawn concepts? Judged by the world itself: which future was said, a possible one, in what share.

Shapes: E events, M draws for each, C numbers, L pieces; the four futures are numbered as in the task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.base.errors import BadInput, unknown
from labkit.measurements.estimate import Estimate, mean_over
from labkit.panels.tables import Table

from .. import task
from ..method.generation import next_concepts
from ..method.sampling import PLAIN, Knobs
from ..method.space import ConceptSpace

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Quality", "exact_answers", "judge_concepts", "judge_pieces", "quality_of", "test_events"]

WORDS = ("possible", "chimera", "total_variation", "covered")
NUMBERS = ("l2", "l2_again", "contrastive", "to_context", "truth_to_context", "norm", "truth_norm", "square")


@dataclass(frozen=True)
class Quality:
    """What a model said after each of E events, M draws each.

    kinds: each event's verb (0 … 3). shares: how often each future was said [E][4]. by_event: measure -> one number an
    event. Of words: possible (a future that can happen), chimera (every slot from a possible future, not all from the
    same one), total_variation (from the true probabilities; what is impossible counts in full), covered (share of the
    possible futures said at all). Of vectors, in normalised space: l2 to the future that did happen, l2_again after
    decoding and encoding, contrastive (share of other events' futures that are farther), to_context (cosine with the
    event) beside that of the truth, norm beside that of the truth, and square, the squared distance.
    """

    name: str
    kinds: tuple[int, ...]
    shares: tuple[tuple[float, ...], ...]
    by_event: dict[str, tuple[float, ...]]
    draws: int

    def of(self, measure: str, verb: str | None = None) -> Estimate:
        """Return the mean of a measure over the events (with a verb), bootstrapped over events."""
        if measure not in self.by_event:
            raise unknown("measure", measure, self.by_event)
        values = [x for x, kind in zip(self.by_event[measure], self.kinds) if verb in (None, task.EVENTS[kind])]
        return mean_over(values, "events", name=measure.replace("_", " "))

    def frequencies(self, verb: str) -> list[float]:
        """Return how often each future was said after a verb, over all its events."""
        rows = [row for row, kind in zip(self.shares, self.kinds) if task.EVENTS[kind] == verb]
        return [sum(column) / len(rows) for column in zip(*rows)]

    def table(self, *measures: str) -> Table:
        """Return one row a verb, with the named measures or all there are."""
        columns = measures or [m for m in (*WORDS, *NUMBERS) if m in self.by_event]
        rows = [
            (f"{verb} ({len(branch)})", *(self.of(m, verb).value for m in columns))
            for verb, branch in zip(task.EVENTS, task.BRANCHES)
        ]
        return Table(
            f"{self.name}, {self.draws} {'draw' if self.draws == 1 else 'draws'} after each event",
            ["verb (futures)", *(column.replace("_", " ") for column in columns)],
            rows,
        )


def test_events(each: int = 40) -> task.Sentences:
    """Return the first `each` events of every verb that training never saw."""
    held = task.all_events()[task.held_out(task.all_events())]
    found = [(held.kind_N == kind).nonzero()[:each, 0] for kind in range(len(task.EVENTS))]
    if min(map(len, found)) < each:
        raise BadInput(f"{each} events of each verb were asked.", expected=f"at most {min(map(len, found))}")
    return held[torch.cat(found)]


def judge_pieces(events: task.Sentences, pieces_EML: Tensor, name: str = "") -> Quality:
    """Return what pieces say: one row of words for each of M draws after each of E events."""
    e, m = pieces_EML.shape[:2]
    said, ok_N = task.read(pieces_EML.flatten(0, 1))
    slots_EMS, ok_EM = said.slots_NS.view(e, m, -1), (ok_N & (said.kind_N == task.FUTURE)).view(e, m)
    future_E4S = torch.stack([one.slots_NS for one in task.futures(events)], dim=1)
    p_E4 = task.probabilities(events.kind_N)
    match_EM4S = (slots_EMS[:, :, None] == future_E4S[:, None]) & (p_E4 > 0)[:, None, :, None]
    hit_EM4 = match_EM4S.all(-1) & ok_EM[..., None]
    mixed_EM = match_EM4S.any(2).all(-1) & ok_EM & ~hit_EM4.any(-1)
    share_E4 = hit_EM4.float().mean(1)
    possible_E = hit_EM4.any(-1).float().mean(1)
    by_event = {
        "possible": possible_E,
        "chimera": mixed_EM.float().mean(1),
        "total_variation": 0.5 * ((share_E4 - p_E4).abs().sum(1) + 1 - possible_E),
        "covered": (share_E4 > 0).sum(1) / (p_E4 > 0).sum(1),
    }
    return Quality(name, _tuple(events.kind_N), _rows(share_E4), {k: _tuple(v) for k, v in by_event.items()}, m)


def judge_concepts(
    space: ConceptSpace,
    events: task.Sentences,
    z_EMC: Tensor,
    name: str = "",
    *,
    language: str | int = 0,
    context_language: str | int = 0,
    seed: int = 0,
) -> Quality:
    """Return what normalised concepts say in a language, and how far they are from a future drawn for each."""
    e, m, c = z_EMC.shape
    z_NC, many = z_EMC.reshape(e * m, c), events.repeat(m)
    pieces_NL = space.pieces(z_NC, language)
    said = judge_pieces(events, pieces_NL.view(e, m, -1), name)
    drawn_N = task.draw_future(many, torch.Generator().manual_seed(seed))
    truth_NC, context_NC = space.encode(task.continue_with(many, drawn_N)), space.encode(many, context_language)
    with torch.no_grad():
        again_NC = space.normaliser.normalise(space.codec.encode_pieces(pieces_NL))
    distance_N = (z_NC - truth_NC).norm(dim=1)
    by_N = {
        "l2": distance_N,
        "l2_again": (again_NC - truth_NC).norm(dim=1),
        "contrastive": _contrastive(z_EMC, truth_NC.view(e, m, c), distance_N.view(e, m)).flatten(),
        "to_context": F.cosine_similarity(z_NC, context_NC),
        "truth_to_context": F.cosine_similarity(truth_NC, context_NC),
        "norm": z_NC.norm(dim=1),
        "truth_norm": truth_NC.norm(dim=1),
        "square": distance_N**2,
    }
    vectors = {key: _tuple(value.view(e, m).mean(1)) for key, value in by_N.items()}
    return Quality(name, said.kinds, said.shares, {**said.by_event, **vectors}, m)


def quality_of(
    model: ModelLike,
    space: ConceptSpace,
    events: task.Sentences,
    *,
    draws: int = 16,
    knobs: Knobs = PLAIN,
    seed: int = 0,
    language_in: str | int = 0,
    language_out: str | int = 0,
    name: str = "",
) -> Quality:
    """Return the quality of what a concept model says in one language after events told in another."""
    space.must_hold(model)
    x_N1C = space.encode(events, language_in)[:, None].repeat_interleave(draws, dim=0)
    z_NC = next_concepts(model, x_N1C, torch.Generator().manual_seed(seed), knobs)
    z_EMC = z_NC.view(len(events), draws, -1)
    return judge_concepts(
        space, events, z_EMC, name, language=language_out, context_language=language_in, seed=seed + 1
    )


def exact_answers(space: ConceptSpace, events: task.Sentences, draws: int, seed: int = 0) -> dict[str, Tensor]:
    """Return two ideal models' concepts [E, M, C]: "truth" draws a future, "mean" answers with the weighted average."""
    many = events.repeat(draws)
    drawn_N = task.draw_future(many, torch.Generator().manual_seed(seed))
    truth = space.encode(task.continue_with(many, drawn_N)).view(len(events), draws, -1)
    future_E4C = torch.stack([space.encode(one) for one in task.futures(events)], dim=1)
    mean_EC = (future_E4C * task.probabilities(events.kind_N)[..., None]).sum(1)
    return {"truth": truth, "mean": mean_EC[:, None].expand(-1, draws, -1)}


def _contrastive(z_EMC: Tensor, truth_EMC: Tensor, distance_EM: Tensor) -> Tensor:
    """Return for each drawn concept the share of the other events' futures that are farther than the truth [E, M]."""
    others_EC = truth_EMC[:, 0]
    to_others_EME = torch.cdist(z_EMC, others_EC[None].expand(len(z_EMC), -1, -1))
    farther_EME = to_others_EME > distance_EM[..., None]
    itself_E1E = torch.eye(len(z_EMC), dtype=torch.bool)[:, None]
    return (farther_EME & ~itself_E1E).float().sum(-1) / (len(z_EMC) - 1)


def _tuple(values: Tensor) -> tuple:
    return tuple(values.tolist())


def _rows(values: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, values.tolist()))
