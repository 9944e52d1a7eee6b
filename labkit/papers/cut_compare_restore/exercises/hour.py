"""Lesson 00: cut, compare, restore."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong
from labkit.course.lesson_definition import LessonDefinition
from labkit.course.numbers import number

from .deeper import EXERCISES, OBJECTIVES
from .predictions import PREDICTIONS

__all__ = ["LESSON"]

_OPERATE = "cut a part out of a model, put it back, and prove that it is back"
_COMPARE = "say whether a difference in loss is much, with a matched control"


PERPLEXITY = Exercise(
    id="00.1",
    title="From nats to a factor",
    minutes=3,
    objective=_COMPARE,
    difficulty="easy",
    task=(
        "A cut raises the loss of a model from 1.20 to 1.36 nats a token. Loss is the average surprise; perplexity "
        "is its exponential, the number of equally likely next tokens the model hesitates between. By what **factor** "
        "does the perplexity grow? Work it out by hand or in one line."
    ),
    expects="a number a little above 1",
    check=number(
        math.exp(0.16),
        "A difference in nats is a ratio of perplexities, whatever the loss was before. So 0.16 nats is 17 % more "
        "hesitation, for a good model and for a bad one.",
        tol=0.005,
        mistakes=[
            (1.36 / 1.20, "you divided the two losses.", "what has to be done to a loss before it is a perplexity"),
            (0.16, "this is the difference in nats.", "the word factor in the task"),
            (
                math.exp(1.36) - math.exp(1.2),
                "this is the difference of the perplexities.",
                "the word factor in the task",
            ),
        ],
        otherwise=("this is not the factor.", "the two perplexities, exp(1.20) and exp(1.36)"),
    ),
    hints=(
        "Turn both losses into perplexities first.",
        "exp(a) / exp(b) is exp of something simpler.",
        "The answer is exp(the difference of the two losses).",
    ),
    solution="`math.exp(1.36 - 1.20)` is about 1.174: the model hesitates between 17 % more tokens.",
    answer=math.exp(0.16),
    typical_wrong=((1.36 / 1.20, "divided the two losses"), (0.16, "difference in nats")),
)


def _tiny_decoder() -> Any:
    from labkit.models import DecoderConfig

    return DecoderConfig(vocab=23, width=16, depth=3, heads=2, ffn=24, context=16, init_std=0.2).build(seed=3)


class _Saboteur:
    """A hook that was there before and, once the MLP beside it is silent, leaves another hook where it does nothing."""

    def __init__(self, model: Any):
        self.model, self.done = model, False

    def __call__(self, module: Any, inputs: tuple, output: Any) -> None:
        if not self.done:
            self.done = True
            self.model.norm.register_forward_hook(lambda module, inputs, output: None)


def _check_operation(operate: Callable[..., Any]) -> Outcome:
    """Try the reader's operation beside labkit's own edit, then on a model that comes out of it changed."""
    import torch

    from labkit.anatomy import fingerprint
    from labkit.interventions import DropMLP, edit

    model, layer = _tiny_decoder().eval(), 1
    ids = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
    with torch.no_grad():
        intact, before = model(ids).logits, fingerprint(model)
        with edit(model, DropMLP(layer)):
            wanted = model(ids).logits
        cut, proof = operate(model, layer, ids)
        if is_blank(cut) or is_blank(proof):
            raise NotAttempted
        if torch.equal(cut, intact):
            return wrong("the model did not change.", "what the hook returns; None means: leave the output as it is")
        if not torch.allclose(cut, wanted, atol=1e-6):
            return wrong(
                "something changed, but not as when the MLP is dropped; perhaps it still writes to the stream.",
                "what must be added to the stream so that it stays as it was",
            )
        if fingerprint(model) != before:
            return wrong("after your operation the model is not what it was.", "what the hook's handle is for")
        if not bool(proof):
            return wrong("the model is as it was, and your proof denies it.", "when the two fingerprints were taken")
        sabotaged = _tiny_decoder().eval()
        sabotaged.trunk.blocks[layer].mlp.norm.register_forward_hook(_Saboteur(sabotaged))
        if bool(operate(sabotaged, layer, ids)[1]):
            return wrong(
                "we gave you a model in which something else was left behind, and your proof did not see it.",
                "what labkit.fingerprint covers that equal answers, or your good intentions, do not",
            )
    return right("Cut, measured, put back, and proven: you need not trust yourself, only the fingerprint.")


def _operation_answer(model: Any, layer: int, ids: Any) -> tuple[Any, bool]:
    import torch

    from labkit.anatomy import fingerprint

    before = fingerprint(model)
    mlp = model.trunk.blocks[layer].mlp.mixer
    handle = mlp.register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
    cut = model(ids).logits
    handle.remove()
    return cut, fingerprint(model) == before


def _operation_passing_input(model: Any, layer: int, ids: Any) -> tuple[Any, bool]:
    handle = model.trunk.blocks[layer].mlp.mixer.register_forward_hook(lambda module, inputs, output: inputs[0])
    cut = model(ids).logits
    handle.remove()
    return cut, True


def _operation_left_open(model: Any, layer: int, ids: Any) -> tuple[Any, bool]:
    mlp = model.trunk.blocks[layer].mlp.mixer
    mlp.register_forward_hook(lambda module, inputs, output: 0 * output)
    return model(ids).logits, True


def _operation_same_answers(model: Any, layer: int, ids: Any) -> tuple[Any, bool]:
    import torch

    intact = model(ids).logits
    cut = _operation_answer(model, layer, ids)[0]
    return cut, torch.equal(model(ids).logits, intact)


OPERATION = Exercise(
    id="00.2",
    title="Your own operation",
    minutes=6,
    objective=_OPERATE,
    task=(
        "Write what `with labkit.edit(model, DropMLP(layer))` does, without it. A *forward hook* is a function that "
        "torch calls with `(module, inputs, output)` after a module ran; what it returns takes the output's place. "
        "Three things are missing: what the hook returns, the line that takes the hook out again "
        "(`register_forward_hook` gave you a handle, and a handle has `.remove()`), and a proof that the model is as "
        "it was: true or false, found out and not promised."
    ),
    expects="a function of (model, layer, ids) that returns the cut model's logits and the proof",
    check=_check_operation,
    hints=(
        "The block computes h + mlp(norm(h)). Which mlp output leaves h alone? And what, taken before and after, shows "
        "whether anything at all is different?",
        "torch.zeros_like(output) has the right shape. handle.remove() ends the hook. Equal answers prove nothing.",
        "return torch.zeros_like(output)  ...  handle.remove()  ...  return cut, labkit.fingerprint(model) == before",
    ),
    solution=(
        "```python\n"
        "def operate(model, layer, ids):\n"
        "    before = labkit.fingerprint(model)\n\n"
        "    def nothing(module, inputs, output):\n"
        "        return torch.zeros_like(output)\n\n"
        "    handle = model.trunk.blocks[layer].mlp.mixer.register_forward_hook(nothing)\n"
        "    cut = model(ids).logits\n"
        "    handle.remove()\n"
        "    return cut, labkit.fingerprint(model) == before\n"
        "```\n"
        "A zero added to the stream leaves the stream as it was. Returning the *input* would add a second copy of the "
        "normed stream. And two models that answer alike on one text may still differ: a hook left behind waits for "
        "another day. (`labkit.edit` also restores when the line in the middle raises: try / finally.)"
    ),
    answer=_operation_answer,
    typical_wrong=(
        (_operation_passing_input, "still writes to the stream"),
        (_operation_left_open, "not what it was"),
        (_operation_same_answers, "your proof did not see it"),
    ),
)


def _check_control(draw: Callable[..., Any]) -> Outcome:
    """Judge a function (shape, chosen, seed) -> (row, column) that draws a matched control."""
    shape, chosen = (16, 24), (12, 7)
    first = draw(shape, chosen, 0)
    if is_blank(first):
        raise NotAttempted
    drawn = [tuple(int(i) for i in draw(shape, chosen, seed)) for seed in range(200)]
    again = [tuple(int(i) for i in draw(shape, chosen, seed)) for seed in range(200)]
    if drawn != again:
        return wrong(
            "the same seed gave two different weights, so nobody could repeat your control.", "where the seed goes"
        )
    if any(not (0 <= row < shape[0] and 0 <= column < shape[1]) for row, column in drawn):
        return wrong("some of the weights lie outside the matrix.", "the shape, [out, in], and its largest index")
    # A draw rarely hits one of 384 places by chance: so the chosen one is where this very draw has just been.
    if any(tuple(int(i) for i in draw(shape, place, seed)) == place for seed, place in enumerate(drawn[:40])):
        return wrong("the chosen weight itself can be drawn as its own control.", "what happens when the draw hits it")
    if len(set(drawn)) < 100:
        return wrong(
            "you draw the same few weights again and again: a null needs the spread of many.",
            f"how many different weights 200 seeds gave ({len(set(drawn))})",
        )
    if len({row for row, _ in drawn}) < shape[0] or len({column for _, column in drawn}) < shape[1]:
        return wrong(
            "some rows or columns are never drawn, so the control is matched to a part of the matrix only.",
            "the range of each index",
        )
    return right("Same matrix, other place, drawn by a seed anyone can repeat: now a difference means something.")


def _control_answer(shape: tuple[int, int], chosen: tuple[int, int], seed: int) -> tuple[int, int]:
    import random

    generator = random.Random(seed)
    while True:
        drawn = generator.randrange(shape[0]), generator.randrange(shape[1])
        if drawn != chosen:
            return drawn


def _control_same_row(shape: tuple[int, int], chosen: tuple[int, int], seed: int) -> tuple[int, int]:
    return chosen[0], (chosen[1] + 1 + seed % (shape[1] - 1)) % shape[1]


def _control_unguarded(shape: tuple[int, int], chosen: tuple[int, int], seed: int) -> tuple[int, int]:
    import random

    generator = random.Random(seed)
    return generator.randrange(shape[0]), generator.randrange(shape[1])


def _control_unseeded(shape: tuple[int, int], chosen: tuple[int, int], seed: int) -> tuple[int, int]:
    import random

    generator = random.Random()
    return generator.randrange(shape[0]), generator.randrange(shape[1])


CONTROL = Exercise(
    id="00.3",
    title="Design the control",
    minutes=5,
    objective=_COMPARE,
    difficulty="hard",
    task=(
        "You zeroed the weight at row 12, column 7 of a matrix and the loss rose by 0.02 nats. Is that much? It "
        "depends on what *other* weights do. Write `control_for(shape, chosen, seed)`: it returns the place (row, "
        "column) of one weight to zero instead, drawn at random from the **same matrix**, never the chosen one, and "
        "the same for the same seed."
    ),
    expects="a function of (shape, chosen, seed) that returns (row, column)",
    check=_check_control,
    hints=(
        "random.Random(seed) is a generator of your own: it leaves everybody else's random numbers alone.",
        "Draw a row below shape[0] and a column below shape[1]; draw again if you hit the chosen place.",
        "generator = random.Random(seed); loop: drawn = generator.randrange(...), generator.randrange(...)",
    ),
    solution=(
        "```python\n"
        "def control_for(shape, chosen, seed):\n"
        "    generator = random.Random(seed)\n"
        "    while True:\n"
        "        drawn = generator.randrange(shape[0]), generator.randrange(shape[1])\n"
        "        if drawn != chosen:\n"
        "            return drawn\n"
        "```\n"
        "Matched means: alike in everything but the thing you chose it for. A weight from another matrix differs in "
        "size and in place as well, and then you could not say which of the three made the difference."
    ),
    answer=_control_answer,
    typical_wrong=(
        (_control_same_row, "the same few weights"),
        (_control_unguarded, "its own control"),
        (_control_unseeded, "the same seed gave two different"),
    ),
)

LESSON = LessonDefinition(
    id="00",
    name="00_cut_compare_restore",
    title="Cut, compare, restore",
    question="Which part can go, and it still knows who has the lantern?",
    minutes=45,
    objectives=(_OPERATE, _COMPARE, *OBJECTIVES),
    exercises=(PERPLEXITY, OPERATION, CONTROL, *EXERCISES),
    predictions=PREDICTIONS,
)
