"""Exercises 04.2 and 04.4: version 2 with two lines missing, and a released bug in how groups share keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["KEYS", "VERSION_2"]

# words, seed: a text of one word is the boundary.
_CASES = ((6, 1), (1, 2), (5, 3), (9, 4))
Head = Callable[..., Any]


def _scores(q: Any, k: Any) -> Any:
    import torch

    ahead = torch.ones(len(k), len(k)).triu(1).bool()
    return (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(ahead, -torch.inf)


def _head(q: Any, k: Any, v: Any, number: Any) -> Any:
    first, second = _scores(q, k).softmax(-1)
    return (first - number.sigmoid()[:, None] * second) @ v


def _head_by_parts(q: Any, k: Any, v: Any, number: Any) -> Any:
    maps = (_scores(q, k) - _scores(q, k).logsumexp(-1, keepdim=True)).exp()
    return maps[0] @ v - (maps[1] @ v) / (1 + (-number).exp()).unsqueeze(1)


def _head_as_einsum(q: Any, k: Any, v: Any, number: Any) -> Any:
    import torch

    shares = torch.stack((torch.ones_like(number), -torch.sigmoid(number)))
    return torch.einsum("mi,mij,jd->id", shares, _scores(q, k).softmax(-1), v)


def _lambda_of_the_read(q: Any, k: Any, v: Any, number: Any) -> Any:
    first, second = _scores(q, k).softmax(-1)
    return (first - number.sigmoid() * second) @ v


def _over_channels(q: Any, k: Any, v: Any, number: Any) -> Any:
    first, second = _scores(q, k).softmax(-1)
    return first @ v - number.sigmoid() * (second @ v)


def _unbounded(q: Any, k: Any, v: Any, number: Any) -> Any:
    first, second = _scores(q, k).softmax(-1)
    return (first - number[:, None] * second) @ v


def _scores_first(q: Any, k: Any, v: Any, number: Any) -> Any:
    scores = _scores(q, k)
    return (scores[0] - number.sigmoid()[:, None] * scores[1].masked_fill(scores[1].isinf(), 0.0)).softmax(-1) @ v


def _again_to_one(q: Any, k: Any, v: Any, number: Any) -> Any:
    first, second = _scores(q, k).softmax(-1)
    used = first - number.sigmoid()[:, None] * second
    return used / used.sum(-1, keepdim=True) @ v


def _never_below_zero(q: Any, k: Any, v: Any, number: Any) -> Any:
    first, second = _scores(q, k).softmax(-1)
    return (first - number.sigmoid()[:, None] * second).clamp_min(0.0) @ v


def _other_way_round(q: Any, k: Any, v: Any, number: Any) -> Any:
    first, second = _scores(q, k).softmax(-1)
    return (second - number.sigmoid()[:, None] * first) @ v


def _one_for_all(q: Any, k: Any, v: Any, number: Any) -> Any:
    first, second = _scores(q, k).softmax(-1)
    return (first - number.sigmoid().mean() * second) @ v


def _down_the_columns(q: Any, k: Any, v: Any, number: Any) -> Any:
    first, second = _scores(q, k).softmax(-2)
    return (first - number.sigmoid()[:, None] * second) @ v


_HEAD_SLIPS: tuple[tuple[Head, str, str], ...] = (
    (
        _lambda_of_the_read,
        "λ belongs to the word that is read in yours.",
        "which word asks: a row of the maps, not a column",
    ),
    (_unbounded, "your λ has no bounds.", "what keeps λ between 0 and 1 in version 2"),
    (_scores_first, "you subtracted scores and took one softmax.", "the order: two softmaxes, then minus"),
    (_again_to_one, "your rows add up to 1 again.", "what they should add up to: 1 − λ of the asking word"),
    (_never_below_zero, "your weights cannot be negative. These can.", "a word that the second map likes more"),
    (_other_way_round, "you took the first map off the second.", "which of the two λ belongs to"),
    (_one_for_all, "one λ serves all words in yours.", "`number`, which has one entry for each word"),
    (_down_the_columns, "your softmax runs over the words that ask.", "dim = -1: the words that are read"),
)


def _check_head(second_version: Head) -> Outcome:
    import torch

    for length, seed in _CASES:
        random = torch.Generator().manual_seed(seed)
        q = torch.randn(2, length, 4, generator=random)
        k, v = (torch.randn(length, size, generator=random) for size in (4, 8))
        number = 2 * torch.randn(length, generator=random)
        wanted = _head(q, k, v, number)
        try:
            got = second_version(q, k, v, number)
        except RuntimeError as error:
            return wrong(f"with {length} words the shapes do not fit ({error}).", "along which axis λ has its entries")
        if is_blank(got):
            raise NotAttempted
        if _same(got, wanted):
            continue
        for slip, thought, look_at in _HEAD_SLIPS:
            if _same(got, slip(q, k, v, number)):
                return wrong(thought, look_at)
        return wrong(f"with {length} words this is another result.", "its shape [words, size of v], then the formula")
    return right("Each asking word decides for itself, and λ = 0 can be learned: then it is plain attention.")


def _same(got: Any, other: Any) -> bool:
    import torch

    alike = torch.is_tensor(got) and got.shape == other.shape
    return alike and torch.allclose(got, other, atol=1e-5, equal_nan=True)


VERSION_2 = Exercise(
    id="04.2",
    title="Version 2, two lines missing",
    minutes=5,
    objective="write a difference of two maps down, and say what adds up to 1 in it and what does not",
    task=(
        "In January 2026 the authors published a second version: no norm, and λ is not one number but one for each "
        "*asking* word, the sigmoid of a number that is read from the word. Both queries of a head read the same keys "
        "and values. Fill in the two lines of `second_version(q, k, v, number)`. q is [2, words, d], k [words, d], v "
        "[words, any], number [words]."
    ),
    expects="a function of (q, k, v, number) that returns [words, size of v]",
    check=_check_head,
    hints=(
        "`scores` has both maps in it; one softmax call over the right axis gives both.",
        "λ multiplies a whole row of the second map: the row of the word that asks.",
        "A tensor [words] multiplies rows when it has the shape [words, 1].",
    ),
    solution=(
        "```python\n"
        "first, second = scores.softmax(-1)\n"
        "return (first - number.sigmoid()[:, None] * second) @ v\n"
        "```\n"
        "A row adds up to 1 − λ of its word."
    ),
    answer=_head,
    typical_wrong=(
        (_lambda_of_the_read, "belongs to the word that is read"),
        (_over_channels, "shapes do not fit"),
        (_unbounded, "no bounds"),
        (_scores_first, "one softmax"),
        (_again_to_one, "add up to 1 again"),
        (_never_below_zero, "cannot be negative"),
        (_other_way_round, "off the second"),
        (_one_for_all, "one λ serves all"),
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


def _keys_apart(k: Any, group: int) -> Any:
    import torch

    return torch.cat([k[part::2].repeat_interleave(group, 0) for part in (0, 1)])


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
    (_keys_apart, "all first keys come before all second ones in yours.", "rows 0 and 1, the two keys of head 0"),
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
        if isinstance(got, list | tuple) and got and all(map(torch.is_tensor, got)):
            got = torch.stack(tuple(got))
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
        "Heads may share keys in groups: `group` heads in a row read the same *pair* of keys, one key for A1 and one "
        "for A2. k is [2 · pairs, words, d]; rows 2i and 2i + 1 are a pair. The first released file of the paper "
        "prepared the keys with `k.repeat_interleave(group, dim=0)`. With group = 1 its heads agree with the fused "
        "code, with group = 2 they do not. Number the rows, find what broke, and write `keys_for(k, group)` that is "
        "right: one key for each of the 2 · pairs · group queries, rows 2i and 2i + 1 for head i."
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
        (_keys_apart, "before all second ones"),
        (_keys_not_shared, "nothing is shared"),
        (_keys_first_pair, "every head has the first pair"),
        (_keys_swapped, "exchanged"),
    ),
)
ALSO_RIGHT_KEYS = (_keys_by_index, _keys_stacked, lambda k, group: list(_keys(k, group)))
