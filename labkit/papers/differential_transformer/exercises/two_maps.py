"""Exercises 04.2 and 04.4: one head with two lines missing, and a released bug in how keys are shared by groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["KEYS", "ONE_HEAD"]

# length, λ, seed: a text of one word is the boundary; λ = 0 is plain attention.
_CASES = ((6, 0.3, 1), (1, 0.7, 2), (5, 1.3, 3), (4, 0.0, 4))


def _maps(q: Any, k: Any) -> Any:
    import torch

    ahead = torch.ones(q.shape[1], q.shape[1]).triu(1).bool()
    return (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(ahead, -torch.inf)


def _head(q: Any, k: Any, v: Any, lam: float) -> Any:
    first, second = _maps(q, k).softmax(-1)
    return (first - lam * second) @ v


def _head_by_parts(q: Any, k: Any, v: Any, lam: float) -> Any:
    import torch

    scores = _maps(q, k)
    maps = torch.exp(scores - scores.logsumexp(-1, keepdim=True))
    return maps[0] @ v - (maps[1] @ v).mul(lam)


def _head_as_einsum(q: Any, k: Any, v: Any, lam: float) -> Any:
    import torch

    return torch.einsum("mij,jd,m->id", _maps(q, k).softmax(-1), v, torch.tensor([1.0, -lam]))


def _scores_first(q: Any, k: Any, v: Any, lam: float) -> Any:
    scores = _maps(q, k)
    return (scores[0] - lam * scores[1].masked_fill(scores[1].isinf(), 0.0)).softmax(-1) @ v


def _again_to_one(q: Any, k: Any, v: Any, lam: float) -> Any:
    first, second = _maps(q, k).softmax(-1)
    used = first - lam * second
    return used / used.sum(-1, keepdim=True) @ v


def _never_below_zero(q: Any, k: Any, v: Any, lam: float) -> Any:
    first, second = _maps(q, k).softmax(-1)
    return (first - lam * second).clamp_min(0.0) @ v


def _other_way_round(q: Any, k: Any, v: Any, lam: float) -> Any:
    first, second = _maps(q, k).softmax(-1)
    return (second - lam * first) @ v


def _without_lambda(q: Any, k: Any, v: Any, lam: float) -> Any:
    first, second = _maps(q, k).softmax(-1)
    return (first - second) @ v


def _plain(q: Any, k: Any, v: Any, lam: float) -> Any:
    return _maps(q, k).softmax(-1)[0] @ v


def _down_the_columns(q: Any, k: Any, v: Any, lam: float) -> Any:
    first, second = _maps(q, k).softmax(-2)
    return (first - lam * second) @ v


_HEAD_SLIPS: tuple[tuple[Callable[..., Any], str, str], ...] = (
    (
        _scores_first,
        "you subtracted scores and took one softmax.",
        "the order in the formula: two softmaxes, then minus",
    ),
    (_again_to_one, "your rows add up to 1 again.", "what they should add up to; the head norm does the rest"),
    (_never_below_zero, "your weights cannot be negative. These can.", "a word that A2 likes more than A1"),
    (_other_way_round, "you took the first map off the second.", "which of the two λ belongs to"),
    (_without_lambda, "λ is not used.", "a λ of 0, which leaves plain attention"),
    (_plain, "the second map is not used.", "what `second` is for"),
    (_down_the_columns, "your softmax runs over the words that ask.", "dim = -1: the words that are read"),
)


def _check_head(differential: Callable[..., Any]) -> Outcome:
    import torch

    for length, lam, seed in _CASES:
        random = torch.Generator().manual_seed(seed)
        q, k = (torch.randn(2, length, 4, generator=random) for _ in range(2))
        v = torch.randn(length, 8, generator=random)
        got, wanted = differential(q, k, v, lam), _head(q, k, v, lam)
        if is_blank(got):
            raise NotAttempted
        if torch.is_tensor(got) and got.shape == wanted.shape and torch.allclose(got, wanted, atol=1e-5):
            continue
        for slip, thought, look_at in _HEAD_SLIPS:
            other = slip(q, k, v, lam)
            if (
                torch.is_tensor(got)
                and got.shape == other.shape
                and torch.allclose(got, other, atol=1e-5, equal_nan=True)
            ):
                return wrong(thought, look_at)
        return wrong(f"with {length} words and λ = {lam:g} this is another result.", "the formula above, term by term")
    return right("Softmax twice, then subtract, then read the values once. Nothing is brought back to 1.")


ONE_HEAD = Exercise(
    id="04.2",
    title="One head, two lines missing",
    minutes=5,
    objective="write differential attention down, and say what adds up to 1 in it and what does not",
    task=(
        "Fill in the two lines of `differential(q, k, v, lam)`: one DIFF head before its norm. q and k are "
        "[2, words, d], one query and one key for each of the two maps; v is [words, 2d]. Nobody reads ahead."
    ),
    expects="a function of (q, k, v, lam) that returns [words, 2d]",
    check=_check_head,
    hints=(
        "`scores` has both maps in it; one softmax call over the right axis gives both.",
        "The second map is weighted by λ and taken off the first. Then the values are read.",
        "Unpack the softmax into first and second; multiply their difference, with λ in it, by v.",
    ),
    solution=(
        "```python\n"
        "first, second = scores.softmax(-1)\n"
        "y = (first - lam * second) @ v\n"
        "```\n"
        "Two plain attentions, `first @ v - lam * (second @ v)`, are the same: that is how fast kernels do it."
    ),
    answer=_head,
    typical_wrong=(
        (_scores_first, "one softmax"),
        (_again_to_one, "add up to 1 again"),
        (_never_below_zero, "cannot be negative"),
        (_other_way_round, "off the second"),
        (_without_lambda, "λ is not used"),
        (_plain, "second map is not used"),
        (_down_the_columns, "words that ask"),
    ),
)
ALSO_RIGHT_HEADS = (_head_by_parts, _head_as_einsum)


def _keys(k: Any, group: int) -> Any:
    return k.unflatten(0, (-1, 2)).repeat_interleave(group, dim=0).flatten(0, 1)


def _keys_by_index(k: Any, group: int) -> Any:
    heads = len(k) // 2 * group
    return k[[2 * (head // group) + part for head in range(heads) for part in (0, 1)]]


def _keys_stacked(k: Any, group: int) -> Any:
    import torch

    return torch.cat([pair for pair in k.split(2) for _ in range(group)])


def _keys_as_released(k: Any, group: int) -> Any:
    return k.repeat_interleave(group, dim=0)


def _keys_tiled(k: Any, group: int) -> Any:
    return k.repeat(group, *[1] * (k.dim() - 1))


def _keys_halves(k: Any, group: int) -> Any:
    import torch

    first, second = k.chunk(2)
    return torch.stack((first.repeat_interleave(group, 0), second.repeat_interleave(group, 0)), 1).flatten(0, 1)


def _keys_not_shared(k: Any, group: int) -> Any:
    return k


def _keys_first_pair(k: Any, group: int) -> Any:
    return k[:2].repeat(len(k) // 2 * group, *[1] * (k.dim() - 1))


def _keys_swapped(k: Any, group: int) -> Any:
    return _keys(k, group).unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


_KEY_SLIPS: tuple[tuple[Callable[..., Any], str, str], ...] = (
    (_keys_as_released, "this is the released bug: with groups of two both maps of a head get the same key.",
     "rows 0 and 1 of what you return"),
    (_keys_tiled, "heads of one group lie side by side, and yours are spread over the groups.", "rows 2 and 3"),
    (_keys_halves, "you paired the first half of the keys with the second.", "which two rows of k belong together"),
    (_keys_not_shared, "nothing is shared: there are fewer keys than queries.", "how many rows 2 · heads are"),
    (_keys_first_pair, "every head has the first pair.", "the second group"),
    (_keys_swapped, "the two keys of each pair are exchanged.", "row 0, which belongs to the first map"),
)  # fmt: skip


def _check_keys(keys_for: Callable[..., Any]) -> Outcome:
    import torch

    for pairs, group, seed in ((2, 2, 5), (3, 1, 6), (2, 3, 7), (1, 4, 8)):
        k = torch.randn(2 * pairs, 3, 4, generator=torch.Generator().manual_seed(seed))
        got = keys_for(k, group)
        if is_blank(got):
            raise NotAttempted
        if torch.is_tensor(got) and got.shape == (2 * pairs * group, 3, 4) and torch.equal(got, _keys(k, group)):
            continue
        for slip, thought, look_at in _KEY_SLIPS:
            if torch.is_tensor(got) and torch.equal(got, slip(k, group)):
                return wrong(thought, look_at)
        return wrong(
            f"with {pairs} pairs of keys and groups of {group} these are other keys.", "which pair head 0 reads"
        )
    return right(
        "Pairs are repeated, not sub-heads. Without groups both versions agree, and no test without groups sees it."
    )


KEYS = Exercise(
    id="04.4",
    title="A released bug",
    minutes=6,
    objective="find a real bug by a law that the right code must obey",
    difficulty="hard",
    task=(
        "Heads may share keys in groups: `group` heads in a row read the same *pair* of keys. The first released file "
        "of the paper prepared the keys with `k.repeat_interleave(group, dim=0)`; k is [2 · pairs, words, d], rows "
        "2i and 2i + 1 being one pair. For groups of two A1 and A2 then come from the same key. Write "
        "`keys_for(k, group)`: one key for each of the 2 · pairs · group queries, rows 2i and 2i + 1 for head i."
    ),
    expects="a function of (k, group) that returns [2 · pairs · group, words, d]",
    check=_check_keys,
    hints=(
        "Write down which row of k each row of the result must be, for two pairs and groups of two.",
        "0 1 0 1 2 3 2 3. The released line gives 0 0 1 1 2 2 3 3.",
        "Fold the rows into pairs, repeat along the pairs, unfold.",
    ),
    solution="```python\nk.unflatten(0, (-1, 2)).repeat_interleave(group, dim=0).flatten(0, 1)\n```",
    answer=_keys,
    typical_wrong=(
        (_keys_as_released, "released bug"),
        (_keys_tiled, "spread over the groups"),
        (_keys_halves, "first half"),
        (_keys_not_shared, "nothing is shared"),
        (_keys_first_pair, "every head has the first pair"),
        (_keys_swapped, "exchanged"),
    ),
)
ALSO_RIGHT_KEYS = (_keys_by_index, _keys_stacked)
