"""Exercise 08.4: a switch that was never thrown, found by an invariant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["HUNT", "make", "make_released"]

OBJECTIVE = "find out by an invariant whether a model has the norm that its name promises"

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
    objective=OBJECTIVE,
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
