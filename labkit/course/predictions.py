"""A question the reader can answer wrongly, asked before anything runs, kept, and shown again beside the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from labkit.base.errors import BadInput, OutOfOrder, unknown

from .progress import ProgressStore

__all__ = ["CONFIDENCES", "OpenPrediction"]

CONFIDENCES = ("guess", "fairly sure", "certain")
_LETTERS = "ABCDEFGH"


class OpenPrediction:
    """One question with its options, and a gate (`labkit.panels.Gate`): `ready` once the reader has chosen or skipped.

    `set(choice=..., confidence=...)` does what the buttons do.
    """

    def __init__(self, lesson_id: str, prediction_id: str, question: str, options: Sequence[str], store: ProgressStore):
        self.id, self._lesson, self._store = prediction_id, lesson_id, store
        self._waiting: list[Callable[[], Any]] = []
        self._unsaved: dict[str, Any] = {}
        self.ask(question, options)

    def ask(self, question: str, options: Sequence[str]) -> None:
        """Set the question; running its cell again must not make panels wait for another object."""
        if not 2 <= len(options) <= len(_LETTERS) or len(set(options)) != len(options):
            raise BadInput(
                f"Prediction {self.id} has the options {list(options)!r}.",
                expected=f"2 to {len(_LETTERS)} different sentences",
            )
        self.question, self.options = question, tuple(options)

    @property
    def stored(self) -> dict[str, Any]:
        """Return what was stored for these options, or an empty dict."""
        entry = self._unsaved or self._store.lesson(self._lesson)["predictions"].get(self.id, {})
        return entry if entry.get("skipped") or entry.get("choice") in self.options else {}

    @property
    def ready(self) -> bool:
        return bool(self.stored)

    @property
    def locked(self) -> bool:
        """Whether the result was shown already: from then on the first prediction stays."""
        return bool(self.stored.get("shown"))

    def on_ready(self, callback: Callable[[], Any]) -> None:
        """Call `callback` once the reader has chosen or skipped; at once if that has happened."""
        if self.ready:
            callback()
        else:
            self._waiting.append(callback)

    def set(self, choice: int | str, confidence: str = "guess") -> None:
        """Store a choice (its text, its letter or its number from 0) and how sure the reader is."""
        if confidence not in CONFIDENCES:
            raise unknown("confidence", confidence, CONFIDENCES)
        text = self.option(choice)
        self._keep(choice=text, letter=self.letter(text), confidence=confidence, skipped=False)

    @property
    def said(self) -> str:
        """The stored prediction in words, for panels to show beside the result; empty when there is none."""
        entry = self.stored
        return f"{entry['choice']}, {entry['confidence']}" if entry.get("choice") else ""

    def skip(self) -> None:
        """Go on without a prediction; one that was stored stays."""
        if self.ready:
            return
        self._keep(choice=None, letter=None, confidence=None, skipped=True)

    def option(self, choice: int | str) -> str:
        """Return the text of an option named by its text, letter or number; raise `UnknownName` for others."""
        if isinstance(choice, str):
            if choice in self.options:
                return choice
            if len(choice) == 1 and choice.upper() in _LETTERS[: len(self.options)]:
                return self.options[_LETTERS.index(choice.upper())]
        elif isinstance(choice, int) and 0 <= choice < len(self.options):
            return self.options[choice]
        raise unknown(f"option of prediction {self.id}", choice, self.options)

    def letter(self, text: str) -> str:
        return _LETTERS[self.options.index(text)]

    def reveal(self, answers: Sequence[str]) -> dict[str, Any]:
        """Note that the result was shown, and whether the prediction was among `answers` (several when they tie)."""
        entry = self.stored
        if entry and not entry.get("shown"):
            hit = None if entry.get("skipped") else entry["choice"] in answers
            seen = {"shown": True, "right": hit}
            entry = self._store.change(self._lesson, "predictions", self.id, lambda _: seen)
        return entry

    def text(self) -> str:
        """Return question and options as Markdown: what a reader without a kernel sees."""
        lines = [f"- **{self.letter(option)}.** {option}" for option in self.options]
        return "\n".join([f"**Predict.** {self.question}".rstrip(), "", *lines])

    def status(self) -> str:
        """Return one line that says what is stored."""
        entry = self.stored
        if not entry:
            return "Nothing stored yet."
        kept = " The result has been shown, so it stays." if self.locked else ""
        if entry.get("skipped"):
            return f"Skipped.{kept}"
        return f"Stored: {self.letter(entry['choice'])}, {entry['confidence']}.{kept}"

    def _keep(self, **fields: Any) -> None:
        if self.locked:
            raise OutOfOrder(
                f"Prediction {self.id} stays as it is: its result has been shown.",
                do="go on; `lesson.start_over()` begins the lesson afresh",
            )
        self._unsaved = fields  # a full disk must not keep a panel shut
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()
        self._store.change(self._lesson, "predictions", self.id, lambda _: fields)
        self._unsaved = {}

    def _ipython_display_(self) -> None:
        """Show nothing: `lesson.predict` has shown the question already."""
