"""Which new tokens the model needs, and a hunt for growth that is not what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["hunt", "needed"]


def _model(seed: int, tokens: int = 6, depth: int = 2) -> Any:
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

    model = grow(_model(seed), 18, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in pattention_layers(model).values():
            size = float(torch.rand((), generator=generator))
            old = layer.tokens // 4
            layer.keys[old:] = size * 0.3 * torch.randn(layer.tokens - old, 16, generator=generator)
    return model, torch.randint(23, (6, 20), generator=generator)


def _costs(
    model: Any, ids_BL: Any, start: Callable[[int], int] = lambda n: n // 4, stop: bool = False
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

    for seed in (52, 11, 28, 16):
        model, ids_BL = _grown_and_trained(seed)
        before = fingerprint(model)
        said = most_needed(model, ids_BL)
        if is_blank(said):
            raise NotAttempted
        if fingerprint(model) != before:
            return wrong("the model is not what it was before.", "the with statement: when is an edit taken back")
        costs = _costs(model, ids_BL)
        if said not in costs:
            return wrong(f"{said!r} is no layer.", "the keys of pattention_layers(model)")
        if said == max(costs, key=costs.get):
            continue
        slips = (
            (min(costs, key=costs.get), "that is the layer whose new tokens are missed least."),
            (_worst(model, ids_BL, stop=True), "you masked the old tokens."),
            (
                _worst(model, ids_BL, start=lambda n: 6),
                "in the MLP you masked old tokens too: it has four times as many.",
            ),
            (_worst(model, ids_BL, start=lambda n: 0), "you masked all tokens of the layer."),
        )
        for slip, thought in slips:
            if said == slip:
                return wrong(thought, "which rows are new: the last three quarters of each layer")
        return wrong(f"{said} is not it.", "the loss with the mask, layer by layer, on the whole text you were given")
    return right("Sizes and gradients only hint at this; leaving the tokens out measures it.")


def _worst(model: Any, ids_BL: Any, **options: Any) -> str:
    costs = _costs(model, ids_BL, **options)
    return max(costs, key=costs.get)


def _least(model: Any, ids_BL: Any) -> str:
    costs = _costs(model, ids_BL)
    return min(costs, key=costs.get)


def _by_size(model: Any, ids_BL: Any) -> str:
    from ..method import pattention_layers

    layers = pattention_layers(model)
    return max(layers, key=lambda name: float(layers[name].values[layers[name].tokens // 4 :].detach().norm()))


def _left_masked(model: Any, ids_BL: Any) -> str:
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
            (partial(_worst, start=lambda n: 0), "all tokens"),
            (_by_size, ""),
            (_left_masked, "not what it was"),
            (lambda model, ids_BL: 3, "no layer"),
        ),
    )


# The bug hunt.


def _sound(model: Any, n_new: int) -> Any:
    from ..method import grow

    return grow(model, n_new)


def _live(model: Any, n_new: int) -> Any:
    from ..method import grow

    return grow(model, n_new, tau="live")


def _live_in_mlp(model: Any, n_new: int) -> Any:
    """Return growth in which only the MLP's τ is live."""
    grown = _sound(model, n_new)
    for block in grown.trunk.blocks:
        block.mlp.mixer.scale_tokens = None
    return grown


def _random_last(model: Any, n_new: int) -> Any:
    """Return growth in which the last layer's keys are random."""
    import torch

    grown = _sound(model, n_new)
    layer, old = grown.trunk.blocks[-1].mlp.mixer, model.trunk.blocks[-1].mlp.mixer.tokens
    with torch.no_grad():
        layer.keys[old:].normal_(0.0, 0.3, generator=torch.Generator().manual_seed(0))
    return grown


