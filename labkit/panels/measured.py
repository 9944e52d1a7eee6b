"""Panels whose every state is a view of one measurement: kept in a file, or made once when Run is pressed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .jobs import Job
from .panel import Panel
from .stored import load_measured, save_measured

if TYPE_CHECKING:
    from labkit.sweeps import Sweep
    from labkit.zoo import ModelLike

__all__ = ["MeasuredPanel", "between", "in_slices"]


class MeasuredPanel(Panel):
    """A panel that measures once and then shows: `measure` makes the measurement, `view` picks what a state shows.

    file: the name of the stored measurement (see `stored`). Kind: its type, with `as_dict()` and `of(table)`.
    thorough: the options with which the stored one is made; a live one has the constructor's, which take less long.
    """

    file: ClassVar[str]
    Kind: ClassVar[Any]
    thorough: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, model: ModelLike | str = "lab/deep", **options: Any):
        table = load_measured(model, self.file)
        self.kept = None if table is None else self.Kind.of(table)
        self.made: Any = None  # the measurement on the model itself, once there is one
        super().__init__(model, **options)

    def measure(self) -> Generator[float, None, Any]:
        """Yield progress and return the measurement, with the model as it now is."""
        raise NotImplementedError

    def how(self) -> str:
        """Return in words what a stored measurement was made with: texts, seeds, numbers."""
        raise NotImplementedError

    def view(self, measured: Any, state: Any) -> Any:
        """Return what a state shows of a measurement; pure."""
        raise NotImplementedError

    @property
    def is_long(self) -> bool:
        return self.made is None

    def stored(self, state: Any) -> Any:
        return None if self.kept is None else self.view(self.kept, state)

    def compute(self, state: Any) -> Any:
        if self.made is None:
            return Job(self.steps(state)).run()
        return self.view(self.made, state)

    def steps(self, state: Any) -> Generator[float, None, Any]:
        self.made = yield from self.measure()
        return self.view(self.made, state)

    def number(self, name: str) -> Any:
        """Return an option as what is shown was measured with: that of the file, or the panel's own."""
        replayed = self.kept is not None and not self.inquiry.asks_model
        return self.thorough[name] if replayed and name in self.thorough else getattr(self, name)

    @classmethod
    def store(
        cls,
        model: ModelLike | str = "lab/deep",
        out: Path | None = None,
        say: Callable[[str], None] = lambda words: None,
        **options: Any,
    ) -> Path:
        """Measure thoroughly (minutes) and write the file, into `out`, that answers from now on."""
        from labkit.zoo import load

        panel = cls(load(model) if isinstance(model, str) else model, **{**cls.thorough, **options})
        job = Job(panel.measure(), report=lambda job: say(f"{cls.file}: {job.progress:.0%}"))
        return save_measured(cls.file, panel.model, panel.how(), job.run().as_dict(), out)


def in_slices(
    model: ModelLike, plans: Iterable, documents: Sequence | None, measure: Any = "loss", every: int = 6
) -> Generator[float, None, Sweep]:
    """Yield progress after each `every` plans of a sweep, and return the sweep; the model is free in between."""
    from labkit.sweeps import sweep

    plans, found, done = list(plans), None, [0]

    def count(step: Any) -> None:
        done[0] += 1

    while found is None or not found.finished:
        done[0] = 0
        found = sweep(model, plans, documents, measure, resume=found, progress=count, cancel=lambda: done[0] >= every)
        yield len(found) / len(plans)
    return found


def between(low: float, high: float, steps: Generator[float, None, Any]) -> Generator[float, None, Any]:
    """Pass on the progress of `steps` as a part of the way, from `low` to `high`, and return what it returns."""
    while True:
        try:
            yield low + (high - low) * next(steps)
        except StopIteration as stop:
            return stop.value
