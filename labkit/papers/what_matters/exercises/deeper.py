"""The deeper notebook of lesson 02: a released bug found by an invariant, a fair opponent, a cache by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong
from labkit.course.numbers import number

__all__ = ["EXERCISES", "OBJECTIVES", "rescored", "rescored_as_released"]

_INVARIANT = "find a bug in a dropping procedure by an invariant, without reading its code"
_CONTROL = "design the random control that a choice of layers must beat"
_CACHE = "say what a cut saves of a decode cache, from the model's sizes"
OBJECTIVES = (_INVARIANT, _CONTROL, _CACHE)


def rescored(model: Any, documents: Sequence, gone: Sequence[int]) -> list[float]:
    """Return the score of every attention in the model without those in `gone`, whose own score is 0."""
    from labkit.interventions import DropAttention, edit

    from ..method.metrics import Cosine

    with edit(model, *map(DropAttention, gone)):
        return [one.value for one in Cosine()(model, documents).attention]


def rescored_as_released(model: Any, documents: Sequence, gone: Sequence[int]) -> list[float]:
    """Do it as the authors' released iterative mode does: a block with a dropped attention is passed over as a whole,
    its MLP too, before the parts after it are scored."""
    from labkit.interventions import DropBlock, edit

    from ..method.metrics import Cosine

    with edit(model, *map(DropBlock, gone)):
        return [one.value for one in Cosine()(model, documents).attention]


def _never_again(model: Any, documents: Sequence, gone: Sequence[int]) -> list[float]:
    return rescored(model, documents, ())


def _small() -> tuple[Any, list[Any]]:
    """Return a random model of five blocks that write much, and texts for it."""
    import torch

    from labkit.models import DecoderConfig

    config = DecoderConfig(vocab=23, width=16, depth=5, heads=2, ffn=24, context=16, init_std=0.3)
    generator = torch.Generator().manual_seed(3)
    return config.build(seed=4).eval(), list(torch.randint(23, (4, 12), generator=generator))


def _check_judge(judge: Callable[..., Any]) -> Outcome:
    model, texts = _small()
    verdict = judge(rescored, model, texts)
    if is_blank(verdict):
        raise NotAttempted
    if not verdict:
        return wrong(
            "you convict the function that does what it says.", "how close two ways of the same sum come: 1e-6"
        )
    if judge(_never_again, model, texts):
        return wrong("a function that scores the intact model every time passes.", "a layer that was dropped early")
    if judge(rescored_as_released, model, texts):
        return wrong(
            "the released function passes. Its error shows only after the block that was dropped.",
            "the scores of later layers after a drop in an early one",
        )
    return right(
        "A model without the part must score as a model that never had it. The rebuilt model knows nothing of the "
        "function's shortcuts, so it finds them."
    )


def _answer(rescore: Callable[..., Any], model: Any, texts: Sequence) -> bool:
    from labkit.interventions import DropAttention, shrink

    from ..method.metrics import Cosine

    small = shrink(model, [DropAttention(1)])
    wanted = Cosine()(small, texts).attention
    found = rescore(model, texts, [1])
    return all(abs(found[i] - one.value) < 1e-6 for i, one in enumerate(wanted) if one is not None)


def _nothing_gone(rescore: Callable[..., Any], model: Any, texts: Sequence) -> bool:
    return rescore(model, texts, []) == rescored(model, texts, [])


def _last_gone(rescore: Callable[..., Any], model: Any, texts: Sequence) -> bool:
    found = rescore(model, texts, [4])
    return all(abs(a - b) < 1e-6 for a, b in zip(found[:4], rescored(model, texts, [])[:4]))


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
        "the attentions of the layers in `gone`. Write `judge(rescore, model, texts)`: True if it does, False if not. "
        "`model` is a small random decoder of five blocks. You cannot read the function's code; you can run it, and "
        "you have labkit. The code released with the paper fails this."
    ),
    expects="a function of (rescore, model, texts) that returns True or False",
    check=_check_judge,
    hints=(
        "labkit.shrink(model, [labkit.DropAttention(1)]) is a model that never had that attention.",
        "Score the small model with labkit.papers.what_matters.Cosine()(small, texts).attention; the layer without "
        "one has None there.",
        "Which layers does an error in block 1 reach? Those behind it. So drop early and compare late.",
    ),
    solution=(
        "```python\n"
        "def judge(rescore, model, texts):\n"
        "    small = labkit.shrink(model, [labkit.DropAttention(1)])\n"
        "    wanted = Cosine()(small, texts).attention\n"
        "    found = rescore(model, texts, [1])\n"
        "    return all(abs(found[i] - one.value) < 1e-6 for i, one in enumerate(wanted) if one is not None)\n"
        "```\n"
        "The released function passes over the whole block of a dropped attention, its MLP too. So what stands after "
        "reads a stream that the cut model never has."
    ),
    answer=_answer,
    typical_wrong=((_nothing_gone, "every time passes"), (_last_gone, "scores the intact model")),
)


def _check_control(draw: Callable[..., Any]) -> Outcome:
    drawn = [draw(12, 4, seed) for seed in range(60)]
    if any(is_blank(one) for one in drawn):
        raise NotAttempted
    drawn = [[int(layer) for layer in one] for one in drawn]
    if any(len(one) != 4 or len(set(one)) != 4 for one in drawn):
        return wrong("a control that drops another number of layers, or one twice, is no match.", "four different ones")
    layers = {layer for one in drawn for layer in one}
    if any(draw(12, 4, seed) != draw(12, 4, seed) for seed in range(3)):
        return wrong("the same seed draws differently each time, so nobody can repeat it.", "a generator of its own")
    if len({tuple(sorted(one)) for one in drawn}) < 20:
        return wrong("this hardly varies: it is one order, not a random one.", "what the seed does")
    if 0 in layers:
        return wrong(
            "layer 0 is among those you draw. Everybody knows that it must stay, so whoever avoids it wins easily.",
            "what a stupid rule without any score would already spare",
        )
    if layers != set(range(1, 12)):
        return wrong("some layers after the first are never drawn.", "every layer from 1 to 11")
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
        "random.Random(seed).sample(range(1, depth), n)",
    ),
    solution=(
        "```python\n"
        "def draw(depth, n, seed):\n"
        "    return random.Random(seed).sample(range(1, depth), n)\n"
        "```\n"
        "A control should share with the thing under test all that is not in question."
    ),
    answer=_draw,
    typical_wrong=((_draw_all, "layer 0 is among"), (_draw_deepest, "hardly varies")),
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
        tol=0.005,
        mistakes=[
            (_KEPT * 32 / 20, "this is the cache of the whole model.", "how many attentions still need one"),
            (_KEPT * 4, "you counted the query heads.", "which heads' vectors are kept: keys and values"),
            (_KEPT / 2, "you counted keys or values.", "both of them are kept"),
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
    typical_wrong=((_KEPT * 32 / 20, "the whole model"), (_KEPT * 4, "query heads")),
)

EXERCISES = (BUG_HUNT, CONTROL, CACHE)
