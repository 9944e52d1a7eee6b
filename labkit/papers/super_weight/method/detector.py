"""Which weights of the down projections may be super weights: the paper's rule, a hardened one, and looking again.

The paper (section 3.1): in one pass, take the layers whose down projection reads and writes a spike; the channel of
the spike in its output is the weight's row, that in its input its column: `down[out, in]`. (The caption of its Fig. 3
calls them the other way round.) The authors' code prints every spike above 50, whatever the model's scale.

Hardened, three conditions on what a weight contributes, X[i, in] · W[out, in], at the token i where that is largest:

prominent    at least `prominence` times the median size of what the layer's down projection writes
carrying     at least `share` of the output entry it is part of
persistent   the stream's entry at that token and channel stays at least `persistence` of what it was after the
             block, up to the last block but one: what the last blocks write for the output is no super activation

It looks at several weights of a layer, since two may share a row or a column. What it returns are candidates: only
ablation against matched nulls (`ablate`) says whether the model hangs on one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from labkit.base.errors import BadInput, unknown
from labkit.interventions import ZeroWeight, edit
from labkit.measurements.tables import text_table

from .profile import Passage, SpikeProfile, as_array

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["RULES", "Candidate", "Detection", "Peeling", "detect_iteratively", "find_super_weights"]

RULES = ("hardened", "paper")
PAPER_SPIKE = 50.0  # the authors' code
# Fresh random models stay below a sixth of it; lab/tiny, in which no weight of this kind matters, reaches 50.
PROMINENCE = 60.0
SHARE = 0.2  # published pairs share a row .59 to .41
PERSISTENCE = 0.5
_PER_LAYER = 8  # weights looked at


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One weight `down[out, in]` of a layer and what it did in the pass.

    input X[position, in] times weight is contribution, a `share` of output Y[position, out]; prominence: the size of
    the contribution over the layer's median output. persistence: see the module. rank: of its size in its matrix,
    1 the largest.
    """

    layer: int
    out: int
    into: int
    position: int
    weight: float
    input: float
    contribution: float
    output: float
    prominence: float
    persistence: float
    rank: int

    @property
    def address(self) -> str:
        """Its address, for edits."""
        return f"layers.{self.layer}.mlp.down[{self.out}, {self.into}]"

    @property
    def share(self) -> float:
        """contribution / output."""
        return self.contribution / self.output if self.output else 0.0


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What a rule found in one pass, the most prominent first, and the profile of the pass."""

    rule: str
    candidates: tuple[Candidate, ...]
    profile: SpikeProfile

    @property
    def addresses(self) -> tuple[str, ...]:
        """The candidates' addresses."""
        return tuple(candidate.address for candidate in self.candidates)

    def table(self, most: int | None = None) -> str:
        """Return one line per candidate, or of the first `most`; the title counts all."""
        rows = [
            [
                c.address, str(c.position), f"{c.weight:.4g}", str(c.rank), f"{c.input:.4g}", f"{c.contribution:.4g}",
                f"{c.share:.2f}", f"{c.prominence:.4g}", f"{c.persistence:.2f}",
            ]
            for c in self.candidates[:most]
        ]  # fmt: skip
        heads = ["weight", "token", "value", "rank", "input", "contribution", "share", "prominence", "persistence"]
        found = len(self.candidates)
        shown = f", the first {most}" if most is not None and most < found else ""
        title = f"{found or 'no'} candidate{'s' * (found != 1)} by the {self.rule} rule{shown}"
        return text_table(heads, rows, title=title)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        listed = [{**asdict(c), "address": c.address, "share": c.share} for c in self.candidates]
        return {"rule": self.rule, "candidates": listed, "profile": self.profile.as_dict()}


@dataclass(frozen=True, kw_only=True)
class Peeling:
    """Detections in turn, each made with all earlier ones' candidates at zero; the last one found nothing new."""

    rounds: tuple[Detection, ...]

    @property
    def addresses(self) -> tuple[str, ...]:
        """All candidates' addresses in the order in which they were found."""
        return tuple(address for found in self.rounds for address in found.addresses)

    def table(self) -> str:
        """Return the rounds' tables one after the other."""
        return "\n\n".join(found.table() for found in self.rounds)


def find_super_weights(
    model: ModelLike,
    prompt: Any,
    *,
    rule: str = "hardened",
    prominence: float = PROMINENCE,
    share: float = SHARE,
    persistence: float = PERSISTENCE,
) -> Detection:
    """Return the candidates for super weights that one pass over a prompt (a text or token ids) shows.

    rule: "hardened", with the thresholds told in the module, or "paper": every layer whose largest input and largest
    output both exceed 50. Raises `BadInput` for thresholds that are not above 0.
    """
    if rule not in RULES:
        raise unknown("rule", rule, RULES)
    if not min(prominence, share, persistence) > 0:
        raise BadInput(f"Thresholds {prominence}, {share}, {persistence}.", expected="numbers above 0")
    hardened = {"prominence": prominence, "share": share, "persistence": persistence}
    seen = Scan(model, prompt, **hardened) if rule == "hardened" else ByThePaper(model, prompt)
    found = sorted(seen.candidates(), key=lambda c: -c.prominence)
    return Detection(rule=rule, candidates=tuple(found), profile=seen.profile)


