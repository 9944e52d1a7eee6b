"""The microscope: your own sentence through three lenses, and what is rebuilt from one of its tokens. Lesson: 10."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from labkit import world
from labkit.base.errors import BadInput
from labkit.panels.controls import Choice, Control, Slider, Text
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from labkit.zoo import ModelLike

    from ..method.linearity import LinearMap
    from ..method.storage import Reader

__all__ = ["MicroscopeData", "MicroscopePanel", "MicroscopeState"]

VIEWS = {"what a token holds": "memory", "nonlinearity": "nonlinearity", "logit lens": "lens"}
READY = {
    "a morning": "It was a clear morning. Nils the fisher was at home on Brack. Hana the captain was visiting Nils. "
    "The lantern was with Hana.",
    "a handover": "The lantern was with Hana. Hana took the ferry to Wick with the lantern. "
    "Hana gave the lantern to Dalia.",
    "a question": 'The lantern was with Odile. "Who has the lantern?" asked Juno. "I do," said Odile.',
}
FIRST, LAST = 2, 44  # tokens that can be looked at; the begin token is 0
REFERENCE, REFERENCE_SEED = 12, 76  # stories on which the linear maps are fitted
READABLE = 13  # tokens side by side whose cells have room for a word


@dataclass(frozen=True)
class MicroscopeState:
    """Which text is read, through which lens, and which token is looked at."""

    text: str = READY["a morning"]
    view: str = "memory"
    token: int = 15


@dataclass(frozen=True)
class MicroscopeData:
    """The tokens from position 2 on, the rows of the chosen view, and what was rebuilt from the chosen token.

    unknown: words that the model never saw. top: what each level would say next, for the lens.
    """

    tokens: tuple[str, ...]
    view: str
    chosen: int
    rows: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    top: tuple[tuple[str, ...], ...] | None
    token: str
    true: str
    written: str
    right: int
    words: int
    gain: float
    unknown: tuple[str, ...]


class MicroscopePanel(Panel):
    """Read a sentence with the model of a reader and look at it token by token.

    `model` is the subject, by default lab/deep; the shipped readers belong to it and to no other model.
    """

    question = "What can be read out of each token?"
    State = MicroscopeState
    size = (8.6, 4.6)

    def __init__(self, model: ModelLike | str = "lab/deep", **options: Any):
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Text(
                "text", label="Text", ready=READY, limit=220, rows=2, help="up to 44 tokens; leave the box to read it"
            ),
            Choice("view", VIEWS, label="Lens", help="what the map shows"),
            Slider("token", FIRST, LAST, 1, label="Token", help="counted from 1; the words before it are rebuilt"),
        )

    def compute(self, state: MicroscopeState) -> MicroscopeData:
        from ..experiments.memory import rebuild

        ids = self.model.encode(state.text)
        if not FIRST < len(ids) <= LAST + 1:
            raise BadInput(
                f"This text has {len(ids) - 1} tokens.", expected=f"{FIRST} to {LAST}", do="shorten or lengthen it"
            )
        position = min(state.token, len(ids) - 1)
        found = rebuild(state.text, position, *self._readers)
        rows, values, top = getattr(self, f"_{state.view}")(ids)
        return MicroscopeData(
            tokens=tuple(self.model.pieces(ids[FIRST:])),
            view=state.view,
            chosen=position - FIRST,
            rows=rows,
            values=values,
            top=top,
            token=found.token,
            true=found.true,
            written=found.written,
            right=found.right,
            words=found.words,
            gain=found.gain,
            unknown=tuple(world.unknown_words(state.text)),
        )

    @cached_property
    def _readers(self) -> tuple[Reader, Reader]:
        from ..method.storage import load_reader

        return load_reader("microscope/reader", self.model), load_reader("microscope/own_word", self.model)

    @cached_property
    def _maps(self) -> list[LinearMap]:
        from ..experiments.memory import test_stories
        from ..method.nonlinearity import fit_steps
        from ..method.states import cloud_of

        return fit_steps(cloud_of(self.model, test_stories(REFERENCE, REFERENCE_SEED, "valid")).h_STD)

    def _memory(self, ids: Any) -> tuple:
        from ..experiments.memory import QUANTITIES, read_memory

        memory = read_memory([ids], *self._readers)
        return QUANTITIES[1:], tuple(tuple(memory.values(name)) for name in QUANTITIES[1:]), None

    def _nonlinearity(self, ids: Any) -> tuple:
        from ..method.nonlinearity import nonlinearity
        from ..method.states import states_of

        E_NT = nonlinearity(states_of(self.model, ids)[:, FIRST:], self._maps, "relative")
        return tuple(f"into level {n}" for n in range(1, len(E_NT) + 1)), tuple(map(tuple, E_NT.tolist())), None

    def _lens(self, ids: Any) -> tuple:
        from ..method.lens import logit_lens

        lens = logit_lens(self.model, ids)
        loss_SL = lens.loss[:, FIRST:].tolist()  # of the word after each token; the last token has none
        top = tuple(tuple(self.model.pieces(row[FIRST:])) for row in lens.top[..., 0].tolist())
        values = tuple((*row, float("nan")) for row in loss_SL)
        return tuple(f"level {level}" for level in range(len(values))), values, top

    def presets(self) -> Sequence[MicroscopeState]:
        return [MicroscopeState(view=view) for view in VIEWS.values()]

    def draw(self, data: MicroscopeData, figure: FigureBase) -> None:
        from ..figures.token_map import TokenMap, paint_token_map

        title, label, low, high = {
            "memory": ("What each token holds of the words before it", "nats a word", -0.4, 1.2),
            "nonlinearity": ("How far each step is from the common linear map", "error ÷ step", 0.0, 1.5),
            "lens": ("What each level would say next; dark: the true word costs much", "nats", 0.0, 8.0),
        }[data.view]
        start, end = 0, len(data.tokens)
        if data.top is not None and end > READABLE:  # the neighbourhood of the chosen token
            start = min(max(0, data.chosen - READABLE // 2), end - READABLE)
            end = start + READABLE
        picture = TokenMap(
            title=title, tokens=data.tokens[start:end], rows=data.rows, values=[row[start:end] for row in data.values],
            label=label, words=None if data.top is None else [row[start:end] for row in data.top],
            chosen=data.chosen - start, low=low, high=high, sentence=self.sentence(data),
        )  # fmt: skip
        paint_token_map(picture, figure)

    def sentence(self, data: MicroscopeData) -> str:
        said = (
            f"From {data.token.strip()!r} the decoder writes: “{data.written}”. There stood: “{data.true}”. "
            f"{data.right} of {data.words} words in place, gain {data.gain:.2f} nats a word."
        )
        column = [row[data.chosen] for row in data.values]
        if data.view == "nonlinearity":
            step = max(range(len(column)), key=column.__getitem__)
            said += f" Its least linear step is the one {data.rows[step]}: {column[step]:.2f} of the step's length."
        elif data.view == "lens" and data.chosen < len(data.tokens) - 1:
            said += f" Its next word costs {column[0]:.1f} nats at level 0 and {column[-1]:.1f} at the last."
        if data.unknown:
            said += f" The model never saw: {', '.join(data.unknown)}."
        return said

    def table(self, data: MicroscopeData) -> Table:
        rows = [(token.strip(), *(row[i] for row in data.values)) for i, token in enumerate(data.tokens)]
        return Table({"memory": "Nats a word", "nonlinearity": "Error over the length of the step",
                      "lens": "Nats of the true next word"}[data.view], ("token", *data.rows), rows)  # fmt: skip

    def code(self, state: MicroscopeState) -> str:
        view = {
            "memory": "memory = microscope.read_memory([ids])\nprint(memory.values('gain'))",
            "nonlinearity": "stories = microscope.test_stories(12, 76, 'valid')\n"
            "maps = microscope.fit_steps(microscope.cloud_of(model, stories).h_STD)\n"
            "print(microscope.nonlinearity(microscope.states_of(model, ids)[:, 2:], maps, 'relative'))",
            "lens": "print(microscope.logit_lens(model, ids).loss)",
        }[state.view]
        return (
            "import labkit\n"
            "import labkit.papers.llm_microscope as microscope\n\n"
            f"model = labkit.load({self.model_name!r})\n"
            f"text = {state.text!r}\n"
            "ids = model.encode(text)\n"
            f"print(microscope.rebuild(text, {state.token}))\n{view}"
        )
