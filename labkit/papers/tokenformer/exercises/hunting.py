"""A hunt for growth that is not what it says."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

from .needed import small_model

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["hunt"]

SMALL = 0.03  # of keys whose effect is far above rounding and far below what a loss would show


def _sound(model: ModelLike, n_new: int) -> Any:
    from ..method import grow

    return grow(model, n_new)


def _live(model: ModelLike, n_new: int) -> Any:
    from ..method import grow

    return grow(model, n_new, tau="live")


def _live_in_mlp(model: ModelLike, n_new: int) -> Any:
    """Return growth in which only the MLP's τ is live."""
    grown = _sound(model, n_new)
    for block in grown.trunk.blocks:
        block.mlp.mixer.scale_tokens = None
    return grown


def _random_q(model: ModelLike, n_new: int) -> Any:
    """Return growth in which the keys of one layer are random and small: the loss hardly shows it."""
    import torch

    grown = _sound(model, n_new)
    layer, old = grown.trunk.blocks[-1].attention.mixer.q, model.config.tokens
    with torch.no_grad():
        layer.keys[old:].normal_(0.0, SMALL, generator=torch.Generator().manual_seed(0))
    return grown


def _live_at_first(model: ModelLike, n_new: int) -> Any:
    """Return growth that keeps τ only where an earlier growth has fixed it."""
    grown = _sound(model, n_new)
    if model.config.scale_tokens is not None:
        return grown
    config = replace(grown.config, scale_tokens=float(grown.config.tokens))
    return _with(config, grown)


def _forgets(model: ModelLike, n_new: int) -> Any:
    """Return growth that fixes τ at the root of the tokens there are, also where an earlier growth had fixed it."""
    from ..method.growth import grow

    grown = grow(model, n_new)
    if model.config.scale_tokens is None:
        return grown
    config = replace(grown.config, scale_tokens=float(model.config.tokens))
    return _with(config, grown)


def _with(config: Any, grown: Any) -> Any:
    """Return a model of another config with the same weights."""
    again = config.build()
    again.load_state_dict(grown.state_dict())
    return again.eval()


def _doubles(model: ModelLike, n_new: int) -> Any:
    """Return exact growth of another kind where it comes out whole."""
    from ..method import duplicate

    times, rest = divmod(model.config.tokens + n_new, model.config.tokens)
    return _sound(model, n_new) if rest else duplicate(model, times, noise=0.5)


_GROWERS = (
    (_sound, True, ""),
    (_live, False, "one whose τ follows the number of tokens in every layer"),
    (_live_in_mlp, False, "one whose τ is live in the MLP alone"),
    (_random_q, False, "one whose keys are small and random in a single layer"),
    (_live_at_first, False, "one that is sound the second time and not the first"),
    (_forgets, False, "one that is sound the first time and not the second"),
    (_doubles, True, ""),
)


def _unnamed(grower: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose name tells nothing."""

    def grow(model: ModelLike, n_new: int) -> Any:
        return grower(model, n_new)

    return grow


def _check_hunt(judge: Callable[..., Any]) -> Outcome:
    # In two new orders, so that nothing is gained by counting calls.
    calls = [place for _ in range(2) for place in random.Random().sample(range(len(_GROWERS)), len(_GROWERS))]
    said: dict[int, list[Any]] = {place: [] for place in sorted(calls)}
    for place in calls:
        said[place].append(judge(_unnamed(_GROWERS[place][0])))
    for place, (_, sound, which) in enumerate(_GROWERS):
        if any(is_blank(one) for one in said[place]):
            raise NotAttempted
        if all(bool(one) == sound for one in said[place]):
            continue
        if sound:
            return wrong(
                "you reject growth that changes no logit by more than rounding.",
                "your tolerance: a sum over more tokens rounds differently",
            )
        where = (
            "growth on top of growth, against the very first model"
            if "second" in which
            else "every logit of a text of several words"
        )
        return wrong(f"{which} passes your test.", where)
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


def _twice(grow: Callable[..., Any]) -> tuple[Any, Any, Any]:
    import torch

    model, ids_BL = small_model(5), torch.arange(20)[None]
    with torch.no_grad():
        return model(ids_BL).logits, grow(grow(model, 6), 6)(ids_BL).logits, ids_BL


def _judge_by_words(grow: Callable[..., Any]) -> bool:
    before, after, _ = _twice(grow)
    return bool((before.argmax(-1) == after.argmax(-1)).all())


def _judge_by_first(grow: Callable[..., Any]) -> bool:
    before, after, _ = _twice(grow)
    return bool((before[:, 0] - after[:, 0]).abs().max() < 1e-4)


def _judge_by_loss(grow: Callable[..., Any]) -> bool:
    import torch.nn.functional as F

    before, after, ids_BL = _twice(grow)
    losses = [F.cross_entropy(logits[0, :-1], ids_BL[0, 1:]) for logits in (before, after)]
    return bool((losses[0] - losses[1]).abs() < 1e-2)


def _judge_by_name(grow: Callable[..., Any]) -> bool:
    return "sound" in grow.__name__


def hunt(objective: str) -> Exercise:
    """Return exercise 03.4."""
    return Exercise(
        id="03.4",
        title="Bug hunt: growth that says it changes nothing",
        minutes=8,
        objective=objective,
        difficulty="hard",
        task=(
            "Seven functions `grow(model, n_new)` all claim to leave the model's function as it is; five do not, and "
            "one of the bugs is in the code the authors released. Write `judge(grow)`: True if growth by this function "
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
            (_judge_by_words, "single layer"),
            (_judge_by_first, "single layer"),
            (_judge_by_loss, "single layer"),
            (_judge_by_name, "reject"),
        ),
    )
