"""Exercise 00.2: a cut by hand, put back whatever happens, and proven."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["OPERATE", "OPERATION"]

OPERATE = "cut a part out of a model, put it back, and prove that it is back"


class _Accident(RuntimeError):
    """What breaks in the middle of an operation."""


class _Beside:
    """A hook that was there before and, once, does something beside the reader's operation while the model runs."""

    def __init__(self, act: Callable[[], None]):
        self.act, self.done = act, False

    def __call__(self, module: Any, inputs: tuple, output: Any) -> None:
        if not self.done:
            self.done = True
            self.act()


def _patients() -> list[tuple[Any, int, Any]]:
    """Return (model, layer, ids) of three sizes; one layer is the last, one text a single token."""
    import torch

    from labkit.models import DecoderConfig

    made = []
    for depth, layer, ids in ((3, 1, [3, 1, 4, 1, 5, 9, 2, 6]), (2, 1, [7]), (4, 0, [2, 7, 1, 8])):
        sizes = {"vocab": 23, "width": 16, "depth": depth, "heads": 2, "ffn": 20 + 4 * layer, "context": 16}
        made.append((DecoderConfig(**sizes, init_std=0.2).build(seed=depth).eval(), layer, torch.tensor([ids])))
    return made


def _left_behind(model: ModelLike) -> dict[str, Callable[[], None]]:
    """Return what may be left behind by somebody else, by name: each a way to change the model a little."""

    def swap() -> None:
        weight = model.trunk.blocks[-1].attention.mixer.o.weight.data
        weight[[0, 1]] = weight[[1, 0]]  # no sum over the matrix sees it

    return {
        "a hook was left attached": lambda: model.norm.register_forward_hook(lambda module, inputs, output: None),
        "two rows of a matrix were exchanged": swap,
        "the model was left in training mode": lambda: model.train() and None,
    }


def _check_operation(operate: Callable[..., Any]) -> Outcome:
    """Try the reader's operation beside labkit's own edit, then in an accident, then on models left changed."""
    import torch

    with torch.no_grad():
        for model, layer, ids in _patients():
            if (told := _operated(operate, model, layer, ids)) is not None:
                return told
        if (told := _in_an_accident(operate)) is not None:
            return told
        for number in range(3):
            model, layer, ids = _patients()[number]
            name, act = list(_left_behind(model).items())[number]
            model.trunk.blocks[layer].mlp.norm.register_forward_hook(_Beside(act))
            if bool(operate(model, layer, ids)[1]):
                return wrong(
                    f"we gave you a model in which something else changed ({name}), and your proof did not see it.",
                    "what labkit.fingerprint covers that equal answers, or your good intentions, do not",
                )
    return right("Cut, measured, put back, and proven: you need not trust yourself, only the fingerprint.")


def _operated(operate: Callable[..., Any], model: ModelLike, layer: int, ids: Any) -> Outcome | None:
    """Return what is wrong with one quiet operation."""
    import torch

    from labkit.anatomy import fingerprint
    from labkit.interventions import DropMLP, audit, edit

    with edit(model, DropMLP(layer)):
        wanted = model(ids).logits
    intact, ours = model(ids).logits, []
    model.embed.register_forward_hook(lambda module, inputs, output: ours.extend(audit(model).active))
    before = fingerprint(model)
    cut, proof = operate(model, layer, ids)
    if is_blank(cut) or is_blank(proof):
        raise NotAttempted
    if ours:
        return wrong("labkit.edit did it for you.", "the first sentence of the task")
    if torch.equal(cut, intact):
        return wrong("the model did not change.", "what the hook returns; None means: leave the output as it is")
    if not torch.allclose(cut, wanted, atol=1e-6):
        return wrong(
            "something changed, but not as when the MLP of this layer is dropped; perhaps it still "
            "writes to the stream.",
            "which layer was asked for, and what must be added to the stream so that it stays as it was",
        )
    if fingerprint(model) != before:
        return wrong("after your operation the model is not what it was.", "what the hook's handle is for")
    return (
        None
        if bool(proof)
        else wrong("the model is as it was, and your proof denies it.", "when the two fingerprints were taken")
    )


def _in_an_accident(operate: Callable[..., Any]) -> Outcome | None:
    """Return what is wrong with an operation during which the model raises."""
    from labkit.anatomy import fingerprint

    def breaks(module: Any, inputs: tuple) -> None:
        raise _Accident("the model broke in the middle")

    model, layer, ids = _patients()[0]
    model.norm.register_forward_pre_hook(breaks)
    before = fingerprint(model)
    try:
        operate(model, layer, ids)
    except _Accident:
        pass
    else:
        return wrong(
            "the model raised an error in the middle, and your function returned as if it had an answer.",
            "what section 4 did with its error: `finally` lets it through, `except` does not",
        )
    if fingerprint(model) == before:
        return None
    return wrong(
        "the model raised an error in the middle, and your hook is still there.",
        "which lines run when the line before them raises",
    )


