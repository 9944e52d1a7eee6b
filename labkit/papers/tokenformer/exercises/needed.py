"""Which new tokens the model needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from labkit.base.errors import BadInput
from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["needed", "small_model"]

NEW_ROWS = "which rows are new: the last three quarters of each layer"
SEEDS = (2, 5, 6, 7)  # on these, half of the text, gradients, sizes and slips lead to other layers


def small_model(seed: int, tokens: int = 6, depth: int = 2) -> Any:
    """Return a small model of random weights that this lesson's checks grow."""
    from ..method import TokenFormer

    config = TokenFormer(
        vocab=23, width=16, depth=depth, heads=2, tokens=tokens, ffn=4 * tokens, context=32, init_std=0.3
    )
    return config.build(seed).eval()


# Which layer needs its new tokens most.


def _grown_and_trained(seed: int) -> Any:
    """Return a model grown by three times its tokens whose new keys are no longer zero, and text for it."""
    import torch

    from ..method import grow, pattention_layers

    model = grow(small_model(seed), 18, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in pattention_layers(model).values():
            size = float(torch.rand((), generator=generator))
            old = layer.tokens // 4
            layer.keys[old:] = size * 0.3 * torch.randn(layer.tokens - old, 16, generator=generator)
    return model, torch.randint(23, (6, 20), generator=generator)


def _costs(
    model: ModelLike, ids_BL: Any, start: Callable[[int], int] = lambda n: n // 4, stop: bool = False
) -> dict[str, float]:
    """Return the loss without one layer's tokens from `start` on (up to it, with `stop`), by layer."""
    import torch

    import labkit

    from ..method import MaskTokens, pattention_layers

    found = {}
    for name, layer in pattention_layers(model).items():
        first = start(layer.tokens)
        masked = range(first) if stop else range(first, layer.tokens)
        with torch.no_grad(), labkit.edit(model, MaskTokens(name, tuple(masked))):
            found[name] = float(model(ids_BL, labels=ids_BL).loss)
    return found


def _check_needed(most_needed: Callable[..., Any]) -> Outcome:
    from labkit.anatomy import fingerprint

    answers, cases = [], []
    for seed in SEEDS:
        model, ids_BL = _grown_and_trained(seed)
        before = fingerprint(model)
        try:
            said = most_needed(model, ids_BL)
        except BadInput as error:
            absent = ("has no token", "tokens = ()", "tokens = []", "tokens = range(")  # or it begins after the last
            if not any(words in str(error) for words in absent):
                raise
            return wrong(
                "you masked tokens that are not there: these models are smaller than the lesson's.",
                "where your numbers come from; every layer knows its .tokens",
            )
        if is_blank(said):
            raise NotAttempted
        if fingerprint(model) != before:
            return wrong("the model is not what it was before.", "the with statement: when is an edit taken back")
        if said not in _costs(model, ids_BL):
            return wrong(f"{said!r} is no layer.", "the keys of pattention_layers(model)")
        answers.append(said)
        cases.append((model, ids_BL))
    if answers == [_worst(*case) for case in cases]:
        return right("Sizes and gradients only hint at this; leaving the tokens out measures it.")
    slips = (
        (_least, "that is the layer whose new tokens are missed least.", "which loss, without them, is the highest"),
        (partial(_worst, stop=True), "you masked the old tokens.", NEW_ROWS),
        (
            partial(_worst, start=lambda n: 6),
            "in the MLP you masked old tokens too: it has four times as many.",
            NEW_ROWS,
        ),
        (partial(_worst, start=lambda n: 0), "you masked all tokens of the layer.", NEW_ROWS),
    )
    for slip, thought, where in slips:
        if answers == [slip(*case) for case in cases]:
            return wrong(thought, where)
    return wrong(
        f"{', '.join(answers)} are not all right.", "the loss with the mask, layer by layer, on the whole text given"
    )


def _worst(model: ModelLike, ids_BL: Any, **options: Any) -> str:
    costs = _costs(model, ids_BL, **options)
    return max(costs, key=costs.get)


def _least(model: ModelLike, ids_BL: Any) -> str:
    costs = _costs(model, ids_BL)
    return min(costs, key=costs.get)


def _fixed_rows(model: ModelLike, ids_BL: Any) -> str:
    """Mask the rows that are new in the lesson's model."""
    import labkit

    from ..method import MaskTokens

    with labkit.edit(model, MaskTokens("layers.0.q", tuple(range(36, 144)))):
        return "layers.0.q"


def _rows_from_36(model: ModelLike, ids_BL: Any) -> str:
    """Mask from the lesson's first new row on, which here stands behind the last."""
    return _worst(model, ids_BL, start=lambda n: 36)


def _by_size(model: ModelLike, ids_BL: Any) -> str:
    from ..method import pattention_layers

    layers = pattention_layers(model)
    return max(layers, key=lambda name: float(layers[name].values[layers[name].tokens // 4 :].detach().norm()))


def _left_masked(model: ModelLike, ids_BL: Any) -> str:
    import torch

    from ..method import pattention_layers

    answer = _worst(model, ids_BL)
    with torch.no_grad():
        layer = pattention_layers(model)[answer]
        layer.keys[layer.tokens // 4 :] = 0
    return answer


def needed(objective: str) -> Exercise:
    """Return exercise 03.3."""
    return Exercise(
        id="03.3",
        title="Which new tokens does it need?",
        minutes=7,
        objective=objective,
        difficulty="hard",
        task=(
            "A model grew to four times its tokens; in each of its ten layers the last three quarters are new. Write "
            "`most_needed(model, ids)`: the name of the layer whose *new* tokens cost most to lose, as the loss on "
            "`ids` says. `MaskTokens(layer, tokens)` is an edit. Your function is tried on four grown models; then "
            "run it on `trained.model` and `texts`."
        ),
        expects="a function of (model, ids) that returns the name of a layer, such as 'layers.0.q'",
        check=_check_needed,
        hints=(
            "pattention_layers(model) gives the layers by name, in order; each knows how many .tokens it has.",
            "One layer at a time, inside `with labkit.edit(...)`, so that the next layer finds the model whole.",
            "New are those from a quarter of the layer's own number on. Keep the loss of each in a dict, take its max.",
        ),
        solution=(
            "```python\n"
            "def most_needed(model, ids):\n"
            "    losses = {}\n"
            "    for name, layer in pattention_layers(model).items():\n"
            "        new = tuple(range(layer.tokens // 4, layer.tokens))\n"
            "        with labkit.edit(model, MaskTokens(name, new)):\n"
            "            losses[name] = model(ids, labels=ids).loss.item()\n"
            "    return max(losses, key=losses.get)\n"
            "```"
        ),
        answer=_worst,
        typical_wrong=(
            (_least, "missed least"),
            (partial(_worst, stop=True), "old tokens"),
            (partial(_worst, start=lambda n: 6), "in the MLP"),
            (partial(_worst, start=lambda n: 0), "all tokens"),
            (_by_size, ""),
            (_fixed_rows, "not there"),
            (_rows_from_36, "not there"),
            (_left_masked, "not what it was"),
            (lambda model, ids_BL: 3, "no layer"),
        ),
    )
