"""The deeper notebook of lesson 08: a switch that was never thrown, an angle that cannot be, and a law of growth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong
from labkit.course.numbers import number

from .switch import BY_HAND, SWITCH

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["EXERCISES", "OBJECTIVES", "make", "make_released"]

_INVARIANT = "find out by an invariant whether a model has the norm that its name promises"
_ANGLE = "read a map of angles with its axis, and say which angles are possible"
_LAW = "tell a power of the depth from exponential growth by numbers"
OBJECTIVES = (_INVARIANT, _ANGLE, _LAW, BY_HAND)

_SIZES = {"vocab": 23, "width": 16, "heads": 2, "ffn": 24, "context": 16, "init_std": 0.3}


def make(norm_type: str, depth: int, seed: int = 4) -> Any:
    """Return a model as its name says: "pre" is Pre-LN, "LNS" has LayerNorm Scaling; the same weights in both."""
    return _built("lns" if norm_type == "LNS" else "pre-norm", depth, seed)


def make_released(norm_type: str, depth: int, seed: int = 4) -> Any:
    """Return a model as in code that was released: the name is lower-cased, then compared with capitals."""
    norm_type = norm_type.lower()
    return _built("lns" if norm_type == "LNS" else "pre-norm", depth, seed)


def _make_folded(norm_type: str, depth: int, seed: int) -> Any:
    """Do what the name says another way: no factor after the norm, smaller gains in it."""
    model = _built("pre-norm", depth, seed)
    if norm_type == "LNS":
        _times(model, lambda number: number**-0.5)
    return model


def _maker(factor: Callable[[int], float], branches: slice = slice(None)) -> Callable[..., Any]:
    """Return a maker whose "LNS" multiplies by another factor of the block's number, or in one branch alone."""

    def make(norm_type: str, depth: int, seed: int) -> Any:
        model = _built("pre-norm", depth, seed)
        if norm_type == "LNS":
            _times(model, factor, branches)
        return model

    return make


def _times(model: ModelLike, factor: Callable[[int], float], branches: slice = slice(None)) -> None:
    import torch

    with torch.no_grad():
        for number, block in enumerate(model.trunk.blocks, start=1):
            for branch in list(block.branches)[branches]:
                branch.norm.weight *= factor(number)


def _built(kind: str, depth: int, seed: int) -> Any:
    from labkit.models import DecoderConfig

    return DecoderConfig.from_dict({"kind": kind, "depth": depth, **_SIZES}).build(seed=seed).eval()


# Makers that do not what the name says: the maker, the thought behind a judge that lets it pass, and where to look.
_WRONG_MAKERS: tuple[tuple[Callable[..., Any], str, str], ...] = (
    (
        make_released,
        "the released code passes: under both names it builds the same Pre-LN model, and nothing ever fails.",
        "whether the two models differ at all where they must",
    ),
    (
        _maker(lambda number: (number + 1) ** -0.5),
        "a maker passes whose first block is scaled.",
        "a model of one block: there the two names mean the same",
    ),
    (
        _maker(lambda number: number**-0.5, slice(0, 1)),
        "a maker passes that scales one of the two norms of a block.",
        "the exact twin: Pre-LN whose gains in block ℓ are multiplied by 1/√ℓ, in both branches",
    ),
    (
        _maker(lambda number: number**-0.5, slice(1, 2)),
        "a maker passes that scales one of the two norms of a block.",
        "the exact twin: Pre-LN whose gains in block ℓ are multiplied by 1/√ℓ, in both branches",
    ),
    (
        _maker(lambda number: number**-0.48),
        "a maker passes whose factor is a little off: your comparison forgives too much.",
        "by how much two logits may differ that are one function: atol",
    ),
    (
        _maker(lambda number: min(number, 3) ** -0.5),
        "a maker passes whose factor stops falling after the third block: your models end before that shows.",
        "the depth of the models that you build",
    ),
    (
        _maker(lambda number: 1 / number),
        "a maker passes that divides by ℓ and not by √ℓ.",
        "the factor of block 4: a half, not a quarter",
    ),
)


