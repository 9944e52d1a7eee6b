"""Exercise 10.3, the bug hunt: a lens whose norm is missing, or applied twice, found by an invariant on the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["HUNT", "judge_lens", "lenses"]

SIZES = {"vocab": 31, "width": 16, "heads": 2, "ffn": 24, "context": 16, "init_std": 0.35}


def _levels(model: ModelLike, ids: Any) -> list[Any]:
    import torch

    with torch.no_grad():
        state = model.begin(ids[None])
        found = [state.stream[0]]
        for block in model.trunk.blocks:
            state = block(state)
            found.append(state.stream[0])
    return found


def right_lens(model: ModelLike, ids: Any) -> Any:
    """Return logits [S, L, V]: every level normed once."""
    import torch

    with torch.no_grad():
        return torch.stack([model.head(model.norm(h)) for h in _levels(model, ids)])


def released(model: ModelLike, ids: Any) -> Any:
    """Norm the last level alone, as the released code does: transformers hands it out normed."""
    import torch

    with torch.no_grad():
        *inner, last = _levels(model, ids)
        return torch.stack([*(model.head(h) for h in inner), model.head(model.norm(last))])


def twice(model: ModelLike, ids: Any) -> Any:
    """Norm every level, although the last one is normed already."""
    import torch

    with torch.no_grad():
        *inner, last = _levels(model, ids)
        return torch.stack([*(model.head(model.norm(h)) for h in inner), model.head(model.norm(model.norm(last)))])


def shifted(model: ModelLike, ids: Any) -> Any:
    """Read level l + 1 where level l is asked for; the last one twice."""
    import torch

    with torch.no_grad():
        levels = _levels(model, ids)
        return torch.stack([model.head(model.norm(h)) for h in (*levels[1:], levels[-1])])


def no_embedding(model: ModelLike, ids: Any) -> Any:
    """Norm all levels but the first."""
    import torch

    with torch.no_grad():
        first, *rest = _levels(model, ids)
        return torch.stack([model.head(first), *(model.head(model.norm(h)) for h in rest)])


def lenses() -> dict[str, Callable[[Any, Any], Any]]:
    """Return every lens that a judge meets, the right one first."""
    return {one.__name__: one for one in (right_lens, released, twice, shifted, no_embedding)}


def model_of(seed: int, depth: int) -> Any:
    """Return a random decoder whose final norm matters: its gains are not 1."""
    import torch

    from labkit.models import DecoderConfig

    model = DecoderConfig(depth=depth, **SIZES).build(seed).eval()
    with torch.no_grad():
        model.norm.weight.copy_(0.5 + torch.rand(16, generator=torch.Generator().manual_seed(seed)))
    return model.requires_grad_(False)


def _check(judge: Callable[..., Any]) -> Outcome:
    """Try the reader's judge on a right lens and four wrong ones, on three models."""
    import torch

    said = {
        "released": (
            "the lens of the released code passes: its last level is right, and below it the norm is left out.",
            "a level below the last",
        ),
        "twice": ("a lens passes that norms the last level twice.", "what the model itself says"),
        "shifted": ("a lens passes whose level l is really level l + 1.", "which blocks a level has behind it"),
        "no_embedding": (
            "a lens passes that forgets the norm at level 0 alone.",
            "the first row: all of its logits, not the top word alone",
        ),
    }
    for seed, depth in ((1, 3), (2, 1), (3, 5)):
        model = model_of(seed, depth)
        ids = torch.randint(31, (9,), generator=torch.Generator().manual_seed(seed))
        before = {name: value.clone() for name, value in model.state_dict().items()}
        for name, lens in lenses().items():
            verdict = judge(lens, model, ids)
            if is_blank(verdict):
                raise NotAttempted
            if any(not torch.equal(value, before[key]) for key, value in model.state_dict().items()):
                return wrong("the model is not what it was.", "what is changed and never put back")
            if name == "right_lens" and not verdict:
                return wrong(
                    "you convict the lens that is right.",
                    "that *every* block after the level is dropped, and rounding: torch.allclose(..., atol=1e-4)",
                )
            if name != "right_lens" and verdict:
                return wrong(*said[name])
    return right("A level of the lens is a shorter model. Any lens can be held to that, without reading its code.")


