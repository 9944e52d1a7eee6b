"""A panel: one question, at most three controls, one picture and one sentence, on a real model.

A subclass says what is asked (`question`, `State`, `make_controls`), what is computed (`compute`, pure), which numbers
are behind it (`table`) and which lines compute them too (`code`). How the data look and what they mean is said by their
drawing, the paper's `figures`, or by `draw` and `sentence`. The rest is here: `panel.set(layer=4)` does what a mouse
does, `panel.data` is what is shown, a stored answer comes before the model is even loaded, and whatever goes wrong is
said in the panel and leaves it as it was. The page itself (widgets) is `labkit.panels.page`.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from labkit.base.errors import BadInput, LabkitError, NotAvailable, unknown

from .controls import Control, check_controls
from .gate import Gate
from .inquiry import AGAIN, MOUSE_PATIENCE, PATIENCE, Inquiry, Shown
from .intact import Intact
from .jobs import Job
from .tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from labkit.zoo import ModelLike

    from .page import Page

__all__ = ["ModelOrName", "Panel"]

ModelOrName: TypeAlias = "ModelLike | str | None"  # what a panel is given; None is its usual model


class Panel:
    """Base of all panels; the cut panel of lesson 00 is a complete one.

    `model` is a handle, a module, or a name that `labkit.load` knows (loaded when first needed); where none is given it
    is the `usual` one. `gate` keeps the panel shut until a prediction is stored or skipped. `start` is the state shown
    first.
    """

    question: ClassVar[str] = ""
    State: ClassVar[type]  # a frozen dataclass with a default for every field
    size: ClassVar[tuple[float, float]] = (8.6, 3.2)  # inches of one picture
    usual: ClassVar[str | None] = None  # the name of the model that the panel is about
    nothing: ClassVar[Mapping[str, Any]] = {}  # the values of the controls with which nothing is cut

    def __init__(self, model: ModelOrName = None, *, gate: Gate | None = None, start: Any = None):
        self._model, self._loading = self.usual if model is None else model, threading.Lock()
        self._opened = False
        self.intact = Intact()  # what is compared with, taken once
        self._page: Page | None = None
        self.gate = gate
        self.controls: tuple[Control, ...] = tuple(self.make_controls())
        check_controls(self.controls, self.State)
        self.start = self._changed(self.first() if start is None else start, {})
        self.inquiry = Inquiry(self, self.start)
        if gate is not None:
            gate.on_ready(self._unlock)

    # What a subclass says -----------------------------------------------------------------------------------------

    def make_controls(self) -> Sequence[Control]:
        """Return at most three controls, one per field of `State`."""
        raise NotImplementedError

    def first(self) -> Any:
        """Return the state shown first, where none is asked for; the controls are made by then."""
        return self.State()

    def compute(self, state: Any) -> Any:
        """Return the data that answers `state`; the model is held meanwhile and is afterwards as before."""
        return Job(self.steps(state)).run()

    def steps(self, state: Any) -> Generator[float, None, Any]:
        """Yield progress (0 to 1) and return the data: for answers that take over a second, instead of `compute`.

        The model is held within a step, not between two: undo every edit before yielding. A `Progress` (see
        `labkit.panels.jobs`) brings the data as far as they are known, and the panel shows them meanwhile.
        """
        raise NotImplementedError

    def draw(self, data: Any, figure: FigureBase) -> None:
        """Draw `data` on an empty Figure or SubFigure, intact beside cut, on axes that do not move."""
        from labkit.figures.drawing import drawing_of

        drawing_of(data).paint(data, figure)

    def sentence(self, data: Any) -> str:
        """Return in words what the picture shows: it changes with the picture and stands in for it."""
        from labkit.figures.drawing import drawing_of

        return drawing_of(data).describe(data)

    def code(self, state: Any) -> str:
        """Return the lines that compute the same answer without a panel."""
        raise NotImplementedError

    def table(self, data: Any) -> Table:
        """Return the numbers behind the picture; the data's own table by default."""
        return data.table()

    def stored(self, state: Any) -> Any:
        """Return the stored answer to `state`, or None; needs neither the model nor torch."""
        return None

    def is_stored(self) -> bool:
        """Return whether a panel of this kind, given the model by name, has stored answers."""
        return self.stored(self.start) is not None

    def presets(self) -> Sequence[Any]:
        """Return the three to five states that stand for the panel where nothing runs."""
        return (self.start,)

    def restored(self, state: Any) -> Any:
        """Return the state in which nothing is cut: the start, or what is asked with `nothing` done to it."""
        return replace(state, **self.nothing) if self.nothing else self.start

    # What helps it say so -----------------------------------------------------------------------------------------

    def script(self, *lines: str, needs: Sequence[str] = (), before: Sequence[str] = ()) -> str:
        """Return `lines` after those that import labkit and what it `needs`, and load the panel's model as `model`.

        before: imports from elsewhere, which stand first.
        """
        head = [*before, *[""] * bool(before), "import labkit", *needs, "", f"model = labkit.load({self.model_name!r})"]
        return "\n".join([*head, *lines])

    # What a reader does -------------------------------------------------------------------------------------------

    def set(self, **changes: Any) -> None:
        """Move controls as a mouse would, all at once.

        Raises `BadInput` for an unknown control or a value out of reach, `Busy` when the model is in use elsewhere,
        `NotAvailable` while the panel is shut, and whatever `compute` raises; what is shown is then as before.
        """
        self._move(changes, PATIENCE)
        if self._page is not None:
            self._page.follow(self.inquiry.wanted)

    def restore(self) -> None:
        """Go back to where nothing is cut, and say whether the model is bit for bit what it was."""
        self.set(**asdict(self.restored(self.inquiry.wanted)))
        self.inquiry.check_restored()

    def open(self) -> None:
        """Go on without a prediction."""
        self._opened = True
        self._unlock()
        if self.gate is not None and not self.gate.ready:
            try:
                self.gate.skip()
            except LabkitError as problem:  # such as a full disk: the panel is open all the same
                self.inquiry.say_problem(problem)

    def recompute(self) -> None:
        """Ask the model itself, now and from now on, instead of the stored answers."""
        before, self.inquiry.asks_model = self.inquiry.asks_model, True
        try:
            self._move({}, PATIENCE)
        except BaseException:
            self.inquiry.asks_model = before
            raise

    def run(self) -> None:
        """Compute a long answer to its end here and now; the page's Run button does it in slices."""
        self._must_be_open()
        self.inquiry.long(PATIENCE).run()

    def cancel(self) -> None:
        """Stop a long answer; what is shown stays."""
        if self.inquiry.job is not None:
            self.inquiry.job.cancel()

    def close(self) -> None:
        """Take the panel off the page and stop its work; the model is as it was."""
        self.inquiry.closed = True
        self.cancel()
        page, self._page = self._page, None
        if page is not None:
            page.close()

    # What can be seen ---------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        ready = self._opened or self.gate is None or self.gate.ready
        return ready and not self.inquiry.closed

    @property
    def is_long(self) -> bool:
        return type(self).steps is not Panel.steps

    def takes_long(self, state: Any) -> bool:
        """Return whether the model must be asked with Run for this state."""
        return self.is_long

    @property
    def shown(self) -> Shown:
        """What is shown: state, data, sentence, and whether it was read from a file."""
        self._must_be_open()
        return self.inquiry.answer()

    @property
    def has_model(self) -> bool:
        """Whether the panel was given a model, by name or in hand."""
        return self._model is not None

    @property
    def state(self) -> Any:
        return self.shown.state

    @property
    def data(self) -> Any:
        return self.shown.data

    @property
    def model(self) -> Any:
        """The model behind the panel; a name is loaded when first needed."""
        with self._loading:
            if isinstance(self._model, str):
                from labkit.zoo import load

                self._model = load(self._model)
        return self._model

    @property
    def model_name(self) -> str:
        """The name by which `labkit.load` knows the model; does not load it."""
        return self._model if isinstance(self._model, str) else getattr(self._model, "name", "")

    @property
    def page(self) -> Page:
        """The panel as widgets; `panel.page.box` goes into a layout of your own."""
        if self._page is None:
            if self.inquiry.closed:
                raise NotAvailable("This panel is closed.", do="make a new one")
            from .page import Page

            self._page = Page(self)
            self._page.unlock()
        return self._page

    def __repr__(self) -> str:
        where = "closed" if self.inquiry.closed else "open" if self.is_open else "shut"
        return f"{type(self).__name__}({self.question!r}, {where}, {self.inquiry.wanted})"

    def _ipython_display_(self) -> None:
        from .static import is_static, show_static

        if is_static():
            show_static(self)
        else:
            from IPython.display import display

            display(self.page.box)

    # How a hand on the page is answered ---------------------------------------------------------------------------

    def moved(self, values: Mapping[str, Any]) -> None:
        """Answer a hand on the page: as `set`, but what goes wrong is only said there."""
        try:
            self._must_be_open()
            state = self._changed(self.inquiry.wanted, values)
        except LabkitError as problem:
            self.inquiry.say_problem(problem)
        else:
            self.inquiry.ask_patiently(state)

    def begin(self) -> None:
        """Start a long answer in slices on the notebook's own loop."""
        self._must_be_open()
        self.inquiry.long(MOUSE_PATIENCE).start(AGAIN)

    def redraw(self, picture: bytes | None = None) -> None:
        """Bring the page, if there is one, up to what is shown."""
        if self._page is not None:
            self._page.refresh(picture)

    def picture_for_page(self, shown: Shown) -> bytes | None:
        return None if self._page is None else self._page.render(shown)

    def _move(self, changes: Mapping[str, Any], patience: float) -> None:
        self._must_be_open()
        try:
            state = self._changed(self.inquiry.wanted, changes)
        except LabkitError as problem:
            self.inquiry.say_problem(problem)
            raise
        self.inquiry.ask(state, patience)

    def _changed(self, state: Any, changes: Mapping[str, Any]) -> Any:
        known = {control.name: control for control in self.controls}
        for name in changes.keys() - known.keys():
            problem = unknown("control", name, known)
            raise BadInput(problem.what, problem.expected, problem.do)
        values = {**asdict(state), **changes}
        return self.State(**{name: known[name].check(value) for name, value in values.items()})

    def _unlock(self) -> None:
        if self._page is not None and not self.inquiry.closed:
            self._page.unlock()

    def _must_be_open(self) -> None:
        if self.inquiry.closed:
            raise NotAvailable("This panel is closed.", do="make a new one")
        if not self.is_open:
            raise NotAvailable(
                "This panel is shut until you have made a prediction.",
                do="store your prediction above, press Skip, or call panel.open()",
            )