def _check_judge(judge: Callable[..., Any]) -> Outcome:
    """Try the reader's judge on two right makers and on seven wrong ones, each with other weights, all of one name."""
    cases = [(make, True), *((maker, False) for maker, _, _ in _WRONG_MAKERS), (_make_folded, True), (make, True)]
    said = {}
    for place, (maker, _) in enumerate(cases):

        def under_test(norm_type: str, depth: int, maker: Any = maker, seed: int = 11 + place) -> Any:
            return maker(norm_type, depth, seed)

        verdict = judge(under_test)
        if is_blank(verdict):
            raise NotAttempted
        said[place] = bool(verdict)
        if place == 0 and not verdict:
            return wrong(
                "you convict the maker that does what it says.",
                "float rounding: equal functions may differ by a millionth; torch.allclose(..., atol=1e-4)",
            )
    for place, (_, thought, look_at) in enumerate(_WRONG_MAKERS, start=1):
        if said[place]:
            return wrong(thought, look_at)
    if not all(said[place] for place, (_, honest) in enumerate(cases) if honest):
        return wrong(
            "you convict a maker that does what it says another way: it made the gains smaller instead.",
            "what the models compute, not what they are made of, nor when you were asked",
        )
    return right("A name proves nothing. An invariant that the wrong model breaks does.")


def _judge(maker: Callable[..., Any], depths: Sequence[int] = (1, 4), atol: float = 1e-4) -> bool:
    import torch

    ids = torch.arange(12)[None]
    with torch.no_grad():
        for depth in depths:
            scaled, twin = maker("LNS", depth), maker("pre", depth)
            for layer, block in enumerate(twin.trunk.blocks):
                for branch in block.branches:
                    branch.norm.weight *= (layer + 1) ** -0.5
            if not torch.allclose(scaled(ids).logits, twin(ids).logits, atol=atol):
                return False
    return True


def _judge_by_size(maker: Callable[..., Any]) -> bool:
    one, other = (sum(p.numel() for p in maker(name, 4).parameters()) for name in ("pre", "LNS"))
    return one == other


def _judge_by_difference(maker: Callable[..., Any]) -> bool:
    import torch

    ids = torch.arange(12)[None]
    with torch.no_grad():
        return not torch.allclose(maker("LNS", 4)(ids).logits, maker("pre", 4)(ids).logits, atol=1e-4)


def _judge_by_two_signs(maker: Callable[..., Any]) -> bool:
    import torch

    ids = torch.arange(12)[None]
    with torch.no_grad():
        alike = torch.allclose(maker("LNS", 1)(ids).logits, maker("pre", 1)(ids).logits, atol=1e-4)
    return alike and _judge_by_difference(maker)


def _judge_by_its_name(maker: Callable[..., Any]) -> bool:
    return "released" not in maker.__name__


HUNT = Exercise(
    id="08.4",
    title="Bug hunt: a switch that was never thrown",
    minutes=12,
    objective=_INVARIANT,
    difficulty="hard",
    deeper=True,
    task=(
        "`make(norm_type, depth)` builds a model: `'pre'` is said to give Pre-LN and `'LNS'` the same weights with "
        "LayerNorm Scaling (1/√ℓ after both norms of block ℓ). Write `judge(make)`: True if it does, False if not. "
        "You cannot read its code; you can build models, change their gains (`branch.norm.weight` for every `branch` "
        "in `block.branches` of every `block` in `model.trunk.blocks`), and run them on `ids`. The code released with "
        "the paper read the name, lower-cased it, and compared it with capitals."
    ),
    expects="a function that takes a function and returns True or False",
    check=_check_judge,
    hints=(
        "What must two models have in common, and where must they differ? Run both on the same ids.",
        "A factor after a norm is a smaller gain. So you can build from 'pre' what 'LNS' ought to be.",
        "Compare the logits of your twin with those of 'LNS': in a model of one block, and in one deep enough for a "
        "factor that stops falling to show. Rounding may differ by a millionth, no more.",
    ),
    solution=(
        "```python\n"
        "def judge(make):\n"
        "    ids = torch.arange(12)[None]\n"
        "    with torch.no_grad():\n"
        "        for depth in (1, 4):\n"
        "            scaled, twin = make('LNS', depth), make('pre', depth)\n"
        "            for layer, block in enumerate(twin.trunk.blocks):\n"
        "                for branch in block.branches:\n"
        "                    branch.norm.weight *= (layer + 1) ** -0.5\n"
        "            if not torch.allclose(scaled(ids).logits, twin(ids).logits, atol=1e-4):\n"
        "                return False\n"
        "    return True\n"
        "```\n"
        "In the released code no name selected the branch. Whatever was trained with those scripts as they stand was "
        "not LayerNorm Scaling."
    ),
    answer=_judge,
    typical_wrong=(
        (_judge_by_size, "nothing ever fails"),
        (_judge_by_its_name, "nothing ever fails"),
        (_judge_by_difference, "first block is scaled"),
        (_judge_by_two_signs, "one of the two norms"),
        (lambda maker: _judge(maker, depths=(2,)), "stops falling after the third"),
        (lambda maker: _judge(maker, atol=0.3), "forgives too much"),
        (lambda maker: False, "you convict"),
    ),
)

