"""Panels that keep answers in a file: some states' own, or one measurement of which every state is a view."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from labkit import world

from .jobs import Job
from .panel import ModelOrName, Panel
from .stored import load_measured, save_measured

if TYPE_CHECKING:
    from labkit.sweeps import Sweep
    from labkit.zoo import ModelLike

__all__ = ["KeepingPanel", "MeasuredPanel", "between", "in_slices"]


class KeepingPanel(Panel):
    """A panel with answers in a file, made by `labkit sweep` and read before the model is asked.

    file: the name under which they are kept (see `stored`). Kind: their type, with `of(table)`. `kept`: what was read,
    or None; a handle has the file's answers only when they were made with exactly its weights. `by_name`: whether the
    model was given by its name, not as a handle.
    """

    file: ClassVar[str]
    Kind: ClassVar[Any]
    thorough: ClassVar[Mapping[str, Any]] = {}
    usual = "lab/deep"

    def __init__(self, model: ModelOrName = None, **options: Any):
        model = self.usual if model is None else model
        self.by_name = isinstance(model, str)
        table = load_measured(model, self.file)
        self.kept = None if table is None else self.Kind.of(table)
        super().__init__(model, **options)

    def keep(self, say: Callable[[str], None]) -> tuple[Mapping[str, Any], str]:
        """Return what the file is to hold, as JSON values, and in words how it was made: texts, seeds, numbers."""
        raise NotImplementedError

    @classmethod
    def store(
        cls,
        model: ModelOrName = None,
        out: Path | None = None,
        say: Callable[[str], None] = lambda words: None,
        **options: Any,
    ) -> Path:
        """Ask the model (minutes) and write the file, into `out`, that answers from now on."""
        from labkit.zoo import load

        model = cls.usual if model is None else model
        panel = cls(load(model) if isinstance(model, str) else model, **{**cls.thorough, **options})
        kept, how = panel.keep(lambda words: say(f"{cls.file}: {words}"))
        return save_measured(cls.file, panel.model, how, kept, out)


class MeasuredPanel(KeepingPanel):
    """A panel that measures once and then shows: `measure` makes the measurement, `view` picks what a state shows.

    The type of the measurement has `as_dict()` too. thorough: the options with which the stored one is made; a live one
    has the constructor's, which take less long.
    """

    n_documents: int  # how many stories are read, where any are

    def __init__(self, model: ModelOrName = None, **options: Any):
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

    def stories(self, seed: int, most: int | None = None) -> list[Any]:
        """Return `n_documents` (an option) held-out stories as the model reads them, their first `most` tokens."""
        texts = world.documents("stories", self.n_documents, seed=seed, split="test")
        return [self.model.encode(one.text)[:most] for one in texts]

    def number(self, name: str) -> Any:
        """Return an option as what is shown was measured with: that of the file, or the panel's own."""
        replayed = self.kept is not None and not self.inquiry.asks_model
        return self.thorough[name] if replayed and name in self.thorough else getattr(self, name)

    def keep(self, say: Callable[[str], None]) -> tuple[Mapping[str, Any], str]:
        job = Job(self.measure(), report=lambda job: say(f"{job.progress:.0%}"))
        return job.run().as_dict(), self.how()


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
