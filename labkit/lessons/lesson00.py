"""Lesson 00: cut, compare, restore."""

from __future__ import annotations

from .catalogue import LessonDefinition

__all__ = ["LESSON"]

LESSON = LessonDefinition(
    id="00",
    name="00_cut_compare_restore",
    title="Cut, compare, restore",
    question="Which part can go and it still knows who has the lantern?",
    minutes=45,
)
