"""Exercise 08.7: the switch of LayerNorm Scaling by hand, in two lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["BY_HAND", "SWITCH"]

BY_HAND = "write a forward hook that changes what a module returns, and take it out again"
# Seed of the weights, depth, p and ids of each model that an answer is tried on; with one block nothing may change.
_CASES = ((3, 4, 0.7, (3, 1, 4, 1, 5, 9, 2, 6)), (5, 1, 1.3, (2, 7, 1, 8)), (8, 6, 0.35, (1, 4, 1, 4, 2, 1, 3)))


def _decoder(seed: int, depth: int) -> Any:
    from labkit.models import DecoderConfig

    fields = {"vocab": 23, "width": 16, "heads": 2, "ffn": 24, "context": 16, "init_std": 0.3}
    return DecoderConfig(depth=depth, **fields).build(seed).eval()


def _check(scaled: Callable[..., Any]) -> Outcome:
    """Try the reader's switch on random models: what it computes, how, and what it leaves behind."""
    import torch

    for seed, depth, p, numbers in _CASES:
        ids = torch.tensor([numbers])
        with torch.no_grad():
            outcome = _try(scaled, _decoder(seed, depth), ids, p, (seed, depth))
        if outcome is not None:
            return outcome
    return right("One factor a block, on both norms, and nothing else. The paper's method is these lines.")


def _try(scaled: Callable[..., Any], model: ModelLike, ids: Any, p: float, made: tuple[int, int]) -> Outcome | None:
    import torch

    from labkit.anatomy import fingerprint
    from labkit.interventions import audit

    used = []
    watch = model.trunk.register_forward_pre_hook(lambda module, inputs: used.append(bool(audit(model).active)))
    before, plain, wanted = fingerprint(model), model(ids).logits, _scaled(_decoder(*made), ids, p)
    del used[:]
    try:
        got = scaled(model, ids, p)
    except ZeroDivisionError:
        return wrong("0 has no negative power: your first block is number 0.", "ℓ, which is counted from 1")
    if is_blank(got):
        raise NotAttempted
    if any(used):
        return wrong("labkit did it for you.", "the hook: what it returns takes the place of the norm's output")
    again = model(ids).logits
    unchanged = fingerprint(model) == before and torch.equal(again, plain)
    watch.remove()
    if not unchanged:
        return wrong(
            "the logits came, and the model is not what it was: the switch is still in it.",
            "the handles that register_forward_hook returned",
        )
    if torch.allclose(got, wanted, atol=1e-5):
        return None
    if torch.equal(got, plain):
        return wrong("nothing was switched.", "what a forward hook returns takes the place of the output")
    for slip, thought, look_at in _SLIPS:
        if torch.allclose(got, slip(_decoder(*made), ids, p), atol=1e-5):
            return wrong(thought, look_at)
    return wrong("these are other logits.", "which number each block has, and which norms stand inside it")


def _scaled_by(
    factor: Callable[[int, float], float], final: bool = False, branches: slice = slice(None)
) -> Callable[..., Any]:
    """Return a switch as in the solution, with another factor or at other places."""

    def scaled(model: ModelLike, ids: Any, p: float) -> Any:
        blocks = list(model.trunk.blocks)
        norms = [(one.norm, factor(l, p)) for l, block in enumerate(blocks) for one in list(block.branches)[branches]]
        norms += [(model.norm, factor(len(blocks) - 1, p))] * final
        handles = [norm.register_forward_hook(lambda module, inputs, output, s=s: s * output) for norm, s in norms]
        logits = model(ids).logits
        for handle in handles:
            handle.remove()
        return logits

    return scaled


def _power(layer: int, p: float) -> float:
    return (layer + 1) ** -p


def _all_like_the_last(model: ModelLike, ids: Any, p: float) -> Any:
    depth = len(model.trunk.blocks)
    return _scaled_by(lambda layer, p: depth**-p)(model, ids, p)


def _norms_counted(model: ModelLike, ids: Any, p: float) -> Any:
    norms = [branch.norm for block in model.trunk.blocks for branch in block.branches]
    handles = [
        norm.register_forward_hook(lambda module, inputs, output, n=n: n**-p * output)
        for n, norm in enumerate(norms, start=1)
    ]
    logits = model(ids).logits
    for handle in handles:
        handle.remove()
    return logits


def _scaled_and_left(model: ModelLike, ids: Any, p: float) -> Any:
    for layer, block in enumerate(model.trunk.blocks):
        for branch in block.branches:
            branch.norm.register_forward_hook(lambda module, inputs, output, s=(layer + 1) ** -p: s * output)
    return model(ids).logits


_scaled = _scaled_by(_power)
_early = _scaled_by(lambda layer, p: (layer + 2) ** -p)
_one_norm = _scaled_by(_power, branches=slice(0, 1))
_final = _scaled_by(_power, final=True)
_without_p = _scaled_by(lambda layer, p: (layer + 1) ** -0.5)
_SLIPS: tuple[tuple[Callable[..., Any], str, str], ...] = (
    (_early, "your first block is scaled too: ℓ is counted from 1, and its factor is 1.", "the factor of layer 0"),
    (_final, "you scaled the last norm as well, in front of the head.", "which norms stand inside a block"),
    (_scaled_by(lambda layer, p: (layer + 1) ** p), "your factor grows with depth.", "the sign of the exponent"),
    (_without_p, "p is not used.", "the third argument"),
    (_one_norm, "only attention's norm was scaled.", "both branches of a block"),
    (_scaled_by(_power, branches=slice(1, 2)), "only the MLP's norm was scaled.", "both branches of a block"),
    (
        _all_like_the_last,
        "every block got the last one's factor: the hook looks `layer` up when it runs, and by then the loop is over.",
        "layer=layer among the hook's arguments",
    ),
    (_norms_counted, "you counted norms; both norms of a block have the block's number.", "the word block"),
)

SWITCH = Exercise(
    id="08.7",
    title="The switch by hand",
    minutes=6,
    objective=BY_HAND,
    deeper=True,
    task=(
        "Write `scaled(model, ids, p)`: the logits of a Pre-LN model in which the output of both norms of block ℓ is "
        "multiplied by ℓ^-p, blocks counted from 1. A *forward hook* sees what a module returns, and what the hook "
        "returns takes its place. Two lines are missing. Afterwards the model must be what it was."
    ),
    expects="a function of (model, ids, p) that returns logits",
    check=_check,
    hints=(
        "The hook gets the norm's output; return it times the block's factor.",
        "The blocks are counted from 0 in Python: block ℓ is layer + 1.",
        "Each handle knows how to take its hook out again: look at what it offers, and do it for all of them.",
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
        (_early, "counted from 1"),
        (_scaled_by(lambda layer, p: layer**-p), "number 0"),
        (_final, "in front of the head"),
        (_one_norm, "only attention's norm"),
        (_all_like_the_last, "the loop is over"),
        (_norms_counted, "counted norms"),
        (_without_p, "p is not used"),
        (_scaled_and_left, "still in it"),
    ),
)
