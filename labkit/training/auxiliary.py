"""Auxiliary losses: while a model trains, some heads are shown where to look, and its stream is asked what it knows.

What a story depends on was said sentences ago. After 17 million tokens a model of ours had found out who has the
lantern, and hardly where anybody is. `labkit.world.hints` knows it for every word. Two further losses hand it on:

look: the attention of a chosen head is to lie on the word that a hint names: -log of the weight it puts there, and
where a hint names several the mean of that, least when they share it alike. Strubell and colleagues taught one head so
to look at syntactic parents (2018, arXiv 1804.08199).
tell: the stream after a chosen block is to hold what is found there. Every possible answer has a fixed random
direction, a code, and the loss is -log softmax(codes · norm(h)) of the right one: a probe that does not learn, so that
the model must. Losses at inner layers are Lee and colleagues' companion objectives (2015, arXiv 1409.5185).

The architecture stays as it is, nothing of this is left in the trained model, and after step `until` it trains like
any other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit import world
from labkit.models import Decoder
from labkit.models.parts import readable
from labkit.world.hints import ANSWERS, Hint, hints

from .auxiliary_settings import AuxiliarySettings
from .batches import Group

__all__ = ["AuxiliaryLosses"]

_BySort = dict[str, list[tuple[int, tuple]]]
_CODE = 0.1  # so that a stream that knows nothing guesses, and one along a code is certain of it


@dataclass
class _Pointers:
    """The hints of one sort in one group: word `at` of `row`, what it should find, and how much that counts."""

    row: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    found: list[int] = field(default_factory=list)
    share: list[float] = field(default_factory=list)

    def add(self, row: int, at: int, found: Sequence[int], share: float) -> None:
        """Add one hint; of several things to find, each is as good."""
        for each in found:
            self.row.append(row)
            self.at.append(at)
            self.found.append(each)
            self.share.append(share / len(found))

    def lost(self, logs_BLX: Tensor) -> Tensor:
        """Return the cross-entropy at what should be found, under log-probabilities [B, L, things]."""
        device = logs_BLX.device
        row, at, found = (torch.tensor(values, device=device) for values in (self.row, self.at, self.found))
        return -(logs_BLX[row, at, found] * torch.tensor(self.share, device=device)).sum()


class AuxiliaryLosses:
    """A run's hints: `with auxiliary.step(groups):` around a step's passes, `loss(i)` after the pass over group i.

    `lost` is what the latest step's hints added to its loss, unweighted.
    """

    def __init__(self, model: Decoder, auxiliary: AuxiliarySettings, seed: int):
        self.model, self.auxiliary = model, auxiliary
        self.tokenizer, self.number = world.tokenizer(), {word: i for i, word in enumerate(ANSWERS)}
        generator = torch.Generator().manual_seed(seed)
        shape = (len(ANSWERS), model.config.width)
        self.codes = {
            sort: (_CODE * torch.randn(shape, generator=generator)).to(model.device) for sort in sorted(auxiliary.tell)
        }
        self.lost = 0.0
        self._pointers: list[dict[str, _Pointers]] = []
        self._read: dict[int, tuple] = {}  # what the attention of a block was given: (x_BLD, state)
        self._streams: dict[int, Tensor] = {}

    @contextmanager
    def step(self, groups: Sequence[Group]) -> Iterator[None]:
        """Find the hints of a step's groups and listen to the model's passes meanwhile."""
        self._pointers, self.lost = self._find(groups), 0.0
        handles = []
        for block in {block for heads in self.auxiliary.look.values() for block, _ in heads}:
            mixer = self.model.trunk.blocks[block].attention.mixer
            handles.append(
                mixer.register_forward_pre_hook(lambda _, args, block=block: self._read.__setitem__(block, args))
            )
        for block in set(self.auxiliary.tell.values()):
            handles.append(
                self.model.trunk.blocks[block].register_forward_hook(
                    lambda _, args, state, block=block: self._streams.__setitem__(block, state.stream)
                )
            )
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._read, self._streams = {}, {}

    def loss(self, number: int) -> Tensor:
        """Return what the pass over group `number`, the last one made, adds to the step's loss."""
        total = torch.zeros((), device=self.model.device)
        pointers = self._pointers[number]
        for sort, heads in self.auxiliary.look.items():
            for block, head in heads if sort in pointers else ():
                total = total + pointers[sort].lost(self._attention(block, head)) / len(heads)
        for sort, block in self.auxiliary.tell.items():
            if (told := pointers.get(f"tell {sort}")) is not None:
                h_BLD = self._streams[block]
                logs_BLC = (F.rms_norm(h_BLD, h_BLD.shape[-1:]) @ self.codes[sort].T).log_softmax(-1)
                total = total + told.lost(logs_BLC)
        self.lost += float(total.detach())
        return self.auxiliary.weight * total

    def _attention(self, block: int, head: int) -> Tensor:
        """Return the log of one head's attention [B, L, L]."""
        x_BLD, state = self._read[block]
        mixer = self.model.trunk.blocks[block].attention.mixer
        q_BLK, k_BLK = (values[:, head] for values in mixer.queries_keys(x_BLD, state))
        scores_BLL = q_BLK @ k_BLK.mT / mixer.head_size**0.5
        unread = ~readable(state, x_BLD.shape[1])[:, 0]
        return scores_BLL.masked_fill(unread, torch.finfo(scores_BLL.dtype).min).log_softmax(-1)

    def _find(self, groups: Sequence[Group]) -> list[dict[str, _Pointers]]:
        """Return each group's hints by sort; each document of a step counts the same, however many it has."""
        known = [[_by_sort(hints(self.tokenizer.decode(ids))) for ids in group.ids.tolist()] for group in groups]
        having = Counter(sort for group in known for document in group for sort in document)
        return [self._of_group(group, having) for group in known]

    def _of_group(self, documents: list[_BySort], having: Counter[str]) -> dict[str, _Pointers]:
        made: dict[str, _Pointers] = defaultdict(_Pointers)
        for row, document in enumerate(documents):
            for sort, found in document.items():
                for at, things in found:
                    numbers = [self.number.get(each, each) for each in things]
                    made[sort].add(row, at, numbers, 1 / (len(found) * having[sort]))
        return made


def _by_sort(known: Sequence[Hint]) -> _BySort:
    """Return what a document's hints point to and tell, as (word, things) by sort; a tell has a name of its own."""
    found: _BySort = defaultdict(list)
    for hint in known:
        for sort, targets in hint.looks.items():
            found[sort].append((hint.at, targets))
        for sort, words in hint.tells.items():
            found[f"tell {sort}"].append((hint.at, words))
    return found
