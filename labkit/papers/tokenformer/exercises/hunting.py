"""A hunt for growth that is not what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

from .needed import small_model

__all__ = ["hunt"]


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

    model = small_model(5)
    ids_BL = torch.arange(20)[None]
    with torch.no_grad():
        before = model(ids_BL).logits
        for _ in range(times):
            model = grow(model, 6)
        return bool((model(ids_BL).logits - before).abs().max() <= tolerance)


def _judge_by_rows(grow: Callable[..., Any]) -> bool:
    import torch

    model = small_model(5)
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
