"""Exercise 02.4: a released bug, found by an invariant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

from .suspects import impostors, innocents, rescored, rescored_as_released, small_models

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["BUG_HUNT"]

OBJECTIVE = "find a bug in a dropping procedure by an invariant, without reading its code"

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
    objective=OBJECTIVE,
    difficulty="hard",
    deeper=True,
    task=(
        "*Iterative* dropping takes out one part, scores again, takes out the next. Somebody hands you "
        "`rescore(model, texts, gone)`: it says that it returns the score of every attention of the model **without** "
        "the attentions of the layers in `gone`, for any list of layers, also an empty one. (It returns a list, one "
        "number a layer; what stands at a layer in `gone` does not count.) Write "
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
