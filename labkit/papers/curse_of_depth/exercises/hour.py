"""The hour of lesson 08: what a factor after the norm does to a score, and twelve switches thrown one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labkit.course.exercises import Exercise
from labkit.course.tolerance import number

from .seeds import JUDGE_SEEDS, SEEDS

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["EXERCISES", "OBJECTIVES", "rises_alone"]

_ALGEBRA = "say what a factor after the norm does to attention scores, to values and to an MLP"
_SWITCH = "throw a switch one part at a time, and say what that can and cannot tell of all parts together"
OBJECTIVES = (_ALGEBRA, _SWITCH, SEEDS)

SCORE = Exercise(
    id="08.1",
    title="What does a third do to a score?",
    minutes=3,
    objective=_ALGEBRA,
    difficulty="easy",
    task=(
        "In block 9 LayerNorm Scaling multiplies what the norm returns by 1/√9 = 1/3. Queries and keys are linear maps "
        "of that, without bias, and an attention *score* is the product of a query and a key (over √K). By which "
        "factor is a score of block 9 multiplied? Work it out by hand, to two digits."
    ),
    expects="a number between 0 and 1",
    check=number(
        1 / 9,
        "Query and key both carry the third. With the same weights, scores nine times smaller make a softer attention: "
        "deep blocks look at everything a little. Training may make up for it by larger weights.",
        tol=5e-3,
        mistakes=[
            (1 / 3, "you scaled one of the two factors of a score.", "who else is made from the norm's output"),
            (1 / 81, "you took the number of the block for the factor.", "the square root in 1/√9"),
            (
                1 / 27,
                "you counted the norm three times; a score has no value in it.",
                "which two things are multiplied",
            ),
            (9, "you have it the wrong way round.", "whether 1/3 makes things larger"),
            (1, "you let the softmax undo it: the score is what goes into the softmax.", "the score, not its softmax"),
        ],
        otherwise=(
            "this is not what becomes of the product.",
            "what the query becomes, what the key becomes, and only then their product",
        ),
    ),
    hints=(
        "A score is q · k. Both are made from what the norm returns.",
        "Replace x by x/3 in q = Wx. What comes out in front of q? Do the same for k.",
        "Two factors stand in front of the product now. √K is the same with and without them.",
    ),
    solution="q/3 · k/3 = (q · k)/9. Values carry one third; an MLP with a gate carries it twice, where it is near 0.",
    answer=1 / 9,
    typical_wrong=(
        (1 / 3, "one of the two factors"),
        (1 / 81, "number of the block"),
        (0.33, "one of the two factors"),
        (1 / 27, "no value in it"),
        (9, "wrong way round"),
        (0.5, "what becomes of the product"),
    ),
)

# On lab/deep and the hour's 24 stories, nats a token: the sum of the twelve rises with one block's norms scaled at a
# time, and the rise with all twelve scaled at once. A test measures them again.
MLPS, ATTENTIONS, BOTH = (0.03343, 1.1680), (0.3940, 1.0770), (0.4311, 1.7673)
LARGEST = 0.01515  # of the twelve rises, MLPs alone


def rises_alone(model: ModelLike, texts: Sequence[str], norms: Sequence[str] = ("mlp",)) -> list[float]:
    """Return by how much the loss rises, nats a token, with the norms of one block over √ℓ: one number a block."""
    from labkit.anatomy import anatomy_of
    from labkit.interventions import ScaleWeight, edit
    from labkit.measurements import loss

    before, rises = loss(model, texts).value, []
    for layer in range(anatomy_of(model).depth):
        with edit(model, *(ScaleWeight(f"layers.{layer}.{norm}_norm", (layer + 1) ** -0.5) for norm in norms)):
            rises.append(loss(model, texts).value - before)
    return rises


TWELVE = Exercise(
    id="08.2",
    title="Twelve switches, one at a time",
    minutes=6,
    objective=_SWITCH,
    difficulty="medium",
    task=(
        "In the panel all blocks are switched together. Now take the MLPs' norms of `lab/deep` alone, one block at a "
        'time: `labkit.ScaleWeight("layers.3.mlp_norm", 0.5)` halves the gains in block 4, whose factor 1/√4 is a '
        "half. Measure the twelve rises of the loss on `stories`, and the rise with all twelve at once "
        '(`labkit.SwitchLayerNormScaling(position="mlp")`). **How many times as large as the sum of the twelve '
        "single rises is the rise of all at once?** Guess first; then measure, to two digits."
    ),
    expects="a number above 0",
    check=number(
        MLPS[1] / MLPS[0],
        "One at a time, hardly any of the twelve costs anything; all at once they cost more than a nat. What one no "
        "longer does, the others still do. Changing one part at a time cannot see that, and that is how a layer comes "
        "to be called idle.",
        rel=0.03,
        mistakes=[
            (1, "that is what it would be if the rises added up. Do they?", "both measurements"),
            (ATTENTIONS[1] / ATTENTIONS[0], "these are attention's norms.", "the address, and the position"),
            (BOTH[1] / BOTH[0], "these are both norms of a block.", "the MLP's norm alone, in both measurements"),
            (BOTH[1] / MLPS[0], "all at once you switched attention as well.", 'position="mlp"'),
            (MLPS[0] / MLPS[1], "you have it upside down.", "which of the two is larger"),
            (MLPS[1] / LARGEST, "you compared with the largest single rise.", "the sum of all twelve"),
            (12 * MLPS[1] / MLPS[0], "you compared with the mean single rise.", "the sum of all twelve"),
        ],
        otherwise=(
            "these measurements give another number.",
            "that rises are compared and not losses, on the hour's 24 stories, and that layers.0 is block 1",
        ),
    ),
    hints=(
        "First the loss of the intact model: a rise is a loss minus that one.",
        "A loop over range(12): block ℓ is layer + 1, and its gains are to be divided by √ℓ. Print each rise.",
        "You need two numbers: the sum of what the loop found, and one more rise, of the switch with its position.",
    ),
    solution=(
        "```python\n"
        "intact = measurements.loss(deep, stories).value\n"
        "rises = []\n"
        "for layer in range(12):\n"
        "    with labkit.edit(deep, labkit.ScaleWeight(f'layers.{layer}.mlp_norm', (layer + 1) ** -0.5)):\n"
        "        rises.append(measurements.loss(deep, stories).value - intact)\n"
        "with labkit.edit(deep, labkit.SwitchLayerNormScaling(position='mlp')):\n"
        "    together = measurements.loss(deep, stories).value - intact\n"
        "together / sum(rises)\n"
        "```\n"
        "About 35 times. Attention's norms are less forgiving one at a time (their sum is twelve times as large), and "
        "all of them at once cost less than the MLPs'."
    ),
    answer=MLPS[1] / MLPS[0],
    typical_wrong=(
        (1, "added up"),
        (2.7, "attention's norms"),
        (4.1, "both norms"),
        (53, "attention as well"),
        (0.029, "upside down"),
        (77, "largest single rise"),
        (419, "mean single rise"),
        (10, "another number"),
    ),
)

EXERCISES = (SCORE, TWELVE, JUDGE_SEEDS)
