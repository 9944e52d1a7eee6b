"""The deeper notebook of lesson 02: a released bug found by an invariant, a fair opponent, a cache by hand."""

from __future__ import annotations

from labkit.course.exercises import Exercise
from labkit.course.tolerance import number

from . import control, rescoring
from .control import CONTROL
from .rescoring import BUG_HUNT

__all__ = ["EXERCISES", "OBJECTIVES"]

_CACHE = "say what a cut saves of a decode cache, from the model's sizes"
OBJECTIVES = (rescoring.OBJECTIVE, control.OBJECTIVE, _CACHE)

_KEPT = 2 * (32 - 12) * 8 * 128 * 2 * 8192 / 2**30

CACHE = Exercise(
    id="02.6",
    title="A cache by hand",
    minutes=4,
    objective=_CACHE,
    difficulty="easy",
    deeper=True,
    task=(
        "Mistral-7B has 32 layers, 32 query heads, **8** heads for keys and values, each of size 128. A number takes 2 "
        "bytes. One text of 8,192 tokens is in the cache, and **12** attentions are dropped. How many GiB (2³⁰ bytes) "
        "does the cache hold?"
    ),
    expects="a number of GiB",
    check=number(
        _KEPT,
        "5 of every 8 attentions are left, so 5/8 of the cache. Dropping MLPs would not have saved a byte of it.",
        tol=0.0051,  # two digits are enough, either way of rounding
        mistakes=[
            (_KEPT * 32 / 20, "this is the cache of the whole model.", "how many attentions still need one"),
            (_KEPT * 4, "you counted the query heads.", "which heads' vectors are kept: keys and values"),
            (_KEPT / 2, "you counted keys or values.", "both of them are kept"),
            (_KEPT * 12 / 20, "this is what the dropped attentions would have kept.", "which attentions are left"),
            (_KEPT * 1024, "these are MiB.", "the unit that is asked for"),
            (_KEPT * 2**30 / 1e9, "these are billions of bytes.", "the unit: 2³⁰ bytes"),
        ],
        otherwise=("this is not the size.", "2 · attentions left · key and value heads · head size · bytes · tokens"),
    ),
    hints=(
        "Each attention that is left keeps one key and one value for each token and each of its 8 heads.",
        "2 · 20 · 8 · 128 numbers for each token.",
        "Times 2 bytes, times 8,192 tokens, divided by 2³⁰.",
    ),
    solution="`2 * 20 * 8 * 128 * 2 * 8192 / 2**30` is 0.625: the whole model needs exactly 1 GiB.",
    answer=_KEPT,
    typical_wrong=(
        (_KEPT * 32 / 20, "the whole model"),
        (_KEPT * 4, "query heads"),
        (_KEPT / 2, "keys or values"),
        (_KEPT * 12 / 20, "dropped attentions"),
        (_KEPT * 1024, "MiB"),
        (_KEPT * 2**30 / 1e9, "billions"),
    ),
)

EXERCISES = (BUG_HUNT, CONTROL, CACHE)