def _operation(
    output: Callable[..., Any], proof: Callable[..., Any], safe: bool = True, remove: bool = True
) -> Callable[..., Any]:
    """Return an operation whose hook returns output(inputs[0], output) and whose proof is proof(model, before)."""

    def operate(model: ModelLike, layer: int, ids: Any) -> tuple[Any, Any]:
        before = proof(model, None)
        mlp = model.trunk.blocks[layer].mlp.mixer
        handle = mlp.register_forward_hook(lambda module, inputs, given: output(inputs[0], given))
        if not safe:
            cut = model(ids).logits
            if remove:
                handle.remove()
            return cut, proof(model, before)
        try:
            cut = model(ids).logits
        finally:
            handle.remove()
        return cut, proof(model, before)

    return operate


def _compared(state: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a proof that compares state(model) before and after."""
    return lambda model, before: state(model) if before is None else state(model) == before


def _fingerprint(model: ModelLike) -> str:
    from labkit.anatomy import fingerprint

    return fingerprint(model)


def _hook_count(model: ModelLike) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def _sums(model: ModelLike) -> tuple[float, ...]:
    return (float(_hook_count(model)), *(float(weight.sum()) for weight in model.parameters()))


def _nothing(given: Any, output: Any) -> Any:
    return 0 * output


_proven = _compared(_fingerprint)
_operation_answer = _operation(_nothing, _proven)


def _operation_by_edit(model: ModelLike, layer: int, ids: Any) -> tuple[Any, bool]:
    from labkit.interventions import DropMLP, edit

    before = _fingerprint(model)
    with edit(model, DropMLP(layer)):
        cut = model(ids).logits
    return cut, _fingerprint(model) == before


def _operation_same_answers(model: ModelLike, layer: int, ids: Any) -> tuple[Any, bool]:
    import torch

    intact = model(ids).logits
    cut = _operation_answer(model, layer, ids)[0]
    return cut, torch.equal(model(ids).logits, intact)


def _operation_swallowing(model: ModelLike, layer: int, ids: Any) -> tuple[Any, bool]:
    try:
        return _operation_answer(model, layer, ids)
    except RuntimeError:
        return ids, True


OPERATION = Exercise(
    id="00.2",
    title="Your own operation",
    minutes=6,
    objective=OPERATE,
    task=(
        "Write what `with labkit.edit(model, DropMLP(layer))` does, without it. A *forward hook* is a function that "
        "torch calls with `(module, inputs, output)` after a module ran; what it returns takes the output's place. "
        "Three things are missing: what the hook returns; the line that takes the hook out again "
        "(`register_forward_hook` gave you a handle, and a handle has `.remove()`), which must run even when the model "
        "raises an error, as in section 4, and must not hide the error; and a proof that the model is as it was: true "
        "or false, found out and not promised."
    ),
    expects="a function of (model, layer, ids) that returns the cut model's logits and the proof",
    check=_check_operation,
    hints=(
        "The block computes h + mlp(norm(h)). Which mlp output leaves h alone? And what, taken before and after, shows "
        "whether anything at all is different?",
        "Python runs what stands under `finally:` whether or not the lines under `try:` raised. Equal answers prove "
        "nothing: the model may differ in what this text does not use.",
        "The hook returns something of the output's shape that adds nothing. The handle's method stands alone under "
        "`finally:`. The proof compares `before` with the same thing, taken again at the end.",
    ),
    solution=(
        "```python\n"
        "def operate(model, layer, ids):\n"
        "    before = labkit.fingerprint(model)\n\n"
        "    def nothing(module, inputs, output):\n"
        "        return torch.zeros_like(output)\n\n"
        "    handle = model.trunk.blocks[layer].mlp.mixer.register_forward_hook(nothing)\n"
        "    try:\n"
        "        cut = model(ids).logits\n"
        "    finally:\n"
        "        handle.remove()\n"
        "    return cut, labkit.fingerprint(model) == before\n"
        "```\n"
        "A zero added to the stream leaves the stream as it was. Returning the *input* would add a second copy of the "
        "normed stream. Without `finally` an error, or your impatient Ctrl-C, leaves the hook behind. And two models "
        "that answer alike on one text may still differ: a hook left behind waits for another day."
    ),
    answer=_operation_answer,
    typical_wrong=(
        (_operation(lambda given, output: given, _proven), "still writes to the stream"),
        (_operation(lambda given, output: None, _proven), "did not change"),
        (_operation(_nothing, lambda model, before: True, safe=False, remove=False), "not what it was"),
        (_operation(_nothing, _proven, safe=False), "your hook is still there"),
        (_operation_swallowing, "as if it had an answer"),
        (_operation_by_edit, "labkit.edit did it"),
        (_operation(_nothing, lambda model, before: True), "your proof did not see it"),
        (_operation_same_answers, "your proof did not see it"),
        (_operation(_nothing, _compared(_hook_count)), "exchanged), and your proof did not see it"),
        (_operation(_nothing, _compared(_sums)), "mode), and your proof did not see it"),
        (lambda model, layer, ids: _operation_answer(model, 1, ids), "which layer was asked for"),
    ),
)
