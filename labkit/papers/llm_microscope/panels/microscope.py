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

    from ..experiments.views import MicroscopeData, View
    from ..method.linearity import LinearMap
    from ..method.storage import Reader

__all__ = ["MicroscopePanel", "MicroscopeState"]

FIRST, LAST = 2, 44  # tokens that can be looked at; the begin token is 0
VIEWS = {"what a token holds": "memory", "nonlinearity": "nonlinearity", "logit lens": "lens"}
READY = {
    "a morning": "It was a clear morning. Nils the fisher was at home on Brack. Hana the captain was visiting Nils. "
    "The lantern was with Hana.",
    "a handover": "The lantern was with Hana. Hana took the ferry to Wick with the lantern. "
    "Hana gave the lantern to Dalia.",
    "a question": 'The lantern was with Odile. "Who has the lantern?" asked Juno. "I do," said Odile.',
}


@dataclass(frozen=True)
class MicroscopeState:
    """Which text is read, through which lens, and which token is looked at."""

    text: str = READY["a morning"]
    view: str = "memory"
    token: int = 15


class MicroscopePanel(Panel):
    """Read a sentence with the model of a reader and look at it token by token.

    `model` is the subject, by default lab/deep; the shipped readers belong to it and to no other model.
    """

    question = "What can be read out of each token?"
    State = MicroscopeState
    size = (8.6, 4.6)
    usual = "lab/deep"

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
        from ..experiments.views import MicroscopeData

        ids = self.model.encode(state.text)
        if not FIRST < len(ids) <= LAST + 1:
            raise BadInput(
                f"This text has {len(ids) - 1} tokens.", expected=f"{FIRST} to {LAST}", do="shorten or lengthen it"
            )
        position = min(state.token, len(ids) - 1)
        found = rebuild(state.text, position, *self._readers)
        rows, values, top = self._view(state.view, ids)
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
        from ..experiments.views import common_maps

        return common_maps(self.model)

    def _view(self, name: str, ids: Any) -> View:
        from ..experiments import views

        if name == "memory":
            return views.held(self._readers, ids)
        return views.said(self.model, ids) if name == "lens" else views.bent(self.model, self._maps, ids)

    def presets(self) -> Sequence[MicroscopeState]:
        return [MicroscopeState(view=view) for view in VIEWS.values()]

    def draw(self, data: MicroscopeData, figure: FigureBase) -> None:
        from ..figures.token_view import paint

        paint(data, figure)

    def sentence(self, data: MicroscopeData) -> str:
        from ..figures.token_view import describe

        return describe(data)

    def table(self, data: MicroscopeData) -> Table:
        rows = [(token.strip(), *(row[i] for row in data.values)) for i, token in enumerate(data.tokens)]
        return Table({"memory": "Nats a word", "nonlinearity": "Error over the length of the step",
                      "lens": "Nats of the true next word"}[data.view], ("token", *data.rows), rows)  # fmt: skip

    def code(self, state: MicroscopeState) -> str:
        view = {
            "memory": ["memory = microscope.read_memory([ids])", "print(memory.values('gain'))"],
            "nonlinearity": [
                "stories = microscope.test_stories(12, 76, 'valid')",
                "maps = microscope.fit_steps(microscope.cloud_of(model, stories).h_STD)",
                "print(microscope.nonlinearity(microscope.states_of(model, ids)[:, 2:], maps, 'relative'))",
            ],
            "lens": ["print(microscope.logit_lens(model, ids).loss)"],
        }[state.view]
        head = [f"text = {state.text!r}", "ids = model.encode(text)", f"print(microscope.rebuild(text, {state.token}))"]
        return self.script(*head, *view, needs=("import labkit.papers.llm_microscope as microscope",))