def detect_iteratively(
    model: ModelLike, prompt: Any, *, rounds: int = 8, floor: float = 0.1, **options: Any
) -> Peeling:
    """Return what is found, found again with that at zero, and so on until nothing is, or `rounds` are over.

    A later candidate counts when it contributes at least `floor` of the first one's: what a zeroed weight read is
    still large, and makes any ordinary weight of its column look prominent. The model is left as it was.
    """
    found = [find_super_weights(model, prompt, **options)]
    first = max((abs(c.contribution) for c in found[0].candidates), default=0.0)
    zeroed: list[str] = []
    while found[-1].candidates and len(found) < rounds:
        zeroed += found[-1].addresses
        with edit(model, *map(ZeroWeight, zeroed)):
            again = find_super_weights(model, prompt, **options)
        known = [c for c in again.candidates if abs(c.contribution) >= floor * first and c.address not in zeroed]
        found.append(Detection(rule=again.rule, candidates=tuple(known), profile=again.profile))
    return Peeling(rounds=tuple(found))


class Suspects(Passage):
    """A run in which a layer's weights come under suspicion as they write, and are followed through the stream."""

    def __init__(self, model: ModelLike, prompt: Any):
        self.found: list[dict[str, Any]] = []  # a Candidate's fields but for its persistence
        self.after: list[list[float]] = []  # of each, the size of its stream entry after its own and every later block
        super().__init__(model, prompt)

    def suspicious(self, layer: int, x_LF: np.ndarray, y_LD: np.ndarray, w_DF: np.ndarray) -> list[list[int]]:
        """Return the (out, in, token) of a layer's suspects."""
        raise NotImplementedError

    def mlp(self, layer: int, x_LF: np.ndarray, y_LD: np.ndarray) -> None:
        """Find the suspects of a layer."""
        super().mlp(layer, x_LF, y_LD)
        w_DF = self._matrix(layer)
        places = self.suspicious(layer, x_LF, y_LD, w_DF)
        if not places:
            return
        size_DF, median = np.abs(w_DF), self.output_medians[layer]
        for out, into, position in places:
            weight, given = float(w_DF[out, into]), float(x_LF[position, into])
            about = {"layer": layer, "out": out, "into": into, "position": position}
            about |= {"weight": weight, "input": given, "contribution": given * weight}
            about["output"] = float(y_LD[position, out])
            about["prominence"] = abs(given * weight) / median if median else 0.0
            self.found.append({**about, "rank": 1 + int((size_DF > abs(weight)).sum())})
            self.after.append([])

    def stream(self, layer: int, h_LD: np.ndarray) -> None:
        """Follow what all suspects so far have written."""
        super().stream(layer, h_LD)
        if self.found:
            places = [[about["position"] for about in self.found], [about["out"] for about in self.found]]
            for after, size in zip(self.after, np.abs(h_LD[places[0], places[1]]).tolist()):
                after.append(size)

    def _matrix(self, layer: int) -> np.ndarray:
        view = self._downs[layer]
        stored = view.parameter  # not a copy: the matrices of a large model would cost more than the pass
        return as_array(stored.T if view.place.transposed else stored)

    def candidates(self) -> list[Candidate]:
        """Return the suspects.

        Their persistence: the least size up to the last block but one, over that after the block; 0 where there is
        none between.
        """
        made = []
        for about, (first, *later) in zip(self.found, self.after):
            persistence = min(later[:-1]) / first if later[:-1] and first else 0.0
            made.append(Candidate(**about, persistence=persistence))
        return made


class Scan(Suspects):
    """Suspect the weights of each layer with the largest max_i |X[i, in]| · |W[out, in]|, if prominent and carrying.

    Its candidates are those of them that are persistent as well.
    """

    def __init__(self, model: ModelLike, prompt: Any, *, prominence: float, share: float, persistence: float):
        self.prominence, self.share, self.persistence = prominence, share, persistence
        super().__init__(model, prompt)

    def candidates(self) -> list[Candidate]:
        """Return the suspects whose writing stays in the stream."""
        return [candidate for candidate in super().candidates() if candidate.persistence >= self.persistence]

    def suspicious(self, layer: int, x_LF: np.ndarray, y_LD: np.ndarray, w_DF: np.ndarray) -> list[list[int]]:
        """Return the (out, in, token) of at most eight weights, the one that writes most first."""
        least = self.prominence * self.output_medians[layer]
        if abs(self.inputs[layer].value) * max(float(w_DF.max()), -float(w_DF.min())) < least:
            return []  # not even the largest input times the largest weight would be prominent: most layers
        reach_F = np.maximum(x_LF.max(axis=0), -x_LF.min(axis=0))
        best_F = np.maximum(w_DF.max(axis=0), -w_DF.min(axis=0)) * reach_F
        columns = np.flatnonzero(best_F >= max(least, 1e-30))
        if len(columns) > _PER_LAYER:
            columns = np.argsort(-best_F)[:_PER_LAYER]
        gives_DC = np.abs(w_DF[:, columns]) * reach_F[columns]
        index_K = np.argsort(-gives_DC, axis=None)[:_PER_LAYER]
        index_K = index_K[gives_DC.ravel()[index_K] >= least]
        out_K, into_K = index_K // max(1, len(columns)), columns[index_K % max(1, len(columns))]
        position_K = np.abs(x_LF[:, into_K]).argmax(axis=0)
        # All at once, before anything is read number by number: most prominent weights carry little.
        with np.errstate(divide="ignore", invalid="ignore"):
            share_K = x_LF[position_K, into_K] * w_DF[out_K, into_K] / y_LD[position_K, out_K]
        return np.stack((out_K, into_K, position_K))[:, share_K >= self.share].T.tolist()


class ByThePaper(Suspects):
    """Suspect the one weight of each layer whose largest input and largest output both exceed 50."""

    def suspicious(self, layer: int, x_LF: np.ndarray, y_LD: np.ndarray, w_DF: np.ndarray) -> list[list[int]]:
        """Return the (out, in, token) of one weight or none."""
        read, written = self.inputs[layer], self.outputs[layer]
        spikes = min(abs(read.value), abs(written.value)) > PAPER_SPIKE
        return [[written.channel, read.channel, read.position]] if spikes else []
