"""The widget of each control: core ipywidgets that exist in 7.7.1 and in 8, all reachable by keyboard.

A choice is a native list (arrow keys, read aloud with its label), not a row of radio buttons or toggles, to which
ipywidgets gives neither a group nor a pressed state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from .controls import Choice, Control, Grid, Slider, Text, Toggle
from .hints import hint

__all__ = ["Field", "field_for"]

_OWN = "my own text"


class Field:
    """One control on the page: its value, its widgets, and whom to call when a hand moves it."""

    def __init__(self, control: Control, widget: Any):
        self.control, self.widget, self.box = control, widget, widget

    @property
    def value(self) -> Any:
        return self.widget.value

    def put(self, value: Any) -> None:
        """Move the widget to a legal value."""
        self.widget.value = value

    def watch(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(name, value)` called whenever the widget moves."""
        self.widget.observe(lambda change: call(self.control.name, change["new"]), names="value")


class _TextField(Field):
    """A box for the reader's own words below a list of ready texts; it is asked when the box is left."""

    control: Text

    def __init__(self, control: Text, value: str):
        box = widgets.Textarea(
            value=value,
            description="" if control.ready else control.title,
            placeholder=control.help,
            rows=control.rows,
            continuous_update=False,
            layout=widgets.Layout(width="100%", margin="0"),
            style={"description_width": "initial"},
        )
        super().__init__(control, box)
        self.list = None
        if control.ready:
            self.list = _labelled(widgets.Dropdown, control, options=[*control.ready, _OWN], value=self._title(value))
            self.list.observe(self._chosen, names="value")
            box.observe(lambda change: self._name(change["new"]), names="value")
            self.box = widgets.VBox([self.list, box], layout=widgets.Layout(width="100%", margin="0"))

    def _title(self, text: str) -> str:
        words = " ".join(text.split())
        return next((title for title, ready in self.control.ready.items() if " ".join(ready.split()) == words), _OWN)

    def _chosen(self, change: dict) -> None:
        if change["new"] in self.control.ready:
            self.widget.value = self.control.ready[change["new"]]

    def _name(self, text: str) -> None:
        title = self._title(text)
        if self.list.value != title:
            self.list.value = title


def field_for(control: Control, value: Any) -> Any:
    """Return the field of a control, showing `value`."""
    if isinstance(control, Text):
        return _TextField(control, value)
    if isinstance(control, Grid):
        from .grid import GridField

        return GridField(control, value)
    if isinstance(control, Choice):
        return Field(control, _labelled(widgets.Dropdown, control, options=list(control.pairs), value=value))
    if isinstance(control, Toggle):
        box = widgets.Checkbox(value=value, description=control.title, indent=False, **hint(control.help))
        return Field(control, box)
    if isinstance(control, Slider):
        kind = widgets.IntSlider if control.whole else widgets.FloatSlider
        bounds = {"min": control.low, "max": control.high, "step": control.step}
        return Field(control, _labelled(kind, control, value=value, **bounds))
    raise TypeError(f"no widget for {type(control).__name__}")


def _labelled(kind: type, control: Control, **traits: Any) -> Any:
    layout = widgets.Layout(width="auto", min_width="220px", margin="0")
    style = {"description_width": "initial"}
    return kind(description=control.title, layout=layout, style=style, **hint(control.help), **traits)
