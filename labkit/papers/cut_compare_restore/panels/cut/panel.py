"""The cut panel: one text, one part left out while it is read, intact beside cut. Lesson: 00, section 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labkit.measurements.readings import Day, Reading, candidates, some_days
from labkit.panels.controls import Choice, Control, Slider, Text
from labkit.panels.panel import Panel
from labkit.panels.reader import depth_of_reader

from .data import CutData, CutState
from .replay import Replay
from .words import code_of

__all__ = ["CutPanel"]


class CutPanel(Panel):
    """Leave out the attention, the MLP or both of one layer, and see what the model still knows.

    `model` is a handle, or a name: then stored answers come first, and torch only when something else is asked.
    """

    question = "Which part can go and it still knows who has the lantern?"
    State = CutState
    size = (8.6, 3.6)
    home = __package__

    def __init__(self, model: Any = "lab/tiny", **options: Any):
        self.replay = Replay.of(model) if isinstance(model, str) else None
        self.days: tuple[Day, ...] = some_days() if self.replay is None else self.replay.days
        self._intact: tuple[tuple[str, str] | None, Reading | None] = (None, None)  # the last one, and of what
        options["start"] = options.get("start") or CutState(self.days[0].text)
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        self.depth = depth_of_reader(self.model) if self.replay is None else self.replay.depth
        ready = {day.title: day.text for day in self.days}
        parts = {"nothing": "nothing", "attention": "attention", "MLP": "mlp", "the whole block": "block"}
        return (
            Text("story", label="Text", ready=ready, help="leave the box to have it read", limit=4000, rows=5),
            Choice("part", parts, label="Cut", help="what is left out while the model reads"),
            Slider("layer", 0, self.depth - 1, 1, label="of layer", help="0 is the layer next to the text"),
        )

    def compute(self, state: CutState) -> CutData:
        from .reading import read_both

        day, known = self._day(state.story), self._key(state.story)
        intact = self._intact[1] if known is not None and self._intact[0] == known else None
        right = None if day is None else day.right
        data = read_both(self.model, state, self._words(state.story), right, intact)
        self._intact = (known, data.intact)
        return data

    def _key(self, story: str) -> tuple[str, str] | None:
        """Return what the intact reading depends on; None where finding out would take longer than reading."""
        from labkit.anatomy import fingerprint

        return (story, fingerprint(self.model)) if getattr(self.model, "ours", False) else None

    def stored(self, state: CutState) -> CutData | None:
        return None if self.replay is None else self.replay.find(state)

    def is_stored(self) -> bool:
        replay = self.replay or Replay.of(self.model_name)
        return replay is not None and replay.find(self.start) is not None

    def presets(self) -> Sequence[CutState]:
        last = self.depth - 1
        shown = (("attention", 0), ("mlp", 0), ("attention", last), ("mlp", last))
        return [CutState(self.start.story, part, layer) for part, layer in shown]

    def restored(self, state: CutState) -> CutState:
        return CutState(state.story, "nothing", state.layer)

    def code(self, state: CutState) -> str:
        return code_of(self.model_name, state, self._words(state.story))

    def _day(self, text: str) -> Day | None:
        return next((day for day in self.days if day.text == text), None)

    def _words(self, text: str) -> tuple[str, ...]:
        """Return the candidates for the next word; none when only the model can tell."""
        day = self._day(text)
        return candidates(text) if day is None else day.words