def judge_lens(lens: Any, model: ModelLike, ids: Any) -> bool:
    """Return whether every level says what the model says when the blocks after it are dropped."""
    import torch

    import labkit

    depth, found = len(model.trunk.blocks), lens(model, ids)
    for level in range(depth + 1):
        with torch.no_grad(), labkit.edit(model, *(labkit.DropBlock(layer) for layer in range(level, depth))):
            cut = model(ids[None]).logits[0]
        if not torch.allclose(found[level], cut, atol=1e-4):
            return False
    return True


def _last_only(lens: Any, model: ModelLike, ids: Any) -> bool:
    import torch

    with torch.no_grad():
        return torch.allclose(lens(model, ids)[-1], model(ids[None]).logits[0], atol=1e-4)


def _not_the_first(lens: Any, model: ModelLike, ids: Any) -> bool:
    import torch

    import labkit

    depth, found = len(model.trunk.blocks), lens(model, ids)
    for level in range(1, depth + 1):
        with torch.no_grad(), labkit.edit(model, *(labkit.DropBlock(layer) for layer in range(level, depth))):
            if not torch.allclose(found[level], model(ids[None]).logits[0], atol=1e-4):
                return False
    return True


def _equal(lens: Any, model: ModelLike, ids: Any) -> bool:
    import torch

    return torch.equal(
        lens(model, ids)[-1], model.head(model.norm(model.trunk(model.begin(ids[None])).stream))[0] + 1e-7
    )


def _one_at_a_time(lens: Any, model: ModelLike, ids: Any) -> bool:
    import torch

    import labkit

    found = lens(model, ids)
    for level in range(len(model.trunk.blocks)):
        with torch.no_grad(), labkit.edit(model, labkit.DropBlock(level)):
            if not torch.allclose(found[level], model(ids[None]).logits[0], atol=1e-4):
                return False
    return True


def _not_the_last(lens: Any, model: ModelLike, ids: Any) -> bool:
    import torch

    import labkit

    depth, found = len(model.trunk.blocks), lens(model, ids)
    for level in range(depth):
        with torch.no_grad(), labkit.edit(model, *(labkit.DropBlock(layer) for layer in range(level, depth))):
            if not torch.allclose(found[level], model(ids[None]).logits[0], atol=1e-4):
                return False
    return True


def _always(lens: Any, model: ModelLike, ids: Any) -> bool:
    return True


def _loses_the_model(lens: Any, model: ModelLike, ids: Any) -> bool:
    model.norm.weight.fill_(1.0)
    return judge_lens(lens, model, ids)


HUNT = Exercise(
    id="10.3",
    title="Bug hunt: which lens is lying?",
    minutes=7,
    objective="find out by an invariant whether a logit lens reads each level as the model itself would",
    difficulty="hard",
    task=(
        "`lens(model, ids)` is said to return what each level would say next: logits [levels, tokens, words], the "
        "embedding first. Released lenses left the final norm out below the last level, or applied it twice. You "
        "cannot read the code. Write `judge(lens, model, ids)`: True if the lens is right at *every* level. You "
        "may run the model: whole, `model(ids[None]).logits[0]`, or with blocks dropped (counted from 0), "
        "`with labkit.edit(model, labkit.DropBlock(0), labkit.DropBlock(2)):`."
    ),
    expects="a function of a lens, a model and token ids that returns True or False",
    check=_check,
    hints=(
        "The last level must say what the model says. What would the model say if it ended earlier?",
        "A model without the blocks from `level` on ends at that level; at level 0 none is left.",
        "One comparison a level, 0 and the last included, with labkit.edit around the model and a tolerance of 1e-4.",
    ),
    solution=(
        "```python\n"
        "def judge(lens, model, ids):\n"
        "    depth, found = len(model.trunk.blocks), lens(model, ids)\n"
        "    for level in range(depth + 1):\n"
        "        later = [labkit.DropBlock(layer) for layer in range(level, depth)]\n"
        "        with torch.no_grad(), labkit.edit(model, *later):\n"
        "            cut = model(ids[None]).logits[0]\n"
        "        if not torch.allclose(found[level], cut, atol=1e-4):\n"
        "            return False\n"
        "    return True\n"
        "```"
    ),
    answer=judge_lens,
    typical_wrong=(
        (_last_only, "released code passes"),
        (_not_the_first, "level 0"),
        (_equal, "convict"),
        (_one_at_a_time, "every* block"),
        (_not_the_last, "norms the last level twice"),
        (_always, "released code passes"),
        (_loses_the_model, "not what it was"),
    ),
)
