"""The hour of lesson 08: what a factor after the norm does, the switch by hand, and a difference against its seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong
from labkit.course.numbers import number

__all__ = ["EXERCISES", "OBJECTIVES"]

_ALGEBRA = "say what a factor after the norm does to attention scores, to values and to an MLP"
_SWITCH = "switch LayerNorm Scaling on and off, and say what that does to a model trained without it"
_SEEDS = "tell a difference between two ways of training from a difference between seeds"
OBJECTIVES = (_ALGEBRA, _SWITCH, _SEEDS)

SCORE = Exercise(
    id="08.1",
    title="What does a third do to a score?",
    minutes=3,
    objective=_ALGEBRA,
    difficulty="easy",
    task=(
        "In block 9 LayerNorm Scaling multiplies what the norm returns by 1/√9 = 1/3. Queries and keys are linear maps "
        "of that, without bias, and an attention *score* is the product of a query and a key (over √K). By which "
        "factor is a score of block 9 multiplied? Work it out by hand."
    ),
    expects="a number between 0 and 1",
    check=number(
        1 / 9,
        "Query and key both carry the third. With the same weights, scores nine times smaller make a softer attention: "
        "deep blocks look at everything a little. Training may make up for it by larger weights.",
        tol=1e-3,
        mistakes=[
            (1 / 3, "you scaled one of the two factors of a score.", "who else is made from the norm's output"),
            (1 / 81, "you took the number of the block for the factor.", "the square root in 1/√9"),
            (9, "you have it the wrong way round.", "whether 1/3 makes things larger"),
        ],
    ),
    hints=(
        "A score is q · k. Write both with the factor.",
        "q becomes q/3, and k becomes k/3.",
        "A third times a third.",
    ),
    solution="q/3 · k/3 = (q · k)/9. Values carry one third; an MLP with a gate carries it twice, where it is near 0.",
    answer=1 / 9,
    typical_wrong=((1 / 3, "one of the two factors"), (1 / 81, "number of the block")),
)


def _decoder(depth: int = 4) -> Any:
    from labkit.models import DecoderConfig

    return DecoderConfig(vocab=23, width=16, depth=depth, heads=2, ffn=24, context=16, init_std=0.3).build(3).eval()


def _check_switch(scaled: Callable[..., Any]) -> Outcome:
    """Try the reader's switch on a random model: what it computes, and what it leaves behind."""
    import torch

    from labkit.anatomy import fingerprint
    from labkit.interventions import edit

    from ..method.switching import SwitchLayerNormScaling

    model, ids = _decoder(), torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
    before = fingerprint(model)
    with torch.no_grad():
        plain = model(ids).logits
        with edit(model, SwitchLayerNormScaling(p=0.7)):
            wanted = model(ids).logits
        try:
            got = scaled(model, ids, 0.7)
        except ZeroDivisionError:
            return wrong("0 has no negative power: your first block is number 0.", "ℓ, which is counted from 1")
        if is_blank(got):
            raise NotAttempted
        again = model(ids).logits
    if fingerprint(model) != before or not torch.equal(again, plain):
        return wrong(
            "the logits came, and the model is not what it was: the switch is still in it.",
            "the handles that register_forward_hook returned",
        )
    if torch.equal(got, plain):
        return wrong("nothing was switched.", "what a forward hook returns takes the place of the output")
    if torch.allclose(got, wanted, atol=1e-5):
        return right("One factor a block, on both norms, and nothing else. The paper's method is these lines.")
    return _other_switch(got, ids)


def _other_switch(got: Any, ids: Any) -> Outcome:
    """Say which of the usual slips gave these logits."""
    import torch

    slips = (
        (
            _scaled_by(lambda layer, p: (layer + 2) ** -p),
            "your first block is scaled too: ℓ is counted from 1, and its factor is 1.",
            "the factor of layer 0",
        ),
        (_scaled_final, "you scaled the last norm as well, in front of the head.", "which norms stand inside a block"),
        (_scaled_by(lambda layer, p: (layer + 1) ** p), "your factor grows with depth.", "the sign of the exponent"),
        (_scaled_by(lambda layer, p: (layer + 1) ** -0.5), "p is not used.", "a p of 0.7"),
    )
    for slip, thought, look_at in slips:
        with torch.no_grad():
            if torch.allclose(got, slip(_decoder(), ids, 0.7), atol=1e-5):
                return wrong(thought, look_at)
    return wrong("these are other logits.", "(layer + 1) ** -p times what the norm returned, in both branches")


