"""Activation sites: the places in a pass where something can be read or replaced.

embed                  the stream before the first block [B, L, D]
layers.3               the stream after block 3 [B, L, D]
layers.3.attn|mlp      what that sub-layer writes to the stream [B, L, D]
layers.3.mlp.neurons   what enters the down projection [B, L, F]
layers.3.attn.heads    what enters the output projection, head after head [B, L, H · K]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput, NotAvailable, unknown
from labkit.base.interrupts import uninterruptible
from labkit.models import State
from labkit.zoo.finite import tell_not_finite

from .locks import in_eval_mode
from .parts import SublayerParts, anatomy_of
from .skips import cache_in

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Site", "record", "site_of", "sites", "stream_of", "tokens", "tokens_before", "with_stream"]

_LAYER_SITES = ("", ".attn", ".mlp", ".mlp.neurons", ".attn.heads")


@dataclass(frozen=True)
class Site:
    """A site of one model: a module, and whether its first input or its output is meant."""

    name: str
    module: nn.Module
    side: str

    def hook(self, function: Any) -> Any:
        """Attach `function(tensor) -> tensor or None` here and return the handle; None leaves the value alone."""
        if self.side == "output":
            return self.module.register_forward_hook(OnOutput(function))
        return self.module.register_forward_pre_hook(OnInput(function), with_kwargs=True)


class OnOutput:
    """A forward hook that shows a function the stream in a module's output."""

    def __init__(self, function: Any):
        self.function = function

    def __call__(self, module: nn.Module, args: tuple, output: Any) -> Any:
        new = self.function(stream_of(output))
        return None if new is None else with_stream(output, new)


