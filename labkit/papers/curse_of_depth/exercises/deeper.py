"""The deeper notebook of lesson 08: a switch that was never thrown, an angle that cannot be, and a law of growth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong
from labkit.course.numbers import number

__all__ = ["EXERCISES", "OBJECTIVES", "make", "make_released"]

_INVARIANT = "find out by an invariant whether a model has the norm that its name promises"
_ANGLE = "read a map of angles with its axis, and say which angles are possible"
_LAW = "tell a power of the depth from exponential growth by numbers"
OBJECTIVES = (_INVARIANT, _ANGLE, _LAW)

_SIZES = {"vocab": 23, "width": 16, "heads": 2, "ffn": 24, "context": 16, "init_std": 0.3}


def make(norm_type: str, depth: int) -> Any:
    """Return a model as its name says: "pre" is Pre-LN, "LNS" has LayerNorm Scaling; the same weights in both."""
    return _built("lns" if norm_type == "LNS" else "pre-norm", depth)


def make_released(norm_type: str, depth: int) -> Any:
    """Return a model as in code that was released: the name is lower-cased, then compared with capitals."""
    norm_type = norm_type.lower()
    return _built("lns" if norm_type == "LNS" else "pre-norm", depth)


def _make_early(norm_type: str, depth: int) -> Any:
    """Count blocks from 0 and add one too many: block 1 is scaled as well."""
    model = _built("lns" if norm_type == "LNS" else "pre-norm", depth)
    if norm_type == "LNS":
        for layer, block in enumerate(model.trunk.blocks):
            for branch in block.branches:
                branch.norm.after = (layer + 2) ** -0.5
    return model


def _make_attention_only(norm_type: str, depth: int) -> Any:
    """Forget the second norm of every block."""
    model = _built("lns" if norm_type == "LNS" else "pre-norm", depth)
    if norm_type == "LNS":
        for block in model.trunk.blocks:
            block.mlp.norm.after = 1.0
    return model


def _built(kind: str, depth: int) -> Any:
    from labkit.models import DecoderConfig

    return DecoderConfig.from_dict({"kind": kind, "depth": depth, **_SIZES}).build(seed=4).eval()


def _check_judge(judge: Callable[..., Any]) -> Outcome:
    """Try the reader's judge on a right maker and on three wrong ones."""
    verdict = judge(make)
    if is_blank(verdict):
        raise NotAttempted
    if not verdict:
        return wrong(
            "you convict the maker that does what it says.",
            "float rounding: equal functions may differ by a millionth; torch.allclose(..., atol=1e-4)",
        )
    if judge(make_released):
        return wrong(
            "the released code passes: under both names it builds the same Pre-LN model, and nothing ever fails.",
            "whether the two models differ at all where they must",
        )
    if judge(_make_early):
        return wrong(
            "a maker passes whose first block is scaled.", "a model of one block: there the two names mean the same"
        )
    if judge(_make_attention_only):
        return wrong(
            "a maker passes that scales one of the two norms of a block.",
            "the exact twin: Pre-LN whose gains in block ℓ are multiplied by 1/√ℓ, in both branches",
        )
    return right("A name proves nothing. An invariant that the wrong model breaks does.")


def _judge(maker: Callable[..., Any]) -> bool:
    import torch

    ids = torch.arange(12)[None]
    with torch.no_grad():
        for depth in (1, 4):
            scaled, twin = maker("LNS", depth), maker("pre", depth)
            for layer, block in enumerate(twin.trunk.blocks):
                for branch in block.branches:
                    branch.norm.weight *= (layer + 1) ** -0.5
            if not torch.allclose(scaled(ids).logits, twin(ids).logits, atol=1e-4):
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
        "A factor after a norm is a smaller gain: multiply the gains of block ℓ of the 'pre' model by 1/√ℓ.",
        "Do that for one block and for four, and compare the logits with torch.allclose(..., atol=1e-4).",
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
    typical_wrong=((_judge_by_size, "nothing ever fails"), (_judge_by_difference, "first block is scaled")),
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
        tol=1e-3,
        mistakes=[
            (
                0.9511,
                "this is sin 108°: the shortest way to a line, not to a ray.",
                "a drawing: the ray goes backwards",
            ),
            (0.6, "an angle is not a length.", "a drawing of h, u and h + u"),
            (1.618, "this keeps the length of h + u at that of h, which nobody asked for.", "the word: at least"),
            (2.0, "this turns the stream right round.", "the least u that passes 90°"),
        ],
    ),
    hints=(
        "Draw h, and the ray on which h + u has to lie. u goes from the tip of h to some point of that ray.",
        "For an angle below 90° the nearest point of the ray is at sin(angle) · |h|. Where is it beyond 90°?",
        "Beyond 90° the ray leads away from the tip of h, so its nearest point is where it begins.",
    ),
    solution="The nearest point of the ray is its beginning, 0: u must be as long as h, and any longer to get past it.",
    answer=1.0,
    typical_wrong=((0.9511, "sin 108°"), (0.6, "not a length")),
)


def _growth(depth: int) -> float:
    from ..method.theory import variance_recursion

    values = variance_recursion(2 * depth)
    return float(values[-1] / values[depth - 1])


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
        tol=0.005,
        mistakes=[
            (
                2.0,
                "this is linear growth, what blocks that write independently would give.",
                "the recursion, step by step",
            ),
            (lambda: _growth(100) ** 0.5, "this is the growth of the standard deviation.", "what v is: σ²"),
        ],
    ),
    hints=(
        "A loop of 199 steps; keep every value in a list.",
        "v.append(v[-1] * (1 + v[-1] ** -0.5)); v₁₀₀ is v[99].",
        "For large v one step adds √v, so √v grows by about a half each time.",
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
    typical_wrong=((2.0, "linear growth"), (2.01, "standard deviation")),
)

EXERCISES = (HUNT, ANGLE, LAW)