ANGLE = Exercise(
    id="08.5",
    title="Can a block turn the stream by 0.6?",
    minutes=5,
    objective=_ANGLE,
    deeper=True,
    task=(
        "A map in the paper shows angles of most deep layers *above 0.6*, where 0.5 is a right angle and 1 the "
        "opposite direction. A block adds its update u to the stream h. At least how long must u be, in lengths of h, "
        "so that h + u points 0.6 · 180° = 108° away from h?"
    ),
    expects="a number",
    check=number(
        1.0,
        "The update must first undo the whole stream; after the first block of a trained model it is far shorter. "
        "The released code stretches every row of that map from its least to its largest value to 0 … 1.",
        tol=5e-3,
        mistakes=[
            (
                0.9511,
                "this is sin 108°: the shortest way to a line, not to a ray.",
                "a drawing: the ray goes backwards",
            ),
            (0.6, "an angle is not a length.", "a drawing of h, u and h + u"),
            (1.618, "this keeps the length of h + u at that of h, which nobody asked for.", "the word: at least"),
            (2.0, "this turns the stream right round.", "the least u that passes 90°"),
            (0.309, "this is how far h + u would reach back, not how long u is.", "from where to where u leads"),
        ],
        otherwise=("this is not the least length.", "the tip of h, and the point of the ray that is nearest to it"),
    ),
    hints=(
        "Draw h, and the ray on which h + u has to lie. u goes from the tip of h to some point of that ray.",
        "For an angle below 90° the nearest point of the ray is sin(angle) · |h| away. Where is it beyond 90°?",
        "Beyond 90° every step along the ray leads further away from the tip of h. Which point is left?",
    ),
    solution="The nearest point of the ray is its beginning, 0: u must be as long as h, and any longer to get past it.",
    answer=1.0,
    typical_wrong=(
        (0.9511, "sin 108°"),
        (0.95, "sin 108°"),
        (0.6, "not a length"),
        (1.618, "nobody asked for"),
        (2.0, "right round"),
        (0.31, "reach back"),
        (0.5, "not the least length"),
    ),
)


def _growth(depth: int) -> float:
    from ..method.theory import variance_recursion

    values = variance_recursion(2 * depth)
    return float(values[-1] / values[depth - 1])


def _v(number: int) -> float:
    from ..method.theory import variance_recursion

    return float(variance_recursion(number)[-1])


LAW = Exercise(
    id="08.6",
    title="Exponential?",
    minutes=6,
    objective=_LAW,
    difficulty="easy",
    deeper=True,
    task=(
        "The abstract says that the variance of Pre-LN grows *exponentially*. Its lemma has the recursion "
        "v ← v · (1 + 1/√v), from v₁ = 1 (unit constants). Follow it: how many times as large is v₂₀₀ as v₁₀₀?"
    ),
    expects="a number above 1",
    check=number(
        lambda: _growth(100),
        "About four: twice the depth, four times the variance. That is N²/4, a power. Exponential growth would "
        "multiply by v₁₀₀ itself, which is over two thousand.",
        tol=0.03,
        mistakes=[
            (
                2.0,
                "this is linear growth (or the standard deviation's), what blocks that write independently would give.",
                "the recursion, step by step",
            ),
            (16.0, "you squared once too often: v itself is the variance.", "what v is: σ²"),
            (lambda: _growth(100) * _v(100), "this is v₂₀₀ itself.", "the question: how many times v₁₀₀"),
            (
                lambda: _v(100),
                "this is v₁₀₀, what exponential growth would multiply by.",
                "the question: v₂₀₀ over v₁₀₀",
            ),
        ],
        otherwise=("the recursion gives another number.", "that v₁ = 1 is the first, so that v₁₀₀ takes 99 steps"),
    ),
    hints=(
        "A loop of 199 steps; keep every value in a list.",
        "v₁ is the first value of the list, so v₁₀₀ is the hundredth: count from 0 with care.",
        "To check your loop: v₂ is 2, and v₃ is 2 + √2.",
    ),
    solution=(
        "```python\n"
        "v = [1.0]\n"
        "for _ in range(199):\n"
        "    v.append(v[-1] * (1 + v[-1] ** -0.5))\n"
        "v[199] / v[99]\n"
        "```\n"
        "A little over 4."
    ),
    answer=_growth(100),
    typical_wrong=(
        (2.0, "linear growth"),
        (_growth(100) ** 0.5, "linear growth"),
        (16.0, "once too often"),
        (_growth(100) * _v(100), "v₂₀₀ itself"),
        (_v(100), "exponential growth would multiply by"),
        (1.3, "another number"),
    ),
)

EXERCISES = (HUNT, ANGLE, LAW, SWITCH)
