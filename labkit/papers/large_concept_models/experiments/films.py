"""The denoising film: what is guessed at every step on the way from noise to the next sentence, over many draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from labkit.base.errors import BadInput
from labkit.panels.tables import Table

from .. import task
from ..method.generation import film_of
from ..method.sampling import PLAIN, Knobs
from ..method.space import ConceptSpace
from .quality import judge_pieces

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Filmed", "film"]


@dataclass(frozen=True)
class Filmed:
    """S steps of M draws after one event; the last step is what the model says.

    futures: the sentences that can follow, with their probabilities. texts [S]: what the guess of one draw says at each
    step, the draw whose words change most often. shares [S][futures]: how many of the draws' guesses say each future;
    impossible [S] say none. norm [S]: mean size of the guesses, over that of the true futures. apart [S]: mean distance
    of the guesses from their average, over that of the true futures (1: as different as the futures are).
    """

    event: str
    futures: tuple[str, ...]
    probabilities: tuple[float, ...]
    t: tuple[int, ...]
    texts: tuple[str, ...]
    shares: tuple[tuple[float, ...], ...]
    norm: tuple[float, ...]
    apart: tuple[float, ...]
    draws: int

    @property
    def impossible(self) -> tuple[float, ...]:
        """Share of the guesses at each step that say no possible next sentence."""
        return tuple(max(0.0, 1 - sum(row)) for row in self.shares)

    @property
    def total_variation(self) -> float:
        """How far the shares of the last step are from the true probabilities; what is impossible counts in full."""
        last = self.shares[-1]
        return 0.5 * (sum(abs(a - b) for a, b in zip(last, self.probabilities)) + self.impossible[-1])

    def table(self) -> Table:
        """Return one row a step."""
        rows = [
            (k + 1, t, text, 1 - wrong, norm, apart)
            for k, (t, text, wrong, norm, apart) in enumerate(
                zip(self.t, self.texts, self.impossible, self.norm, self.apart)
            )
        ]
        columns = ["step", "t", "the draw that changes most says", "possible, all draws", "size", "spread"]
        return Table(f"{self.event} {self.draws} draws", columns, rows)


def film(
    model: ModelLike,
    space: ConceptSpace,
    text: str,
    *,
    knobs: Knobs = PLAIN,
    draws: int = 64,
    seed: int = 0,
    language: str | int = 0,
) -> Filmed:
    """Return the film of `draws` next sentences after an event; raise `BadInput` for a text that is no event."""
    space.must_hold(model)
    (event, _), context_1C = task.parse([text]), space.encode_texts([text])
    if int(event.kind_N) >= len(task.EVENTS):
        raise BadInput(f"After “{text}” the text ends.", expected="somebody sold, found, lent or lost something")
    g = torch.Generator().manual_seed(seed)
    seen = film_of(model, context_1C[:, None].expand(draws, -1, -1), g, knobs)
    branch = task.BRANCHES[int(event.kind_N)]
    after = task.join(task.futures(event)[: len(branch)])
    future_KC, p_K1 = space.encode(after), torch.tensor(branch)[:, None]
    size, middle_C = float(future_KC.norm(dim=1) @ p_K1[:, 0]), (p_K1 * future_KC).sum(0)
    spread = float((future_KC - middle_C).norm(dim=1) @ p_K1[:, 0])
    said = [space.pieces(z_NC, language) for z_NC in seen.guess_SBC.flatten(0, 1).split(256)]  # the quickest size
    said_SML = torch.cat(said).unflatten(0, (len(seen.t), draws))
    followed = int((said_SML[1:] != said_SML[:-1]).any(-1).sum(0).argmax())
    judged = judge_pieces(event.repeat(len(said_SML)), said_SML)
    guesses = seen.guess_SBC
    apart_S = (guesses - guesses.mean(1, keepdim=True)).norm(dim=2).mean(1)
    return Filmed(
        event=text,
        futures=tuple(task.write(after, language)),
        probabilities=branch,
        t=seen.t,
        texts=tuple(space.decode(guesses[:, followed], language)),
        shares=tuple(row[: len(branch)] for row in judged.shares),
        norm=tuple((guesses.norm(dim=2).mean(1) / size).tolist()),
        apart=tuple((apart_S / spread if spread > 0 else apart_S).tolist()),
        draws=draws,
    )
