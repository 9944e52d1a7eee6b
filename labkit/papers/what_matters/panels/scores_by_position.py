"""What does the score see? One part's score at every token of a sentence, with and without residual and first token.

panel = labkit.ScorePanel("lab/deep")
panel.set(part="mlp", layer=0, text="The ferry was late.")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit import world
from labkit.base.errors import BadInput
from labkit.base.numbers import number
from labkit.panels.controls import Choice, Control, Slider, Text
from labkit.panels.intact import Intact
from labkit.panels.panel import Panel
from labkit.panels.reader import depth_of_reader
from labkit.panels.stored import load_measured, save_measured
from labkit.panels.tables import Table

from ..experiments.position_view import Reading, ScoreData, ScoreRun, ScoreState

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["ScorePanel"]

PARTS = {"attention": "attention", "MLP": "mlp", "the whole block": "block"}
NAMES = {"attention": "The attention", "mlp": "The MLP", "block": "The whole"}
MOST = 40  # tokens of a text, so that each can be read under its bar


class ScorePanel(Panel):
    """Show the score of one part at every token, with the residual and without, and both means with the first token
    and without it.

    `texts` are ready texts by title; by default a story's beginning, a list to repeat and a fact.
    """

    question = "What does the score see?"
    State = ScoreState
    size = (8.6, 4.4)
    file = "02_positions"

    def __init__(self, model: ModelLike | str = "lab/deep", texts: dict[str, str] | None = None, **options: Any):
        table = load_measured(model, self.file)
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
        cls,
        model: ModelLike | str = "lab/deep",
        out: Path | None = None,
        say: Callable[[str], None] = lambda words: None,
    ) -> Path:
        """Read the ready texts and write the file."""
        from labkit.zoo import load

        panel = cls(load(model) if isinstance(model, str) else model, _ready_texts())
        kept: dict[str, Any] = {"depth": panel.depth, "texts": panel.texts}
        for title, text in panel.texts.items():
            kept[title] = panel._reading(text).as_dict()
            say(f"{cls.file}: {title}")
        return save_measured(cls.file, panel.model, "1 - cosine at each token of three texts; no sampling", kept, out)

    def draw(self, data: Any, figure: Any) -> None:
        from ..figures.position_view import paint

        paint(data, figure)

    def sentence(self, data: Any) -> str:
        return sentence_of(data)

    def table(self, data: Any) -> Table:
        return table_of(data)


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


def sentence_of(data: ScoreData) -> str:
    """Return what the picture shows, in words."""
    top = max(range(1, len(data.scores)), key=data.scores.__getitem__)
    says = (
        f"{NAMES[data.part]} of layer {data.layer} on {len(data.pieces)} tokens: 1 − cosine of the stream before and "
    )
    says += f"after is {number(data.mean, 2)} on average, {number(data.mean_without_first, 2)} without the first token "
    says += f"(which has {number(data.scores[0], 2)}); after it the highest is at “{data.pieces[top]}”, "
    says += f"{number(data.scores[top], 2)}."
    if data.bare is None:
        says += " A block has no score without the residual: it reads and returns the stream itself."
    else:
        says += f" Without the residual it is {number(data.bare_mean, 2)}, {number(data.bare_mean_without_first, 2)} "
        says += f"without the first token: {_angle(data.bare_mean_without_first)}"
    shown = ", ".join(f"“{word}”" for word in data.unseen[:5])
    return says + (f" Words it has never seen: {shown}." if shown else "")


def _angle(score: float) -> str:
    if abs(score - 1) < 0.1:
        return "what it writes stands at about a right angle to what it reads, as two random directions would."
    return "what it writes points partly " + ("along what it reads." if score < 1 else "against what it reads.")


def table_of(data: ScoreData) -> Table:
    """Return the score at each token."""
    bare = data.bare or ("",) * len(data.scores)
    rows = [(f"{place}  {piece}", score, other) for place, (piece, score, other) in
            enumerate(zip(data.pieces, data.scores, bare))]  # fmt: skip
    rows += [("mean", data.mean, "" if data.bare is None else data.bare_mean)]
    rows += [("mean without the first", data.mean_without_first,
              "" if data.bare is None else data.bare_mean_without_first)]  # fmt: skip
    caption = f"1 − cosine, {NAMES[data.part].lower()} of layer {data.layer}"
    return Table(caption, ("token", "with residual", "without residual"), rows)


def code_of(name: str, state: ScoreState) -> str:
    """Return the lines that compute the score at each token."""
    inside = state.part != "block"
    lines = [
        "import labkit",
        "from labkit.papers.what_matters import Cosine, position_scores",
        "",
        f"model = labkit.load({name!r})",
        f"text = {state.text!r}",
        f"with_residual = position_scores(model, [text], {state.part!r}, Cosine()).value[{state.layer}]",
    ]
    if inside:
        lines += [
            f"without = position_scores(model, [text], {state.part!r}, Cosine(residual=False)).value[{state.layer}]"
        ]
    pieces = "model.pieces(model.encode(text))"
    lines += [f"print(*zip({pieces}, with_residual{', without' if inside else ''}), sep='\\n')"]
    return "\n".join(lines)
