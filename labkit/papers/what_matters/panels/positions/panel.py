"""The score panel: where in a sentence a part turns the stream. Lesson: 02, section 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from labkit import world
from labkit.base.errors import BadInput
from labkit.panels.controls import Choice, Control, Slider, Text
from labkit.panels.intact import Intact
from labkit.panels.panel import Panel
from labkit.panels.reader import depth_of_reader
from labkit.panels.stored import keep, kept_for

from .data import Reading, ScoreData, ScoreRun, ScoreState
from .words import PARTS, code_of

__all__ = ["ScorePanel"]

MOST = 40  # tokens of a text, so that each can be read under its bar


class ScorePanel(Panel):
    """Show the score of one part at every token, with the residual and without, and both means with the first token
    and without it.

    `texts` are ready texts by title; by default a story's beginning, a list to repeat and a fact.
    """

    question = "What does the score see?"
    State = ScoreState
    size = (8.6, 4.4)
    home = __package__
    file = "02_positions"

    def __init__(self, model: Any = "lab/deep", texts: dict[str, str] | None = None, **options: Any):
        table = kept_for(model, self.file)
        self.kept = None if table is None else ScoreRun.of(table)
        self._replays = isinstance(model, str)  # who has the model at hand asks it
        self.texts = dict(texts) if texts else _ready_texts() if self.kept is None else dict(self.kept.texts)
        self._intact = Intact()
        options["start"] = options.get("start") or ScoreState(text=next(iter(self.texts.values())))
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        self.depth = depth_of_reader(self.model) if self.kept is None else self.kept.depth
        return (
            Choice("part", PARTS, label="Part", help="whose score is shown"),
            Slider("layer", 0, self.depth - 1, 1, label="of layer", help="0 is the layer next to the text"),
            Text("text", label="Text", ready=self.texts, help="leave the box to have it read", limit=400, rows=2),
        )

    def compute(self, state: ScoreState) -> ScoreData:
        return _view(self._intact.of(self.model, lambda _: self._reading(state.text), state.text), state)

    def _reading(self, text: str) -> Reading:
        """Return the scores of every part at every token of a text."""
        from ...method.metrics import Cosine
        from ...method.stream import token_scores

        ids_L = self.model.encode(text)
        if not 2 <= len(ids_L) <= MOST:
            raise BadInput(f"The text has {len(ids_L)} tokens.", expected=f"2 to {MOST}", do="write one sentence")
        found = [
            token_scores(self.model, [ids_L], Cosine(residual=residual).rule, inside=not residual)
            for residual in (True, False)
        ]
        rows = [{f"{part} {layer}": tuple(one[0].tolist()) for (part, layer), one in kept.items()} for kept in found]
        unseen = tuple(world.unknown_words(text)) if self.model.ours else ()
        return Reading(tuple(piece.strip() or piece for piece in self.model.pieces(ids_L)), *rows, unseen)

    def stored(self, state: ScoreState) -> ScoreData | None:
        if not self._replays or self.kept is None or state.text not in self.kept.readings:
            return None
        return _view(self.kept.readings[state.text], state)

    def is_stored(self) -> bool:
        return self.kept is not None and self.start.text in self.kept.readings

    def presets(self) -> Sequence[ScoreState]:
        last, text = self.depth - 1, self.start.text
        return [ScoreState(part, layer, text) for part, layer in (("attention", 0), ("attention", last), ("mlp", 0))]

    def code(self, state: ScoreState) -> str:
        return code_of(self.model_name, state)

    @classmethod
    def store(
        cls, model: Any = "lab/deep", out: Path | None = None, say: Callable[[str], None] = lambda words: None
    ) -> Path:
        """Read the ready texts and write the file."""
        from labkit.zoo import load

        panel = cls(load(model) if isinstance(model, str) else model, _ready_texts())
        kept: dict[str, Any] = {"depth": panel.depth, "texts": panel.texts}
        for title, text in panel.texts.items():
            kept[title] = panel._reading(text).as_dict()
            say(f"{cls.file}: {title}")
        return keep(cls.file, panel.model, "1 - cosine at each token of three texts; no sampling", kept, out)


def _view(reading: Reading, state: ScoreState) -> ScoreData:
    name = f"{state.part} {state.layer}"
    if name not in reading.scores:
        raise BadInput(f"Layer {state.layer} has no {state.part}.", do="choose another layer")
    return ScoreData(state.part, state.layer, reading.pieces, reading.scores[name], reading.bare.get(name),
                     reading.unseen)  # fmt: skip


def _ready_texts() -> dict[str, str]:
    story = world.documents("stories", 1, seed=1, split="test")[0].text
    copying, fact = (make(1, 0, "test")[0] for make in (world.copying_questions, world.facts_questions))
    whole = [one.prompt + one.options[one.answer] + "." for one in (copying, fact)]
    return {
        "how a story begins": ". ".join(story.split(". ")[:2]) + ".",
        "a list to repeat": whole[0],
        "a fact": whole[1],
    }
