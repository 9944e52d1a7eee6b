"""The buttons of a prediction: core ipywidgets only, each reachable by keyboard, status in words."""

from __future__ import annotations

from typing import Any

from labkit.base.errors import LabkitError

from .predictions import CONFIDENCES, OpenPrediction

__all__ = ["buttons"]

_SURE = [(f"{words} {confidence}", confidence) for words, confidence in zip(("It is a", "I am", "I am"), CONFIDENCES)]


def buttons(prediction: OpenPrediction) -> Any:
    """Return the widget with which `prediction` is made: options, confidence, Store, Skip, and a line of status."""
    import ipywidgets as widgets

    wide = widgets.Layout(width="auto")
    labels = [f"{prediction.letter(option)}. {option}" for option in prediction.options]
    question = widgets.HTML(f"<b>Predict.</b> {_escaped(prediction.question)}")
    choice = widgets.RadioButtons(options=labels, index=None, layout=wide)
    sure = widgets.RadioButtons(options=_SURE, value=CONFIDENCES[0], layout=wide)
    store = widgets.Button(description="Store", button_style="primary")
    skip = widgets.Button(description="Skip")
    status = widgets.HTML()

    def refresh(note: str = "") -> None:
        if not note and (made := prediction.stored).get("choice"):  # also one that was made in code
            choice.index, sure.value = prediction.options.index(made["choice"]), made["confidence"]
        status.value = _escaped(note or prediction.status())
        for control in (choice, sure, store, skip):
            control.disabled = prediction.locked

    def on_store(_: Any) -> None:
        if choice.index is None:
            refresh("Choose one of the options first, or skip.")
        else:
            refresh(_told(lambda: prediction.set(choice.index, sure.value)))

    store.on_click(on_store)
    skip.on_click(lambda _: refresh(_told(prediction.skip)))
    refresh()
    prediction.on_ready(refresh)
    box = widgets.VBox([question, choice, sure, widgets.HBox([store, skip]), status])
    box.choice, box.sure, box.store, box.skip, box.status = choice, sure, store, skip, status
    return box


def _told(action: Any) -> str:
    """Do `action`; return the words of a plain problem instead of raising into a callback nobody sees."""
    try:
        action()
    except LabkitError as error:
        return str(error)
    return ""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")