def _forgets(model: Any, n_new: int) -> Any:
    """Return growth that fixes τ at the root of the tokens there are, also where an earlier growth had fixed it."""
    from ..method.growth import grow

    grown = grow(model, n_new)
    if model.config.scale_tokens is None:
        return grown
    config = replace(grown.config, scale_tokens=float(model.config.tokens))
    again = config.build()
    again.load_state_dict(grown.state_dict())
    return again.eval()


def _doubles(model: Any, n_new: int) -> Any:
    """Return exact growth of another kind where it comes out whole."""
    from ..method import duplicate

    times, rest = divmod(model.config.tokens + n_new, model.config.tokens)
    return _sound(model, n_new) if rest else duplicate(model, times, noise=0.5)


_GROWERS = (
    (_sound, True, ""),
    (_live, False, "one whose τ follows the number of tokens in every layer"),
    (_live_in_mlp, False, "one whose τ is live in the MLP alone"),
    (_random_last, False, "one whose keys are random in a single layer"),
    (_forgets, False, "one that is sound the first time and not the second"),
    (_doubles, True, ""),
)


def _check_hunt(judge: Callable[..., Any]) -> Outcome:
    for grower, sound, which in _GROWERS:
        said = judge(grower)
        if is_blank(said):
            raise NotAttempted
        if bool(said) == sound:
            continue
        if sound:
            return wrong(
                "you reject growth that changes no logit by more than rounding.",
                "your tolerance: a sum over more tokens rounds differently",
            )
        return wrong(f"{which} passes your test.", "growth on top of growth" if "second" in which else "logits")
    return right("One invariant, tried twice in a row. The released code would fail it at the first growth.")


def _judge(grow: Callable[..., Any], times: int = 2, tolerance: float = 1e-4) -> bool:
    import torch

    model = _model(5)
    ids_BL = torch.arange(20)[None]
    with torch.no_grad():
        before = model(ids_BL).logits
        for _ in range(times):
            model = grow(model, 6)
        return bool((model(ids_BL).logits - before).abs().max() <= tolerance)


def _judge_by_rows(grow: Callable[..., Any]) -> bool:
    import torch

    model = _model(5)
    grown = grow(model, 6)
    return torch.equal(grown.embed.weight, model.embed.weight) and grown.config.tokens == 12


def hunt(objective: str) -> Exercise:
    """Return exercise 03.4."""
    return Exercise(
        id="03.4",
        title="Bug hunt: growth that says it changes nothing",
        minutes=8,
        objective=objective,
        difficulty="hard",
        task=(
            "Six functions `grow(model, n_new)` all claim to leave the model's function as it is; four do not, and one "
            "of the bugs is in the code the authors released. Write `judge(grow)`: True if growth by this function "
            "never changes a logit by more than rounding (1e-4). Use any small model, such as the one in the stub."
        ),
        expects="a function of a function that returns True or False",
        check=_check_hunt,
        hints=(
            "Do not read the functions: compare logits before and after.",
            "A model may grow more than once. What does a fixed τ have to remember?",
            "Grow twice in a row, and compare with the logits of the very first model.",
        ),
        solution=(
            "```python\n"
            "def judge(grow):\n"
            "    sizes = dict(vocab=23, width=16, depth=2, heads=2, tokens=6, ffn=24, context=32)\n"
            "    model = TokenFormer(**sizes, init_std=0.3).build(0).eval()\n"
            "    ids = torch.arange(20)[None]\n"
            "    with torch.no_grad():\n"
            "        twice = grow(grow(model, 6), 6)\n"
            "        return bool((twice(ids).logits - model(ids).logits).abs().max() < 1e-4)\n"
            "```"
        ),
        answer=_judge,
        typical_wrong=(
            (partial(_judge, times=1), "second"),
            (partial(_judge, times=0), "every layer"),
            (partial(_judge, tolerance=1e9), "every layer"),
            (partial(_judge, tolerance=-1.0), "reject"),
            (_judge_by_rows, "every layer"),
            (lambda grow: True, "every layer"),
        ),
    )
