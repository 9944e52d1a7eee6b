"""Segmentation with a cap: text to sentences, none longer than the codec was made for (section 2.2)."""

from __future__ import annotations

import re

from labkit.base.errors import BadInput

__all__ = ["segment"]

_ENDS, _PAUSES = re.compile(r"(?<=[.!?])\s+"), re.compile(r"(?<=[,;:])\s+")


def segment(text: str, cap: int | None = 200) -> list[str]:
    """Return the sentences of a text; one longer than `cap` characters is split at pauses, then at spaces.

    The paper's rule-based splitter, capped at 200 characters; its better one is learned. Nothing is lost: the pieces
    joined by spaces are the text with its white space made plain. Raises `BadInput` for a cap below 1.
    """
    if cap is not None and cap < 1:
        raise BadInput(f"A cap of {cap} characters leaves nothing.", expected="at least 1, or None for no cap")
    return [part for sentence in _ENDS.split(" ".join(text.split())) if sentence for part in _capped(sentence, cap)]


def _capped(sentence: str, cap: int | None) -> list[str]:
    if cap is None or len(sentence) <= cap:
        return [sentence]
    for pattern in (_PAUSES, re.compile(r"\s+")):
        parts = pattern.split(sentence)
        if len(parts) > 1:
            joined = [parts[0]]
            for part in parts[1:]:  # as few pieces as the cap allows
                if len(joined[-1]) + 1 + len(part) <= cap:
                    joined[-1] += f" {part}"
                else:
                    joined.append(part)
            return [piece for part in joined for piece in (_capped(part, cap) if part != sentence else [part])]
    return [sentence]  # one word longer than the cap stays whole
