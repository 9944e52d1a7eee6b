"""What does the score see? One part's score at every token of a sentence, with and without residual and first token.

panel = labkit.ScorePanel("lab/deep")
panel.set(part="mlp", layer=0, text="The ferry was late.")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from labkit import world
from labkit.base.errors import BadInput
from labkit.panels.controls import Choice, Control, Slider, Text
from labkit.panels.measured import KeepingPanel
from labkit.panels.panel import ModelOrName
from labkit.panels.reader import depth_of_reader
from labkit.panels.tables import Table

from ..experiments.position_view import NAMES, Reading, ScoreData, ScoreRun, ScoreState

__all__ = ["ScorePanel"]

PARTS = {"attention": "attention", "MLP": "mlp", "the whole block": "block"}
MOST = 40  # tokens of a text, so that each can be read under its bar


class ScorePanel(KeepingPanel):
    """Show the score of one part at every token, with the residual and without, and both means with the first token
    and without it.

    `texts` are ready texts by title; by default a story's beginning, a list to repeat and a fact.
    """

    question = "What does the score see?"
    State = ScoreState
    Kind = ScoreRun
    size = (8.6, 4.4)
    file = "02_positions"

    def __init__(self, model: ModelOrName = None, texts: dict[str, str] | None = None, **options: Any):
        self.texts = dict(texts or {})
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        self.texts = self.texts or (_ready_texts() if self.kept is None else dict(self.kept.texts))
        self.depth = depth_of_reader(self.model) if self.kept is None else self.kept.depth
        return (
            Choice("part", PARTS, label="Part", help="whose score is shown"),
            Slider("layer", 0, self.depth - 1, 1, label="of layer", help="0 is the layer next to the text"),
            Text("text", label="Text", ready=self.texts, help="leave the box to have it read", limit=400, rows=2),
        )

    def first(self) -> ScoreState:
        return ScoreState(text=next(iter(self.texts.values())))

    def compute(self, state: ScoreState) -> ScoreData:
        return _view(self.intact.of(self.model, lambda _: self._reading(state.text), state.text), state)

    def _reading(self, text: str) -> Reading:
        """Return the scores of every part at every token of a text."""
        from ..method.metrics import Cosine
        from ..method.stream import token_scores

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
        if not self.by_name or self.kept is None or state.text not in self.kept.readings:
            return None
        return _view(self.kept.readings[state.text], state)

    def is_stored(self) -> bool:
        return self.kept is not None and self.start.text in self.kept.readings

    def presets(self) -> Sequence[ScoreState]:
        last, text = self.depth - 1, self.start.text
        return [ScoreState(part, layer, text) for part, layer in (("attention", 0), ("attention", last), ("mlp", 0))]

    def code(self, state: ScoreState) -> str:
        lines = [f"with_residual = position_scores(model, [text], {state.part!r}, Cosine()).value[{state.layer}]"]
        shown = "*zip(model.pieces(model.encode(text)), with_residual"
        if state.part != "block":
            bare = f"position_scores(model, [text], {state.part!r}, Cosine(residual=False))"
            lines, shown = [*lines, f"without = {bare}.value[{state.layer}]"], f"{shown}, without"
        needs = ("from labkit.papers.what_matters import Cosine, position_scores",)
        return self.script(f"text = {state.text!r}", *lines, f"print({shown}), sep='\\n')", needs=needs)

    def keep(self, say: Callable[[str], None]) -> tuple[dict[str, Any], str]:
        """Read the ready texts."""
        kept: dict[str, Any] = {"depth": self.depth, "texts": _ready_texts()}
        for title, text in kept["texts"].items():
            kept[title] = self._reading(text).as_dict()
            say(title)
        return kept, "1 - cosine at each token of three texts; no sampling"

    def table(self, data: ScoreData) -> Table:
        bare = data.bare or ("",) * len(data.scores)
        rows = [(f"{place}  {piece}", score, other) for place, (piece, score, other) in
                enumerate(zip(data.pieces, data.scores, bare))]  # fmt: skip
        rows += [("mean", data.mean, "" if data.bare is None else data.bare_mean)]
        rows += [("mean without the first", data.mean_without_first,
                  "" if data.bare is None else data.bare_mean_without_first)]  # fmt: skip
        caption = f"1 − cosine, {NAMES[data.part].lower()} of layer {data.layer}"
        return Table(caption, ("token", "with residual", "without residual"), rows)


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
