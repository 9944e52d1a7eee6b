"""Which part can go and it still knows who has the lantern? The panel, what it computes, and its stored answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from labkit.measurements.readings import GO_ON, MOST_PROBABLE, Day, Reading, candidates, some_days
from labkit.panels.controls import Choice, Control, Slider, Text
from labkit.panels.panel import ModelOrName, Panel
from labkit.panels.reader import depth_of_reader
from labkit.panels.tables import Table

from ..experiments.cut import EDITS, CutData, CutState, name_of
from ..experiments.cut_replay import Replay

__all__ = ["CutPanel"]


class CutPanel(Panel):
    """Leave out the attention, the MLP or both of one layer, and see what the model still knows.

    `model` is a handle, or a name: then stored answers come first, and torch only when something else is asked.
    """

    question = "Which part can go and it still knows who has the lantern?"
    State = CutState
    size = (8.6, 3.6)
    usual = "lab/tiny"
    nothing: ClassVar = {"part": "nothing"}

    def __init__(self, model: ModelOrName = None, **options: Any):
        model = self.usual if model is None else model
        self.replay = Replay.of(model) if isinstance(model, str) else None
        self.days: tuple[Day, ...] = some_days() if self.replay is None else self.replay.days
        self._intact: tuple[tuple[str, str] | None, Reading | None] = (None, None)  # the last one, and of what
        super().__init__(model, **options)

    def first(self) -> CutState:
        return CutState(self.days[0].text, "attention", 0)

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
        from ..experiments.cut_readings import read_both

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

    def code(self, state: CutState) -> str:
        context = "torch.no_grad()"
        if state.part != "nothing":
            context = f"labkit.edit(model, labkit.{EDITS[state.part]}({state.layer})), {context}"
        if words := self._words(state.story):
            chosen = [
                f"words = {list(words)!r}",
                "first = [int(model.encode(text + word)[len(ids)]) for word in words]  # the first piece of each",
            ]
        else:  # a text without residents: the pieces that the intact model finds most probable
            chosen = [
                "with torch.no_grad():",
                f"    first = model.model(ids[None]).logits[0, -1].topk({MOST_PROBABLE}).indices.tolist()",
                "words = model.pieces(first)",
            ]
        return "\n".join([
            "import torch",
            "",
            "import labkit",
            "",
            f"model = labkit.load({self.model_name!r})",
            f"text = {state.story!r}",
            "ids = model.encode(text)",
            *chosen,
            "",
            f"with {context}:",
            "    logits = model.model(ids[None]).logits[0]  # [L, V]",
            f"    said = model.generate(text, max_new_tokens={GO_ON})",
            "",
            "probabilities = logits[-1].softmax(-1)[first].tolist()",
            "loss = torch.nn.functional.cross_entropy(logits[:-1], ids[1:]).item()  # nats per token",
            "print(dict(zip(words, probabilities)), loss, said[len(text):])",
        ])  # fmt: skip

    def _day(self, text: str) -> Day | None:
        return next((day for day in self.days if day.text == text), None)

    def _words(self, text: str) -> tuple[str, ...]:
        """Return the candidates for the next word; none when only the model can tell."""
        day = self._day(text)
        return candidates(text) if day is None else day.words

    def table(self, data: CutData) -> Table:
        rows = [
            (word.strip() + (" (right)" if word == data.right else ""), before, after)
            for word, before, after in zip(data.words, data.intact.probabilities, data.cut.probabilities)
        ]
        rest = [1 - sum(reading.probabilities) for reading in (data.intact, data.cut)]
        rows += [("any other word", *rest), ("loss on the text, nats a token", data.intact.loss, data.cut.loss)]
        rows += [("goes on", data.intact.goes_on, data.cut.goes_on)]
        caption = f"Probability of the next word after {data.tokens} tokens; cut: {name_of(data.part, data.layer)}"
        return Table(caption, ("", "intact", "cut"), rows)


def main(path: str) -> None:
    """Draw the picture that opens the README: run this module with the path data/pictures/cut.png."""
    from pathlib import Path

    from labkit.base.files import write_atomically
    from labkit.figures import draw, png

    write_atomically(Path(path), png(draw(CutPanel("lab/tiny").data), 90, slim=True))


if __name__ == "__main__":
    import sys

    main(sys.argv[1])
