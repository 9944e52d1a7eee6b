"""The page of a panel: its widgets, and nothing of its science.

Only core ipywidgets (7.7.1 and 8). The picture is the bytes of one `Image`, which neither flickers nor piles up; the
sentence under it is its text alternative, for `Image` has no room for one.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from . import look
from .fields import field_for

if TYPE_CHECKING:
    from .inquiry import Shown
    from .panel import Panel

__all__ = ["Page"]


class Page:
    """The widgets of one panel; `box` holds them all."""

    def __init__(self, panel: Panel):
        self.panel = panel
        self._silence = threading.local()  # set while this thread moves the widgets itself
        self._laid_out = False
        self.fields = {c.name: field_for(c, getattr(panel.inquiry.wanted, c.name)) for c in panel.controls}
        for field in self.fields.values():
            field.watch(self._moved)
        self.head = widgets.HTML(look.heading(panel.question))
        self.said = widgets.HTML()
        self.picture = widgets.Image(format="png", layout=widgets.Layout(width="100%", max_width="860px"))
        self.words, self.notice, self.drawer = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._make_buttons()
        self.box = widgets.VBox(layout=widgets.Layout(width="100%"))
        self.box.add_class("labkit-panel")

    def _make_buttons(self) -> None:
        self.skip = _button("Skip the prediction", "open the panel without predicting", self.panel.open)
        self.restore = _button("Restore", "nothing cut", self._guarded(self.panel.restore))
        self.run = _button("Run", "ask the model", self._guarded(self.panel.begin))
        self.cancel = _button("Cancel", "stop; the picture stays", self.panel.cancel)
        self.recompute = _button("Recompute", "ask the model instead of the file", self._guarded(self.panel.recompute))
        self.table = widgets.ToggleButton(description="Table", tooltip="the numbers behind the picture")
        self.code = widgets.ToggleButton(description="Show as code", tooltip="the same answer in lines that run")
        for toggle in (self.table, self.code):
            toggle.observe(lambda change: self.refresh(), names="value")
        row = [self.restore, self.table, self.code, self.recompute]
        self.buttons = widgets.Box([self.run, self.cancel, *row] if self.panel.is_long else row, layout=_flow())
        self.buttons.add_class("labkit-buttons")

    def unlock(self) -> None:
        """Show the question alone while the panel is shut, and everything, once, when it is open."""
        shut = not self.panel.is_open
        if self._laid_out:
            return
        self.said.value = look.prediction(getattr(self.panel.gate, "said", ""), shut)
        if shut:
            self.box.children = (self.head, self.said, self.skip)
            return
        self._laid_out = True
        boxes = [field.box for field in self.fields.values()]
        controls = widgets.Box(sorted(boxes, key=lambda box: box.layout.width != "100%"), layout=_flow())
        controls.add_class("labkit-controls")
        inquiry = self.panel.inquiry
        if inquiry.shown is None and not inquiry.notice:
            inquiry.ask_patiently(inquiry.wanted)
        else:
            self._show_again()
        parts = (self.head, self.said, controls, self.picture, self.words, self.notice, self.buttons, self.drawer)
        self.box.children = parts

    def _show_again(self) -> None:
        """Draw what was shown before there was a page."""
        inquiry = self.panel.inquiry
        try:
            self.refresh(None if inquiry.shown is None else self.render(inquiry.shown))
        except Exception as problem:
            inquiry.say_problem(problem)

    def render(self, shown: Shown) -> bytes:
        """Return the picture of an answer as PNG bytes."""
        from labkit.figures import new_figure, png

        figure = new_figure(self.panel.size)
        self.panel.draw(shown.data, figure)
        return png(figure)

    def refresh(self, picture: bytes | None = None) -> None:
        """Bring every part up to what the panel shows; `picture` only when it is a new one."""
        inquiry, panel = self.panel.inquiry, self.panel
        if picture is not None:
            self.picture.value = picture
        shown, job = inquiry.shown, inquiry.job
        working = job is not None and not job.over
        self.notice.value = look.alert(f"Working: {job.progress:.0%} done." if working else inquiry.notice)
        self.run.disabled, self.cancel.disabled = working, not working
        self.picture.layout.display = None if self.picture.value else "none"
        self.recompute.layout.display = None if shown is not None and shown.replayed else "none"
        if shown is not None:
            self.words.value = look.status(shown.sentence, shown.replayed, inquiry.note)
            table = panel.table(shown.data).html() if self.table.value else ""
            self.drawer.value = look.drawer(table, panel.code(shown.state) if self.code.value else "")

    def follow(self, state: Any) -> None:
        """Move the controls to a state that was set by other means than a hand."""
        with self._quietly():
            for name, value in asdict(state).items():
                self.fields[name].put(value)

    def close(self) -> None:
        parts = (self.box, self.head, self.said, self.picture, self.words, self.notice, self.drawer, self.skip)
        for part in (*parts, self.buttons, self.run, self.cancel, *(field.box for field in self.fields.values())):
            _close(part)

    def _moved(self, name: str, value: Any) -> None:
        if not getattr(self._silence, "on", False):
            self.panel.moved({**{other: field.value for other, field in self.fields.items()}, name: value})

    def _guarded(self, call: Any) -> Any:
        """Return `call` for a button: what goes wrong is said in the panel and not thrown at the notebook."""

        def guarded() -> None:
            try:
                call()
            except Exception as problem:
                self.panel.inquiry.say_problem(problem)

        return guarded

    @contextmanager
    def _quietly(self):
        self._silence.on = True
        try:
            yield
        finally:
            self._silence.on = False


def _button(words: str, help: str, call: Any) -> widgets.Button:
    button = widgets.Button(description=words, tooltip=help)
    button.on_click(lambda _: call())
    return button


def _flow() -> widgets.Layout:
    return widgets.Layout(display="flex", flex_flow="row wrap", width="100%")


def _close(widget: Any) -> None:
    """Close a widget and all it holds: one left open that refers to a closed one breaks a page that is loaded again."""
    for child in getattr(widget, "children", ()):
        _close(child)
    for part in (widget, widget.layout, getattr(widget, "style", None)):
        if part is not None:
            part.close()
