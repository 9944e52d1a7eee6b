"""Prefix reuse: an edit needs only what comes after the first thing it touches.

The places to start from are counted in sub-layers: start 2k is the input of block k, start 2k + 1 lies between its
attention and its MLP, start 2N after the last block. One intact pass keeps the stream (our `State`: with the memory
later blocks read) at the starts that will be needed. A later pass then runs the model as it is, except that the
blocks before its start, and for an odd start the attention of its block, return what they returned in the intact
pass. They are replaced by their `forward` on the instance, so hooks on them still fire on the same values.

Whether a model can be continued like that is tried, not assumed: `usable_starts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from labkit.anatomy import anatomy_of, stream_of
from labkit.base.interrupts import uninterruptible
from labkit.measurements.runs import Batch, forward
from labkit.models import State

__all__ = ["Prefix", "Usable", "thinned", "usable_starts"]

TOLERANCE = 1e-5  # of a no-op pass against the intact one, relative to the largest logit
PROBE_TOKENS = 8
_ABSENT = object()

T = TypeVar("T")

Key = tuple[str, int]  # ("block", k): what block k returned; ("attention", k): what its attention module returned


class Prefix:
    """A model, batches of one text, and what the intact pass left at the starts.

    >>> handle = labkit.load("lab/tiny")
    >>> ids = handle.encode("Night fell.")
    >>> prefix = Prefix(handle.model, [Batch(ids[None], (0,))])
    >>> (intact,) = prefix.keeping([0, 2], lambda: prefix.logits(0))
    >>> (again,) = prefix.starting_at(2, lambda: prefix.logits(0))
    >>> bool((intact == again).all())
    True
    """

    def __init__(self, module: nn.Module, batches: list[Batch]):
        self.module, self.batches, self.anatomy = module, batches, anatomy_of(module)
        self.kept: list[dict[Key, Any]] = [{} for _ in batches]
        self.now: dict[Key, Any] = {}

    @property
    def end(self) -> int:
        """The last start: all blocks done, only the final norm and the head left."""
        return 2 * self.anatomy.depth

    def keys(self, start: int) -> list[Key]:
        """Return what must have been kept to start there."""
        layer, after_attention = divmod(start, 2)
        stream: list[Key] = [("block", layer - 1)] if layer else []
        split = after_attention and self.anatomy.blocks[layer].attention is not None
        return [*stream, ("attention", layer)] if split else stream

    def logits(self, number: int) -> Tensor:
        """Run batch `number` under whatever is installed and return the logits [B, L, V]."""
        self.now = self.kept[number]
        return forward(self.module, self.batches[number].ids_BL)

    def keeping(self, starts: Iterable[int], work: Callable[[], T]) -> T:
        """Return `work()`, during which passes keep what the starts need; the model is to be intact."""
        keys = dict.fromkeys(key for start in starts for key in self.keys(start))
        return replaced({self._module(key): _Keep(self, key, self._module(key).forward) for key in keys}, work)

    def starting_at(self, start: int, work: Callable[[], T]) -> T:
        """Return `work()`, during which passes compute from `start` on; edits must touch nothing before it."""
        keys = self.keys(start)
        stubs: dict[nn.Module, Callable[..., Any]] = {self._module(key): _Return(self, key) for key in keys}
        for layer in range(start // 2 - 1):  # what these return is not read by anyone
            stubs[self.anatomy.blocks[layer].module] = _Return(self, keys[0])
        return replaced(stubs, work)

    def bytes_kept(self) -> dict[Key, int]:
        """Return the memory taken by each kept stream."""
        sizes: dict[Key, int] = {}
        for kept in self.kept:
            for key, (output, _) in kept.items():
                stream = stream_of(output)
                sizes[key] = sizes.get(key, 0) + stream.numel() * stream.element_size()
        return sizes

    def _module(self, key: Key) -> nn.Module:
        block = self.anatomy.blocks[key[1]]
        return block.module if key[0] == "block" else block.attention.module


class _Keep:
    """A forward that runs the module's own and keeps its output, and what it left in memory for later blocks."""

    def __init__(self, prefix: Prefix, key: Key, own: Callable[..., Any]):
        self.prefix, self.key, self.own = prefix, key, own

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        memory = _memory(args)
        before = dict(memory)
        output = self.own(*args, **kwargs)
        left = {layer: entry for layer, entry in memory.items() if before.get(layer) is not entry}
        # Attention weights may ride along in a tuple; nobody needs them and they are large.
        lean = (output[0], *[None] * (len(output) - 1)) if isinstance(output, tuple) else output
        self.prefix.now[self.key] = (lean, left)
        return output


