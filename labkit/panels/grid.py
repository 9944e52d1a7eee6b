"""The widgets of a grid of parts: one checkbox for each, a row for whole layers, and a list of ready choices.

Checkboxes, because a keyboard reaches them, a screen reader says whether they are checked, and the mark does not rest
on colour. One hand moves many boxes at once (a ready choice, a whole layer): the panel is then asked once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from .controls import Grid
from .hints import hint

__all__ = ["GridField"]

_OWN = "my own choice"
_NAMES = {"attention": "att", "mlp": "MLP", "block": "both"}
_SPOKEN = {"attention": "the attention of layer", "mlp": "the MLP of layer", "block": "the whole of layer"}


class GridField:
    """A grid on the page; the same members as `labkit.panels.fields.Field`."""

    def __init__(self, control: Grid, value: Any):
        self.control, self._moving = control, False
        self._calls: list[Callable[[str, Any], None]] = []
        parts = [*control.columns, "block"]
        self.boxes = {(part, layer): _box(part, layer) for part in parts for layer in range(control.depth)}
        titles = [*control.ready, _OWN]
        style = {"description_width": "initial"}
        self.list = widgets.Dropdown(
            description=control.title, options=titles, value=_OWN, style=style, **hint(control.help),
            layout=widgets.Layout(width="auto", min_width="220px", margin="0"),
        )  # fmt: skip
        columns = f"repeat({control.depth}, minmax(60px, 1fr))"
        layout = widgets.Layout(grid_template_columns=columns, width="100%", overflow="auto", grid_gap="0")
        self.grid = widgets.GridBox(list(self.boxes.values()), layout=layout)
        self.grid.add_class("labkit-grid")
        self.box = self.widget = widgets.VBox([self.list, self.grid], layout=widgets.Layout(width="100%", margin="0"))
        for cell, box in self.boxes.items():
            box.observe(lambda change, cell=cell: self._toggled(cell, change["new"]), names="value")
        self.list.observe(self._chosen, names="value")
        self.put(value)

    @property
    def value(self) -> tuple[tuple[str, int], ...]:
        return self.control.check([cell for cell, box in self.boxes.items() if box.value and cell[0] != "block"])

    def put(self, value: Any) -> None:
        """Move every box to a legal value, and ask nobody."""
        gone, before, self._moving = set(self.control.check(value)), self._moving, True
        try:
            for (part, layer), box in self.boxes.items():
                needed = {(name, layer) for name in self.control.columns} if part == "block" else {(part, layer)}
                box.value = needed <= gone
            same = (title for title, cells in self.control.ready.items() if set(self.control.check(cells)) == gone)
            self.list.value = next(same, _OWN)
        finally:
            self._moving = before

    def watch(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(name, value)` called once for whatever a hand does."""
        self._calls.append(call)

    def _toggled(self, cell: tuple[str, int], on: bool) -> None:
        if self._moving:
            return
        part, layer = cell
        cells = {(name, layer) for name in self.control.columns} if part == "block" else {cell}
        self._moved(set(self.value) | cells if on else set(self.value) - cells)

    def _chosen(self, change: dict) -> None:
        if not self._moving and change["new"] in self.control.ready:
            self._moved(self.control.ready[change["new"]])

    def _moved(self, value: Any) -> None:
        self.put(value)
        for call in self._calls:
            call(self.control.name, self.value)


def _box(part: str, layer: int) -> widgets.Checkbox:
    return widgets.Checkbox(
        description=f"{_NAMES[part]} {layer}", indent=False, layout=widgets.Layout(width="auto", margin="0"),
        **hint(f"leave out {_SPOKEN[part]} {layer}"),
    )  # fmt: skip