def _scaled_by(factor: Callable[[int, float], float], final: bool = False) -> Callable[..., Any]:
    """Return a switch as in the solution, with another factor."""

    def scaled(model: Any, ids: Any, p: float) -> Any:
        norms = [(branch.norm, factor(l, p)) for l, block in enumerate(model.trunk.blocks) for branch in block.branches]
        norms += [(model.norm, factor(len(model.trunk.blocks) - 1, p))] * final
        handles = [norm.register_forward_hook(lambda module, inputs, output, s=s: s * output) for norm, s in norms]
        logits = model(ids).logits
        for handle in handles:
            handle.remove()
        return logits

    return scaled


_scaled = _scaled_by(lambda layer, p: (layer + 1) ** -p)
_scaled_final = _scaled_by(lambda layer, p: (layer + 1) ** -p, final=True)


def _scaled_and_left(model: Any, ids: Any, p: float) -> Any:
    for layer, block in enumerate(model.trunk.blocks):
        for branch in block.branches:
            branch.norm.register_forward_hook(lambda module, inputs, output, s=(layer + 1) ** -p: s * output)
    return model(ids).logits


SWITCH = Exercise(
    id="08.2",
    title="The switch by hand",
    minutes=6,
    objective=_SWITCH,
    task=(
        "Write `scaled(model, ids, p)`: the logits of a Pre-LN model in which the output of both norms of block ℓ is "
        "multiplied by ℓ^-p, blocks counted from 1. A *forward hook* sees what a module returns, and what the hook "
        "returns takes its place. Two lines are missing. Afterwards the model must be what it was."
    ),
    expects="a function of (model, ids, p) that returns logits",
    check=_check_switch,
    hints=(
        "The hook gets the norm's output; return it times the block's factor.",
        "The blocks are counted from 0 in Python: block ℓ is layer + 1.",
        "return (layer + 1) ** -p * output, and at the end: for handle in handles: handle.remove()",
    ),
    solution=(
        "```python\n"
        "def scaled(model, ids, p):\n"
        "    handles = []\n"
        "    for layer, block in enumerate(model.trunk.blocks):\n"
        "        for branch in block.branches:\n"
        "            def times(module, inputs, output, layer=layer):\n"
        "                return (layer + 1) ** -p * output\n"
        "            handles.append(branch.norm.register_forward_hook(times))\n"
        "    logits = model(ids).logits\n"
        "    for handle in handles:\n"
        "        handle.remove()\n"
        "    return logits\n"
        "```\n"
        "`layer=layer` fixes the number when the hook is made; without it every hook would use the last one."
    ),
    answer=_scaled,
    typical_wrong=(
        (_scaled_by(lambda layer, p: (layer + 2) ** -p), "counted from 1"),
        (_scaled_by(lambda layer, p: layer**-p), "number 0"),
        (_scaled_final, "in front of the head"),
        (_scaled_and_left, "still in it"),
    ),
)

# Losses by seed of two ways of training, and which is lower by more than its seeds: worlds the checks go through.
_WORLDS: tuple[tuple[tuple[float, ...], tuple[float, ...], str], ...] = (
    ((1.62, 1.50, 1.58, 1.55, 1.49), (1.60, 1.485, 1.56, 1.532, 1.468), "second"),  # far apart, and always by as much
    ((1.50, 1.52, 1.51, 1.49, 1.53), (1.51, 1.48, 1.53, 1.52, 1.47), "neither"),
    ((1.40, 1.41, 1.42, 1.40, 1.41), (1.45, 1.46, 1.475, 1.45, 1.465), "first"),
    # 1.96, or a standard deviation that divides by 5, would say: second
    ((1.000, 1.000, 1.000, 1.000, 1.000), (0.979, 1.000, 0.984, 0.998, 0.974), "neither"),
)