class _Return:
    """A forward that computes nothing, returns what was kept and leaves what was left in memory."""

    def __init__(self, prefix: Prefix, key: Key):
        self.prefix, self.key = prefix, key

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        output, left = self.prefix.now[self.key]
        _memory(args).update(left)
        return output


def _memory(args: tuple) -> dict[int, Any]:
    """Return the memory of the State among a mixer's arguments; a block's State is new in its output instead."""
    return next((value.memory for value in args[1:] if isinstance(value, State)), {})


def replaced(forwards: dict[nn.Module, Callable[..., Any]], work: Callable[[], T]) -> T:
    """Return `work()` with the forward of each module replaced on the instance; put back what was there."""
    before: dict[nn.Module, Any] = {}
    try:
        _install(forwards, before)
        return work()
    finally:
        _restore(before)


@uninterruptible
def _install(forwards: dict[nn.Module, Callable[..., Any]], before: dict[nn.Module, Any]) -> None:
    for module, new in forwards.items():
        before[module] = module.__dict__.get("forward", _ABSENT)
        module.forward = new


@uninterruptible
def _restore(before: dict[nn.Module, Any]) -> None:
    for module, old in reversed(before.items()):
        if old is _ABSENT:
            del module.forward
        else:
            module.forward = old


@dataclass(frozen=True)
class Usable:
    """Which starts reproduce the intact pass on this model, why others do not, and bytes a token by kept stream."""

    starts: frozenset[int]
    reason: str = ""
    bytes_per_token: dict[Key, float] = field(default_factory=dict)


_TRIED: WeakKeyDictionary[nn.Module, tuple[str, Usable]] = WeakKeyDictionary()


def usable_starts(module: nn.Module, fingerprint: str, batch: Batch) -> Usable:
    """Try a no-op from every start on a few tokens and return those that give the intact logits.

    Done once per model and fingerprint. A model that changes kept streams in place, or that carries more from block
    to block than its blocks return, fails here, and is then swept from an earlier start or by the plain loop.
    """
    known = _TRIED.get(module)
    if known is None or known[0] != fingerprint:
        known = _TRIED[module] = (fingerprint, _tried(module, batch))
    return known[1]


def _tried(module: nn.Module, batch: Batch) -> Usable:
    probe = Prefix(module, [Batch(batch.ids_BL[:1, :PROBE_TOKENS], (0,))])
    vocabulary = module.get_input_embeddings().weight.shape[0]
    try:
        intact = probe.keeping(range(probe.end + 1), lambda: probe.logits(0))
        forward(module, (probe.batches[0].ids_BL + 1) % vocabulary)
    except Exception as error:  # whatever a foreign model raises, the plain loop is still right
        return Usable(frozenset({0}), f"its blocks could not be recorded ({type(error).__name__}: {error})")
    versions = {key: stream_of(output)._version for key, (output, _) in probe.kept[0].items()}
    good, problems = {0}, {}
    # From the last start to the first, after a pass over other tokens: a part that blocks leave elsewhere than in
    # their output is then still that of the other tokens, and shows.
    for start in range(probe.end, 0, -1):
        try:
            off = (probe.starting_at(start, lambda: probe.logits(0)) - intact).abs().max()
        except Exception as error:
            problems[start] = f"{type(error).__name__}: {error}"
            continue
        if (relative := float(off / intact.abs().max().clamp_min(1.0))) <= TOLERANCE:
            good.add(start)
        else:
            problems[start] = f"off by {relative:.1e}"
    if any(stream_of(output)._version != versions[key] for key, (output, _) in probe.kept[0].items()):
        return Usable(frozenset({0}), "its blocks change the stream they are given in place")
    tokens = probe.batches[0].ids_BL.numel()
    sizes = {key: size / tokens for key, size in probe.bytes_kept().items()}
    return Usable(frozenset(good), _why(problems, probe.end), sizes)


def _why(problems: dict[int, str], end: int) -> str:
    if not problems:
        return ""
    start, problem = next(iter(problems.items()))
    place = f"after the attention of block {start // 2}" if start % 2 else f"at block {start // 2}"
    return f"a no-op does not reproduce the intact pass from {len(problems)} of {end} starts ({place}: {problem})"


def thinned(
    starts: Iterable[int], usable: Usable, keys: Callable[[int], list[Key]], tokens: int, memory: int
) -> list[int]:
    """Return the starts to keep: the usable ones asked for, every second left out until they fit in `memory` bytes.

    An edit whose start is not kept begins at the nearest one before; start 0 always is and costs nothing.
    """
    chosen = sorted({max(good for good in usable.starts if good <= start) for start in starts})
    while True:
        needed = {key for start in chosen for key in keys(start)}
        if sum(usable.bytes_per_token[key] for key in needed) * tokens <= memory:
            return sorted({0, *chosen})
        chosen = chosen[1::2] if len(chosen) > 1 else []