class OnInput:
    """A forward pre-hook that shows a function the stream in a module's first argument."""

    def __init__(self, function: Any):
        self.function = function

    def __call__(self, module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> Any:
        name = None if args else "hidden_states"
        given = args[0] if args else kwargs[name]
        new = self.function(stream_of(given))
        if new is None:
            return None
        if args:
            return (with_stream(given, new), *args[1:]), kwargs
        return args, {**kwargs, name: with_stream(given, new)}


def stream_of(value: Any) -> Tensor:
    """Return the stream in what a module gives or takes: a tensor, a tuple that starts with it, or a State."""
    if isinstance(value, State):
        return value.stream
    return value[0] if isinstance(value, tuple) else value


def with_stream(value: Any, stream: Tensor) -> Any:
    """Return `value` with another stream in it."""
    if isinstance(value, State):
        return value.with_stream(stream)
    return (stream, *value[1:]) if isinstance(value, tuple) else stream


def tokens_before(args: tuple, kwargs: dict[str, Any]) -> int:
    """Return how many tokens are in the cache that a call of the trunk was given."""
    if args and isinstance(args[0], State):
        return 0 if args[0].cache is None else args[0].cache.length
    cache = cache_in(args, kwargs)
    return 0 if cache is None else int(cache.get_seq_length())


def sites(model: ModelLike) -> list[str]:
    """Return the names of all sites of `model`."""
    return ["embed", *(f"layers.{i}{part}" for i in range(anatomy_of(model).depth) for part in _LAYER_SITES)]


def site_of(model: ModelLike, name: str) -> Site:
    """Return the site called `name`; raise `UnknownName` with the nearest, `BadInput` for a layer out of range."""
    anatomy = anatomy_of(model)
    if name == "embed":
        return Site(name, anatomy.blocks[0].module, "input")
    match = re.fullmatch(r"layers\.(\d+)((?:\.\w+)*)", name) if isinstance(name, str) else None
    if match is None or match[2] not in _LAYER_SITES:
        raise unknown("site", name, sites(model))
    block = anatomy.layer(int(match[1]))
    if not match[2]:
        return Site(name, block.module, "output")
    which, _, inside = match[2][1:].partition(".")
    sublayer: SublayerParts | None = getattr(block, "attention" if which == "attn" else "mlp")
    if sublayer is None:
        raise NotAvailable(f"Block {match[1]} has no {which}.", do="choose a site of another layer")
    if not inside:
        return Site(name, sublayer.writer, "output")
    last = anatomy.module(f"layers.{match[1]}.{which}.{'down' if which == 'mlp' else 'o'}")
    return Site(name, last, "input")


def tokens(model: ModelLike, ids: Any) -> Tensor:
    """Return token ids as [B, L] on the model's device; raise `BadInput` for what is not whole numbers."""
    ids = torch.as_tensor(ids)
    if ids.dim() not in (1, 2) or ids.numel() == 0 or ids.is_floating_point():
        raise BadInput(
            f"Token ids of shape {list(ids.shape)} and type {ids.dtype} cannot be run.",
            expected="whole numbers of shape [length] or [batch, length], at least one",
        )
    anatomy = anatomy_of(model)
    if anatomy.longest is not None and ids.shape[-1] > anatomy.longest:
        raise BadInput(
            f"The text has {ids.shape[-1]} tokens.",
            expected=f"at most {anatomy.longest}, for which the model has positions",
            do="shorten it",
        )
    return torch.atleast_2d(ids).to(anatomy.embed.weight.device)


def record(model: ModelLike, ids: Any, sites: Iterable[str | Site]) -> dict[str, Tensor]:
    """Run `model` once on token ids [L] or [B, L] and return what was at each site, as copies [B, L, ...].

    sites: names, or sites of your own. The model runs in evaluation mode, without gradients, and is left as it was.

    >>> model = labkit.load("lab/tiny")
    >>> labkit.record(model, model.encode("Night fell."), ["layers.1.mlp"])["layers.1.mlp"].shape
    torch.Size([1, 4, 128])
    """
    wanted = [sites] if isinstance(sites, str) else sites
    found = [site if isinstance(site, Site) else site_of(model, site) for site in wanted]
    seen: dict[str, Tensor] = {}
    observe(model, ids, [(site, Keep(seen, site.name)) for site in found])
    tell_not_finite(model, tokens(model, ids), seen.values())
    return {site.name: seen[site.name] for site in found}


def observe(model: ModelLike, ids: Any, watchers: Sequence[tuple[Site, Callable[[Tensor], None]]]) -> None:
    """Run `model` as `record` does and show each watcher what is at its site, [B, L, ...], while it is there.

    A watcher takes what it needs and keeps nothing else: to keep everything costs more time and memory than the pass.
    Raises `NotAvailable` for a site that nothing passed.
    """
    ids_BL = tokens(model, ids)
    shown: set[str] = set()
    handles: list[Any] = []

    def run(module: nn.Module) -> None:
        try:
            _attach(watchers, shown, handles)
            module(ids_BL)
        finally:
            _detach(handles)

    in_eval_mode(model, run)
    if missing := [site.name for site, _ in watchers if site.name not in shown]:
        raise NotAvailable(
            f"Nothing passed {', '.join(missing)} in this run.",
            expected="a site whose sub-layer is computed",
            do="look at labkit.audit(model): the sub-layer may be dropped",
        )


class Keep:
    """A watcher that keeps a copy of what it is shown."""

    def __init__(self, into: dict[str, Tensor], name: str):
        self.into, self.name = into, name

    def __call__(self, value: Tensor) -> None:
        self.into[self.name] = value.clone()


class Shown:
    """A function for a hook that shows a watcher what passes, and notes that something did."""

    def __init__(self, name: str, watcher: Callable[[Tensor], None], shown: set[str]):
        self.name, self.watcher, self.shown = name, watcher, shown

    def __call__(self, value: Tensor) -> None:
        self.shown.add(self.name)
        self.watcher(value.detach())


@uninterruptible
def _attach(watchers: Sequence[tuple[Site, Callable[[Tensor], None]]], shown: set[str], handles: list[Any]) -> None:
    for site, watcher in watchers:
        handles.append(site.hook(Shown(site.name, watcher, shown)))


@uninterruptible
def _detach(handles: list[Any]) -> None:
    for handle in reversed(handles):
        handle.remove()
