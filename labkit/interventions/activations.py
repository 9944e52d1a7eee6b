"""Replace what is at a site while the model runs, or put back what an intact model has there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from labkit.anatomy import anatomy_of, site_of, tokens_before
from labkit.base.errors import BadInput

from .changes import Change, Hook
from .edits import Edit, whole_numbers
from .sources import FromRun, Source

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["ReplaceActivation", "RestoreActivation"]


@dataclass(frozen=True)
class _At(Edit, abstract=True):
    """What both have: a site, and a choice of positions and channels (None for all).

    Positions count from the start of the text, also while decoding with a cache; a position that no pass reaches
    is never replaced. All rows of a batch are treated alike.
    """

    measures: ClassVar[bool] = True
    if TYPE_CHECKING:  # fields of both, each in its own order
        site: str
        positions: tuple[int, ...] | None
        channels: tuple[int, ...] | None

    def _check(self) -> None:
        if not isinstance(self.site, str):
            raise BadInput(f"{self.site!r} is not a site.", expected="a name such as layers.3.mlp")
        for name in ("positions", "channels"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole_numbers(name, getattr(self, name)))

    def _changes(self, model: ModelLike, source: Source) -> list[Change]:
        site = site_of(model, self.site)
        values = source.values(model, self.site).detach()
        positions = self.positions
        if values.dim() == 2:
            positions = tuple(range(len(values))) if positions is None else positions
            if max(positions) >= len(values):
                raise BadInput(
                    f"There is no position {max(positions)} in {source}.", expected=f"0 to {len(values) - 1}"
                )
        self._check_channels(model, values)
        clock = Clock()
        hook = Hook.at(site, Substitute(values, positions, self.channels, clock))
        if positions is None:
            return [hook]
        trunk = anatomy_of(model).trunk
        attach = lambda: trunk.register_forward_pre_hook(clock, with_kwargs=True)  # noqa: E731
        return [Hook(attach, self.site), hook]

    def _check_channels(self, model: ModelLike, values: Tensor) -> None:
        width = anatomy_of(model).width
        layer, _, inside = self.site.rpartition(".")
        if inside in ("neurons", "heads"):
            last = "down" if inside == "neurons" else "o"
            width = anatomy_of(model).view(f"{layer}.{last}").shape[1]
        if self.channels is not None and max(self.channels) >= width:
            raise BadInput(f"{self.site} has no channel {max(self.channels)}.", expected=f"0 to {width - 1}")

    def _where(self) -> str:
        chosen = ""
        for name, values in (("position", self.positions), ("channel", self.channels)):
            if values is not None:
                chosen += f", {name}{'s' if len(values) > 1 else ''} {', '.join(map(str, values))}"
        return f"{self.site}{chosen}"


@dataclass(frozen=True)
class ReplaceActivation(_At):
    """Replace what is at a site by what a source gives."""

    site: str
    source: Source
    positions: tuple[int, ...] | None = None
    channels: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.source, Source):
            raise BadInput(
                f"source = {self.source!r} is not a source.",
                expected='Zero(), Mean("stories", 32) or FromRun("a text", plan)',
            )
        self._check()

    def prepare(self, model: ModelLike) -> list[Change]:
        """Measure the source and return the hooks."""
        return self._changes(model, self.source)

    def __str__(self) -> str:
        return f"replace {self._where()} by {self.source}"


@dataclass(frozen=True)
class RestoreActivation(_At):
    """Put back at a site what the intact model has there on a text (or token ids), whatever else is edited."""

    site: str
    text: str | tuple[int, ...]
    positions: tuple[int, ...] | None = None
    channels: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", FromRun(self.text).text)
        self._check()

    def prepare(self, model: ModelLike) -> list[Change]:
        """Measure the intact model and return the hooks."""
        return self._changes(model, FromRun(self.text))

    def __str__(self) -> str:
        return f"restore {self._where()} to {FromRun(self.text)}"


class Clock:
    """A pre-hook of the trunk that notes how many tokens came before this call."""

    def __init__(self) -> None:
        self.start = 0

    def __call__(self, trunk: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        self.start = tokens_before(args, kwargs)


class Substitute:
    """Return a copy of [B, L, C] with the chosen positions and channels replaced, or None if none of them is here."""

    def __init__(
        self, values: Tensor, positions: tuple[int, ...] | None, channels: tuple[int, ...] | None, clock: Clock
    ):
        self.values, self.positions, self.channels, self.clock = values, positions, channels, clock

    def __call__(self, x_BLC: Tensor) -> Tensor | None:
        length, width = x_BLC.shape[-2:]
        if self.positions is None:
            rows = torch.arange(length)
        else:
            rows = torch.tensor([p - self.clock.start for p in self.positions], dtype=torch.long)
            rows = rows[(rows >= 0) & (rows < length)]
        if not len(rows):
            return None
        columns = torch.arange(width) if self.channels is None else torch.tensor(self.channels)
        values = self.values if self.values.dim() == 1 else self.values[rows + self.clock.start]
        new_BLC = x_BLC.clone()
        rows, columns = rows.to(x_BLC.device), columns.to(x_BLC.device)
        new_BLC[..., rows[:, None], columns] = values.expand(*values.shape[:-1], width).to(x_BLC)[..., columns]
        return new_BLC