def _check_judge(judge: Callable[..., Any]) -> Outcome:
    for first, second, truth in _WORLDS:
        said = judge(list(first), list(second))
        if is_blank(said):
            raise NotAttempted
        if said not in ("first", "second", "neither"):
            return wrong(f"{said!r} is no verdict.", 'the three words: "first", "second", "neither"')
        if said == truth:
            continue
        if truth == "neither" and min(first) == max(first):
            return wrong(
                "with five seeds your interval is too narrow.",
                "2.776 and not 1.96, and statistics.stdev, which divides by 4, not pstdev, which divides by 5",
            )
        if truth == "neither":
            return wrong(
                "you name a winner where the seeds differ by more than the two ways do. Two means always differ.",
                "an interval of the difference, and whether it holds 0",
            )
        if said == "neither":
            return wrong(
                "a difference that every seed shows is lost to you: you compared two spreads.",
                "the pairs: both losses of one seed come from the same texts in the same order",
            )
        return wrong("the winner is the other one.", "lower is better")
    return right("Pair first, then ask whether the interval of the difference holds 0. One seed each tells nothing.")


def _student_half(values: Sequence[float], factor: float = 2.776) -> tuple[float, float]:
    """Return mean and half the interval."""
    mean = sum(values) / len(values)
    spread = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
    return mean, factor * spread / len(values) ** 0.5


def _judge(first: Sequence[float], second: Sequence[float], factor: float = 2.776) -> str:
    mean, half = _student_half([b - a for a, b in zip(first, second)], factor)
    return "second" if mean + half < 0 else "first" if mean - half > 0 else "neither"


def _judge_by_means(first: Sequence[float], second: Sequence[float]) -> str:
    return "first" if sum(first) < sum(second) else "second"


def _judge_unpaired(first: Sequence[float], second: Sequence[float]) -> str:
    (a, half_a), (b, half_b) = map(_student_half, (first, second))
    return "second" if b + half_b < a - half_a else "first" if a + half_a < b - half_b else "neither"


SEEDS = Exercise(
    id="08.3",
    title="Is it more than the seed?",
    minutes=6,
    objective=_SEEDS,
    difficulty="hard",
    task=(
        "Two ways of training were tried with the same five seeds; a seed decides the first values and the texts. "
        "Write `judge(first, second)` for the two lists of losses, seed by seed. It returns `'first'` or `'second'`, "
        "whichever is **lower**, when the 95 % interval of the difference leaves out 0, and `'neither'` otherwise. For "
        "a mean of five values the interval is the mean ± 2.776 · s/√5, where s is their sample standard deviation."
    ),
    expects="a function of two lists of five losses that returns 'first', 'second' or 'neither'",
    check=_check_judge,
    hints=(
        "Do not compare two means, each with its spread: subtract seed by seed first.",
        "statistics.mean and statistics.stdev of the five differences are all you need.",
        "half = 2.776 * stdev(gaps) / 5 ** 0.5; then look on which side of 0 the interval lies.",
    ),
    solution=(
        "```python\n"
        "def judge(first, second):\n"
        "    gaps = [b - a for a, b in zip(first, second)]\n"
        "    half = 2.776 * statistics.stdev(gaps) / 5 ** 0.5\n"
        "    if statistics.mean(gaps) + half < 0:\n"
        "        return 'second'\n"
        "    return 'first' if statistics.mean(gaps) - half > 0 else 'neither'\n"
        "```\n"
        "Seeds differ by more than methods do; pairs take that out. The paper's tables have one seed each."
    ),
    answer=_judge,
    typical_wrong=(
        (_judge_by_means, "always differ"),
        (_judge_unpaired, "two spreads"),
        (lambda first, second: _judge(first, second, 1.96), "too narrow"),
        (lambda first, second: _judge(first, second, 2.776 * 0.8**0.5), "divides by 4"),  # as pstdev does
    ),
)

EXERCISES = (SCORE, SWITCH, SEEDS)
