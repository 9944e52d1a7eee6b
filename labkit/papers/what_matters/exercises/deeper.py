"""The deeper notebook of lesson 02: a released bug found by an invariant, a fair opponent, a cache by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong
from labkit.course.numbers import number

from .suspects import impostors, innocents, rescored, rescored_as_released, small_models

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["EXERCISES", "OBJECTIVES"]

_INVARIANT = "find a bug in a dropping procedure by an invariant, without reading its code"
_CONTROL = "design the random control that a choice of layers must beat"
_CACHE = "say what a cut saves of a decode cache, from the model's sizes"
OBJECTIVES = (_INVARIANT, _CONTROL, _CACHE)


_PASSES = {
    "never": ("a function that scores the intact model every time passes.", "a layer that was dropped early"),
    "released": (
        "the released function passes. Its error shows only after the block that was dropped.",
        "the scores of later layers after a drop in an early one",
    ),
    "one layer": (
        "a function passes that has one layer's score wrong by a twentieth, and all others right.",
        "how many of the scores you compare",
    ),
    "only the first": (
        "a function passes that leaves out the first layer of `gone` and forgets the others.",
        "what `gone` may hold",
    ),
    "never intact": (
        "a function passes that is wrong when `gone` is empty, where every search begins.",
        "the shortest list `gone` can be",
    ),
}


def _check_judge(judge: Callable[..., Any]) -> Outcome:
    for model, texts in small_models():
        for innocent in innocents():
            verdict = judge(innocent, model, texts)
            if is_blank(verdict):
                raise NotAttempted
            if not verdict:
                return wrong(
                    "you convict a function that does what it says.",
                    "how close two ways of the same sum come (1e-6), and what stands for a layer that is gone",
                )
        for crime, impostor in impostors(len(innocent(model, texts, ()))):
            if judge(impostor, model, texts):
                return wrong(*_PASSES[crime])
    return right(
        "A model without the parts must score as a model that never had them. The rebuilt model knows nothing of the "
        "function's shortcuts, so it finds them."
    )


def _answer(rescore: Callable[..., Any], model: ModelLike, texts: Sequence) -> bool:
    from labkit.interventions import DropAttention, shrink

    from ..method.metrics import Cosine

    for gone in ((), (1,), (0, 2)):
        small = shrink(model, [DropAttention(layer) for layer in gone]) if gone else model
        wanted, found = Cosine()(small, texts).attention, rescore(model, texts, gone)
        if any(abs(found[i] - one.value) > 1e-6 for i, one in enumerate(wanted) if one is not None):
            return False
    return True


def _nothing_gone(rescore: Callable[..., Any], model: ModelLike, texts: Sequence) -> bool:
    return all(abs(a - b) < 1e-6 for a, b in zip(rescore(model, texts, []), rescored(model, texts, [])))


def _last_gone(rescore: Callable[..., Any], model: ModelLike, texts: Sequence) -> bool:
    intact = rescored(model, texts, [])
    found = rescore(model, texts, [len(intact) - 1])
    return all(abs(a - b) < 1e-6 for a, b in zip(found[:-1], intact[:-1]))


def _one_score(rescore: Callable[..., Any], model: ModelLike, texts: Sequence) -> bool:
    return abs(rescore(model, texts, [1])[2] - rescored(model, texts, [1])[2]) < 1e-6


def _one_list(rescore: Callable[..., Any], model: ModelLike, texts: Sequence) -> bool:
    return all(abs(a - b) < 1e-6 for a, b in zip(rescore(model, texts, [1]), rescored(model, texts, [1])))


def _to_the_bit(rescore: Callable[..., Any], model: ModelLike, texts: Sequence) -> bool:
    return all(rescore(model, texts, gone) == rescored(model, texts, gone) for gone in ((), (1,), (0, 2)))


def _not_the_block(rescore: Callable[..., Any], model: ModelLike, texts: Sequence) -> bool:
    found = rescore(model, texts, [1])
    return found != rescored_as_released(model, texts, [1]) and found != rescored(model, texts, [])


BUG_HUNT = Exercise(
    id="02.4",
    title="Bug hunt: what does it score the second time?",
    minutes=12,
    objective=_INVARIANT,
    difficulty="hard",
    deeper=True,
    task=(
        "*Iterative* dropping takes out one part, scores again, takes out the next. Somebody hands you "
        "`rescore(model, texts, gone)`: it says that it returns the score of every attention of the model **without** "
        "the attentions of the layers in `gone`, for any list of layers, also an empty one. Write "
        "`judge(rescore, model, texts)`: True if it does, False if not. "
        "`model` is a small random decoder of four to six blocks. The functions all look alike, so reading them does "
        "not help; you can run them, and you have labkit. The code released with the paper is among them."
    ),
    expects="a function of (rescore, model, texts) that returns True or False",
    check=_check_judge,
    hints=(
        "labkit.shrink(model, [labkit.DropAttention(1)]) is a model that never had that attention.",
        "Score the small model with labkit.papers.what_matters.Cosine()(small, texts).attention; the layer without "
        "one has None there.",
        "Which layers does an error in block 1 reach? Those after it. Compare every layer that is left, for a `gone` "
        "of none, of one and of several.",
    ),
    solution=(
        "```python\n"
        "def judge(rescore, model, texts):\n"
        "    for gone in ((), (1,), (0, 2)):\n"
        "        plan = [labkit.DropAttention(layer) for layer in gone]\n"
        "        small = labkit.shrink(model, plan) if plan else model\n"
        "        wanted = Cosine()(small, texts).attention\n"
        "        found = rescore(model, texts, gone)\n"
        "        left = [i for i, one in enumerate(wanted) if one is not None]\n"
        "        if any(abs(found[i] - wanted[i].value) > 1e-6 for i in left):\n"
        "            return False\n"
        "    return True\n"
        "```\n"
        "The released function passes over the whole block of a dropped attention, its MLP too. So what stands after "
        "reads a stream that the cut model never has."
    ),
    answer=_answer,
    typical_wrong=(
        (_nothing_gone, "every time passes"),
        (_last_gone, "scores the intact model"),
        (_one_score, "one layer's score wrong"),
        (_one_list, "forgets the others"),
        (_to_the_bit, "you convict"),
        (_not_the_block, "one layer's score wrong"),
    ),
)

_DRAWS = ((12, 4), (8, 7), (24, 6))  # depth and n; the second leaves no choice but which comes first
_SEEDS = 200


def _state() -> tuple[Any, ...]:
    """Return where the random generators stand that everybody shares."""
    import random

    import numpy as np
    import torch

    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def _check_control(draw: Callable[..., Any]) -> Outcome:
    before = _state()
    for depth, n in _DRAWS:
        drawn = [draw(depth, n, seed) for seed in range(_SEEDS)]
        if any(is_blank(one) for one in drawn):
            raise NotAttempted
        drawn = [[int(layer) for layer in one] for one in drawn]
        if any(len(one) != n or len(set(one)) != n for one in drawn):
            return wrong(
                "a control that drops another number of layers, or one twice, is no match.",
                f"a call with depth {depth} and n {n}",
            )
        if any(list(draw(depth, n, seed)) != drawn[seed] for seed in range(3)):
            return wrong("the same seed draws differently each time: nobody can repeat it.", "a generator of its own")
        if _state() != before:
            return wrong(
                "your draw moves the generator that all other code draws from, so what comes next depends on it.",
                "a generator of its own",
            )
        layers = {layer for one in drawn for layer in one}
        sets = {tuple(sorted(one)) for one in drawn}
        if n < depth - 1 and len(sets) < 0.6 * _SEEDS:
            return wrong("this hardly varies: a few orders, not random ones.", "what the seed does")
        if 0 in layers:
            return wrong(
                "layer 0 is among those you draw. Everybody knows that it must stay, so whoever avoids it wins easily.",
                "what a stupid rule without any score would already spare",
            )
        if layers != set(range(1, depth)):
            return wrong(
                "some layers after the first are never drawn, or layers that are not there.",
                f"every layer from 1 to {depth - 1} of {depth}",
            )
        counts = [sum(layer in one for one in drawn) for layer in range(1, depth)]
        if max(counts) > 2 * min(counts):
            return wrong("some layers are drawn twice as often as others.", "how often each layer comes up")
    return right(
        "Now a score must know more than “not the first”. Beating chance is easy when chance may cut off the head."
    )


def _draw(depth: int, n: int, seed: int) -> list[int]:
    from random import Random

    return Random(seed).sample(range(1, depth), n)


def _draw_all(depth: int, n: int, seed: int) -> list[int]:
    from random import Random

    return Random(seed).sample(range(depth), n)


def _draw_deepest(depth: int, n: int, seed: int) -> list[int]:
    return list(range(depth - n, depth))


def _draw_by_formula(depth: int, n: int, seed: int) -> list[int]:
    return [(seed * 131 + 5 + k) % (depth - 1) + 1 for k in range(n)]


def _draw_of_twelve(depth: int, n: int, seed: int) -> list[int]:
    from random import Random

    return Random(seed).sample(range(1, 12), 4)


def _draw_with_everybody(depth: int, n: int, seed: int) -> list[int]:
    import random

    random.seed(seed)
    return random.sample(range(1, depth), n)


def _draw_twice(depth: int, n: int, seed: int) -> list[int]:
    from random import Random

    return Random(seed).choices(range(1, depth), k=n)


CONTROL = Exercise(
    id="02.5",
    title="A fair opponent",
    minutes=6,
    objective=_CONTROL,
    deeper=True,
    task=(
        "The paper's score beats random choices of layers by far. But a random choice holds layer 0 in a third of the "
        "cases when 4 of 12 go, and losing layer 0 is ruin. Write `draw(depth, n, seed)`: it returns `n` layers drawn "
        "at random, for a control that the score does not beat by one trivial piece of knowledge alone."
    ),
    expects="a function of (depth, n, seed) that returns n layers",
    check=_check_control,
    hints=(
        "What do you know about layers without any score?",
        "The first layer is ruin in every model of the paper. Leave it out of the draw.",
        "A generator made from the seed alone can sample without putting back; from where to where?",
    ),
    solution=(
        "```python\n"
        "def draw(depth, n, seed):\n"
        "    return random.Random(seed).sample(range(1, depth), n)\n"
        "```\n"
        "A control should share with the thing under test all that is not in question."
    ),
    answer=_draw,
    typical_wrong=(
        (_draw_all, "layer 0 is among"),
        (_draw_deepest, "hardly varies"),
        (_draw_by_formula, "hardly varies"),
        (_draw_of_twelve, "another number"),
        (_draw_with_everybody, "all other code"),
        (_draw_twice, "no match"),
    ),
)

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
